package changes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Kinds are what revisions can be of, in the order in which they are offered to people.
func Kinds() []string {
	return []string{KindPublish, kindKill, kindLift, kindRecall, kindImport, KindRollback, KindPromote, kindCopy, kindStepBack}
}

// History says of past revisions what each made different. Since revisions never change, what was found out once is
// kept, up to a bound. It is safe for concurrent use.
type History struct {
	store *models.Store

	mu    sync.Mutex // guards what follows
	lines map[ruleset.ID][]string
	known int64        // how many times somebody was forgotten when the lines were read
	order []ruleset.ID // a ring: which was kept first
	next  int
}

const (
	historyKept  = 2000 // revisions whose lines are kept
	historyRows  = 100  // a revision that touched more rows is counted, not told row by row
	historyRunes = 400  // a longer line is cut
)

// NewHistory makes a History of a database.
func NewHistory(store *models.Store) *History {
	return &History{store: store, lines: map[ruleset.ID][]string{}, order: make([]ruleset.ID, historyKept)}
}

// Describe says in plain words what each of these revisions made different, one line for each difference, as Published
// did when they were published. Revisions that changed very much, as an import may, are counted instead.
func (h *History) Describe(ctx context.Context, revisions []models.Revision) (map[ruleset.ID][]string, error) {
	if err := h.forget(ctx); err != nil {
		return nil, err
	}
	found := make(map[ruleset.ID][]string, len(revisions))
	missing := map[string][]models.Revision{} // by environment
	h.mu.Lock()
	for _, revision := range revisions {
		if lines, ok := h.lines[revision.ID()]; ok {
			found[revision.ID()] = lines
		} else {
			missing[revision.Environment] = append(missing[revision.Environment], revision)
		}
	}
	h.mu.Unlock()
	for environment, revisions := range missing {
		lines, err := h.read(ctx, environment, revisions)
		if err != nil {
			return nil, err
		}
		for _, revision := range revisions {
			found[revision.ID()] = lines[revision.Number]
			h.keep(revision.ID(), lines[revision.Number])
		}
	}
	return found, nil
}

// forget lets go of all that is kept if somebody was forgotten since: lines name people.
func (h *History) forget(ctx context.Context) error {
	forgets, err := h.store.Forgets(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if forgets != h.known {
		h.known = forgets
		clear(h.lines)
		clear(h.order)
	}
	return nil
}

func (h *History) keep(id ruleset.ID, lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, already := h.lines[id]; already {
		return
	}
	delete(h.lines, h.order[h.next])
	h.order[h.next], h.lines[id] = id, lines
	h.next = (h.next + 1) % len(h.order)
}

// read finds out what revisions of one environment made different, by number.
func (h *History) read(ctx context.Context, environment string, revisions []models.Revision) (map[int64][]string, error) {
	numbers := make([]int64, len(revisions))
	for i, revision := range revisions {
		numbers[i] = revision.Number
	}
	sizes, err := h.store.RevisionSizes(ctx, environment, numbers)
	if err != nil {
		return nil, err
	}
	lines, small := counted(sizes, numbers)
	if len(small) > 0 {
		rows, err := h.store.TouchedRows(ctx, environment, small)
		if err != nil {
			return nil, err
		}
		flags, err := h.store.FlagsByID(ctx, featuresOf(rows))
		if err != nil {
			return nil, err
		}
		for _, number := range small {
			lines[number] = cut(between(rows, number, &about{byID: flags}).describe())
		}
	}
	for _, revision := range revisions {
		if revision.Kind == kindRecall {
			lines[revision.Number] = append(lines[revision.Number], recalled)
		}
	}
	return lines, nil
}

// counted says how much revisions changed that changed very much, and gives the numbers of the others.
func counted(sizes []models.RevisionSize, numbers []int64) (lines map[int64][]string, small []int64) {
	total := map[int64]int{}
	for _, size := range sizes {
		total[size.Revision] += size.Came + size.Ended
	}
	lines = map[int64][]string{}
	slices.SortFunc(sizes, func(a, b models.RevisionSize) int { return cmp.Compare(a.Item, b.Item) })
	for _, size := range sizes {
		if total[size.Revision] <= historyRows {
			continue
		}
		if size.Came > 0 {
			lines[size.Revision] = append(lines[size.Revision], fmt.Sprintf("%d %s new or changed", size.Came, size.Item))
		}
		if size.Ended > 0 {
			lines[size.Revision] = append(lines[size.Revision], fmt.Sprintf("%d %s replaced or removed", size.Ended, size.Item))
		}
	}
	for _, number := range numbers {
		if n := total[number]; n > 0 && n <= historyRows {
			small = append(small, number)
		}
	}
	return lines, small
}

// featuresOf are the ids of the flags that rows are about.
func featuresOf(rows models.Rows) []string {
	var ids []string
	for _, row := range rows.Flags {
		ids = append(ids, row.FeatureID)
	}
	for _, row := range rows.Overrides {
		ids = append(ids, row.FeatureID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// between is the change that a revision made, again as a draft.
func between(rows models.Rows, revision int64, about *about) *draft {
	var was, is models.Rows
	was.Flags, is.Flags = sides(rows.Flags, revision, func(r models.FeatureFlagEnvironment) models.Version { return r.Version })
	was.Overrides, is.Overrides = sides(rows.Overrides, revision, func(r models.FeatureFlagOverride) models.Version { return r.Version })
	was.Plans, is.Plans = sides(rows.Plans, revision, func(r models.Plan) models.Version { return r.Version })
	was.Segments, is.Segments = sides(rows.Segments, revision, func(r models.Segment) models.Version { return r.Version })
	before := newDraft(models.Environment{}, was, about, "", time.Time{})
	after := newDraft(models.Environment{}, is, about, "", time.Time{})
	before.flags.becomes(after.flags)
	before.overrides.becomes(after.overrides)
	before.plans.becomes(after.plans)
	before.segments.becomes(after.segments)
	return before
}

// sides are the rows that a revision ended, and those that it brought.
func sides[R any](rows []R, revision int64, version func(R) models.Version) (was, is []R) {
	for _, row := range rows {
		v := version(row)
		if v.FromRevision == revision {
			is = append(is, row)
		}
		if v.ToRevision != nil && *v.ToRevision == revision {
			was = append(was, row)
		}
	}
	return was, is
}

// becomes makes a change of the table out of what is live before it and after it.
func (t *table[K, R]) becomes(after table[K, R]) {
	for key := range t.live {
		t.next[key] = nil
	}
	for key, row := range after.live {
		t.next[key] = &row
	}
}

// cut shortens lines that are too long to be read in a list.
func cut(lines []string) []string {
	for i, line := range lines {
		if utf8.RuneCountInString(line) > historyRunes {
			lines[i] = string([]rune(line)[:historyRunes]) + "…"
		}
	}
	return lines
}
