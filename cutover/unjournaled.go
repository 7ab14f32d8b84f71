package cutover

import (
	"context"
	"time"
)

// A write that cannot be announced goes to the authority alone, with a mark. While tenants change their authority, two
// instances that are one step apart may both do so, each on its own side, and where both sides are marked only one row can
// win. So such writes of a row are made one after the other, whichever side they are made on: each holds the row's number on
// the old side meanwhile, and takes over what it finds marked on the other side. If the other side does not answer soon, the
// write goes on without it, and what was written there alone before may lose.

// unannounced makes the change on the authority alone, since the journal cannot be reached.
func (w *write[Q, R, C, V]) unannounced(ctx context.Context) (err error) {
	w.counted.unjournaled.Add(1)
	began := false
	if w.first == newSide {
		w.holding(ctx, func(held context.Context) {
			w.takenOver(ctx)
			began, err = true, w.alone(ctx, held)
		})
	}
	if !began {
		err = w.alone(ctx, withoutTransactions{ctx})
	}
	return err
}

// holding does something while the row's number is held on the old side, if that can be had soon. The context that it gives
// carries the transaction that does so: on SQLite nobody else can write there meanwhile.
func (w *write[Q, R, C, V]) holding(ctx context.Context, do func(held context.Context)) {
	if w.resting(oldSide) {
		return
	}
	held, cancel := w.after(withoutTransactions{ctx})
	defer cancel()
	impatient := time.AfterFunc(w.patience(ctx), cancel)
	err := w.within(held, oldSide, func(held context.Context) error {
		if _, err := w.side(oldSide).Store.Numbers(held, w.config.Flag, []string{w.intent.Key}); err != nil {
			return err
		}
		impatient.Stop()
		do(held)
		return nil
	})
	impatient.Stop()
	w.rest(held, oldSide, err)
}

// takenOver waits while the row is marked on both sides, for a moment at most: who wrote the old side last may have taken over
// the new side's row, and be about to remove its marks.
func (w *write[Q, R, C, V]) takenOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(withoutTransactions{ctx}, min(w.patience(ctx), w.lookLimit()))
	defer cancel()
	keys := []string{w.intent.Key}
	for {
		var marks [2][]Mark
		err := guarded(newSide, func() (err error) {
			for side := 0; side < 2 && err == nil; side++ {
				marks[side], err = w.side(which(side)).Store.MarkedAmong(ctx, w.config.Flag, keys)
			}
			return err
		})
		if err != nil || len(marks[oldSide]) == 0 || len(marks[newSide]) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(firstPause):
		}
	}
}

// alone makes the change on the authority, after taking over what the other side has marked of the row. Its marks are removed
// there with the other context.
func (w *write[Q, R, C, V]) alone(ctx, other context.Context) error {
	side, key := w.side(w.first), w.intent.Key
	var taken []Mark
	err := w.timed(w.first, w.intent.Tenant, func() error {
		return w.within(ctx, w.first, func(ctx context.Context) (err error) {
			if taken, err = w.takeOver(ctx); err != nil {
				return err
			}
			if err := side.Apply(ctx, key, w.change); err != nil {
				return err
			}
			return side.Store.Mark(ctx, w.config.Flag, []string{key})
		})
	})
	if err == nil && len(taken) > 0 {
		w.unmark(other, w.first.other(), taken)
	}
	return err
}

// takeOver makes the row, inside a transaction of the authority, what the other side has, if it is marked there and not here:
// then the other side's was written last. It returns the marks that it has dealt with. An error is the authority's.
func (w *write[Q, R, C, V]) takeOver(ctx context.Context) (taken []Mark, err error) {
	store, keys := w.side(w.first).Store, []string{w.intent.Key}
	has, err := store.Numbers(ctx, w.config.Flag, keys)
	if err != nil {
		return nil, err
	}
	own, err := store.MarkedAmong(ctx, w.config.Flag, keys)
	if err != nil || len(own) > 0 {
		return nil, err
	}
	marks, theirs, found := w.marked(ctx, w.first.other(), keys)
	if !found {
		return nil, nil
	}
	var done copied
	if err := w.overwrite(ctx, w.side(w.first), theirs, has, keys, false, &done); err != nil || len(done.Behind) > 0 {
		return nil, err
	}
	return marks, nil
}

// marked are a side's marks of rows, and the rows as they are there. It is false if there are none, or if the side does not
// say so soon.
func (e *Entity[Q, R, C, V]) marked(ctx context.Context, on which, keys []string) (marks []Mark, rows taken[V], found bool) {
	if e.resting(on) {
		return nil, rows, false
	}
	ctx, cancel := context.WithTimeout(withoutTransactions{ctx}, e.patience(ctx))
	defer cancel()
	err := guarded(on, func() (err error) {
		marks, err = e.side(on).Store.MarkedAmong(ctx, e.config.Flag, keys)
		if err == nil && len(marks) > 0 {
			rows, err = e.take(ctx, on, keys)
		}
		return err
	})
	e.rest(ctx, on, err)
	return marks, rows, err == nil && len(marks) > 0
}

// unmark removes marks of a side. Those that stay are dealt with once more.
func (e *Entity[Q, R, C, V]) unmark(ctx context.Context, on which, marks []Mark) {
	ctx, cancel := e.after(ctx)
	defer cancel()
	_ = guarded(on, func() error { return e.side(on).Store.Unmark(ctx, e.config.Flag, marks) })
}
