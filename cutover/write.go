package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Write makes a change of one row where the row's tenant is. In the stages that write both sides, the authority is written
// first: its error is returned, and then the other side is left as it is. What the other side cannot take now is repaired
// later, and is no error. An error that is ErrUnknown says that nobody knows yet whether the change was made; otherwise
// an error says that it was not.
func (e *Entity[Q, R, C, V]) Write(ctx context.Context, subject ruleset.Subject, key string, change C) error {
	place, err := e.stages.Begin(&subject, true)
	if err != nil {
		return err
	}
	defer place.end()
	e.counted.at(place.Stage)
	if place.Stage.Both() {
		e.settleRow(ctx, place, subject.Tenant, key)
		return e.writeBoth(ctx, sideOf(place.Stage.New()), subject.Tenant, key, change)
	}
	return e.writeAlone(ctx, sideOf(place.Stage.New()), subject.Tenant, key, change, place.Moving)
}

// writeAlone makes a change on one side. With a mark the row will be copied to the other one.
func (e *Entity[Q, R, C, V]) writeAlone(ctx context.Context, to which, tenant, key string, change C, mark bool) error {
	side := e.side(to)
	return e.served(to, tenant, func() error {
		return e.within(ctx, to, func(ctx context.Context) error {
			if err := side.Apply(ctx, key, change); err != nil || !mark {
				return err
			}
			return side.Store.Mark(ctx, e.config.Flag, []string{key})
		})
	})
}

// within runs do in a transaction of a side. A panic, in the transaction or around it, is an error, after which nothing is
// committed.
func (e *Entity[Q, R, C, V]) within(ctx context.Context, of which, do func(ctx context.Context) error) error {
	return guarded(of, func() error {
		return e.side(of).Store.Within(ctx, func(ctx context.Context) error {
			return guarded(of, func() error { return do(ctx) })
		})
	})
}

// timed counts a write of a side.
func (e *Entity[Q, R, C, V]) timed(side which, tenant string, write func() error) error {
	began := time.Now()
	err := write()
	e.counted.wrote(side, tenant, time.Since(began), err)
	return err
}

// maxTries is how often a change gets another number, since others have taken over its row while it was under way.
const maxTries = 20

// writeBoth makes a change on both sides.
func (e *Entity[Q, R, C, V]) writeBoth(ctx context.Context, first which, tenant, key string, change C) error {
	text, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("a change of %s cannot be kept as JSON: %w", e.config.Flag, err)
	}
	leave, err := e.queue.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	defer leave()
	w := &write[Q, R, C, V]{Entity: e, first: first, change: change, intent: intent{Key: key, Tenant: tenant, Authority: first.String(), Change: string(text)}}
	var atLeast int64
	for range maxTries {
		err := w.announce(ctx, atLeast)
		switch {
		case err == nil:
		case errors.Is(err, ErrBusy) || ctx.Err() != nil:
			return err
		default: // the journal cannot be reached
			return w.unannounced(ctx)
		}
		err = w.run(ctx)
		var passed *passedError
		var unreachable *journalError
		switch {
		case errors.As(err, &unreachable):
			return w.unannounced(ctx)
		case !errors.As(err, &passed):
			return err
		}
		atLeast = passed.number + 1
	}
	return ErrBusy
}

// passedError says that a side is further than the number of a change, which was not made and never will be.
type passedError struct{ number int64 }

func (e *passedError) Error() string {
	return fmt.Sprintf("the row has come to change %d already", e.number)
}

// write is a change on its way to both sides.
type write[Q, R, C, V any] struct {
	*Entity[Q, R, C, V]
	first      which // the authority
	change     C
	intent     intent
	lease      *lease
	unresolved bool // changes before it may not be resolved
}

// busyPauses are between attempts to lease a row that another instance writes.
const (
	firstPause = 2 * time.Millisecond
	lastPause  = 50 * time.Millisecond
	busyLimit  = 30 * time.Second // for callers without a deadline
)

