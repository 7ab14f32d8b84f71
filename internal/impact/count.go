package impact

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/ruleset"
)

const (
	// together is how many flags are decided in one go through everybody: what is kept for each of them is bounded.
	together = 64

	// block is how many subjects a worker takes at once.
	block = 2048
)

// Count evaluates two revisions of an environment for everybody who was seen there, with their present attributes, and
// counts what changes from one to the other at a moment. Somebody counts as changed if the variant, or its value, is
// another; that it has another reason does not count. Of a boolean flag, being served no variant is the same as off.
//
// progress, if not nil, is told how far it has come, never twice at once. It ends soon after ctx does.
func Count(ctx context.Context, before, after *ruleset.Revision, seen *directory.Snapshot, now time.Time, progress func(done, total int)) (*Impact, error) {
	out := &Impact{State: Counted, Environment: before.ID().Environment, Revision: before.ID().Number, At: now.UTC()}
	out.becomeMalformed(before, after)
	keys := ruleset.Affected(before, after)
	out.Compared = len(keys)
	switch {
	case seen != nil && seen.Counting:
		out.State = StillReading
		return out, nil
	case seen == nil || len(seen.People)+len(seen.Tenants) == 0:
		out.State = NobodySeen
		return out, nil
	}
	out.People, out.Tenants = len(seen.People), len(seen.Tenants)
	c := newCount(before, after, seen, now)
	c.progress = progress
	if err := c.all(ctx, compare(keys, before, after), out); err != nil {
		return nil, err
	}
	out.ByVisitor = c.byVisitor[:min(len(c.byVisitor), maxByVisitor)]
	out.MoreByVisitor = len(c.byVisitor) - len(out.ByVisitor)
	slices.SortFunc(out.Flags, func(a, b Flag) int { return cmp.Or(byReach(a.Changed, b.Changed), cmp.Compare(a.Key, b.Key)) })
	out.bound()
	return out, nil
}

// count is one count that goes on.
type count struct {
	before, after *ruleset.Revision
	seen          *directory.Snapshot
	now           time.Time
	progress      func(done, total int)

	tenants []int32 // by person: the number of the tenant; -1: none
	changed []bool  // by person
	alone   []bool  // by tenant

	byVisitor []string // compared flags that can depend on the browser

	reporting   sync.Mutex // guards what follows
	done, total int
}

func newCount(before, after *ruleset.Revision, seen *directory.Snapshot, now time.Time) *count {
	c := &count{before: before, after: after, seen: seen, now: now,
		tenants: make([]int32, len(seen.People)), changed: make([]bool, len(seen.People)), alone: make([]bool, len(seen.Tenants))}
	numbers := map[string]int32{}
	for i, person := range seen.People {
		c.tenants[i] = -1
		if person.Tenant == "" {
			continue
		}
		number, known := numbers[person.Tenant]
		if !known {
			number = int32(len(numbers))
			numbers[person.Tenant] = number
		}
		c.tenants[i] = number
	}
	return c
}

// all compares all flags, some at a time, and puts those that change into the impact.
func (c *count) all(ctx context.Context, flags []*comparison, out *Impact) error {
	groups := slices.Collect(slices.Chunk(flags, together))
	c.total = len(groups) * c.subjects()
	for _, group := range groups {
		tallies, timed, err := c.group(ctx, group)
		if err != nil {
			return err
		}
		for i := range tallies {
			out.Timed = out.Timed || timed[i]
			if len(tallies[i].moves) > 0 {
				out.Flags = append(out.Flags, tallies[i].flag(group[i], timed[i], c.seen))
			}
		}
	}
	out.Changed = c.reach()
	return nil
}

func (c *count) subjects() int { return len(c.seen.People) + len(c.seen.Tenants) }

// reach counts those for whom any flag changes.
func (c *count) reach() Reach {
	var t tally
	for i, changed := range c.changed {
		if changed {
			t.person(c.tenants[i])
		}
	}
	for _, changed := range c.alone {
		if changed {
			t.alone++
		}
	}
	return t.reach()
}

// group compares some flags for everybody, on all cores.
func (c *count) group(ctx context.Context, flags []*comparison) (tallies []flagTally, timed []bool, err error) {
	blocks := (c.subjects() + block - 1) / block
	workers := make([]*worker, min(runtime.GOMAXPROCS(0), blocks))
	var next atomic.Int64
	var working sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{count: c, flags: flags, tallies: make([]flagTally, len(flags))}
		working.Go(func() { workers[i].work(ctx, &next, int64(blocks)) })
	}
	working.Wait()
	first := workers[0]
	for _, w := range workers {
		if w.err != nil {
			return nil, nil, w.err
		}
		for i := range first.tallies {
			if w != first {
				first.tallies[i].join(&w.tallies[i])
			}
		}
	}
	timed = make([]bool, len(flags))
	for i := range first.pairs {
		was, is := first.pairs[i].was, first.pairs[i].is
		timed[i] = was.Timed() || is.Timed()
		if was.ByVisitor() || is.ByVisitor() {
			c.byVisitor = append(c.byVisitor, flags[i].key)
		}
	}
	return first.tallies, timed, nil
}

// report tells how far it has come.
func (c *count) report(subjects int) {
	c.reporting.Lock()
	defer c.reporting.Unlock()
	c.done += subjects
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
}

// worker goes through blocks of subjects.
type worker struct {
	*count
	flags   []*comparison
	pairs   []pair
	tallies []flagTally
	err     error

	attributes []string // that the pairs read
	subject    ruleset.Subject
}

// work takes one block after another. A panic, which would end the host's whole process here, is an error.
func (w *worker) work(ctx context.Context, next *atomic.Int64, blocks int64) {
	defer func() {
		if r := recover(); r != nil {
			w.err = fmt.Errorf("count the impact: panic: %v\n%s", r, debug.Stack())
		}
	}()
	w.pairs = make([]pair, len(w.flags))
	for i, flag := range w.flags {
		w.pairs[i] = flag.pair(w.before, w.after)
		w.attributes = append(append(w.attributes, w.pairs[i].was.Attributes()...), w.pairs[i].is.Attributes()...)
	}
	slices.Sort(w.attributes)
	w.attributes = slices.Compact(w.attributes)
	for {
		at := next.Add(1) - 1
		if at >= blocks {
			return
		}
		if w.err = ctx.Err(); w.err != nil {
			return
		}
		from, to := int(at)*block, min(int(at+1)*block, w.subjects())
		for i := from; i < to; i++ {
			w.decide(i)
		}
		w.report(to - from)
	}
}

// decide compares all flags for one subject: people come first, then tenants by themselves.
func (w *worker) decide(i int) {
	if tenant := i - len(w.seen.People); tenant >= 0 {
		w.seen.Tenants[tenant].Fill(&w.subject, w.attributes)
		for j := range w.pairs {
			if at := w.pairs[j].decide(&w.subject, w.now); at >= 0 {
				w.tallies[j].tenant(at, int32(tenant))
				w.alone[tenant] = true
			}
		}
		return
	}
	w.seen.People[i].Fill(&w.subject, w.attributes)
	for j := range w.pairs {
		if at := w.pairs[j].decide(&w.subject, w.now); at >= 0 {
			w.tallies[j].person(at, int32(i), w.tenants[i])
			w.changed[i] = true
		}
	}
}
