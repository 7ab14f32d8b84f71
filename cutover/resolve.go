package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

var (
	// errConfused says that the sides' numbers and the journal do not fit together: the row has to be copied.
	errConfused = errors.New("the numbers of the row do not fit the journal")

	// errLagging says that changes before this one wait for the same side.
	errLagging = errors.New("changes before it wait for that side")

	// errOverruled says that others gave a change up, since they could not ask the side that it was made on first. What that
	// side has of it is overwritten.
	errOverruled = errors.New("others took the row over and gave the change up, since its first side did not answer them")
)

// decide finds out whether a side has made a change, and if it has not, makes sure that it never will. It waits for a
// transaction that may be making it.
func (e *Entity[Q, R, C, V]) decide(ctx context.Context, on which, key string, n int64) (made bool, err error) {
	store := e.side(on).Store
	err = e.within(ctx, on, func(ctx context.Context) error {
		made = false
		numbers, err := store.Numbers(ctx, e.config.Flag, []string{key})
		if err != nil {
			return err
		}
		at := numbers[key]
		switch {
		case at.N > n:
			return errConfused
		case at.N == n:
			made = !at.Skipped
			return nil
		case at.N < n-1: // changes are missing here, so the numbers of both sides no longer say the same
			if err := store.Mark(ctx, e.config.Flag, []string{key}); err != nil {
				return err
			}
		}
		return store.SetNumbers(ctx, e.config.Flag, map[string]Number{key: {N: n, Skipped: true}})
	})
	return made, err
}

// skip tells a side that a number was given up, if it has come to the one before.
func (e *Entity[Q, R, C, V]) skip(ctx context.Context, on which, key string, n int64) error {
	store := e.side(on).Store
	return e.within(ctx, on, func(ctx context.Context) error {
		numbers, err := store.Numbers(ctx, e.config.Flag, []string{key})
		if err != nil || numbers[key].N >= n {
			return err
		}
		if numbers[key].N < n-1 {
			return errLagging
		}
		return store.SetNumbers(ctx, e.config.Flag, map[string]Number{key: {N: n, Skipped: true}})
	})
}

var errGap = errors.New("the side does not have the changes before")

// follow makes a change, that the authority has, on the other side. A side that does not have the changes before, or never
// had a numbered one and so perhaps not the row, gets the row as the authority has it.
func (e *Entity[Q, R, C, V]) follow(ctx context.Context, on which, i intent, change C) error {
	side := e.side(on)
	err := e.within(ctx, on, func(ctx context.Context) error {
		if stepped, err := side.Store.Step(ctx, e.config.Flag, i.Key, i.Number); err != nil {
			return err
		} else if stepped {
			return side.Apply(ctx, i.Key, change)
		}
		has, err := e.has(ctx, on, i)
		if err == nil && !has {
			err = errGap
		}
		return err
	})
	if errors.Is(err, errGap) {
		return e.copyRow(ctx, on.other(), i.Key)
	}
	return err
}

// has reports whether a side has a change that its first side has, inside a transaction of the side. A number that was
// given up here is no change: that is errOverruled.
func (e *Entity[Q, R, C, V]) has(ctx context.Context, on which, i intent) (bool, error) {
	store := e.side(on).Store
	numbers, err := store.Numbers(ctx, e.config.Flag, []string{i.Key})
	at := numbers[i.Key]
	if err != nil || at.N < i.Number || at == (Number{N: i.Number}) {
		return err == nil && at.N >= i.Number, err
	}
	overruled, err := store.Overruled(ctx, e.config.Flag, i.Key)
	if err == nil && (overruled >= i.Number || at.N == i.Number) {
		err = errOverruled
	}
	return err == nil, err
}

// copyRow copies one row.
func (e *Entity[Q, R, C, V]) copyRow(ctx context.Context, from which, key string) error {
	done, err := e.copyKeys(ctx, from, []string{key})
	if err == nil && len(done.Behind) > 0 {
		return errConfused
	}
	return err
}

// some is how many changes of one row are looked at together.
const some = 20

