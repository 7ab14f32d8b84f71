package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// LinkKind is what a one-time link is for.
type LinkKind string

const (
	First LinkKind = "first" // makes the first account, an admin's; only while there is none
	Join  LinkKind = "join"  // lets somebody who was invited choose a password
	Reset LinkKind = "reset" // lets somebody choose a new password
)

// How long links can be used.
const (
	firstFor = time.Hour
	joinFor  = 72 * time.Hour
	resetFor = 24 * time.Hour
)

// ErrLink says that a link was used already, has expired, or never was one.
var ErrLink = errors.New("this link cannot be used: it was used already, has expired, or is not whole")

// FirstLink makes the link with which the first account is made; empty if there is an account.
func (a *Accounts) FirstLink(ctx context.Context) (secret string, err error) {
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		if some, err := tx.HasAccounts(ctx); err != nil || some {
			return err
		}
		secret, err = a.link(ctx, tx, First, nil, "start", firstFor)
		return err
	})
	return secret, err
}

func (a *Accounts) link(ctx context.Context, tx *models.Tx, kind LinkKind, account *string, by string, lasts time.Duration) (string, error) {
	secret, now := newSecret(), a.now()
	return secret, tx.AddLink(ctx, models.OneTimeLink{Secret: digest(secret), Kind: string(kind), AccountID: account,
		CreatedAt: models.At(now), CreatedBy: by, ExpiresAt: models.At(now.Add(lasts))})
}

// Invite makes an account for somebody who then chooses a password, or signs in through the provider with that e-mail
// address. It gives the secret of the link; ErrTaken if the address has an account.
func (a *Accounts) Invite(ctx context.Context, email, name string, roles map[string]Role, by string) (account Account, secret string, err error) {
	row := models.Account{ID: newID(), Email: strings.TrimSpace(email), EmailKey: emailKey(email), Name: strings.TrimSpace(name),
		Roles: namesOf(roles), Version: 1, CreatedAt: models.At(a.now()), CreatedBy: by}
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		added, err := tx.AddAccount(ctx, row)
		if err != nil {
			return err
		}
		if !added {
			return ErrTaken
		}
		secret, err = a.link(ctx, tx, Join, &row.ID, by, joinFor)
		return err
	})
	return accountOf(row), secret, err
}

// NewLink makes a new link for an account: to join for somebody who has no password yet, else to reset it. Links from
// before are void. Until it is used, the present password stays.
func (a *Accounts) NewLink(ctx context.Context, id, by string) (kind LinkKind, secret string, err error) {
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		account, err := tx.Account(ctx, id)
		if errors.Is(err, models.ErrNotFound) || err == nil && account.Disabled {
			return ErrNoAccount
		}
		if err != nil {
			return err
		}
		if err := tx.EndLinks(ctx, id, a.now()); err != nil {
			return err
		}
		lasts := resetFor
		if kind = Reset; account.Password == "" {
			kind, lasts = Join, joinFor
		}
		secret, err = a.link(ctx, tx, kind, &id, by, lasts)
		return err
	})
	return kind, secret, err
}

// Look gives the account that a link is for, without using the link: empty for the first account. ErrLink if the link
// cannot be used.
func (a *Accounts) Look(ctx context.Context, kind LinkKind, secret string) (Account, error) {
	return a.look(ctx, a.store, kind, secret)
}

// linkReader is a Store or a transaction.
type linkReader interface {
	OneTimeLink(ctx context.Context, secret []byte, kind string, now time.Time) (models.OneTimeLink, error)
	Account(ctx context.Context, id string) (models.Account, error)
	HasAccounts(ctx context.Context) (bool, error)
}

func (a *Accounts) look(ctx context.Context, from linkReader, kind LinkKind, secret string) (Account, error) {
	link, err := from.OneTimeLink(ctx, digest(secret), string(kind), a.now())
	if errors.Is(err, models.ErrNotFound) {
		return Account{}, ErrLink
	}
	if err != nil {
		return Account{}, err
	}
	if link.AccountID == nil {
		some, err := from.HasAccounts(ctx)
		if err == nil && some {
			err = ErrLink
		}
		return Account{}, err
	}
	row, err := from.Account(ctx, *link.AccountID)
	if errors.Is(err, models.ErrNotFound) || err == nil && row.Disabled {
		err = ErrLink
	}
	return accountOf(row), err
}

// Use uses a link up: the account gets the password, and whoever has the link is signed in. For the first account, the
// e-mail address and the name are taken too; for others the name, if it is given. Of several who use one link at once,
// one succeeds; the others get ErrLink.
func (a *Accounts) Use(ctx context.Context, kind LinkKind, secret, email, name, password string, client Client) (in SignedIn, err error) {
	// Looked at first, so that nobody without a link makes this machine hash.
	if _, err := a.Look(ctx, kind, secret); err != nil {
		return SignedIn{}, err
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return SignedIn{}, err
	}
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		account, err := a.look(ctx, tx, kind, secret)
		if err != nil {
			return err
		}
		if kind == First {
			in, err = a.makeFirst(ctx, tx, email, name, hash, client)
			return err
		}
		used, err := tx.UseLink(ctx, digest(secret), a.now())
		if err == nil && !used {
			err = ErrLink
		}
		if err != nil {
			return err
		}
		if name = strings.TrimSpace(name); name != "" {
			if _, err := tx.ChangeAccount(ctx, account.ID, map[string]any{"name": name}); err != nil {
				return err
			}
		}
		if err := tx.ForgetDevices(ctx, account.ID); err != nil { // a new password: whoever knew the old one is a stranger
			return err
		}
		in, err = a.renew(ctx, tx, account.ID, hash, client, false)
		return err
	})
	return in, err
}

func (a *Accounts) makeFirst(ctx context.Context, tx *models.Tx, email, name, hash string, client Client) (SignedIn, error) {
	ended, err := tx.EndFirstLinks(ctx, a.now())
	if err != nil {
		return SignedIn{}, err
	}
	// Several links may have been printed: who waited for another one's end finds the links used, or an account.
	some, err := tx.HasAccounts(ctx)
	if err == nil && (ended == 0 || some) {
		err = ErrLink
	}
	if err != nil {
		return SignedIn{}, err
	}
	row := models.Account{ID: newID(), Email: strings.TrimSpace(email), EmailKey: emailKey(email), Name: strings.TrimSpace(name), Password: hash,
		Roles: map[string]string{Everywhere: Admin.String()}, Version: 1, CreatedAt: models.At(a.now()), CreatedBy: "first link"}
	if _, err := tx.AddAccount(ctx, row); err != nil {
		return SignedIn{}, err
	}
	return a.enter(ctx, tx, row.ID, client, false)
}
