package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// TokenPrefix begins every API token, so that people and scanners know one when they see it.
const TokenPrefix = "tfl_"

// longestToken is how long a token may be used.
const longestToken = 366 * 24 * time.Hour

// ErrToken says that a token is unknown, has expired, was revoked, or is of somebody who is disabled.
var ErrToken = errors.New("this token is unknown, has expired or was revoked")

// ErrTooMuch refuses a token that could do more than who makes it.
var ErrTooMuch = errors.New("a token can do at most what you can do yourself")

// Tokens lets programs act on people's behalf, with at most the role that these have. It is safe for concurrent use.
type Tokens struct {
	store    *models.Store
	accounts bool
	roleOf   RoleOf
	now      func() time.Time
}

// RoleOf says which role a person, by Person.ID, has in an environment now.
type RoleOf func(ctx context.Context, person, environment string) (Role, error)

// NewTokens makes the tokens of a database. Without accounts, a host says who is asking and which role they have now; if
// it cannot (roleOf is nil), a token keeps the role that its creator had.
func NewTokens(store *models.Store, accounts *Accounts, roleOf RoleOf) *Tokens {
	t := &Tokens{store: store, accounts: accounts != nil, roleOf: roleOf, now: time.Now}
	if accounts != nil {
		t.now = accounts.options.Now
	}
	return t
}

// Token is what is known of a token: everything but what opens.
type Token struct {
	ID, Name, Prefix string
	Creator          string
	Role             Role
	Environment      string
	CreatedAt        time.Time
	ExpiresAt        time.Time
	LastUsedAt       *time.Time
	RevokedAt        *time.Time
	RevokedBy        string
	Expired          bool
}

// Live reports whether the token opens anything.
func (t Token) Live() bool { return t.RevokedAt == nil && !t.Expired }

// New makes a token for a person and gives it: this once, since only its hash is stored.
func (t *Tokens) New(ctx context.Context, creator Person, name string, role Role, environment string, expires time.Time) (string, error) {
	now := t.now()
	switch {
	case role <= None || role > creator.In(environment):
		return "", ErrTooMuch
	case creator.Token != "":
		return "", errors.New("a token cannot make tokens")
	case !expires.After(now) || expires.Sub(now) > longestToken:
		return "", errors.New("a token has to expire, within a year")
	case strings.TrimSpace(name) == "":
		return "", errors.New("a token needs a name")
	}
	secret := TokenPrefix + newSecret()
	row := models.APIToken{ID: newID(), Secret: digest(secret), Prefix: secret[:len(TokenPrefix)+6], Name: strings.TrimSpace(name),
		CreatorID: creator.ID, CreatorEmail: creator.Email, Role: role.String(), Environment: environment,
		CreatedAt: models.At(now), ExpiresAt: models.At(expires)}
	if t.accounts {
		row.AccountID = &creator.ID
	}
	if err := t.store.Write(ctx, func(tx *models.Tx) error { return tx.AddToken(ctx, row) }); err != nil {
		return "", err
	}
	return secret, nil
}

// All are the tokens of a creator, newest first; of all creators if it is empty.
func (t *Tokens) All(ctx context.Context, creator string) ([]Token, error) {
	rows, err := t.store.APITokens(ctx, creator)
	tokens := make([]Token, len(rows))
	for i, row := range rows {
		role, _ := ParseRole(row.Role)
		who := row.CreatorEmail
		if who == "" {
			who = row.CreatorID
		}
		tokens[i] = Token{ID: row.ID, Name: row.Name, Prefix: row.Prefix, Creator: who, Role: role, Environment: row.Environment,
			CreatedAt: row.CreatedAt.Time, ExpiresAt: row.ExpiresAt.Time, LastUsedAt: row.LastUsedAt.Optional(),
			RevokedAt: row.RevokedAt.Optional(), RevokedBy: row.RevokedBy, Expired: !t.now().Before(row.ExpiresAt.Time)}
	}
	return tokens, err
}

// Revoke ends a token, of that creator only unless it is empty; ErrToken if there is no such token to end.
func (t *Tokens) Revoke(ctx context.Context, id, creator, by string) error {
	return t.store.Write(ctx, func(tx *models.Tx) error {
		ended, err := tx.RevokeToken(ctx, id, creator, by, t.now())
		if err == nil && !ended {
			err = ErrToken
		}
		return err
	})
}

// Who says on whose behalf a token asks, with the lower of the token's role and what its creator may do now; ErrToken
// if it opens nothing.
func (t *Tokens) Who(ctx context.Context, secret string) (Person, error) {
	if !strings.HasPrefix(secret, TokenPrefix) || len(secret) > 100 {
		return Person{}, ErrToken
	}
	row, err := t.store.APIToken(ctx, digest(secret))
	if errors.Is(err, models.ErrNotFound) {
		return Person{}, ErrToken
	}
	if err != nil {
		return Person{}, err
	}
	now := t.now()
	role, err := ParseRole(row.Role)
	if err != nil || row.RevokedAt != nil || !now.Before(row.ExpiresAt.Time) || t.accounts != (row.AccountID != nil) {
		return Person{}, ErrToken
	}
	person := Person{ID: row.CreatorID, Email: row.CreatorEmail, Token: row.ID, Roles: map[string]Role{row.Environment: role}}
	if row.AccountID != nil {
		account, err := t.store.Account(ctx, *row.AccountID)
		if err != nil {
			return Person{}, fmt.Errorf("read a token's creator: %w", err)
		}
		if account.Disabled {
			return Person{}, ErrToken
		}
		person.Name, person.Email = account.Name, account.Email
		person.Roles = lower(accountOf(account).Person(), role, row.Environment)
	}
	if row.AccountID == nil && t.roleOf != nil {
		if person.Roles, err = t.lowered(ctx, row, role); err != nil {
			return Person{}, fmt.Errorf("ask the host for the role of a token's creator: %w", err)
		}
	}
	if row.LastUsedAt == nil || now.Sub(row.LastUsedAt.Time) >= seenEvery {
		_ = t.store.Write(ctx, func(tx *models.Tx) error { return tx.UsedToken(ctx, row.ID, now) }) // who cannot be noted is let in all the same
	}
	return person, nil
}

// lowered are the roles of a token whose creator a host knows: nowhere more than they have there now.
func (t *Tokens) lowered(ctx context.Context, row models.APIToken, role Role) (map[string]Role, error) {
	names := []string{row.Environment}
	if row.Environment == Everywhere {
		environments, err := t.store.Environments(ctx)
		if err != nil {
			return nil, err
		}
		names = names[:0]
		for _, environment := range environments {
			names = append(names, environment.Name)
		}
	}
	creator := Person{Roles: map[string]Role{}}
	for _, name := range names {
		own, err := t.roleOf(ctx, row.CreatorID, name)
		if err != nil {
			return nil, err
		}
		creator.Roles[name] = own
	}
	return lower(creator, role, row.Environment), nil
}

// lower are the roles of a token: nowhere more than its creator's.
func lower(creator Person, role Role, environment string) map[string]Role {
	if environment != Everywhere {
		return map[string]Role{environment: min(role, creator.In(environment))}
	}
	roles := map[string]Role{}
	for at, own := range creator.Roles {
		roles[at] = min(role, own)
	}
	return roles
}
