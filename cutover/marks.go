package cutover

import (
	"context"
	"slices"
	"time"
)

// drainSome is how many marks are drained at once.
const drainSome = 200

// holdLimit is how long marked rows are held on one side while they are read on the other. That may be the one which does not
// answer, while tenants whose authority is the first one write there.
const holdLimit = 3 * time.Second

// drain copies rows that were written to one side alone, because the other, or the journal, could not be reached, or
// because their tenant is at a stage that writes one side. It says how many marks are left.
func (w *copier) drain(ctx context.Context) (left waits, err error) {
	var total int64
	var goesOn bool
	w.drained = true
	for _, newSide := range w.m.router.wholeSides() {
		n, found, copied, err := w.drainSide(ctx, newSide)
		if err != nil {
			w.drained = false
			return nothing, err
		}
		total, goesOn = total+n, goesOn || copied > 0
		if found {
			left = little
		}
	}
	w.m.mu.Lock()
	w.m.waiting.marked = total
	w.m.mu.Unlock()
	if total > 0 && goesOn { // else they have to wait for repairs
		left = much
	}
	return left, nil
}

// forget removes the marks of the side that is to be copied to. They are from before it was abandoned: what it had then is
// worth nothing now.
func (w *copier) forget(ctx context.Context) error {
	store := w.m.moved.kept(!w.run.fromNew())
	for {
		marks, _, err := store.Marked(ctx, w.m.key, drainSome)
		if err != nil || len(marks) == 0 {
			return err
		}
		if err := store.Unmark(ctx, w.m.key, marks); err != nil {
			return err
		}
	}
}

// drainSide drains one side's marks, and returns how many are left, whether there were any, and how many it dealt with.
func (w *copier) drainSide(ctx context.Context, newSide bool) (left int64, found bool, done int, err error) {
	store := w.m.moved.kept(newSide)
	marks, total, err := store.Marked(ctx, w.m.key, drainSome)
	if err != nil || len(marks) == 0 {
		return total, false, 0, err
	}
	keys := make([]string, len(marks))
	for i, mark := range marks {
		keys[i] = mark.Key
	}
	holding, cancel := context.WithTimeout(ctx, holdLimit)
	defer cancel()
	busy, err := w.m.moved.copyRows(holding, sorted(keys), newSide)
	if err != nil {
		return total, true, 0, err
	}
	marks = without(marks, busy)
	if err := store.Unmark(ctx, w.m.key, marks); err != nil {
		return total, true, 0, err
	}
	left = total - int64(len(marks))
	w.drained = w.drained && left == 0
	return left, true, len(marks), nil
}

// sorted is the keys in the order in which rows are leased.
func sorted(keys []string) []string {
	slices.Sort(keys)
	return keys
}

// without leaves out the marks of some keys.
func without(marks []Mark, keys []string) []Mark {
	return slices.DeleteFunc(marks, func(m Mark) bool { return slices.Contains(keys, m.Key) })
}
