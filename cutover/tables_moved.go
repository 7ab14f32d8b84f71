package cutover

import (
	"context"
	"errors"
	"time"

	"github.com/toprent/flags/models"
)

var _ moved = (*Tables)(nil)

func (t *Tables) scan(ctx context.Context, newSide bool, after string, limit int) ([]scanned, error) {
	return t.entity.scan(ctx, newSide, after, limit)
}

func (t *Tables) differ(old, fresh any) bool { return t.entity.differ(old, fresh) }

func (t *Tables) kept(newSide bool) Store { return t.entity.kept(newSide) }

func (t *Tables) stats() models.CutoverStats { return t.Stats() }

func (t *Tables) untold(tenants bool, turn int64) ([]models.CutoverAgreement, func()) {
	return t.entity.untold(tenants, turn)
}

// Prune forgets the numbers by which copies kept out of each other's way.
func (t *Tables) Prune(ctx context.Context, idle time.Duration) error {
	return t.entity.Prune(ctx, idle)
}

// copyRows copies rows from one side to the other. A Router's writes have no numbers, so nothing but marks tells which
// side has what is newer: a row that is marked on the other side too is copied from its authority, and one whose mark another
// instance has dealt with meanwhile is left alone.
func (t *Tables) copyRows(ctx context.Context, keys []string, fromNew bool) (busy []string, err error) {
	_, busy, err = t.copy(ctx, sideOf(fromNew), keys)
	return busy, err
}

// mend copies rows that are different from the side that is their authority.
func (t *Tables) mend(ctx context.Context, keys []string) (different int, busy []string, err error) {
	sides, err := t.entity.authorities(ctx, keys)
	if err != nil {
		return 0, nil, err
	}
	for side, keys := range sides {
		n, left, err := t.copy(ctx, side, keys)
		if err != nil {
			return different, nil, err
		}
		different, busy = different+n, append(busy, left...)
	}
	return different, busy, nil
}

// copy copies rows, and returns how many were different, and the keys of those that have to be tried again. It never lasts so
// long that somebody else could have taken over, and a tenant have moved on.
func (t *Tables) copy(ctx context.Context, from which, keys []string) (different int, busy []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, holdLimit)
	defer cancel()
	theirs, marks, err := t.entity.contested(ctx, from, keys)
	if err != nil {
		return 0, nil, err
	}
	keys = subtract(keys, theirs)
	due, err := t.kept(from == newSide).MarkedAmong(ctx, t.Name(), keys)
	if err != nil {
		return 0, nil, err
	}
	done, err := t.entity.overwriteKeys(ctx, from, keys, overwriting{anyway: true, marks: &marks, due: due})
	if errors.Is(err, errMarked) {
		return 0, append(theirs, keys...), nil
	}
	return done.Changed, append(theirs, done.Behind...), err
}

// repair takes tenants to the side of their stage, and looks whether anything is uncopied yet. What is marked is copied
// by the instance that copies for all.
func (t *Tables) repair(ctx context.Context, _ int) (int, error) {
	if !t.router.moving() {
		return 0, nil
	}
	var problems []error
	t.mu.Lock()
	groups := t.groups
	t.mu.Unlock()
	for _, g := range groups {
		problems = append(problems, g.followed(ctx))
	}
	for side := range 2 {
		problems = append(problems, t.looks(ctx, side))
	}
	return 0, errors.Join(problems...)
}

// waits reports whether there is something that a side which comes back would end.
func (t *Tables) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.groups {
		if g.unclosed.Load() {
			return true
		}
	}
	return t.uncopied.has(0, "") || t.uncopied.has(1, "")
}

// looks notes whether all that was written to a side has been copied.
func (t *Tables) looks(ctx context.Context, side int) error {
	ctx, cancel := context.WithTimeout(ctx, t.entity.config.Timeout)
	defer cancel()
	turn, now := t.uncopied.now(), t.router.flags.Now()
	marks, _, err := t.kept(side == 1).Marked(ctx, t.Name(), 1)
	if err == nil && len(marks) == 0 {
		t.uncopied.none(side, turn, now)
	}
	return err
}

// whole reports whether a side has every row, so that what is marked there counts.
func (t *Tables) whole(side int) bool {
	for _, isNew := range t.router.wholeSides() {
		if isNew == (side == 1) {
			return true
		}
	}
	return false
}
