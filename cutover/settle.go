package cutover

import (
	"context"
	"time"
)

// settle brings the authority up to date before it is first asked: what was written to the side that was the authority
// before, and could not be written here, is made up for. So whoever wrote there reads here what they wrote. That is waited
// for once; what cannot be made up for in time, since a database is down, is left to repair.
func (e *Entity[Q, R, C, V]) settle(ctx context.Context, p Place) {
	if p.Turn == 0 || p.Turn == e.settled.Load() && !p.Trailing || p.Turn == e.unsettled.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	select {
	case e.settling <- struct{}{}:
		defer func() { <-e.settling }()
	case <-ctx.Done():
		return
	}
	if p.Turn == e.settled.Load() && !p.Trailing || p.Turn == e.unsettled.Load() {
		return
	}
	if err := e.drain(ctx, sideOf(!p.Stage.New())); err != nil {
		e.unsettled.Store(p.Turn)
		e.config.Logger.Warn("cutover: the new authority is not up to date yet; repairs go on", "entity", e.config.Flag, "error", err)
		return
	}
	e.settled.Store(p.Turn)
}

// drain makes up for all that waits to be written from one side to the other.
func (e *Entity[Q, R, C, V]) drain(ctx context.Context, from which) error {
	for {
		waiting, err := e.journal.waiting(ctx, e.config.Flag, from.String(), repairAtOnce)
		if err != nil {
			return err
		}
		for _, key := range waiting {
			if _, err := e.repairRow(ctx, key); err != nil {
				return err
			}
		}
		left, err := e.copyMarked(ctx, from, repairAtOnce)
		if err != nil || left == 0 && len(waiting) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(firstPause):
		}
	}
}
