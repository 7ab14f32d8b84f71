package cutover

import (
	"context"
	"time"
)

const (
	pruneAfter = 24 * time.Hour  // since a row was last written
	pruneEvery = time.Hour       // between passes
	pruneLife  = 4 * time.Second // how long rows are held, at most, by one who was killed
	pruneSome  = 50              // rows at once
)

// Prune forgets the numbers of rows that nobody has written for some time: of those whose changes are all on both sides, and that
// are marked on neither. Their next change is like a row's first: the second side gets the row as a whole, by a number that
// was never given before. A Cutover prunes by itself what is idle for a day.
//
// The sides forget first, and the journal last. Whoever is killed between leaves a row whose next change is marked, and so
// copied.
func (e *Entity[Q, R, C, V]) Prune(ctx context.Context, idle time.Duration) error {
	for after, more := "", true; more; {
		keys, err := e.journal.idle(ctx, e.config.Flag, after, idle, pruneSome)
		if err != nil {
			return err
		}
		if err := e.prune(ctx, keys); err != nil {
			return err
		}
		if more = len(keys) == pruneSome; more {
			after = keys[len(keys)-1]
		}
	}
	return nil
}

// prune forgets some rows, while nobody else may write them.
func (e *Entity[Q, R, C, V]) prune(ctx context.Context, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, pruneLife/2)
	defer cancel()
	l := &lease{}
	if len(keys) > 0 {
		var err error
		if l, err = e.journal.lease(ctx, e.config.Flag, keys, pruneLife); err != nil {
			return err
		}
		defer func() {
			ctx, cancel := e.after(ctx)
			defer cancel()
			_ = l.release(ctx) // else it expires
		}()
	}
	numbers, err := e.forgettable(ctx, l)
	if err != nil {
		return err
	}
	for _, side := range []which{oldSide, newSide} {
		if err := guarded(side, func() error { return e.side(side).Store.Forget(ctx, e.config.Flag, numbers[side]) }); err != nil {
			return err
		}
	}
	return l.forget(ctx, numbers[oldSide])
}

// forgettable are the rows of a lease that have nothing under way, with their numbers on each side.
func (e *Entity[Q, R, C, V]) forgettable(ctx context.Context, l *lease) (numbers [2]map[string]Number, err error) {
	var keys []string
	for key := range l.numbers {
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return numbers, nil
	}
	open, err := e.journal.announced(ctx, e.config.Flag, keys)
	if err != nil {
		return numbers, err
	}
	keys = subtract(keys, open)
	for _, side := range []which{oldSide, newSide} {
		err := guarded(side, func() (err error) {
			store := e.side(side).Store
			marks, err := store.MarkedAmong(ctx, e.config.Flag, keys)
			if err == nil {
				keys = subtract(keys, keysOf(marks))
				numbers[side], err = store.Numbers(ctx, e.config.Flag, keys)
			}
			return err
		})
		if err != nil {
			return numbers, err
		}
	}
	same := [2]map[string]Number{{}, {}}
	for _, key := range keys {
		if old, fresh := numbers[oldSide][key], numbers[newSide][key]; old.N == fresh.N {
			same[oldSide][key], same[newSide][key] = old, fresh
		}
	}
	return same, nil
}

// prunes forgets what is idle, now and then.
func (c *Cutover) prunes(ctx context.Context, m *member) {
	for ctx.Err() == nil {
		if err := m.moved.Prune(ctx, pruneAfter); err != nil && ctx.Err() == nil { // a side may be gone for good
			c.log.Debug("cutover: old numbers are kept for now", "entity", m.key, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pruneEvery):
		}
	}
}
