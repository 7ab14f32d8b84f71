package cutover

import (
	"context"

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

func (e *Entity[Q, R, C, V]) mend(ctx context.Context, keys []string, fromNew bool) (different int, busy []string, err error) {
	done, err := e.copyKeys(ctx, sideOf(fromNew), keys)
	if err != nil || len(done.Behind) == 0 {
		return done.Changed, nil, err
	}
	busy, err = e.straighten(ctx, sideOf(fromNew), done.Behind)
	return done.Changed, busy, err
}

func (e *Entity[Q, R, C, V]) kept(isNew bool) Store { return e.side(sideOf(isNew)).Store }

func (e *Entity[Q, R, C, V]) stats() models.CutoverStats { return e.counted.told() }
