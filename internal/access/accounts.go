package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// Options are all optional.
type Options struct {
	// Idle is how long a session lasts without being used; defaults to 12 hours.
	Idle time.Duration

	// Hashes is how many passwords are hashed at once, 19 MiB each; defaults to 4. Others wait.
	Hashes int

	// URL is the public address of the host, such as https://flags.toprent.example, for links that are sent to people;
	// defaults to the address that a request asks for.
	URL *url.URL

	// TrustedProxies may say in X-Forwarded-For for whom they ask; defaults to none.
	TrustedProxies []netip.Prefix

	// Provider lets people sign in elsewhere, beside passwords; defaults to none.
	Provider Provider

	// DefaultRole is what somebody may do everywhere who signs in through Provider for the first time without being
	// invited; defaults to None, which may see nothing.
	DefaultRole Role

	// GroupRoles gives the members of Provider's groups roles by environment. Where it is given, the roles of people who
	// have no password follow their groups at each sign-in.
	GroupRoles map[string]map[string]Role

	// Now defaults to time.Now.
	Now func() time.Time
}

// lifetime is how long a session lasts at most.
const lifetime = 30 * 24 * time.Hour

// Accounts are the people who may sign in where the pages stand alone. It is safe for concurrent use.
type Accounts struct {
	store     *models.Store
	options   Options
	passwords *passwords
}

