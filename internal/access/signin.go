package access

import (
	"context"
	"errors"
	"time"

	"github.com/toprent/flags/models"
)

// ErrWrong says that somebody could not be signed in. It does not say why.
var ErrWrong = errors.New("the e-mail address or the password is wrong")

// SignedIn is what a browser gets that has signed in.
type SignedIn struct {
	Secret string // of the session: new at each sign-in
	Device string // of the browser; empty: it has one already
}

// SignIn signs somebody in. It returns ErrWrong, which takes as long whether there is such an account or not, or a
// *TooManyError. Attempts are counted before the password is looked at, so that many at once gain nothing.
func (a *Accounts) SignIn(ctx context.Context, email, password string, client Client) (SignedIn, error) {
	row, err := a.store.AccountByEmail(ctx, emailKey(email))
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return SignedIn{}, err
	}
	lanes, known, err := a.lanes(ctx, row, email, client)
	if err != nil {
		return SignedIn{}, err
	}
	if err := a.attempt(ctx, lanes); err != nil {
		return SignedIn{}, err
	}
	ok, err := a.passwords.matches(ctx, password, row.Password)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok || row.Disabled {
		return SignedIn{}, ErrWrong
	}
	return a.signedIn(ctx, row, client, known, lanes, func(tx *models.Tx) error {
		// The password was looked at before the transaction: it may have changed since.
		now, err := tx.Account(ctx, row.ID)
		if err == nil && (now.Disabled || now.Password != row.Password) {
			err = ErrWrong
		}
		return err
	})
}

// signedIn begins a session.
func (a *Accounts) signedIn(ctx context.Context, row models.Account, client Client, known bool, lanes []lane, check func(*models.Tx) error) (in SignedIn, err error) {
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		if err := a.clear(ctx, tx, lanes); err != nil {
			return err
		}
		if err := a.tidy(ctx, tx); err != nil {
			return err
		}
		in, err = a.enter(ctx, tx, row.ID, client, known)
		return err
	})
	return in, err
}

// enter begins a session in a browser, and remembers the browser.
func (a *Accounts) enter(ctx context.Context, tx *models.Tx, account string, client Client, known bool) (in SignedIn, err error) {
	if in.Secret, err = a.begin(ctx, tx, account, client); err != nil {
		return SignedIn{}, err
	}
	if !known {
		in.Device = newSecret()
		row := models.AccountDevice{Secret: digest(in.Device), AccountID: account, CreatedAt: models.At(a.now())}
		if err := tx.AddDevice(ctx, row); err != nil {
			return SignedIn{}, err
		}
	}
	_, err = tx.ChangeAccount(ctx, account, map[string]any{"last_sign_in_at": models.At(a.now())})
	return in, err
}

// deviceFor is how long a browser is known, which is as long as it keeps the cookie.
const deviceFor = 365 * 24 * time.Hour

// tidy removes what has ended.
func (a *Accounts) tidy(ctx context.Context, tx *models.Tx) error {
	now := a.now()
	if err := tx.ForgetSessions(ctx, now.Add(-a.options.Idle), now.Add(-lifetime)); err != nil {
		return err
	}
	if err := tx.ForgetLinks(ctx, now.Add(-lifetime)); err != nil {
		return err
	}
	if err := tx.ForgetOldDevices(ctx, now.Add(-deviceFor)); err != nil {
		return err
	}
	return tx.ForgetAttempts(ctx, now.Add(-24*time.Hour))
}

// ChangePassword changes the password of somebody who knows the present one, and ends all their other sessions. The
// session that asks goes on under a new secret.
func (a *Accounts) ChangePassword(ctx context.Context, account, present, next string, client Client) (SignedIn, error) {
	row, err := a.store.Account(ctx, account)
	if err != nil {
		return SignedIn{}, err
	}
	lanes := []lane{{"own password", account, patience{5, time.Minute}}}
	if err := a.attempt(ctx, lanes); err != nil {
		return SignedIn{}, err
	}
	ok, err := a.passwords.matches(ctx, present, row.Password)
	if err != nil {
		return SignedIn{}, err
	}
	if !ok {
		return SignedIn{}, ErrWrong
	}
	hash, err := a.passwords.hash(ctx, next)
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		if err := a.clear(ctx, tx, lanes); err != nil {
			return err
		}
		in, err = a.renew(ctx, tx, account, hash, client, true)
		return err
	})
	return in, err
}

// renew sets a password, ends what was open with the one before, and begins a session.
func (a *Accounts) renew(ctx context.Context, tx *models.Tx, account, hash string, client Client, known bool) (SignedIn, error) {
	if _, err := tx.ChangeAccount(ctx, account, map[string]any{"password": hash}); err != nil {
		return SignedIn{}, err
	}
	if err := tx.EndSessions(ctx, account, nil); err != nil {
		return SignedIn{}, err
	}
	if err := tx.EndLinks(ctx, account, a.now()); err != nil {
		return SignedIn{}, err
	}
	return a.enter(ctx, tx, account, client, known)
}
