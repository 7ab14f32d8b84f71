package changes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/toprent/flags/models"
)

// Counted are the approvals of a request that count now: those of its present round, by people who are approvers still.
func (c *Changes) Counted(ctx context.Context, r Request) ([]models.ChangeRequestEvent, error) {
	valid, err := c.stillApprovers(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return r.valid(valid), nil
}

// PreviewSteps says what steps would do one after another, each told against what the one before it leaves. Mistakes are
// looked for in what the first leaves, and the last.
func (c *Changes) PreviewSteps(ctx context.Context, environment, author string, steps [][]Edit) ([]Preview, error) {
	about, err := readAbout(ctx, c.store)
	if err != nil {
		return nil, err
	}
	in, err := c.store.Environment(ctx, environment)
	if err != nil {
		return nil, err
	}
	d, err := c.begin(ctx, c.look(), in, about, author)
	if err != nil {
		return nil, err
	}
	previews := make([]Preview, len(steps))
	for i, edits := range steps {
		before := d.mark()
		d.conflicts, d.problems, d.recall = nil, nil, false
		d.planned(i, true)
		if err := d.make(ctx, c.store, edits); err != nil {
			return nil, err
		}
		told := d.since(before)
		p := Preview{Environment: in, Lines: told.describe(), Changed: told.changed(), Conflicts: d.conflicts, recall: d.recall}
		if i == 0 || i == len(steps)-1 {
			p.Problems = mistakesOf([]*draft{d})
		} else {
			p.Problems = d.problems
		}
		if i == 0 {
			p.Before, p.After = d.before.Definition(about.byID), d.definition()
		}
		if d.recall {
			p.Lines = append(p.Lines, recalled)
		}
		previews[i] = p
	}
	return previews, nil
}

// mark is how far a draft has come.
type mark struct {
	plans     map[string]*models.Plan
	segments  map[string]*models.Segment
	flags     map[string]*models.FeatureFlagEnvironment
	overrides map[overrideKey]*models.FeatureFlagOverride
}

func (d *draft) mark() mark {
	return mark{maps.Clone(d.plans.next), maps.Clone(d.segments.next), maps.Clone(d.flags.next), maps.Clone(d.overrides.next)}
}

// since is a draft of what became different after a mark alone, to be described.
func (d *draft) since(m mark) *draft {
	told := *d
	told.plans, told.segments = since(&d.plans, m.plans), since(&d.segments, m.segments)
	told.flags, told.overrides = since(&d.flags, m.flags), since(&d.overrides, m.overrides)
	return &told
}

func since[K comparable, R any](t *table[K, R], next map[K]*R) table[K, R] {
	before := table[K, R]{live: t.live, next: next, same: t.same}
	told := table[K, R]{live: map[K]R{}, next: map[K]*R{}, same: t.same}
	for _, keys := range []map[K]*R{next, t.next} {
		for key := range keys {
			was, had := before.get(key)
			is, has := t.get(key)
			if had {
				told.live[key] = was
			}
			switch {
			case has && !(had && t.same(was, is)):
				told.next[key] = &is
			case had && !has:
				told.next[key] = nil
			}
		}
	}
	return told
}

// ItemOf is what an edit changes.
func ItemOf(e Edit) Item { return e.item() }

// Content is what the request would be sent with if nothing of it were edited: the steps that wait.
func (r Request) Content() Content {
	content := Content{Title: r.Title, Reason: r.Reason, Kind: r.Kind, Recurrence: r.Recurrence, Impact: r.Impact}
	if r.Recurrence != nil {
		return content
	}
	for _, step := range r.Waiting() {
		content.Steps = append(content.Steps, Planned{At: step.At.Optional(), Edits: slices.Clone(step.Edits)})
	}
	return content
}

// OnTopOf makes the content start from what others have made of these items, which it then replaces.
func (content *Content) OnTopOf(conflicts []Conflict) {
	for _, conflict := range conflicts {
		for _, step := range content.Steps {
			for i, edit := range step.Edits {
				if edit.item() == conflict.Item {
					step.Edits[i] = edit.rebased(conflict.Version)
				}
			}
		}
	}
}

// SignConflicts names the versions that were looked at, so that nobody takes over others than those. However many there
// are, the name is short.
func SignConflicts(conflicts []Conflict) string {
	sum := sha256.New()
	for _, c := range conflicts {
		_, _ = fmt.Fprintf(sum, "%q %q %q %q %d;", c.Item.Kind, c.Item.Key, c.Item.User, c.Item.Tenant, c.Version)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Upcoming is a request that is applied by itself, with what it does next.
type Upcoming struct {
	models.ChangeRequest
	Next  Step
	Steps int // that wait
}

// Touches reports whether the next step is about the flag: its settings, or its overrides.
func (u Upcoming) Touches(flag string) bool {
	return slices.ContainsFunc(u.Next.Edits, func(e Edit) bool {
		item := e.item()
		return item.Key == flag && (item.Kind == ItemFlag || item.Kind == ItemOverride)
	})
}

// mostUpcoming is how many scheduled requests are looked through.
const mostUpcoming = 100

// Upcoming are the requests of these environments that are scheduled, the next first.
func (c *Changes) Upcoming(ctx context.Context, environments ...string) ([]Upcoming, error) {
	rows, _, err := c.store.ChangeRequests(ctx, models.RequestFilter{Environments: environments, Statuses: []string{Scheduled}}, 0, mostUpcoming)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	steps, err := c.store.WaitingSteps(ctx, ids)
	if err != nil {
		return nil, err
	}
	var all []Upcoming
	for _, row := range rows {
		waiting := steps[row.ID]
		if len(waiting) == 0 || waiting[0].At == nil {
			continue
		}
		edits, err := decodeEdits(waiting[0].Edits)
		if err != nil {
			return nil, fmt.Errorf("change request %d: %w", row.ID, err)
		}
		all = append(all, Upcoming{row, Step{waiting[0], edits}, len(waiting)})
	}
	slices.SortStableFunc(all, func(a, b Upcoming) int { return a.Next.At.Compare(b.Next.At.Time) })
	return all, nil
}
