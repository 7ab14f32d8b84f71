package cutover

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// copied is what became of keys that were to be copied.
type copied struct {
	Same    int      // rows that were equal
	Put     []string // keys whose rows were inserted or overwritten
	Gone    []string // keys whose rows were removed, since the other side has none
	Changed int      // of those, the ones that no change under way explains
	Behind  []string // keys of which the other side has changes that the side to copy from has not: repair comes first
}

// copyKeys makes the rows of those keys on the other side what they are on this one, with this side's numbers. Nothing
// newer is overwritten, whoever writes meanwhile: the numbers of the side that is written are held while the rows are read, so
// whoever was first to write there had its change copied or is waiting, and two copies of one row are made one after the other.
// It needs no journal.
func (e *Entity[Q, R, C, V]) copyKeys(ctx context.Context, from which, keys []string) (done copied, err error) {
	return e.overwriteKeys(ctx, from, keys, overwriting{})
}

// overwriting is how rows are copied.
type overwriting struct {
	anyway bool    // although the other side has come further: somebody found out that nothing is under way that explains it
	marks  *[]Mark // on the other side, as somebody has looked at them; nil: nobody has
	due    []Mark  // on this side: those that another one has copied meanwhile are not copied once more
}

// errMarked says that rows were written on the side to copy to alone, after somebody had looked whether they were.
var errMarked = errors.New("rows were marked meanwhile")

// overwriteKeys copies rows.
func (e *Entity[Q, R, C, V]) overwriteKeys(ctx context.Context, from which, keys []string, how overwriting) (done copied, err error) {
	if len(keys) == 0 {
		return copied{}, nil
	}
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	target := e.side(from.other())
	err = e.within(ctx, from.other(), func(ctx context.Context) error {
		done = copied{}
		has, err := target.Store.Numbers(ctx, e.config.Flag, keys)
		if err != nil {
			return err
		}
		p, err := e.take(ctx, from, keys)
		if err != nil {
			return err
		}
		if err := e.overwrite(ctx, target, p, has, keys, how.anyway, &done); err != nil {
			return err
		}
		if err := e.stillDue(ctx, from, how.due); err != nil || how.marks == nil {
			return err
		}
		// Who writes one side alone counts nothing, so the numbers did not hold them off. They were either before these rows were
		// overwritten, and then their marks are seen now, or they wait for them.
		marks, err := target.Store.MarkedAmong(ctx, e.config.Flag, keys)
		if err == nil && slices.ContainsFunc(marks, func(m Mark) bool { return !slices.Contains(*how.marks, m) }) {
			return errMarked
		}
		return err
	})
	if err != nil {
		return copied{}, fmt.Errorf("copy %d rows of %s from the %s side: %w", len(keys), e.config.Flag, from, err)
	}
	return done, nil
}

// stillDue fails if one of the marks is gone: another one has copied its row, which may have been written on the other side
// since.
func (e *Entity[Q, R, C, V]) stillDue(ctx context.Context, on which, marks []Mark) error {
	if len(marks) == 0 {
		return nil
	}
	still, err := e.side(on).Store.MarkedAmong(ctx, e.config.Flag, keysOf(marks))
	if err == nil && len(still) < len(marks) {
		return errMarked
	}
	return err
}

// taken is what one side had of some keys: rows, and the numbers that they have come to.
type taken[V any] struct {
	rows    map[string]V
	numbers map[string]Number
	moved   map[string]bool // keys that were written while they were read
}

// take reads rows with their numbers. It holds nothing: two copies in opposite directions must not wait for each other.
func (e *Entity[Q, R, C, V]) take(ctx context.Context, of which, keys []string) (p taken[V], err error) {
	side := e.side(of)
	err = guarded(of, func() error {
		before, err := side.Store.Numbers(ctx, e.config.Flag, keys)
		if err != nil {
			return err
		}
		rows, err := e.get(ctx, side, keys)
		if err != nil {
			return err
		}
		p = taken[V]{rows: rows, moved: map[string]bool{}}
		if p.numbers, err = side.Store.Numbers(ctx, e.config.Flag, keys); err != nil {
			return err
		}
		for _, key := range keys {
			if before[key] != p.numbers[key] {
				p.moved[key] = true
			}
		}
		return nil
	})
	return p, err
}

func (e *Entity[Q, R, C, V]) get(ctx context.Context, side *Side[Q, R, C, V], keys []string) (map[string]V, error) {
	rows, err := side.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]V, len(rows))
	for _, row := range rows {
		byKey[e.config.Key(row)] = row
	}
	return byKey, nil
}

// overwrite makes a side what the other one is, inside a transaction that holds the side's numbers.
func (e *Entity[Q, R, C, V]) overwrite(ctx context.Context, target *Side[Q, R, C, V], p taken[V], has map[string]Number, keys []string, anyway bool, done *copied) error {
	present, err := e.get(ctx, target, keys)
	if err != nil {
		return err
	}
	numbers, put := map[string]Number{}, []V(nil)
	for _, key := range keys {
		if p.moved[key] || p.numbers[key].N < has[key].N && !anyway {
			done.Behind = append(done.Behind, key)
			continue
		}
		if number, ok := p.numbers[key]; ok && number != has[key] && number.N >= has[key].N {
			numbers[key] = number
		}
		row, exists := p.rows[key]
		mine, had := present[key]
		equal := exists == had && (!exists || e.config.Same(row, mine))
		switch {
		case equal:
			done.Same++
			continue
		case exists:
			put, done.Put = append(put, row), append(done.Put, key)
		default:
			done.Gone = append(done.Gone, key)
		}
		if p.numbers[key] == has[key] {
			done.Changed++
		}
	}
	if len(done.Gone) > 0 { // first: others may take a value that they had
		if err := target.Remove(ctx, done.Gone); err != nil {
			return err
		}
	}
	if len(put) > 0 {
		if err := target.Put(ctx, put); err != nil {
			return err
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	return target.Store.SetNumbers(ctx, e.config.Flag, numbers)
}
