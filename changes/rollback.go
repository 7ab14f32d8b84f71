package changes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Scope says what of an environment is rolled back. The zero Scope is everything.
type Scope struct {
	Flag     string // only this flag, with its overrides
	Revision int64  // only what this revision touched; what has moved on since is a conflict
}

// Rollback is how an environment becomes again what it was.
type Rollback struct {
	Edits []Edit   // against the present versions; none: it is like that already
	Notes []string // what is to be known of it, in plain words, such as kills that it leaves alone
}

// RollbackEdits gives the edits that put every flag, segment, plan and override of the scope as it was at a revision of
// the environment (0: before the first). A flag that was not there is archived, which gives the same values. Kind, type
// and salt never change, and killed stays as it is now: to roll back neither lifts a kill nor makes one. It returns a
// RefusedError for a flag that could not be read then, models.ErrNotFound for a revision that the
// environment does not have, and service.ErrNoEnvironment.
func (c *Changes) RollbackEdits(ctx context.Context, environment string, to int64, only Scope) (Rollback, error) {
	r, err := c.rollback(ctx, environment, to, only)
	if err != nil {
		return Rollback{}, fmt.Errorf("roll back: %w", err)
	}
	r.all()
	if len(r.problems) > 0 {
		return Rollback{}, &RefusedError{r.problems}
	}
	r.notePutBack()
	return r.Rollback, nil
}

// rollback is one on its way.
type rollback struct {
	Rollback
	environment string
	to          int64
	only        Scope
	then, live  *draft        // only read
	touched     *draft        // what the one revision made, if it is about one
	kept        map[Item]bool // segments and plans that stay, because flags that are only archived name them
	expired     int           // overrides that are put back but give nothing any more
	problems    []Problem
}

func (c *Changes) rollback(ctx context.Context, environment string, to int64, only Scope) (*rollback, error) {
	row, err := c.store.Environment(ctx, environment)
	if err != nil {
		return nil, err
	}
	if to < 0 || to > row.Head || only.Revision < 0 || only.Revision > row.Head {
		return nil, fmt.Errorf("%w: %s has revisions up to %d", models.ErrNotFound, environment, row.Head)
	}
	about, err := readAbout(ctx, c.store)
	if err != nil {
		return nil, err
	}
	r := &rollback{environment: environment, to: to, only: only, touched: newDraft(row, models.Rows{}, about, "", about.now)}
	if r.live, err = c.begin(ctx, c.look(), row, about, ""); err != nil {
		return nil, err
	}
	rows, err := c.store.RowsAt(ctx, environment, to)
	if err != nil {
		return nil, err
	}
	r.then = newDraft(row, rows, about, "", r.live.now)
	if only.Revision > 0 {
		rows, err := c.store.TouchedRows(ctx, environment, []int64{only.Revision})
		if err != nil {
			return nil, err
		}
		r.touched = between(rows, only.Revision, about)
	}
	return r, nil
}

// all goes through everything that is there now or was then.
func (r *rollback) all() {
	r.keep()
	for _, key := range union(r.live.plans.live, r.then.plans.live, strings.Compare) {
		if r.only.Flag == "" && (r.only.Revision == 0 || has(r.touched.plans.next, key)) {
			r.plan(key)
		}
	}
	for _, key := range union(r.live.segments.live, r.then.segments.live, strings.Compare) {
		if r.only.Flag == "" && (r.only.Revision == 0 || has(r.touched.segments.next, key)) {
			r.segment(key)
		}
	}
	for _, key := range union(r.live.flags.live, r.then.flags.live, strings.Compare) {
		if (r.only.Flag == "" || r.only.Flag == key) && (r.only.Revision == 0 || has(r.touched.flags.next, key)) {
			r.flag(key)
		}
	}
	for _, key := range union(r.live.overrides.live, r.then.overrides.live, compareOverrides) {
		if (r.only.Flag == "" || r.only.Flag == key.flag) && (r.only.Revision == 0 || has(r.touched.overrides.next, key)) {
			r.override(key)
		}
	}
}

// keep finds what flags need that were not there then: they stay, archived, and so does what they name.
func (r *rollback) keep() {
	r.kept = map[Item]bool{}
	var segment func(key string)
	segment = func(key string) {
		item := Item{Kind: ItemSegment, Key: key}
		if row, ok := r.live.segments.live[key]; ok && !r.kept[item] {
			r.kept[item] = true
			eachSegment(row.Segment().When, segment)
		}
	}
	for key, row := range r.live.flags.live {
		if has(r.then.flags.live, key) {
			continue
		}
		flag := row.Flag(r.live.about.byKey[key])
		r.kept[Item{Kind: ItemPlan, Key: flag.TierRequired}] = true
		for _, rule := range flag.Rules {
			if rule.When != nil {
				eachSegment(*rule.When, segment)
			}
		}
	}
}

func has[K comparable, V any](m map[K]V, key K) bool { _, ok := m[key]; return ok }

