package cutover

import (
	"context"
	"fmt"

	"github.com/toprent/flags/models"
)

var _ moved = (*Entity[int, int, int, int])(nil)

func (e *Entity[Q, R, C, V]) scan(ctx context.Context, isNew bool, after string, limit int) (found []scanned, err error) {
	var rows []V
	side := sideOf(isNew)
	err = guarded(side, func() (err error) {
		rows, err = e.side(side).Scan(ctx, after, limit)
		for _, row := range rows {
			found = append(found, scanned{e.config.Key(row), row})
		}
		return err
	})
	return found, err
}

func (e *Entity[Q, R, C, V]) differ(old, fresh any) bool {
	same := false
	_ = guarded(newSide, func() error {
		same = e.config.Same(old.(V), fresh.(V))
		return nil
	})
	return !same // what cannot be compared is looked at again where an error can be told
}

func (e *Entity[Q, R, C, V]) mend(ctx context.Context, keys []string) (different int, busy []string, err error) {
	sides, err := e.authorities(ctx, keys)
	if err != nil {
		return 0, nil, err
	}
	for side, keys := range sides {
		done, err := e.copyKeys(ctx, side, keys)
		if err != nil {
			return different, nil, err
		}
		different += done.Changed
		if len(done.Behind) == 0 {
			continue
		}
		more, err := e.straighten(ctx, side, done.Behind)
		if err != nil {
			return different, nil, err
		}
		busy = append(busy, more...)
	}
	return different, busy, nil
}

// authorities gives keys by the side that is their authority.
func (e *Entity[Q, R, C, V]) authorities(ctx context.Context, keys []string) (map[which][]string, error) {
	own, theirs, unsure, err := e.byAuthority(ctx, oldSide, keys)
	if err == nil && len(unsure) > 0 {
		err = fmt.Errorf("%d rows differ of tenants of whom nobody here knows on which side they are, such as row %q: %w", len(unsure), unsure[0], ErrUnknownTenant)
	}
	return map[which][]string{oldSide: own, newSide: theirs}, err
}

func (e *Entity[Q, R, C, V]) kept(isNew bool) Store { return e.side(sideOf(isNew)).Store }

// Stats is what was counted since the entity was made. What waits in databases is not among it.
func (e *Entity[Q, R, C, V]) Stats() models.CutoverStats { return e.counted.told() }

func (e *Entity[Q, R, C, V]) stats() models.CutoverStats { return e.counted.told() }