// catchUp resolves changes of the row that were announced before. Only the authority's state matters to the caller; if the
// other side cannot take what it lacks, or not soon, it is lagging, and this change has to wait there too.
func (w *write[Q, R, C, V]) catchUp(ctx context.Context) (lagging bool, err error) {
	until := time.Now().Add(w.config.Timeout) // for all of them together: a slow side may take each
	for w.unresolved {
		asking, cancel := context.WithTimeout(ctx, w.config.JournalTimeout)
		earlier, err := w.journal.earlier(asking, w.config.Flag, w.intent.Key, w.intent.Number, some)
		cancel()
		if err != nil {
			return false, ofJournal(err)
		}
		behind, err := w.resolve(ctx, w.lease, earlier, w.first, until)
		switch {
		case err != nil && behind == w.first:
			return false, err
		case err != nil:
			return true, nil
		case len(earlier) < some:
			return false, nil
		case behind != w.first && w.resting(w.first.other()):
			return true, nil
		}
	}
	return false, nil
}

// resolve decides changes and makes them on their second side, in order. Where it ends with an error, that is of the side
// that is returned. A writer says which side is its authority: what that one lacks cannot wait, and the other one is waited
// for until then. Repair waits for either.
func (e *Entity[Q, R, C, V]) resolve(ctx context.Context, l *lease, intents []intent, now which, until time.Time) (failed which, err error) {
	intents = slices.Clone(intents)
	for i := range intents {
		if intents[i].Written {
			continue
		}
		if failed, err := e.settleIntent(ctx, l, &intents[i], now); err != nil {
			return failed, err
		}
	}
	slices.SortFunc(intents, func(a, b intent) int { return int(a.Number - b.Number) })
	for _, i := range intents {
		if !i.Written { // not made, or replaced by a copy
			continue
		}
		second := i.second()
		if now == second.other() && (e.resting(second) || time.Now().After(until)) {
			return second, errLagging
		}
		if err := e.followLater(ctx, second, i); err != nil {
			return second, e.postpone(ctx, l, i, err)
		}
		if err := e.noted(ctx, func(ctx context.Context) error { return l.drop(ctx, i.Key, i.Number) }); err != nil {
			return now, err
		}
	}
	return now, nil
}

// noted tells the journal something, and waits for it no longer than a writer does.
func (e *Entity[Q, R, C, V]) noted(ctx context.Context, tell func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.config.JournalTimeout)
	defer cancel()
	return ofJournal(tell(ctx))
}

// journalError is an error of the journal after a change was announced.
type journalError struct{ error }

func (e *journalError) Unwrap() error { return e.error }

func ofJournal(err error) error {
	if err == nil {
		return nil
	}
	return &journalError{err}
}

func (i intent) first() which {
	return sideOf(i.Authority == newSide.String())
}

func (i intent) second() which { return i.first().other() }

// settleIntent finds out whether a change that was announced was made, and notes it. What was not made is dropped.
func (e *Entity[Q, R, C, V]) settleIntent(ctx context.Context, l *lease, i *intent, now which) (failed which, err error) {
	first := i.first()
	bound, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	asking := bound
	if now == first { // the caller's own authority may take all the time that the caller has
		asking = ctx
	}
	made, err := e.decide(asking, first, i.Key, i.Number)
	switch {
	case errors.Is(err, errConfused):
		err = e.copyRow(bound, first, i.Key)
		if err != nil && !errors.Is(err, errConfused) {
			return first.other(), e.postpone(ctx, l, *i, err)
		}
	case err != nil && now == first.other():
		// Nobody was told that it was made: who is told either finds it noted here, or on the other side. So it counts as
		// not made, and what the silent side may have is overwritten.
		return now, e.overrule(bound, l, now, i)
	case err != nil:
		return first, e.postpone(ctx, l, *i, err)
	case made:
		i.Written = true
		return now, e.noted(ctx, func(ctx context.Context) error { return l.written(ctx, i.Key, i.Number) })
	default:
		if second := first.other(); !e.resting(second) { // else it finds a gap, and the row is copied
			e.rest(bound, second, e.skip(bound, second, i.Key, i.Number))
		}
	}
	return now, e.noted(ctx, func(ctx context.Context) error { return l.drop(ctx, i.Key, i.Number) })
}

