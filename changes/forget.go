package changes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/models"
)

// Forgotten says what was removed about somebody, and what was not.
type Forgotten struct {
	As        string // the name that stands where theirs did
	Audit     int64  // personal values that were deleted from the audit
	Directory int64  // rows of the directory, one for each environment
	Replaced  int64  // rows, past ones included, that held their name as somebody's name, and letters to them
	Events    models.ForgottenEvents
	Account   bool          // there was an account: it is disabled, and nobody's
	Ended     []Published   // revisions that ended their overrides
	Held      []models.Held // what still holds their name
}

// Forget forgets a person, by user id or e-mail address, and whatever else they are known as: in the audit, whose chains
// stay whole; in the directory; in overrides, of which the live ones end; in accounts and tokens. All of it is one
// transaction. It needs no approval. What it cannot change, it lists. Author and names are required.
func (c *Changes) Forget(ctx context.Context, names []string, author string) (forgotten Forgotten, err error) {
	if err := checkNames(author, ""); err != nil {
		return Forgotten{}, err
	}
	if len(names) == 0 || strings.TrimSpace(strings.Join(names, "")) == "" {
		return Forgotten{}, errors.New("say who is to be forgotten: a user id or an e-mail address")
	}
	known, err := c.lookFor(ctx, names)
	if err != nil {
		return Forgotten{}, err
	}
	err = c.write(ctx, "forget somebody", func(tx *models.Tx) error {
		forgotten = Forgotten{As: models.ForgottenName()}
		return c.forget(ctx, tx, names, author, known, &forgotten)
	})
	if err != nil {
		return Forgotten{}, err
	}
	return forgotten, nil
}

// lookedFor is what takes long to find, so that it is looked for before anything is locked.
type lookedFor struct {
	texts models.AuditTexts
	held  []models.Held
}

func (c *Changes) lookFor(ctx context.Context, names []string) (known lookedFor, err error) {
	all, err := namesOf(ctx, c.store, names)
	if err == nil {
		known.texts, err = c.store.AuditTextsWith(ctx, all)
	}
	if err == nil {
		known.held, err = c.store.HoldingEvents(ctx, all)
	}
	if models.Unavailable(err) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return known, fmt.Errorf("forget somebody: %w", err)
	}
	return known, nil
}

func (c *Changes) forget(ctx context.Context, tx *models.Tx, names []string, author string, known lookedFor, f *Forgotten) error {
	// Events first, and before anything is locked that publishing waits for: there may be many.
	names, err := namesOf(ctx, tx, names)
	if err != nil {
		return err
	}
	if err := c.forgetEvents(ctx, tx, names, f); err != nil {
		return err
	}
	environments, err := tx.LockAll(ctx)
	if err != nil {
		return err
	}
	if err = forgetAccount(ctx, tx, names, f); err != nil {
		return err
	}
	if err := tx.RevokeTokensOf(ctx, names, f.As); err != nil {
		return err
	}
	// First the name, then the end of the overrides: so the revisions that end them do not tell it again.
	within, err := tx.RenameWithin(ctx, names, f.As)
	if err != nil {
		return err
	}
	if f.Replaced, err = tx.Rename(ctx, names, f.As); err != nil {
		return err
	}
	letters, err := tx.ForgetLetters(ctx, names)
	if err != nil {
		return err
	}
	f.Replaced += within + letters
	if f.Directory, err = tx.ForgetSubject(ctx, names); err != nil {
		return err
	}
	for _, environment := range environments {
		published, err := c.endOverrides(ctx, tx, environment.Name, f.As, author)
		if err != nil {
			return err
		}
		if published.New {
			f.Ended = append(f.Ended, published)
		}
	}
	if f.Held, err = tx.StillHolding(ctx, names); err != nil {
		return err
	}
	f.Held = append(f.Held, known.held...)
	if len(c.options.EventKeys) == 0 && slices.ContainsFunc(names, pseudonym.Tells) {
		f.Held = append(f.Held, models.Held{Where: "events under the pseudonym of an e-mail address, if there are any: without the key of the servers nobody can tell which these are"})
	}
	if err := tx.NoteForget(ctx); err != nil {
		return err
	}
	// At the end, before the entries of this transaction, of which none holds a name: no note can come between.
	tx.AtEnd(func() error {
		if _, err := tx.LockAuditHead(ctx, audit.Configuration); err != nil {
			return err
		}
		if f.Audit, err = tx.ForgetAudit(ctx, names, known.texts); err != nil {
			return err
		}
		return c.audit.AppendNow(ctx, tx, audit.Forgot(author, f.As, f.Audit))
	})
	return nil
}

// forgetEvents makes a person's events somebody's under another name, those under pseudonyms too.
func (c *Changes) forgetEvents(ctx context.Context, tx *models.Tx, names []string, f *Forgotten) (err error) {
	known := slices.Clone(names)
	for _, name := range names {
		for _, key := range c.options.EventKeys {
			if pseudonym.Tells(name) {
				known = append(known, pseudonym.Of(key, name))
			}
		}
	}
	slices.Sort(known)
	f.Events, err = tx.ForgetEvents(ctx, slices.Compact(known), f.As)
	return err
}

// namesOf gives all names of somebody: those that are given, and those of the account that one of them is of.
func namesOf(ctx context.Context, in interface {
	AccountNamed(context.Context, []string) (models.Account, error)
}, names []string) ([]string, error) {
	account, err := in.AccountNamed(ctx, names)
	if errors.Is(err, models.ErrNotFound) {
		return names, nil
	}
	return append(slices.Clone(names), account.ID, account.Email, account.EmailKey), err
}

// forgetAccount makes the account nobody's that one of the names is of.
func forgetAccount(ctx context.Context, tx *models.Tx, names []string, f *Forgotten) error {
	account, err := tx.AccountNamed(ctx, names)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	f.Account = true
	return tx.ForgetAccount(ctx, account.ID, f.As)
}

// endOverrides ends a user's live overrides in an environment.
func (c *Changes) endOverrides(ctx context.Context, tx *models.Tx, environment, user, author string) (Published, error) {
	locked, err := tx.Lock(ctx, environment)
	if err != nil {
		return Published{}, err
	}
	shared, err := readAbout(ctx, tx)
	if err != nil {
		return Published{}, err
	}
	d, err := c.begin(ctx, tx, locked, shared, author)
	if err != nil {
		return Published{}, err
	}
	d.approved = true // who asks to be forgotten waits for nobody
	for key := range d.overrides.live {
		if key.user == user {
			d.overrides.remove(key)
		}
	}
	return d.publish(ctx, tx, KindPublish, "somebody was forgotten, and their overrides ended")
}