// union are the keys of both, in order.
func union[K comparable, R any](a, b map[K]R, order func(a, b K) int) []K {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.SortFunc(keys, order)
	return slices.Compact(keys)
}

// versionOf is the version that an edit of an item is made against. What a single revision made is undone only where it is
// still as that revision left it.
func versionOf[K comparable, R any](touched, live *table[K, R], key K, revision, version int64, same func(a, b R) bool) int64 {
	if revision == 0 {
		return version
	}
	left := touched.next[key]
	present, there := live.live[key]
	if left == nil && !there || left != nil && there && same(*left, present) {
		return version
	}
	if left == nil {
		return 0
	}
	return revision
}

func (r *rollback) flag(key string) {
	was, then := r.then.flags.live[key]
	is := r.live.flags.live[key] // a flag is never removed
	r.noteKill(key, was.Killed, is.Killed)
	if then && sameButKilled(was, is) || !then && is.Archived {
		return
	}
	base := versionOf(&r.touched.flags, &r.live.flags, key, r.only.Revision, is.FromRevision, sameButKilled)
	if !then {
		r.Edits = append(r.Edits, ArchiveFlag{Key: key, Base: base})
		r.note("flag %q was not there at revision %d: it is archived, which gives the same", key, r.to)
		return
	}
	flag := was.Flag(r.then.about.byKey[key])
	if flag.Malformed != "" {
		r.refuse(ruleset.Problem{Flag: key, Message: fmt.Sprintf("cannot be rolled back to revision %d, because it could not be read then: %s", r.to, flag.Malformed)})
		return
	}
	flag.Killed = false
	r.Edits = append(r.Edits, PutFlag{Flag: &flag, Base: base})
}

// sameButKilled compares what rolling back may change.
func sameButKilled(a, b models.FeatureFlagEnvironment) bool {
	a.Killed = b.Killed
	return a.FlagSettings == b.FlagSettings
}

func (r *rollback) noteKill(key string, was, is bool) {
	switch {
	case is && !was:
		r.note("flag %q is killed and stays so: rolling back never lifts a kill", key)
	case was && !is:
		r.note("flag %q was killed at revision %d and is not killed now: it stays so; disable all access to kill it again", key, r.to)
	}
}

func (r *rollback) segment(key string) {
	was, then := r.then.segments.live[key]
	is, now := r.live.segments.live[key]
	if then == now && was.Same(is) {
		return
	}
	base := versionOf(&r.touched.segments, &r.live.segments, key, r.only.Revision, is.FromRevision, models.Segment.Same)
	if !then && r.kept[Item{Kind: ItemSegment, Key: key}] {
		r.note("segment %q was not there at revision %d: it stays, because flags that are archived name it", key, r.to)
		return
	}
	if !then {
		r.Edits = append(r.Edits, RemoveSegment{Key: key, Base: base})
		return
	}
	r.Edits = append(r.Edits, PutSegment{Segment: was.Segment(), Base: base})
}

func (r *rollback) plan(key string) {
	was, then := r.then.plans.live[key]
	is, now := r.live.plans.live[key]
	if then == now && was.Same(is) {
		return
	}
	base := versionOf(&r.touched.plans, &r.live.plans, key, r.only.Revision, is.FromRevision, models.Plan.Same)
	if !then && r.kept[Item{Kind: ItemPlan, Key: key}] {
		r.note("plan %q was not there at revision %d: it stays, because flags that are archived name it", key, r.to)
		return
	}
	if !then {
		r.Edits = append(r.Edits, RemovePlan{Key: key, Base: base})
		return
	}
	r.Edits = append(r.Edits, PutPlan{Plan: was.Plan(), Base: base})
}

func (r *rollback) override(key overrideKey) {
	was, then := r.then.overrides.live[key]
	is, now := r.live.overrides.live[key]
	if then == now && was.Same(is) {
		return
	}
	base := versionOf(&r.touched.overrides, &r.live.overrides, key, r.only.Revision, is.FromRevision, models.FeatureFlagOverride.Same)
	if !then {
		r.Edits = append(r.Edits, RemoveOverride{Flag: key.flag, User: key.user, Tenant: key.tenant, Base: base})
		return
	}
	if was.ExpiresAt != nil && !was.ExpiresAt.After(r.live.now) {
		r.expired++
	}
	r.Edits = append(r.Edits, PutOverride{Override: was.Override(key.flag), Base: base})
}

func (r *rollback) notePutBack() {
	switch {
	case r.expired == 1:
		r.note("one override that is put back has expired meanwhile, so it gives nothing")
	case r.expired > 1:
		r.note("%d overrides that are put back have expired meanwhile, so they give nothing", r.expired)
	}
}

func (r *rollback) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *rollback) refuse(problem ruleset.Problem) {
	r.problems = append(r.problems, Problem{Environment: r.environment, Problem: problem})
}
