package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// ErrNoSession says that there is no such session, or none any more.
var ErrNoSession = errors.New("there is no such session")

// seenEvery is how often it is noted that a session is used.
const seenEvery = time.Minute

// Client is where a request comes from.
type Client struct {
	Agent   string // what the browser says that it is
	Address string // see Accounts.Address
	Device  string // the secret of a browser that has signed in before; may be empty
}

// Session is a browser in which somebody is signed in.
type Session struct {
	Handle, Agent, Address string
	BeganAt, SeenAt        time.Time
	This                   bool // the one that asks
}

// Who says whose session has that secret; ErrNoSession if nobody's. A session ends after Options.Idle without use, and
// 30 days after it began.
func (a *Accounts) Who(ctx context.Context, secret string) (Person, error) {
	if secret == "" || len(secret) > 100 {
		return Person{}, ErrNoSession
	}
	now := a.now()
	session, err := a.store.AccountSession(ctx, digest(secret))
	if errors.Is(err, models.ErrNotFound) {
		return Person{}, ErrNoSession
	}
	if err != nil {
		return Person{}, err
	}
	if now.Sub(session.SeenAt.Time) >= a.options.Idle || now.Sub(session.CreatedAt.Time) >= lifetime {
		return Person{}, ErrNoSession
	}
	row, err := a.store.Account(ctx, session.AccountID)
	if err != nil {
		return Person{}, err
	}
	if row.Disabled {
		return Person{}, ErrNoSession
	}
	if now.Sub(session.SeenAt.Time) >= seenEvery {
		// Who cannot be noted is let in all the same: a database that cannot be written can still be read.
		_ = a.store.Write(ctx, func(tx *models.Tx) error { return tx.SawSession(ctx, session.Secret, now) })
	}
	return accountOf(row).Person(), nil
}

// begin begins a session and gives its secret, which is stored nowhere.
func (a *Accounts) begin(ctx context.Context, tx *models.Tx, account string, client Client) (string, error) {
	secret, now := newSecret(), models.At(a.now())
	return secret, tx.AddSession(ctx, models.AccountSession{Secret: digest(secret), Handle: newID(), AccountID: account,
		Client: shorten(client.Agent, 200), Address: shorten(client.Address, 64), CreatedAt: now, SeenAt: now})
}

func shorten(text string, most int) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// Sessions are an account's sessions that have not ended, the last used first.
func (a *Accounts) Sessions(ctx context.Context, account, secret string) ([]Session, error) {
	now := a.now()
	rows, err := a.store.AccountSessions(ctx, account, now.Add(-a.options.Idle), now.Add(-lifetime))
	sessions := make([]Session, len(rows))
	this := string(digest(secret))
	for i, row := range rows {
		sessions[i] = Session{row.Handle, row.Client, row.Address, row.CreatedAt.Time, row.SeenAt.Time, secret != "" && string(row.Secret) == this}
	}
	return sessions, err
}

// SignOut ends a session.
func (a *Accounts) SignOut(ctx context.Context, secret string) error {
	return a.store.Write(ctx, func(tx *models.Tx) error { return tx.EndSession(ctx, digest(secret)) })
}

// EndSession ends one session of an account; ErrNoSession if it has none of that handle.
func (a *Accounts) EndSession(ctx context.Context, account, handle string) error {
	return a.store.Write(ctx, func(tx *models.Tx) error {
		ended, err := tx.EndSessionOf(ctx, account, handle)
		if err == nil && !ended {
			err = ErrNoSession
		}
		return err
	})
}

// EndOtherSessions ends all sessions of an account but the one with that secret.
func (a *Accounts) EndOtherSessions(ctx context.Context, account, secret string) error {
	return a.store.Write(ctx, func(tx *models.Tx) error { return tx.EndSessions(ctx, account, digest(secret)) })
}

// Browser is the browser in words, as far as it can be told.
func (s Session) Browser() string {
	if s.Agent == "" {
		return ""
	}
	find := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(s.Agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := find("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := find("iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "Windows", "Windows", "Mac OS", "macOS", "Linux", "Linux")
	switch {
	case browser == "":
		return shorten(s.Agent, 60)
	case system == "":
		return browser
	}
	return browser + " on " + system
}
