package changes

import (
	"maps"
	"slices"
)

// table is one kind of item of an environment: what is live, and what a change makes of it.
type table[K comparable, R any] struct {
	live map[K]R
	next map[K]*R // only what becomes different; nil: removed
	same func(a, b R) bool
}

func newTable[K comparable, R any](rows []R, key func(R) K, same func(a, b R) bool) table[K, R] {
	t := table[K, R]{live: make(map[K]R, len(rows)), next: map[K]*R{}, same: same}
	for _, row := range rows {
		t.live[key(row)] = row
	}
	return t
}

// get returns the item as the change leaves it.
func (t *table[K, R]) get(key K) (row R, ok bool) {
	if next, changed := t.next[key]; changed {
		if next == nil {
			return row, false
		}
		return *next, true
	}
	row, ok = t.live[key]
	return row, ok
}

// put sets the item. Setting it to what is live changes nothing.
func (t *table[K, R]) put(key K, row R) {
	if live, ok := t.live[key]; ok && t.same(live, row) {
		delete(t.next, key)
		return
	}
	t.next[key] = &row
}

// remove takes the item out.
func (t *table[K, R]) remove(key K) {
	if _, ok := t.live[key]; ok {
		t.next[key] = nil
	} else {
		delete(t.next, key)
	}
}

// merged are all items as the change leaves them.
func (t *table[K, R]) merged() []R {
	rows := make([]R, 0, len(t.live)+len(t.next))
	for key, row := range t.live {
		if _, changed := t.next[key]; !changed {
			rows = append(rows, row)
		}
	}
	for _, row := range t.next {
		if row != nil {
			rows = append(rows, *row)
		}
	}
	return rows
}

// ended are the live rows that the change replaces or removes.
func (t *table[K, R]) ended() []R {
	var rows []R
	for key := range t.next {
		if row, ok := t.live[key]; ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// added are the rows that the change puts in, in the order given.
func (t *table[K, R]) added(order func(a, b K) int) []R {
	var rows []R
	for _, key := range slices.SortedFunc(maps.Keys(t.next), order) {
		if row := t.next[key]; row != nil {
			rows = append(rows, *row)
		}
	}
	return rows
}

// changed are the keys of what becomes different, in the order given.
func (t *table[K, R]) changed(order func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(t.next), order)
}
