package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/toprent/flags/models"
)

// Provider lets people sign in elsewhere. It is implemented in a package of its own, so that hosts need none of what it
// needs.
type Provider interface {
	// Name is how people know the provider.
	Name() string

	// Start gives the address at which somebody signs in. What it is given comes back, or is proven, at the end.
	Start(ctx context.Context, flow Flow) (string, error)

	// Finish gives who signed in, for the code with which the provider sent the browser back.
	Finish(ctx context.Context, flow Flow, code string) (Identity, error)
}

// Flow is one attempt to sign in elsewhere. Its values are random; the browser keeps them until it comes back.
type Flow struct{ State, Nonce, Verifier string }

// NewFlow draws one.
func NewFlow() Flow { return Flow{newSecret(), newSecret(), newSecret()} }

// Identity is who signed in elsewhere.
type Identity struct {
	Issuer, Subject string
	Email           string
	Verified        *bool // whether the provider says that the address is the person's own; nil: it does not say
	Name            string
	Groups          []string
}

var (
	// ErrNoEmail says that a provider gives no e-mail address.
	ErrNoEmail = errors.New("the provider gives no e-mail address")
	// ErrUnverified says that by a provider's word the e-mail address is not verified.
	ErrUnverified = errors.New("the provider says that the e-mail address is not verified")
	// ErrNotVouched says that a provider is silent about whether the e-mail address is verified.
	ErrNotVouched = errors.New("the provider does not say whether the e-mail address is verified")
	// ErrNotLinked says that an account with the e-mail address exists, which was not invited and is not linked.
	ErrNotLinked = errors.New("there is an account with this e-mail address, which signs in with a password")
	// ErrDisabled says that the account is disabled.
	ErrDisabled = errors.New("this account is disabled")
)

// SignInWith signs somebody in whom the provider knows. An account is found by issuer and subject alone, which never
// pass to somebody else, whatever the provider says of their address by then; only one that was invited by the verified
// e-mail address, and that nobody has used yet, is linked with them. Who has no account gets one, with that address.
//
// It also gives the address of the account, as soon as it is known: the provider's may be another, and somebody else's.
func (a *Accounts) SignInWith(ctx context.Context, who Identity, client Client) (in SignedIn, email string, err error) {
	email = who.Email
	if who.Issuer == "" || who.Subject == "" {
		return SignedIn{}, email, errors.New("the provider did not say who signed in")
	}
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		row, err := tx.AccountByIdentity(ctx, who.Issuer, who.Subject)
		if errors.Is(err, models.ErrNotFound) {
			row, err = a.adopt(ctx, tx, who)
		}
		if err != nil {
			return err
		}
		email = row.Email
		if row.Disabled {
			return ErrDisabled
		}
		if err := a.follow(ctx, tx, row, who); err != nil {
			return err
		}
		known := false
		if client.Device != "" {
			if known, err = tx.KnowsDevice(ctx, row.ID, digest(client.Device)); err != nil {
				return err
			}
		}
		if err := a.tidy(ctx, tx); err != nil {
			return err
		}
		in, err = a.enter(ctx, tx, row.ID, client, known)
		return err
	})
	return in, email, err
}

// vouched refuses an address that the provider does not say to be the person's own.
func (who Identity) vouched() error {
	switch {
	case CheckEmail(who.Email) != "":
		return ErrNoEmail
	case who.Verified == nil:
		return ErrNotVouched
	case !*who.Verified:
		return ErrUnverified
	}
	return nil
}

// adopt links an identity with the account that was invited for it, or makes one. Here alone an address says who somebody
// is, so nothing is looked up by one that anybody could have claimed.
func (a *Accounts) adopt(ctx context.Context, tx *models.Tx, who Identity) (models.Account, error) {
	if err := who.vouched(); err != nil {
		return models.Account{}, err
	}
	row, err := tx.AccountByEmail(ctx, emailKey(who.Email))
	switch {
	case err == nil:
		linked, err := tx.HasIdentity(ctx, row.ID)
		if err != nil {
			return row, err
		}
		if row.Password != "" || linked {
			return row, ErrNotLinked
		}
		if err := tx.EndLinks(ctx, row.ID, a.now()); err != nil { // the invitation is used
			return row, err
		}
	case errors.Is(err, models.ErrNotFound):
		row = models.Account{ID: newID(), Email: strings.TrimSpace(who.Email), EmailKey: emailKey(who.Email), Name: shorten(who.Name, 200),
			Roles: namesOf(map[string]Role{Everywhere: a.options.DefaultRole}), Version: 1, CreatedAt: models.At(a.now()), CreatedBy: a.options.Provider.Name()}
		added, err := tx.AddAccount(ctx, row)
		if err != nil {
			return row, err
		}
		if !added {
			return row, ErrNotLinked
		}
	default:
		return row, err
	}
	_, err = tx.AddIdentity(ctx, models.AccountIdentity{Issuer: who.Issuer, Subject: who.Subject, AccountID: row.ID, LinkedAt: models.At(a.now())})
	return row, err
}

// follow gives an account the roles of its groups, where groups give roles. Who has a password here keeps what an admin
// gave, and the last admin stays one.
func (a *Accounts) follow(ctx context.Context, tx *models.Tx, row models.Account, who Identity) error {
	if len(a.options.GroupRoles) == 0 || row.Password != "" {
		return nil
	}
	roles := map[string]Role{}
	if a.options.DefaultRole > None {
		roles[Everywhere] = a.options.DefaultRole
	}
	for _, group := range who.Groups {
		for environment, role := range a.options.GroupRoles[group] {
			roles[environment] = max(roles[environment], role)
		}
	}
	names := namesOf(roles)
	if maps.Equal(names, row.Roles) {
		return nil
	}
	all, err := tx.LockAccounts(ctx)
	if err != nil {
		return err
	}
	had := anyAdmin(all)
	for i := range all {
		if all[i].ID == row.ID {
			all[i].Roles = names
		}
	}
	if had && !anyAdmin(all) {
		return nil
	}
	if err := tx.SetAccountRoles(ctx, row.ID, names); err != nil {
		return err
	}
	if err := tx.EndSessions(ctx, row.ID, nil); err != nil {
		return err
	}
	_, err = tx.ChangeAccount(ctx, row.ID, map[string]any{"version": row.Version + 1})
	return err
}

// ParseGroupRoles reads which group has which role, and where: "admins=admin,shop=editor@staging,shop=viewer".
func ParseGroupRoles(text string) (map[string]map[string]Role, error) {
	groups := map[string]map[string]Role{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		group, rest, ok := strings.Cut(part, "=")
		name, environment, at := strings.Cut(rest, "@")
		if !at {
			environment = Everywhere
		}
		role, err := ParseRole(strings.TrimSpace(name))
		if group = strings.TrimSpace(group); !ok || group == "" || environment == "" || err != nil {
			return nil, fmt.Errorf("%q: write GROUP=ROLE or GROUP=ROLE@ENVIRONMENT, separated by commas", part)
		}
		if groups[group] == nil {
			groups[group] = map[string]Role{}
		}
		groups[group][environment] = role
	}
	return groups, nil
}
