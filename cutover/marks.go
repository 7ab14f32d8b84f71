package cutover

import (
	"context"
	"slices"
)

// drainSome is how many marks are drained at once.
const drainSome = 200

// drain copies rows that were written to one side alone, because the other, or the journal, could not be reached, or
// because their tenant is at a stage that writes one side. It reports whether marks are left.
func (w *copier) drain(ctx context.Context) (left bool, err error) {
	var total int64
	w.drained = true
	for _, newSide := range w.m.router.wholeSides() {
		n, err := w.drainSide(ctx, newSide)
		if err != nil {
			w.drained = false
			return false, err
		}
		total += n
	}
	w.m.mu.Lock()
	w.m.waiting.marked = total
	w.m.mu.Unlock()
	return total > 0, nil
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

// drainSide drains one side's marks, and returns how many are left.
func (w *copier) drainSide(ctx context.Context, newSide bool) (left int64, err error) {
	store := w.m.moved.kept(newSide)
	marks, total, err := store.Marked(ctx, w.m.key, drainSome)
	if err != nil || len(marks) == 0 {
		return total, err
	}
	keys := make([]string, len(marks))
	for i, mark := range marks {
		keys[i] = mark.Key
	}
	busy, err := w.m.moved.copyRows(ctx, sorted(keys), newSide)
	if err != nil {
		return total, err
	}
	marks = without(marks, busy)
	if err := store.Unmark(ctx, w.m.key, marks); err != nil {
		return total, err
	}
	left = total - int64(len(marks))
	w.drained = w.drained && left == 0
	return left, nil
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
