package cutover

import (
	"context"
	"errors"
	"math"
	"time"
)

// repairAtOnce is how many rows, and changes of a row, one look at the journal concerns.
const repairAtOnce = 100

// Repair makes one pass over what waits: changes that one side does not have yet, and rows that are marked. What cannot
// be repaired now is left for later; the error says why. A Cutover repairs by itself.
func (e *Entity[Q, R, C, V]) Repair(ctx context.Context) error {
	_, err := e.repair(ctx, repairAtOnce)
	for _, side := range []which{oldSide, newSide} {
		_, failed := e.copyMarked(ctx, side, repairAtOnce)
		err = errors.Join(err, failed)
	}
	return err
}

// repair resolves changes that are due, of at most so many rows, and returns of how many it did so.
func (e *Entity[Q, R, C, V]) repair(ctx context.Context, limit int) (n int, err error) {
	asking, cancel := context.WithTimeout(ctx, e.config.Timeout)
	due, err := e.journal.due(asking, e.config.Flag, limit)
	cancel()
	if err != nil {
		return 0, err
	}
	var problems []error
	for _, i := range due {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		if e.resting(i.second()) {
			continue
		}
		done, err := e.repairRow(ctx, i.Key)
		if done {
			n++
		} else if err != nil && len(problems) < 3 {
			problems = append(problems, err)
		}
	}
	return n, errors.Join(problems...)
}

// repairRow resolves the changes of one row, unless somebody writes it at the moment.
func (e *Entity[Q, R, C, V]) repairRow(ctx context.Context, key string) (done bool, err error) {
	asking, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	l, err := e.journal.lease(asking, e.config.Flag, []string{key}, e.config.Lease)
	if err != nil || len(l.numbers) == 0 {
		return false, err
	}
	defer func() {
		ctx, cancel := e.after(ctx)
		defer cancel()
		_ = l.release(ctx) // else it expires
	}()
	intents, err := e.journal.earlier(asking, e.config.Flag, key, math.MaxInt64, repairAtOnce)
	if err != nil {
		return false, err
	}
	_, err = e.resolve(ctx, l, intents, neither, time.Time{})
	return err == nil, err
}

// copyMarked copies rows that are marked on a side to the other one, at most limit, and returns how many are left.
func (e *Entity[Q, R, C, V]) copyMarked(ctx context.Context, on which, limit int) (left int64, err error) {
	var marks []Mark
	var total int64
	store := e.side(on).Store
	err = guarded(on, func() (err error) {
		marks, total, err = store.Marked(ctx, e.config.Flag, limit)
		return err
	})
	if err != nil || len(marks) == 0 {
		return total, err
	}
	holding, cancel := context.WithTimeout(ctx, e.config.Timeout) // the rows are held on a side that may be the authority
	defer cancel()
	busy, err := e.copyRows(holding, keysOf(marks), on == newSide)
	if err != nil {
		return total, err
	}
	marks = withoutKeys(marks, busy)
	return total - int64(len(marks)), guarded(on, func() error { return store.Unmark(ctx, e.config.Flag, marks) })
}

// copyRows copies rows from one side to the other. It returns the keys that have to be tried again: those that changes are
// under way of, and those of rows marked on both sides that the other side has the right to.
func (e *Entity[Q, R, C, V]) copyRows(ctx context.Context, keys []string, fromNew bool) (busy []string, err error) {
	from := sideOf(fromNew)
	theirs, marks, err := e.contested(ctx, from, keys)
	if err != nil {
		return nil, err
	}
	done, err := e.overwriteKeys(ctx, from, subtract(keys, theirs), overwriting{marks: &marks})
	if errors.Is(err, errMarked) {
		return keys, nil
	}
	if err != nil || len(done.Behind) == 0 {
		return theirs, err
	}
	busy, err = e.straighten(ctx, from, done.Behind)
	return append(theirs, busy...), err
}

// contested are those of the keys that are marked on the other side too, and whose authority that is; and all marks there.
func (e *Entity[Q, R, C, V]) contested(ctx context.Context, from which, keys []string) (theirs []string, marks []Mark, err error) {
	err = guarded(from.other(), func() (err error) {
		marks, err = e.side(from.other()).Store.MarkedAmong(ctx, e.config.Flag, keys)
		return err
	})
	if err != nil || len(marks) == 0 {
		return nil, nil, err
	}
	_, theirs, unsure, err := e.byAuthority(ctx, from, keysOf(marks))
	return append(theirs, unsure...), marks, err
}

// byAuthority tells apart the keys whose authority a side is from those whose authority the other one is. Of rows whose tenant
// nobody here knows enough of, it is not sure: neither side's may be overwritten.
func (e *Entity[Q, R, C, V]) byAuthority(ctx context.Context, of which, keys []string) (own, theirs, unsure []string, err error) {
	rows, err := e.rowsOf(ctx, of, keys)
	if err != nil {
		return nil, nil, nil, err
	}
	others, err := e.rowsOf(ctx, of.other(), keys)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, key := range keys {
		tenant := ""
		if row, ok := rows[key]; ok && e.config.Tenant != nil {
			tenant = e.config.Tenant(row)
		} else if row, ok := others[key]; ok && e.config.Tenant != nil {
			tenant = e.config.Tenant(row)
		}
		switch onNew, err := e.onNew(ctx, tenant); {
		case errors.Is(err, ErrUnknownTenant):
			unsure = append(unsure, key)
		case err != nil:
			return nil, nil, nil, err
		case sideOf(onNew) == of:
			own = append(own, key)
		default:
			theirs = append(theirs, key)
		}
	}
	return own, theirs, unsure, nil
}

func (e *Entity[Q, R, C, V]) rowsOf(ctx context.Context, of which, keys []string) (rows map[string]V, err error) {
	err = guarded(of, func() (err error) {
		rows, err = e.get(ctx, e.side(of), keys)
		return err
	})
	return rows, err
}

// straighten deals with rows of which the side to copy from has fewer changes than the other one. Mostly they are on their
// way, and the keys are returned to be tried again. Otherwise a database was set back, and the authority's row counts.
func (e *Entity[Q, R, C, V]) straighten(ctx context.Context, from which, behind []string) (busy []string, err error) {
	if busy, err = e.journal.pending(ctx, e.config.Flag, behind); err != nil {
		return nil, err
	}
	own, theirs, unsure, err := e.byAuthority(ctx, from, subtract(behind, busy))
	if err != nil {
		return nil, err
	}
	busy = append(busy, unsure...)
	for side, keys := range map[which][]string{from: own, from.other(): theirs} {
		done, err := e.overwriteKeys(ctx, side, keys, overwriting{anyway: true})
		if err != nil {
			return nil, err
		}
		busy = append(busy, done.Behind...) // written meanwhile, so nothing was copied
	}
	return busy, nil
}

func keysOf(marks []Mark) []string {
	keys := make([]string, len(marks))
	for i, mark := range marks {
		keys[i] = mark.Key
	}
	return keys
}

func withoutKeys(marks []Mark, keys []string) (rest []Mark) {
	out := make(map[string]bool, len(keys))
	for _, key := range keys {
		out[key] = true
	}
	for _, mark := range marks {
		if !out[mark.Key] {
			rest = append(rest, mark)
		}
	}
	return rest
}

// subtract is the keys but those.
func subtract(keys, those []string) (rest []string) {
	out := make(map[string]bool, len(those))
	for _, key := range those {
		out[key] = true
	}
	for _, key := range keys {
		if !out[key] {
			rest = append(rest, key)
		}
	}
	return rest
}