// overrule gives a change up on a side, and marks the row to be copied from there. The announcement goes first, unless it
// was noted meanwhile that the change was made: whoever made it and comes to note that later learns by this that they were late.
func (e *Entity[Q, R, C, V]) overrule(ctx context.Context, l *lease, on which, i *intent) error {
	var claimed bool
	err := e.noted(ctx, func(ctx context.Context) (err error) {
		claimed, i.Written, err = l.claim(ctx, i.Key, i.Number)
		return err
	})
	if err != nil || !claimed { // others may have resolved it by giving it up, so it is made here only if it is known to be made there
		return err
	}
	store := e.side(on).Store
	return e.within(ctx, on, func(ctx context.Context) error {
		numbers, err := store.Numbers(ctx, e.config.Flag, []string{i.Key})
		if err != nil {
			return err
		}
		if numbers[i.Key].N < i.Number {
			err = errors.Join(store.SetNumbers(ctx, e.config.Flag, map[string]Number{i.Key: {N: i.Number, Skipped: true}}), store.Overrule(ctx, e.config.Flag, i.Key, i.Number))
			if err != nil {
				return err
			}
		}
		return store.Mark(ctx, e.config.Flag, []string{i.Key})
	})
}

// maxRefusals is how often a side may refuse a change before the whole row is copied instead.
const maxRefusals = 3

// followLater makes a change that was kept.
func (e *Entity[Q, R, C, V]) followLater(ctx context.Context, on which, i intent) error {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	var change C
	err := json.Unmarshal([]byte(i.Change), &change)
	if err == nil {
		err = e.timed(on, i.Tenant, func() error { return e.follow(ctx, on, i, change) })
	}
	e.rest(ctx, on, err)
	if errors.Is(err, errOverruled) { // or one after it, and then this one was resolved before
		return nil
	}
	if err == nil || i.Attempts < maxRefusals || ctx.Err() != nil {
		return err
	}
	if copying := e.copyRow(ctx, on.other(), i.Key); copying != nil {
		return errors.Join(err, copying)
	}
	e.config.Logger.Warn("cutover: a side refuses a change, so the row was copied as a whole", "entity", e.config.Flag, "side", on.String(), "error", err)
	return nil
}

// postpone puts a repair off, longer each time, and returns why.
func (e *Entity[Q, R, C, V]) postpone(ctx context.Context, l *lease, i intent, why error) error {
	ctx, cancel := e.after(ctx)
	defer cancel()
	if err := l.later(ctx, i, repairPause(i.Attempts+1), why); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// repairPause is how long a repair waits after so many attempts.
func repairPause(attempts int64) time.Duration {
	return min(100*time.Millisecond<<min(attempts, 20), 30*time.Second)
}

// restPause is how long a side that did not answer in time is left alone by those who can leave their change to repair.
const restPause = 500 * time.Millisecond

// rest leaves a side alone for a moment after it took too long, and no longer once it answers.
func (e *Entity[Q, R, C, V]) rest(ctx context.Context, side which, err error) {
	switch {
	case err != nil && ctx.Err() != nil:
		e.sideDown[side].Store(time.Now().Add(restPause).UnixNano())
	case e.sideDown[side].Load() != 0:
		e.sideDown[side].Store(0)
	}
}

// resting reports whether a side is to be left alone. After the moment one caller tries it, and the others go on leaving it
// alone until that one knows: otherwise all who write would wait for a side that hangs, one behind the other.
func (e *Entity[Q, R, C, V]) resting(side which) bool {
	until, now := e.sideDown[side].Load(), time.Now()
	if until == 0 {
		return false
	}
	return now.UnixNano() < until || !e.sideDown[side].CompareAndSwap(until, now.Add(e.config.Timeout+restPause).UnixNano())
}
