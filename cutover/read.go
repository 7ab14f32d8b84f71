package cutover

import (
	"context"
	"slices"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Read asks the authority of the subject's tenant. In the stages that read both sides, the other one is asked at the same time
// and compared; it can neither delay the answer nor change it.
func (e *Entity[Q, R, C, V]) Read(ctx context.Context, subject ruleset.Subject, query Q) (R, error) {
	place, err := e.stages.Begin(&subject, false)
	if err != nil {
		var none R
		return none, err
	}
	defer place.end()
	e.counted.at(place.Stage)
	e.settle(ctx, place, subject.Tenant)
	from := sideOf(place.Stage.New())
	if !place.Stage.Compared() || !e.sampled() {
		return e.answer(ctx, from, subject.Tenant, query)
	}
	look := e.other(ctx, place, subject.Tenant, query)
	answer, err := e.answer(ctx, from, subject.Tenant, query)
	if look != nil {
		look <- e.shown(answer, err)
	}
	return answer, err
}

// answer asks the authority.
func (e *Entity[Q, R, C, V]) answer(ctx context.Context, authority which, tenant string, query Q) (R, error) {
	answer, err := e.ask(ctx, authority, tenant, query)
	e.counted.served(authority, tenant, err)
	return answer, err
}

// ask asks one side and counts how it did.
func (e *Entity[Q, R, C, V]) ask(ctx context.Context, side which, tenant string, query Q) (answer R, err error) {
	began := time.Now()
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Side: side.String(), Value: r}
		}
		e.counted.read(side, tenant, time.Since(began), err)
	}()
	return e.side(side).Read(ctx, query)
}

// shown is the authority's answer as the comparison gets it.
type shown[R any] struct {
	answer R
	has    bool // a copy of the answer; otherwise the authority is asked again
	failed bool // there is nothing to compare
}

// shown copies an answer for the comparison, since the caller may change its own.
func (e *Entity[Q, R, C, V]) shown(answer R, err error) (s shown[R]) {
	defer func() {
		if recover() != nil {
			s = shown[R]{failed: true}
		}
	}()
	if err != nil || e.config.Clone == nil {
		return shown[R]{failed: err != nil}
	}
	return shown[R]{answer: e.config.Clone(answer), has: true}
}

// other asks the side that is not the authority, and compares its answer with the one that is sent to it. It is nil while
// too many comparisons are under way.
func (e *Entity[Q, R, C, V]) other(ctx context.Context, place Place, tenant string, query Q) chan<- shown[R] {
	select {
	case e.compare <- struct{}{}:
	default:
		e.counted.skipped.Add(1)
		return nil
	}
	first := make(chan shown[R], 1)
	ctx = withoutTransactions{ctx}
	place.keep()
	go func() {
		defer func() { <-e.compare; place.end() }()
		ctx, cancel := e.after(ctx)
		defer cancel()
		c := comparison[Q, R, C, V]{Entity: e, authority: sideOf(place.Stage.New()), tenant: tenant, query: query}
		theirs, err := e.ask(ctx, c.authority.other(), tenant, query)
		if err != nil {
			return
		}
		select {
		case mine := <-first:
			if err := guarded(c.authority.other(), func() error { return c.look(ctx, mine, theirs) }); err != nil {
				e.config.Logger.Debug("cutover: two answers could not be compared", "entity", e.config.Flag, "error", err)
			}
		case <-ctx.Done():
		}
	}()
	return first
}

// comparison compares the sides' answers to one query.
type comparison[Q, R, C, V any] struct {
	*Entity[Q, R, C, V]
	authority which
	tenant    string
	query     Q
}

// againAfter is how long a difference has to last: a change that is being written is on one side first.
const againAfter = 50 * time.Millisecond

// look compares two answers. A difference is looked at once more, some time later, before it counts, and again while changes
// of the tenant are on their way to the other side: it may be one of them.
func (c comparison[Q, R, C, V]) look(ctx context.Context, mine shown[R], theirs R) error {
	if mine.failed {
		return nil
	}
	if !mine.has {
		answer, err := c.side(c.authority).Read(ctx, c.query)
		if err != nil {
			return err
		}
		mine.answer = answer
	}
	if c.same(mine.answer, theirs) {
		c.counted.agreed(c.authority, c.tenant, true)
		return nil
	}
	var before glance[R]
	for look := range looks {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(againAfter << look):
		}
		now, err := c.glance(ctx)
		if err != nil {
			return err
		}
		same := c.same(now.mine, now.theirs)
		if same || len(now.announced) == 0 || look > 0 && c.lasts(before, now) {
			c.told(same, now.mine, now.theirs)
			return nil
		}
		before = now
	}
	return errCopying // which is told otherwise: as what waits
}

// glance is what both sides say at a moment, and what is on its way from one to the other.
type glance[R any] struct {
	mine, theirs R
	announced    []announcement
}

// manyAnnounced is how many changes are told apart; of a tenant with more it is taken that the same ones still wait.
const manyAnnounced = 1000

// glance asks the other side last: a change that is resolved by then is there.
func (c comparison[Q, R, C, V]) glance(ctx context.Context) (g glance[R], err error) {
	if g.mine, err = c.side(c.authority).Read(ctx, c.query); err != nil {
		return g, err
	}
	if g.announced, err = c.journal.announcedOf(ctx, c.config.Flag, c.authority.String(), c.tenant, manyAnnounced); err != nil {
		return g, err
	}
	g.theirs, err = c.side(c.authority.other()).Read(ctx, c.query)
	return g, err
}

// lasts reports whether a difference stayed while all that was on its way arrived: then none of that explains it, nor does what
// has been announced since, which has changed neither answer. So somebody who always writes hides nothing.
func (c comparison[Q, R, C, V]) lasts(before, now glance[R]) bool {
	arrived := len(before.announced) < manyAnnounced && !slices.ContainsFunc(now.announced, func(a announcement) bool { return slices.Contains(before.announced, a) })
	return arrived && c.config.SameResult(c.query, before.mine, now.mine) && c.config.SameResult(c.query, before.theirs, now.theirs)
}

func (c comparison[Q, R, C, V]) sides(mine, theirs R) (old, fresh R) {
	if c.authority == newSide {
		return theirs, mine
	}
	return mine, theirs
}

func (c comparison[Q, R, C, V]) same(mine, theirs R) bool {
	old, fresh := c.sides(mine, theirs)
	return c.config.SameResult(c.query, old, fresh)
}

// told counts a comparison, and keeps a difference as the host says that it may be shown.
func (c comparison[Q, R, C, V]) told(same bool, mine, theirs R) {
	c.counted.agreed(c.authority, c.tenant, same)
	if same {
		return
	}
	old, fresh := c.sides(mine, theirs)
	what, oldText, newText := c.config.Redact(c.query, old, fresh)
	c.counted.sample(models.CutoverSample{At: models.At(time.Now()), Tenant: c.tenant, What: what, Old: oldText, New: newText})
}
