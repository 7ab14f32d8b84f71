package changes

import (
	"context"
	"fmt"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// checkSteps makes the steps one after another on a draft that is thrown away, and refuses what could not be published
// now. What all environments share about a flag is stored, and taken out of the steps. A recurring request gets its first
// step here.
func (c *Changes) checkSteps(ctx context.Context, tx *models.Tx, environment models.Environment, by Actor, content *Content) error {
	if content.Recurrence != nil {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		first, ok := content.Recurrence.first(now)
		if !ok {
			return &RefusedError{[]Problem{{Problem: ruleset.Problem{Path: "recurrence", Message: "no window begins between now and its end: change the dates or the days"}}}}
		}
		content.Steps = []Planned{{At: &first.at, Edits: content.Recurrence.edits(first.opens)}}
	}
	about, err := readAbout(ctx, tx)
	if err != nil {
		return err
	}
	d, err := c.begin(ctx, tx, environment, about, by.Name)
	if err != nil {
		return err
	}
	for i := range content.Steps {
		d.planned(i, content.Steps[i].At != nil)
		if content.Steps[i].Edits, err = d.plan(ctx, tx, content.Steps[i].Edits); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if i == 0 && d.empty() && !d.recall && content.Recurrence == nil {
			return &RefusedError{[]Problem{{Problem: ruleset.Problem{Message: "this changes nothing, so there is nothing to approve"}}}}
		}
	}
	if err := about.store(ctx, tx); err != nil {
		return err
	}
	return about.record(ctx, tx, c.audit, by.Name, content.Reason)
}

// planned says that what is made next is the step in that place: each starts from what the one before it leaves, and what
// has to be so only when its time comes is not asked for now.
func (d *draft) planned(i int, at bool) {
	d.cutover.later = i > 0 || at
	if i > 0 {
		def := d.definition()
		d.cutover.since = &def
	}
	d.cutover.forced = nil
}

// plan applies edits to the draft, and gives back those that have to be approved.
func (d *draft) plan(ctx context.Context, tx *models.Tx, edits []Edit) ([]Edit, error) {
	if err := d.make(ctx, tx, edits); err != nil {
		return nil, err
	}
	return withoutAbout(edits), settle([]*draft{d})
}

// Preview is what a change would do.
type Preview struct {
	Environment models.Environment
	Lines       []string // what becomes different, in plain words
	Before      ruleset.Definition
	After       ruleset.Definition
	Changed     []ItemChange
	Conflicts   []Conflict // items that have moved on
	Problems    []Problem  // mistakes; what is previewed with them cannot be published

	recall bool
}

// ItemChange is what becomes different about one item: ruleset.Flag, ruleset.Segment, ruleset.Plan or ruleset.Override;
// nil: it is not there.
type ItemChange struct {
	Item    Item
	Was, Is any
}

// Reaches reports whether the change makes a revision of the environment, and does not only say something else about
// flags.
func (p Preview) Reaches() bool { return len(p.Changed) > 0 || p.recall }

// Preview says what changes would do if they were published now, and changes nothing. Conflicts and mistakes are part of
// the answer, not errors.
func (c *Changes) Preview(ctx context.Context, all []Change) ([]Preview, error) {
	if err := checkChanges(all); err != nil {
		return nil, err
	}
	about, err := readAbout(ctx, c.store)
	if err != nil {
		return nil, err
	}
	previews := make([]Preview, len(all))
	for i, change := range all {
		environment, err := c.store.Environment(ctx, change.Environment)
		if err != nil {
			return nil, err
		}
		d, err := c.begin(ctx, c.look(), environment, about, change.Author)
		if err != nil {
			return nil, err
		}
		if err := d.make(ctx, c.store, change.Edits); err != nil {
			return nil, err
		}
		problems := mistakesOf([]*draft{d})
		previews[i] = Preview{Environment: environment, Lines: d.describe(), Before: d.before.Definition(about.byID), After: d.definition(),
			Changed: d.changed(), Conflicts: d.conflicts, Problems: problems, recall: d.recall}
		if d.recall {
			previews[i].Lines = append(previews[i].Lines, recalled)
		}
		if i == 0 {
			previews[i].Lines = append(about.lines, previews[i].Lines...)
		}
	}
	return previews, nil
}

// changed are the items that become different.
func (d *draft) changed() (all []ItemChange) {
	for _, key := range d.plans.changed(strings.Compare) {
		all = append(all, sidesOf(&d.plans, key, Item{Kind: ItemPlan, Key: key}, func(r models.Plan) any { return r.Plan() }))
	}
	for _, key := range d.segments.changed(strings.Compare) {
		all = append(all, sidesOf(&d.segments, key, Item{Kind: ItemSegment, Key: key}, func(r models.Segment) any { return r.Segment() }))
	}
	for _, key := range d.flags.changed(strings.Compare) {
		all = append(all, sidesOf(&d.flags, key, Item{Kind: ItemFlag, Key: key}, func(r models.FeatureFlagEnvironment) any { return r.Flag(d.about.byKey[key]) }))
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		all = append(all, sidesOf(&d.overrides, key, key.item(), func(r models.FeatureFlagOverride) any { return r.Override(key.flag) }))
	}
	return all
}

func sidesOf[K comparable, R any](t *table[K, R], key K, item Item, content func(R) any) ItemChange {
	change := ItemChange{Item: item}
	if was, ok := t.live[key]; ok {
		change.Was = content(was)
	}
	if is := t.next[key]; is != nil {
		change.Is = content(*is)
	}
	return change
}
