package cutover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// Repair copies all that is marked, on either side, of the tables that a connection's Router routes, and takes tenants to the
// side where their stage has put them. The entities of a Cutover are repaired by it; for others, somebody has to call this again
// and again. No row is held for longer than some seconds, and no tenant waited for longer than Router.Handover.
func Repair(ctx context.Context, db *gorm.DB) error {
	wrapped, ok := db.ConnPool.(*pool)
	if !ok {
		return errors.New("the connection has no cutover.Router")
	}
	var problems []error
	for _, g := range wrapped.routes.groups {
		for side := range 2 {
			if err := g.drain(ctx, side); err != nil {
				problems = append(problems, fmt.Errorf("repair %s: %w", g.name, err))
			}
		}
		if err := g.follow(ctx); err != nil {
			problems = append(problems, fmt.Errorf("move %s: %w", g.name, err))
		}
	}
	return errors.Join(problems...)
}

// pause is until when requests do not wait for copies.
type pause struct{ until atomic.Int64 }

func (p *pause) on(now time.Time) bool                  { return now.UnixNano() < p.until.Load() }
func (p *pause) set(now time.Time, after time.Duration) { p.until.Store(now.Add(after).UnixNano()) }

// copyNow copies rows after their commit, and reports whether it did. Whatever happens, the request goes on: what was not copied
// is marked.
func (r *tableRoute) copyNow(ctx context.Context, from int, tenant string, marked map[string]bool) bool {
	if r.paused.on(time.Now()) {
		return false
	}
	// Even if the request was cut off after its commit.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.all.Patience)
	defer cancel()
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(marked)), drainSome) {
		began := time.Now()
		err := guarded(which(1-from), func() error { return r.copy(ctx, from, keys) })
		r.wrote(1-from, tenant, began, err)
		if err != nil {
			r.paused.set(time.Now(), r.all.Patience)
			if r.all.Failed != nil {
				r.all.Failed(r.name, err)
			}
			return false
		}
	}
	return true
}

// uncopied notes that rows of a tenant may be on one side alone.
func (r *tableRoute) uncopied(side int, tenant string) {
	if r.owner != nil {
		r.owner.uncopied.note(side, tenant)
	}
}

var errOvertaken = errors.New("another one has copied some of the rows meanwhile")

// copy makes those of the rows that are marked on one side the same on the other. Two copies of a row are made one after the
// other, since they hold the other side's numbers; each looks at the row after that. They are held for so long at most as a side
// that does not answer may hold up those who write on the other.
func (r *tableRoute) copy(ctx context.Context, side int, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, holdLimit)
	defer cancel()
	for {
		if err := r.copyOnce(ctx, side, keys); !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

func (r *tableRoute) copyOnce(ctx context.Context, side int, keys []string) error {
	from, to := r.sides[side], r.sides[1-side]
	var marks []Mark
	err := to.store.Within(ctx, func(ctx context.Context) error {
		has, err := to.store.Numbers(ctx, r.marks, keys)
		if err != nil {
			return err
		}
		if marks, err = r.due(ctx, from, to, keys); err != nil || len(marks) == 0 {
			return err
		}
		keys = keys[:0:0]
		for _, mark := range marks {
			keys = append(keys, mark.Key)
		}
		if err := r.overwrite(ctx, from, to, ascending(keys), has); err != nil {
			return err
		}
		// Another one may have copied them while this one waited, and goes on to open this side. But a side is opened, and written,
		// only once nothing is marked on the other one.
		still, err := from.store.MarkedAmong(ctx, r.marks, keys)
		if err == nil && len(still) < len(marks) {
			return errOvertaken
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("copy %d rows of %s: %w", len(keys), r.marks, err)
	}
	return from.store.Unmark(ctx, r.marks, marks)
}

// due are the marks to deal with. Of rows that are marked on both sides, which takes more than one fault, the entity finds out
// which of them counts.
func (r *tableRoute) due(ctx context.Context, from, to *gormTable, keys []string) ([]Mark, error) {
	marks, err := from.store.MarkedAmong(ctx, r.marks, keys)
	if err != nil || len(marks) == 0 || r.owner == nil {
		return marks, err
	}
	theirs, err := to.store.MarkedAmong(ctx, r.marks, keysOf(marks))
	return withoutKeys(marks, keysOf(theirs)), err
}

// overwrite writes rows with their numbers, and removes those that are gone.
func (r *tableRoute) overwrite(ctx context.Context, from, to *gormTable, keys []string, has map[string]Number) error {
	rows := reflect.New(reflect.SliceOf(from.schema.ModelType))
	numbers, err := r.picture(ctx, from, rows.Interface(), keys)
	if err != nil {
		return err
	}
	gone := make(map[string]bool, len(keys))
	for _, key := range keys {
		gone[key] = true
	}
	for i := range rows.Elem().Len() {
		key, _ := from.of(ctx, rows.Elem().Index(i))
		delete(gone, key)
	}
	if err := to.remove(ctx, slices.Sorted(maps.Keys(gone))); err != nil {
		return err
	}
	if err := to.put(ctx, rows.Elem()); err != nil {
		return err
	}
	maps.DeleteFunc(numbers, func(key string, n Number) bool { return has[key] == n })
	return to.store.SetNumbers(ctx, r.marks, numbers)
}

// picture reads rows with their numbers, which were the same before and after. It holds nothing.
func (r *tableRoute) picture(ctx context.Context, from *gormTable, rows any, keys []string) (map[string]Number, error) {
	for {
		before, err := from.store.Numbers(ctx, r.marks, keys)
		if err != nil {
			return nil, err
		}
		reflect.ValueOf(rows).Elem().SetZero()
		if err := from.get(ctx, rows, keys); err != nil {
			return nil, err
		}
		after, err := from.store.Numbers(ctx, r.marks, keys)
		if err != nil || maps.Equal(before, after) {
			return after, err
		}
	}
}
