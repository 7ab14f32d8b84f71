package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// Shortest and longest are how long a password may be, in characters and in bytes.
const (
	Shortest = 12
	longest  = 1024
)

// ErrBusy says that too many passwords are being checked just now.
var ErrBusy = errors.New("too many people are signing in just now: try again in a moment")

// hashWait is how long somebody waits for a turn.
const hashWait = 5 * time.Second

// passwords hashes passwords, a few at a time, so that what it takes of memory is bounded.
type passwords struct {
	turns chan struct{}
	dummy string // what is compared where there is no password, so that it takes as long
}

// params are those that OWASP recommends where memory is short: 19 MiB, two passes, one thread.
func params() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

func newPasswords(turns int) (*passwords, error) {
	dummy, err := argon2id.CreateHash(rand.Text(), params())
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &passwords{make(chan struct{}, turns), dummy}, nil
}

// turn waits for a turn.
func (p *passwords) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
		return func() { <-p.turns }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	done, err := p.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	hash, err := argon2id.CreateHash(password, params())
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// matches reports whether a password is the one of the hash. Where there is none, it takes as long to say no.
func (p *passwords) matches(ctx context.Context, password, hash string) (bool, error) {
	done, err := p.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if len(password) > longest {
		password, hash = password[:longest], ""
	}
	if hash == "" {
		_, _ = argon2id.ComparePasswordAndHash(password, p.dummy)
		return false, nil
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return ok, nil
}

// CheckPassword says what is wrong with a new password; empty: nothing. There are no rules on which characters it has.
func CheckPassword(password, email, name string) string {
	plain := strings.ToLower(strings.TrimSpace(password))
	local, _, _ := strings.Cut(emailKey(email), "@")
	switch {
	case utf8.RuneCountInString(password) < Shortest:
		return fmt.Sprintf("Use %d characters or more: a few words are easy to remember.", Shortest)
	case len(password) > longest:
		return "This is longer than anybody can type. Use at most 1,024 characters."
	case !utf8.ValidString(password):
		return "This password has characters that cannot be typed again."
	case plain == emailKey(email), plain == local, name != "" && plain == strings.ToLower(strings.TrimSpace(name)):
		return "This is your e-mail address or your name: anybody would try that first."
	case plain == "" || strings.Count(plain, plain[:1]) == len(plain):
		return "This is one character again and again."
	}
	return ""
}
