package changes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Change is edits of one environment, published together.
type Change struct {
	Environment string
	Author      string // required
	Reason      string
	Kind        string // of the revision: publish (the default), rollback or promote
	Edits       []Edit
	Impact      string // JSON of what it does to the people seen, to be kept with the revision; empty: not counted

	Notes []string // what is to be known of it before it is done; shown beside it, and not kept
}

// Publish makes all edits in one transaction: all or none. It returns a ConflictError if any item has moved on since
// its edit was begun, a RefusedError with every mistake, service.ErrNoEnvironment, or ErrUnavailable. Edits that make
// nothing different publish nothing; what environments share about a flag changes without a revision, since it
// changes no value.
func (c *Changes) Publish(ctx context.Context, change Change) (Published, error) {
	published, err := c.PublishAll(ctx, []Change{change})
	if err != nil {
		return Published{}, err
	}
	return published[0], nil
}

// PublishAll makes changes of several environments in one transaction: all or none, each environment's as one revision
// of its own. It refuses what Publish refuses, the mistakes of all environments at once, and a second change of the
// same environment. What all environments share about a flag is put by one of the changes, and holds for those after
// it. The lines that tell of it stand with the first.
func (c *Changes) PublishAll(ctx context.Context, all []Change) (published []Published, err error) {
	if err := checkChanges(all); err != nil {
		return nil, err
	}
	err = c.write(ctx, "publish", func(tx *models.Tx) error {
		drafts, err := c.openAll(ctx, tx, all)
		if err != nil {
			return err
		}
		for i, d := range drafts {
			if err := d.make(ctx, tx, all[i].Edits); err != nil {
				return err
			}
		}
		if err := settle(drafts); err != nil {
			return err
		}
		published, err = c.publishDrafts(ctx, tx, drafts, all)
		return err
	})
	if err != nil {
		return nil, err
	}
	return published, nil
}

// checkChanges refuses what no transaction is needed for to see that it cannot be done.
func checkChanges(all []Change) error {
	seen := map[string]bool{}
	for _, change := range all {
		if err := checkNames(change.Author, change.Reason); err != nil {
			return err
		}
		if err := checkKind(change.Kind, "", KindPublish, KindRollback, KindPromote); err != nil {
			return err
		}
		if seen[change.Environment] {
			return fmt.Errorf("publish: %s is there twice: put its edits into one change", change.Environment)
		}
		seen[change.Environment] = true
	}
	return nil
}

// openAll locks what the changes may touch. What all environments share is guarded by the locks of all; several
// environments are locked as all are, in one order, so that nobody waits in a circle.
func (c *Changes) openAll(ctx context.Context, tx *models.Tx, all []Change) ([]*draft, error) {
	if len(all) > 1 || slices.ContainsFunc(all, Change.shared) {
		if _, err := tx.LockAll(ctx); err != nil {
			return nil, err
		}
	}
	var shared *about
	drafts := make([]*draft, len(all))
	for i, change := range all {
		environment, err := tx.Lock(ctx, change.Environment)
		if err != nil {
			return nil, err
		}
		if shared == nil {
			if shared, err = readAbout(ctx, tx); err != nil {
				return nil, err
			}
		}
		if drafts[i], err = c.begin(ctx, tx, environment, shared, change.Author); err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

// shared reports whether the change touches what all environments share.
func (c Change) shared() bool {
	return slices.ContainsFunc(c.Edits, func(e Edit) bool { put, ok := e.(PutFlag); return ok && put.About != nil })
}

// settle returns what stands against the changes: conflicts first, since mistakes may follow from them.
func settle(drafts []*draft) error {
	for _, d := range drafts {
		if len(d.conflicts) > 0 {
			return &ConflictError{Environment: d.environment.Name, Conflicts: d.conflicts}
		}
	}
	if problems := mistakesOf(drafts); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// mistakesOf are all mistakes of the drafts, in what all environments share and in each of them.
func mistakesOf(drafts []*draft) (problems []Problem) {
	for i, d := range drafts {
		if i == 0 {
			for _, problem := range d.about.problems {
				problems = append(problems, Problem{Problem: problem})
			}
		}
		if !d.empty() {
			d.check()
		}
		problems = append(problems, d.problems...)
	}
	return problems
}

// publishDrafts stores what was found to be without mistakes.
func (c *Changes) publishDrafts(ctx context.Context, tx *models.Tx, drafts []*draft, all []Change) ([]Published, error) {
	published := make([]Published, len(drafts))
	for i, d := range drafts {
		if i == 0 {
			if err := d.about.store(ctx, tx); err != nil {
				return nil, err
			}
			if err := d.about.record(ctx, tx, c.audit, all[i].Author, all[i].Reason); err != nil {
				return nil, err
			}
		}
		var err error
		if published[i], err = d.publishAs(ctx, tx, all[i]); err != nil {
			return nil, err
		}
		if i == 0 {
			published[i].Changes = append(slices.Clip(d.about.lines), published[i].Changes...)
		}
	}
	return published, nil
}

// publishAs stores the change as the revision that it says it is, with what is known beside it.
func (d *draft) publishAs(ctx context.Context, tx *models.Tx, change Change) (Published, error) {
	published, err := d.publish(ctx, tx, cmp.Or(d.kind, change.Kind, KindPublish), change.Reason)
	if err != nil || !published.New || change.Impact == "" {
		return published, err
	}
	return published, tx.AddRevisionNote(ctx, models.RevisionNote{Environment: d.environment.Name, Revision: published.Number, Impact: change.Impact})
}

// publish stores the change as the environment's next revision, if it makes anything different.
func (d *draft) publish(ctx context.Context, tx *models.Tx, kind, reason string) (Published, error) {
	if d.empty() && !d.recall {
		return Published{ID: d.environment.ID()}, nil
	}
	return d.store(ctx, tx, kind, reason)
}

// store stores the change as the environment's next revision.
func (d *draft) store(ctx context.Context, tx *models.Tx, kind, reason string) (Published, error) {
	if err := d.allowed(kind); err != nil {
		return Published{}, err
	}
	if len(d.cutover.forced) > 0 && strings.TrimSpace(reason) == "" {
		return Published{}, &RefusedError{[]Problem{{Environment: d.environment.Name, Problem: ruleset.Problem{Path: "reason", Message: "say why stages are forced: " + errReason.Error()}}}}
	}
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
	if err := d.storeCutover(ctx, tx, revision.Number); err != nil {
		return Published{}, err
	}
	lines := d.describe()
	if d.recall {
		lines = append(lines, recalled)
		if err := tx.SetFloor(ctx, revision.Environment, revision.Number); err != nil {
			return Published{}, err
		}
	}
	if err := d.record(ctx, tx, revision, lines); err != nil {
		return Published{}, err
	}
	return Published{ID: revision.ID(), New: true, Changes: lines}, nil
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