// NewAccounts makes the accounts of a database.
func NewAccounts(store *models.Store, options Options) (*Accounts, error) {
	if options.Idle <= 0 {
		options.Idle = 12 * time.Hour
	}
	if options.Hashes <= 0 {
		options.Hashes = 4
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	passwords, err := newPasswords(options.Hashes)
	if err != nil {
		return nil, err
	}
	return &Accounts{store, options, passwords}, nil
}

// Provider is the provider at which people can sign in; nil if there is none.
func (a *Accounts) Provider() Provider { return a.options.Provider }

// URL is the public address of the host; nil if it is not known.
func (a *Accounts) URL() *url.URL { return a.options.URL }

// Idle is how long a session lasts without being used.
func (a *Accounts) Idle() time.Duration { return a.options.Idle }

func (a *Accounts) now() time.Time { return a.options.Now().UTC() }

var (
	// ErrLastAdmin refuses what would leave nobody who can manage people.
	ErrLastAdmin = errors.New("this is the last admin: make somebody else admin everywhere first")
	// ErrNoAccount says that there is no such account.
	ErrNoAccount = errors.New("there is no such account")
	// ErrTaken says that an e-mail address has an account already.
	ErrTaken = errors.New("this e-mail address has an account already")
	// ErrChanged says that somebody else has changed the account in the meantime.
	ErrChanged = errors.New("somebody else has changed this account in the meantime")
)

// Account is somebody's account, without what is secret about it.
type Account struct {
	ID, Email, Name string
	Roles           map[string]Role
	Disabled        bool
	Joined          bool  // has signed in, or can
	Version         int64 // the base of edits
	CreatedBy       string
	CreatedAt       time.Time
	LastSignInAt    *time.Time
}

// Person is the person of an account.
func (a Account) Person() Person {
	return Person{ID: a.ID, Name: a.Name, Email: a.Email, Roles: a.Roles}
}

func accountOf(row models.Account) Account {
	return Account{ID: row.ID, Email: row.Email, Name: row.Name, Roles: rolesOf(row.Roles), Disabled: row.Disabled,
		Joined: row.Password != "" || row.LastSignInAt != nil, Version: row.Version, CreatedBy: row.CreatedBy,
		CreatedAt: row.CreatedAt.Time, LastSignInAt: row.LastSignInAt.Optional()}
}

func rolesOf(stored map[string]string) map[string]Role {
	roles := make(map[string]Role, len(stored))
	for environment, name := range stored {
		if role, err := ParseRole(name); err == nil {
			roles[environment] = role
		}
	}
	return roles
}

func namesOf(roles map[string]Role) map[string]string {
	names := make(map[string]string, len(roles))
	for environment, role := range roles {
		if role > None {
			names[environment] = role.String()
		}
	}
	return names
}

// All are all accounts, by e-mail address.
func (a *Accounts) All(ctx context.Context) ([]Account, error) {
	rows, err := a.store.Accounts(ctx)
	accounts := make([]Account, len(rows))
	for i, row := range rows {
		accounts[i] = accountOf(row)
	}
	return accounts, err
}

// Account is one account, or ErrNoAccount.
func (a *Accounts) Account(ctx context.Context, id string) (Account, error) {
	row, err := a.store.Account(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return Account{}, ErrNoAccount
	}
	return accountOf(row), err
}

// RoleOf is the role that an account has in an environment now: none if it is disabled, or is not there.
func (a *Accounts) RoleOf(ctx context.Context, id, environment string) (Role, error) {
	account, err := a.Account(ctx, id)
	switch {
	case errors.Is(err, ErrNoAccount) || err == nil && account.Disabled:
		return None, nil
	case err != nil:
		return None, err
	}
	return account.Person().In(environment), nil
}

// SetRoles replaces the roles of an account that is at version base; ErrChanged if it has moved on. The account's
// sessions end: with other rights comes another session.
func (a *Accounts) SetRoles(ctx context.Context, id string, roles map[string]Role, base int64) error {
	return a.change(ctx, id, base, func(tx *models.Tx, account *models.Account) error {
		before := account.Roles
		account.Roles = namesOf(roles)
		if maps.Equal(before, account.Roles) {
			return nil
		}
		if err := tx.SetAccountRoles(ctx, id, account.Roles); err != nil {
			return err
		}
		return tx.EndSessions(ctx, id, nil)
	})
}

// SetDisabled keeps somebody from signing in, or lets them again. Whoever is disabled is signed out everywhere, and
// their links and tokens do nothing any more.
func (a *Accounts) SetDisabled(ctx context.Context, id string, disabled bool, base int64) error {
	return a.change(ctx, id, base, func(tx *models.Tx, account *models.Account) error {
		account.Disabled = disabled
		if !disabled {
			return nil
		}
		if err := tx.EndLinks(ctx, id, a.now()); err != nil {
			return err
		}
		return tx.EndSessions(ctx, id, nil)
	})
}

// change changes an account under the lock of all of them, so that an admin is always left.
func (a *Accounts) change(ctx context.Context, id string, base int64, do func(*models.Tx, *models.Account) error) error {
	return a.store.Write(ctx, func(tx *models.Tx) error {
		all, err := tx.LockAccounts(ctx)
		if err != nil {
			return err
		}
		var account *models.Account
		for i := range all {
			if all[i].ID == id {
				account = &all[i]
			}
		}
		switch {
		case account == nil:
			return ErrNoAccount
		case base != account.Version:
			return ErrChanged
		}
		hadAdmin := anyAdmin(all)
		if err := do(tx, account); err != nil {
			return err
		}
		if hadAdmin && !anyAdmin(all) {
			return ErrLastAdmin
		}
		_, err = tx.ChangeAccount(ctx, id, map[string]any{"disabled": account.Disabled, "version": account.Version + 1})
		return err
	})
}

// anyAdmin reports whether anybody is left who can sign in and manage people.
func anyAdmin(all []models.Account) bool {
	for _, account := range all {
		if account := accountOf(account); !account.Disabled && account.Joined && account.Roles[Everywhere] >= Admin {
			return true
		}
	}
	return false
}

// emailKey is an e-mail address as it is compared, without what no database could look for.
func emailKey(email string) string {
	return strings.ToLower(strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(email, "\x00", ""), "")))
}

// CheckEmail says what is wrong with an e-mail address; empty: nothing.
func CheckEmail(email string) string {
	email = strings.TrimSpace(email)
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || len(email) > 254 || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == ',' || r == '\uFFFD' }) {
		return fmt.Sprintf("%q is no e-mail address.", email)
	}
	return ""
}

// HasPassword reports whether somebody signs in with a password, rather than through the provider alone.
func (a *Accounts) HasPassword(ctx context.Context, id string) (bool, error) {
	row, err := a.store.Account(ctx, id)
	return row.Password != "", err
}
