package changes

import (
	"context"
	"errors"
	"fmt"

	"github.com/toprent/flags/models"
)

// Kill turns a flag off in an environment at once, for everybody, whatever sessions have pinned. Nothing that is
// wrong with the flag or with others stands in its way: it works on flags that cannot be read, and on archived ones,
// which sessions may still have pinned. A migration steps back to shadow at most, and is not killed where the old side does
// not have all rows: a RefusedError with a CutoverError says what to do. A flag that is killed already stays so, and nothing is published. Author and
// reason are required. It returns ErrNoFlag, service.ErrNoEnvironment or ErrUnavailable.
func (c *Changes) Kill(ctx context.Context, environment, key, author, reason string) (Published, error) {
	return c.KillBy(ctx, environment, key, Actor{Name: author}, reason)
}

// KillBy is Kill by a person of whom the id is known. In a protected environment it is an emergency, which nobody needs
// to approve: somebody else looks at it afterwards.
func (c *Changes) KillBy(ctx context.Context, environment, key string, by Actor, reason string) (Published, error) {
	return c.setKilled(ctx, environment, key, by, reason, true)
}

// Lift ends a kill: the flag is decided by its rules again. A flag that is not killed stays as it is. Author and
// reason are required. It returns what Kill returns, and where changes have to be approved a ProtectedError: a request
// with the edit LiftFlag does it there.
func (c *Changes) Lift(ctx context.Context, environment, key, author, reason string) (Published, error) {
	return c.setKilled(ctx, environment, key, Actor{Name: author}, reason, false)
}

func (c *Changes) setKilled(ctx context.Context, environment, key string, by Actor, reason string, killed bool) (published Published, err error) {
	if err := checkNamesAndReason(by.Name, reason); err != nil {
		return Published{}, err
	}
	kind := kindLift
	if killed {
		kind = kindKill
	}
	err = c.write(ctx, kind, func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, environment, key, by.Name)
		if err != nil {
			return err
		}
		switch flag := d.about.byKey[key]; {
		case killed:
			err = d.checkKill(ctx, tx, key)
		case staged(flag.Kind, flag.Type):
			d, err = c.liftStaged(ctx, tx, environment, key, by.Name)
		}
		if err != nil {
			return err
		}
		d.authorID = by.ID
		d.rewrite(key, func(s *models.FlagSettings) { s.Killed = killed })
		published, err = d.publish(ctx, tx, kind, reason) // without check: see Kill
		if err != nil || !killed {
			return err
		}
		return d.emergency(ctx, tx, key, by, published)
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// liftStaged opens the whole environment, since whom a lift of a migration leads where depends on more than the flag.
func (c *Changes) liftStaged(ctx context.Context, tx *models.Tx, environment, key, author string) (*draft, error) {
	drafts, err := c.openAll(ctx, tx, []Change{{Environment: environment, Author: author}})
	if err != nil {
		return nil, err
	}
	d := drafts[0]
	d.rewrite(key, func(s *models.FlagSettings) { s.Killed = false })
	if err := d.checkCutover(ctx, tx, false); err != nil {
		return nil, err
	}
	return d, d.refusedCutover()
}

// openFlag locks the environment and reads that flag alone, so that a kill is quick and depends on nothing else.
func (c *Changes) openFlag(ctx context.Context, tx *models.Tx, environment, key, author string) (*draft, error) {
	locked, err := tx.Lock(ctx, environment)
	if err != nil {
		return nil, err
	}
	flag, err := tx.Flag(ctx, key)
	if err != nil {
		return nil, noFlag(err, key, environment)
	}
	row, err := tx.LiveFlagSettings(ctx, environment, flag.ID)
	if err != nil {
		return nil, noFlag(err, key, environment)
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	about := &about{byKey: map[string]models.FeatureFlag{key: flag}, byID: map[string]models.FeatureFlag{flag.ID: flag}}
	return c.draft(locked, models.Rows{Flags: []models.FeatureFlagEnvironment{row}}, about, author, now), nil
}

// noFlag turns storage's words for a flag that is not there into ours.
func noFlag(err error, key, environment string) error {
	if errors.Is(err, models.ErrNotFound) {
		return fmt.Errorf("%w as %q in %s", ErrNoFlag, key, environment)
	}
	return err
}
