package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
)

// Change is edits of one environment, published together.
type Change struct {
	Environment string
	Author      string // required
	Reason      string
	Edits       []Edit
}

// Publish makes all edits in one transaction: all or none. It returns a ConflictError if any item has moved on since
// its edit was begun, a RefusedError with every mistake, service.ErrNoEnvironment, or ErrUnavailable. Edits that make
// nothing different publish nothing; what environments share about a flag changes without a revision, since it
// changes no value.
func (c *Changes) Publish(ctx context.Context, change Change) (published Published, err error) {
	if err := checkNames(change.Author, change.Reason); err != nil {
		return Published{}, err
	}
	err = c.write(ctx, "publish", func(tx *models.Tx) error {
		d, err := c.open(ctx, tx, change)
		if err != nil {
			return err
		}
		for _, edit := range change.Edits {
			edit.apply(d)
		}
		if err := d.settle(); err != nil {
			return err
		}
		if err := d.about.store(ctx, tx); err != nil {
			return err
		}
		published, err = d.publish(ctx, tx, kindPublish, change.Reason)
		published.Changes = append(slices.Clip(d.about.lines), published.Changes...)
		return err
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

// open locks what the change may touch. What all environments share is guarded by the locks of all.
func (c *Changes) open(ctx context.Context, tx *models.Tx, change Change) (*draft, error) {
	shared := slices.ContainsFunc(change.Edits, func(e Edit) bool { put, ok := e.(PutFlag); return ok && put.About != nil })
	if shared {
		if _, err := tx.LockAll(ctx); err != nil {
			return nil, err
		}
	}
	environment, err := tx.Lock(ctx, change.Environment)
	if err != nil {
		return nil, err
	}
	about, err := readAbout(ctx, tx)
	if err != nil {
		return nil, err
	}
	return begin(ctx, tx, environment, about, change.Author)
}

// settle returns what stands against the change: conflicts first, since mistakes may follow from them.
func (d *draft) settle() error {
	if len(d.conflicts) > 0 {
		return &ConflictError{Environment: d.environment.Name, Conflicts: d.conflicts}
	}
	if problems := d.mistakes(); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// mistakes are all mistakes of the change, in the environment and in what all share.
func (d *draft) mistakes() []Problem {
	if !d.empty() {
		d.check()
	}
	var problems []Problem
	for _, problem := range d.about.problems {
		problems = append(problems, Problem{Problem: problem})
	}
	return append(problems, d.problems...)
}

// publish stores the change as the environment's next revision, if it makes anything different.
func (d *draft) publish(ctx context.Context, tx *models.Tx, kind, reason string) (Published, error) {
	if d.empty() {
		return Published{ID: d.environment.ID()}, nil
	}
	return d.store(ctx, tx, kind, reason)
}

// store stores the change as the environment's next revision.
func (d *draft) store(ctx context.Context, tx *models.Tx, kind, reason string) (Published, error) {
	revision, err := d.revision(ctx, tx, kind, reason)
	if err != nil {
		return Published{}, err
	}
	if err := tx.AddRevision(ctx, revision); err != nil {
		return Published{}, err
	}
	if err := d.end(ctx, tx, revision.Number); err != nil {
		return Published{}, err
	}
	if err := d.add(ctx, tx, models.Version{Environment: revision.Environment, FromRevision: revision.Number}); err != nil {
		return Published{}, err
	}
	if err := tx.SetHead(ctx, revision); err != nil {
		return Published{}, err
	}
	return Published{ID: revision.ID(), New: true, Changes: d.describe()}, nil
}

// revision is the environment's next.
func (d *draft) revision(ctx context.Context, tx *models.Tx, kind, reason string) (models.Revision, error) {
	at := d.now
	if d.environment.Head > 0 {
		before, err := tx.Revision(ctx, d.environment.Name, d.environment.Head)
		if err != nil {
			return models.Revision{}, err
		}
		if before.PublishedAt.After(at) { // the clock was set back; revisions stay in order
			at = before.PublishedAt.Time
		}
	}
	revision := models.Revision{Environment: d.environment.Name, Number: d.environment.Head + 1, Kind: kind,
		Author: d.author, Reason: reason, PublishedAt: models.At(at)}
	var err error
	revision.Digest, err = d.digest(revision)
	return revision, err
}

// end closes the rows that the change replaces or removes.
func (d *draft) end(ctx context.Context, tx *models.Tx, revision int64) error {
	if err := tx.EndFlagSettings(ctx, d.flags.ended(), revision); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	if err := tx.EndOverrides(ctx, d.overrides.ended(), revision); err != nil {
		return fmt.Errorf("overrides: %w", err)
	}
	if err := tx.EndPlans(ctx, d.plans.ended(), revision); err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	if err := tx.EndSegments(ctx, d.segments.ended(), revision); err != nil {
		return fmt.Errorf("segments: %w", err)
	}
	return nil
}

// add stores the rows that the change puts in.
func (d *draft) add(ctx context.Context, tx *models.Tx, version models.Version) error {
	flags, overrides := d.flags.added(strings.Compare), d.overrides.added(compareOverrides)
	plans, segments := d.plans.added(strings.Compare), d.segments.added(strings.Compare)
	for i := range flags {
		flags[i].Version = version
	}
	for i := range overrides {
		overrides[i].Version = version
	}
	for i := range plans {
		plans[i].Version = version
	}
	for i := range segments {
		segments[i].Version = version
	}
	if err := tx.AddFlagSettings(ctx, flags); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	if err := tx.AddOverrides(ctx, overrides); err != nil {
		return fmt.Errorf("overrides: %w", err)
	}
	if err := tx.AddPlans(ctx, plans); err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	if err := tx.AddSegments(ctx, segments); err != nil {
		return fmt.Errorf("segments: %w", err)
	}
	return nil
}