// announce leases the row and announces the change, and waits while another instance writes the row.
func (w *write[Q, R, C, V]) announce(ctx context.Context, atLeast int64) error {
	waiting, cancel := context.WithTimeout(ctx, busyLimit)
	defer cancel()
	for pause := firstPause; ; pause = min(pause*2, lastPause) {
		err := w.begin(ctx, atLeast)
		if !errors.Is(err, ErrBusy) {
			return err
		}
		select {
		case <-waiting.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// journalPause is how long a journal that did not answer is left alone.
const journalPause = time.Second

var errJournalDown = errors.New("the journal did not answer a moment ago")

// begin announces the change unless the row is busy.
func (w *write[Q, R, C, V]) begin(ctx context.Context, atLeast int64) error {
	if time.Now().UnixNano() < w.journalDown.Load() {
		return errJournalDown
	}
	asking, cancel := context.WithTimeout(ctx, w.config.JournalTimeout)
	defer cancel()
	lease, announced, unresolved, err := w.journal.begin(asking, w.config.Flag, w.intent, atLeast, w.config.Lease)
	if err != nil {
		if !errors.Is(err, ErrBusy) && ctx.Err() == nil {
			w.journalDown.Store(time.Now().Add(journalPause).UnixNano())
		}
		return err
	}
	w.lease, w.intent, w.unresolved = lease, announced, unresolved
	return nil
}

// run makes the announced change on both sides. Whatever happens to the caller meanwhile, it ends tidily within bounds.
func (w *write[Q, R, C, V]) run(ctx context.Context) error {
	lagging, err := w.catchUp(ctx)
	if err != nil {
		return w.giveUp(ctx, err)
	}
	err = w.served(w.first, w.intent.Tenant, func() error { return w.applyFirst(ctx) })
	var passed *passedError
	if errors.As(err, &passed) {
		w.pass(ctx)
		return err
	}
	if err != nil {
		made, known := w.cancel(ctx)
		switch {
		case !known:
			w.leave(ctx, err)
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		case !made:
			w.skipSecond(ctx)
			return err
		}
	}
	return w.second(ctx, lagging)
}

// applyFirst makes the change on the authority. One that is behind (it was restored, or its numbers were lost) is the
// authority all the same; the row is marked, so that it is copied as a whole.
func (w *write[Q, R, C, V]) applyFirst(ctx context.Context) error {
	side, key, n := w.side(w.first), w.intent.Key, w.intent.Number
	return w.within(ctx, w.first, func(ctx context.Context) error {
		if stepped, err := side.Store.Step(ctx, w.config.Flag, key, n); err != nil {
			return err
		} else if stepped {
			return side.Apply(ctx, key, w.change)
		}
		numbers, err := side.Store.Numbers(ctx, w.config.Flag, []string{key})
		if err != nil {
			return err
		}
		if numbers[key].N >= n {
			return &passedError{numbers[key].N}
		}
		if err := side.Apply(ctx, key, w.change); err != nil {
			return err
		}
		if at, known := numbers[key]; at.N < n-1 && (known || !w.lease.fresh) { // else no side has a number, and the other one gets the row
			if err := side.Store.Mark(ctx, w.config.Flag, []string{key}); err != nil {
				return err
			}
		}
		return side.Store.SetNumbers(ctx, w.config.Flag, map[string]Number{key: {N: n}})
	})
}

// cancel makes sure that a change which the authority did not confirm will never be made, and finds out whether it was.
func (w *write[Q, R, C, V]) cancel(ctx context.Context) (made, known bool) {
	ctx, stop := w.after(ctx)
	defer stop()
	made, err := w.decide(ctx, w.first, w.intent.Key, w.intent.Number)
	if err != nil && !errors.Is(err, errConfused) {
		w.config.Logger.Warn("cutover: the authority did not say whether a change was made; that is decided later", "entity", w.config.Flag, "side", w.first.String(), "error", err)
		return false, false
	}
	return made, err == nil
}

// second makes the change on the other side, unless that has to wait for others before it, and ends the write. The change
// is made already, so what the other side cannot take is not the caller's error. But it is if others took the row over
// meanwhile and gave the change up, since they could not ask this authority: it will be undone here.
func (w *write[Q, R, C, V]) second(ctx context.Context, lagging bool) error {
	ctx, stop := w.after(ctx)
	defer stop()
	err := errLagging
	if !lagging && !w.resting(w.first.other()) {
		err = w.timed(w.first.other(), w.intent.Tenant, func() error { return w.follow(ctx, w.first.other(), w.intent, w.change) })
		w.rest(ctx, w.first.other(), err)
	}
	return w.end(ctx, err)
}

// end resolves the change or leaves it to be repaired. An unreachable journal is no matter: the lease expires, and whoever
// comes next finds the number on the sides.
func (w *write[Q, R, C, V]) end(ctx context.Context, why error) error {
	ctx, stop := w.ending(ctx)
	defer stop()
	if why == nil {
		_ = w.lease.finish(ctx, w.intent.Key, w.intent.Number)
		return nil
	}
	if errors.Is(why, errOverruled) {
		_ = w.lease.release(ctx)
		return fmt.Errorf("%w: %w", ErrUnknown, why)
	}
	if !errors.Is(why, errLagging) {
		w.config.Logger.Warn("cutover: a change has to be repaired on the second side", "entity", w.config.Flag, "side", w.first.other().String(), "error", why)
	}
	w.intent.Written = true
	err := w.lease.later(ctx, w.intent, repairPause(0), why)
	switch {
	case errors.Is(err, errResolved):
		return w.resolved(ctx)
	case err == nil:
		_ = w.lease.release(ctx)
	default:
		if failed := w.markLate(ctx); failed != nil { // the announcement is left: repair finds the change by that
			w.config.Logger.Warn("cutover: neither the journal nor the authority can be told that a change waits for the second side; it is found once the journal can be read", "entity", w.config.Flag, "error", errors.Join(err, failed))
		}
	}
	return nil
}

// resolved finds out what others have done with a change that they resolved while it was being made. If the other side
// cannot be asked, nobody knows.
func (w *write[Q, R, C, V]) resolved(ctx context.Context) error {
	err := w.within(ctx, w.first.other(), func(ctx context.Context) error {
		has, err := w.has(ctx, w.first.other(), w.intent)
		if err == nil && !has {
			err = errOverruled
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

// markLate marks a row on the authority that the journal cannot be told of any more.
func (w *write[Q, R, C, V]) markLate(ctx context.Context) error {
	return w.within(ctx, w.first, func(ctx context.Context) error {
		return w.side(w.first).Store.Mark(ctx, w.config.Flag, []string{w.intent.Key})
	})
}

// pass ends a change that was not made since the row is further: its lease expired and others have given it up, or the
// journal was restored and counts from where it was. Then changes are missing there, so the row is marked.
func (w *write[Q, R, C, V]) pass(ctx context.Context) {
	ctx, stop := w.after(ctx)
	defer stop()
	if err := w.markLate(ctx); err != nil {
		w.leave(ctx, err) // repair finds that the row is further, and copies it
		return
	}
	w.dropped(ctx)
}

// skipSecond tells the other side of a number that was given up.
func (w *write[Q, R, C, V]) skipSecond(ctx context.Context) {
	skipping, stop := w.after(ctx)
	defer stop()
	if w.unresolved || w.resting(w.first.other()) || w.skip(skipping, w.first.other(), w.intent.Key, w.intent.Number) != nil {
		w.dropped(ctx) // the other side finds a gap, and copies the row
		return
	}
	ctx, end := w.ending(ctx)
	defer end()
	_ = w.lease.finish(ctx, w.intent.Key, w.intent.Number)
}

// dropped removes the announcement of a change that was not made.
func (w *write[Q, R, C, V]) dropped(ctx context.Context) {
	ctx, stop := w.ending(ctx)
	defer stop()
	_ = w.lease.drop(ctx, w.intent.Key, w.intent.Number)
	_ = w.lease.release(ctx)
}

// ending bounds the last that the journal is told, whatever the sides took: who comes next for the row waits for it, and
// for the lease to expire if it fails.
func (w *write[Q, R, C, V]) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), w.config.JournalTimeout)
}

// giveUp ends a change of which nothing was written, because those before it could not be resolved.
func (w *write[Q, R, C, V]) giveUp(ctx context.Context, err error) error {
	if made, known := w.cancel(ctx); known && !made {
		w.skipSecond(ctx)
		return err
	}
	w.leave(ctx, err)
	return err
}

// leave lets repair find out what became of the change.
func (w *write[Q, R, C, V]) leave(ctx context.Context, why error) {
	ctx, stop := w.ending(ctx)
	defer stop()
	_ = w.lease.later(ctx, w.intent, repairPause(0), why)
	_ = w.lease.release(ctx)
}
