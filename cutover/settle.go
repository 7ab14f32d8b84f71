package cutover

import (
	"context"
	"errors"
	"time"
)

// settle brings the authority up to date before it is first asked: what was written to the side that was the authority
// before, and could not be written here, is made up for. So whoever wrote there reads here what they wrote. That is waited
// for once, and not for all the time that the caller has; what cannot be made up for in time, since a database is down, is left
// to repair. Tenants may have different authorities, and each of the two is brought up to date for its own.
func (e *Entity[Q, R, C, V]) settle(ctx context.Context, p Place) {
	authority := sideOf(p.Stage.New())
	if e.isSettled(p, authority) {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, e.patience(ctx))
	defer cancel()
	select {
	case e.settling <- struct{}{}:
	case <-waiting.Done():
		return
	}
	if e.isSettled(p, authority) {
		<-e.settling
		return
	}
	done := make(chan struct{})
	go func() { // it is for all, so it goes on when this caller gives up
		defer func() { <-e.settling; close(done) }()
		ctx, cancel := context.WithTimeout(context.Background(), e.config.Timeout)
		defer cancel()
		err := guarded(authority.other(), func() error { return e.drain(ctx, authority.other()) })
		if err == nil {
			e.settled[authority].Store(p.Turn)
			return
		}
		e.unsettled[authority].Store(p.Turn)
		e.config.Logger.Warn("cutover: the new authority is not up to date yet; repairs go on", "entity", e.config.Flag, "error", err)
	}()
	select {
	case <-done:
	case <-waiting.Done():
	}
}

func (e *Entity[Q, R, C, V]) isSettled(p Place, authority which) bool {
	return p.Turn == 0 || p.Turn == e.settled[authority].Load() && !p.Trailing || p.Turn == e.unsettled[authority].Load()
}

// patience is how long a caller waits for the side that is not the authority: half of its time, so that it can still be
// answered.
func (e *Entity[Q, R, C, V]) patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return e.config.Timeout
	}
	return min(e.config.Timeout, time.Until(deadline)/2)
}

// drain makes up for all that waits to be written from one side to the other. Marks need no journal: what was written while it
// could not be reached must not be overwritten by the next who writes there.
func (e *Entity[Q, R, C, V]) drain(ctx context.Context, from which) error {
	var unrepaired error
	for {
		waits := false
		if unrepaired == nil {
			waits, unrepaired = e.repairWaiting(ctx, from)
		}
		left, err := e.copyMarked(ctx, from, repairAtOnce)
		if err != nil || left == 0 && !waits {
			return errors.Join(unrepaired, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(unrepaired, ctx.Err())
		case <-time.After(firstPause):
		}
	}
}

// repairWaiting repairs rows that have to be written from one side to the other, and reports whether there were any.
func (e *Entity[Q, R, C, V]) repairWaiting(ctx context.Context, from which) (waits bool, err error) {
	asking, cancel := context.WithTimeout(ctx, e.config.JournalTimeout)
	keys, err := e.journal.waiting(asking, e.config.Flag, from.String(), repairAtOnce)
	cancel()
	for _, key := range keys {
		if _, err := e.repairRow(ctx, key); err != nil {
			return false, err
		}
	}
	return len(keys) > 0, err
}
