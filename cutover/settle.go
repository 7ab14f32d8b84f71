package cutover

import (
	"context"
	"errors"
	"time"
)

// settle brings the authority up to date before it is first asked: what was written to the side that was the authority
// before, and could not be written here, is made up for. So whoever wrote there reads here what they wrote.
//
// Only a tenant of whom something waits is kept waiting, for Config.Patience at most, and if it was in vain, not again at once. What
// cannot be made up for is tried again until it is. Tenants may have different authorities, and each of the two is brought up to
// date for its own.
func (e *Entity[Q, R, C, V]) settle(ctx context.Context, p Place, tenant string) {
	authority := sideOf(p.Stage.New())
	if e.isSettled(p, authority) {
		return
	}
	s := &e.settlers[authority]
	at := e.attempts(p, authority, tenant)
	if at.vain {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, e.patience(ctx))
	defer cancel()
	await(waiting, at.looked)
	queued, marked := s.lacking(tenant)
	var err error
	if queued || p.Trailing {
		err = e.makeUp(waiting, authority, tenant)
	}
	if p.Trailing {
		marked = e.lookAgain(waiting, authority, tenant)
	}
	for tries := 0; marked && tries < 2 && waiting.Err() == nil; tries++ { // the first may have been under way already
		at = e.attempts(p, authority, tenant)
		if await(waiting, at.ended) && !p.Trailing {
			_, marked = s.lacking(tenant)
		} else {
			marked = e.lookAgain(waiting, authority, tenant)
		}
	}
	if failed := err != nil || marked || waiting.Err() != nil; failed && ctx.Err() == nil {
		s.inVain(tenant)
	}
}

// settleRow brings a row of the authority up to date before it is written. What is announced of it is made up for by the
// write; here it is what was written to the other side alone.
func (e *Entity[Q, R, C, V]) settleRow(ctx context.Context, p Place, tenant, key string) {
	authority := sideOf(p.Stage.New())
	if e.isSettled(p, authority) {
		return
	}
	e.attempts(p, authority, tenant)
	marks, _, found := e.marked(ctx, authority.other(), []string{key})
	if !found {
		return
	}
	ctx, cancel := context.WithTimeout(withoutTransactions{ctx}, e.patience(ctx))
	defer cancel()
	busy, err := e.copyRows(ctx, []string{key}, authority.other() == newSide)
	if err == nil && len(busy) == 0 {
		e.unmark(ctx, authority.other(), marks)
	}
}

func (e *Entity[Q, R, C, V]) isSettled(p Place, authority which) bool {
	return p.Turn == 0 || p.Turn == e.settlers[authority].settled.Load() && !p.Trailing
}

// patience is how long a caller waits for the side that is not the authority: no more than half of its time, so that it can
// still be answered.
func (e *Entity[Q, R, C, V]) patience(ctx context.Context) time.Duration {
	limit := e.config.Patience
	if deadline, ok := ctx.Deadline(); ok {
		return min(limit, time.Until(deadline)/2)
	}
	return limit
}

// lookLimit is how long the side that was the authority before may take to say what it has marked.
func (e *Entity[Q, R, C, V]) lookLimit() time.Duration { return e.config.Patience / 2 }

// await waits until something is closed, and reports whether it was in time. What is nil is over.
func await(ctx context.Context, closed <-chan struct{}) bool {
	if closed == nil {
		return true
	}
	select {
	case <-closed:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempts begins an attempt to bring the authority up to date, for all, if one is due.
func (e *Entity[Q, R, C, V]) attempts(p Place, authority which, tenant string) attempt {
	s := &e.settlers[authority]
	at, begins := s.join(p.Turn, tenant)
	if begins {
		go e.attempt(s, at, authority.other())
	}
	return at
}

// attempt brings an authority up to date. It goes on when those who wait for it give up.
func (e *Entity[Q, R, C, V]) attempt(s *settler, at attempt, from which) {
	ctx, cancel := context.WithTimeout(context.Background(), e.config.Timeout)
	defer cancel()
	s.found(at, e.look(ctx, from))
	err := guarded(from, func() error { return e.drain(ctx, from) })
	s.end(at, err)
	if at.first && err != nil {
		e.config.Logger.Warn("cutover: the new authority is not up to date yet; repairs go on", "entity", e.config.Flag, "error", err)
	}
}

// look finds out of whom a side has something that the other one lacks. What does not answer is taken for having nothing:
// nobody can wait for it.
func (e *Entity[Q, R, C, V]) look(ctx context.Context, from which) (l lack) {
	ctx, cancel := context.WithTimeout(ctx, e.lookLimit())
	defer cancel()
	if tenants, err := e.journal.waitingTenants(ctx, e.config.Flag, from.String(), manyTenants); err == nil {
		l.queued = setOf(tenants)
	}
	marked, err := e.lookMarked(ctx, from)
	l.marked, l.silent = marked, err != nil
	return l
}

// lookMarked returns whose rows are marked on a side.
func (e *Entity[Q, R, C, V]) lookMarked(ctx context.Context, on which) (tenants map[string]bool, err error) {
	err = guarded(on, func() error {
		marks, total, err := e.side(on).Store.Marked(ctx, e.config.Flag, repairAtOnce)
		if err != nil || total == 0 {
			return err
		}
		tenants = map[string]bool{}
		var rows map[string]V
		if e.config.Tenant != nil {
			rows, err = e.get(ctx, e.side(on), keysOf(marks))
		}
		for _, row := range rows {
			tenants[e.config.Tenant(row)] = true
		}
		if int64(len(rows)) < total { // rows that are gone do not say whose they were
			tenants[everybody] = true
		}
		return err
	})
	return tenants, err
}

// lookAgain reports whether the side that was the authority before has rows of a tenant that are marked, since others may
// write there still. One that did not answer the last time is not waited for: it is asked again by the next attempt.
func (e *Entity[Q, R, C, V]) lookAgain(ctx context.Context, authority which, tenant string) bool {
	s := &e.settlers[authority]
	if s.isSilent() {
		return false
	}
	asking, cancel := context.WithTimeout(withoutTransactions{ctx}, e.lookLimit())
	defer cancel()
	marked, err := e.lookMarked(asking, authority.other())
	if ctx.Err() == nil {
		s.saw(marked, err != nil)
	}
	return among(marked, tenant)
}

// makeUp makes up for what waits of a tenant in the journal, and returns an error if that cannot be done soon.
func (e *Entity[Q, R, C, V]) makeUp(ctx context.Context, authority which, tenant string) error {
	if time.Now().UnixNano() < e.journalDown.Load() {
		return errJournalDown
	}
	if keys, err := e.waitingOf(ctx, authority.other(), tenant); err != nil || len(keys) == 0 {
		return err
	}
	leave, err := e.making.enter(ctx, tenant)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { // what was begun is ended, although the caller gives up
		defer leave()
		repairing, cancel := context.WithTimeout(context.Background(), e.config.Timeout)
		defer cancel()
		done <- guarded(authority, func() error { return e.makeUpNow(repairing, authority.other(), tenant) })
	}()
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Entity[Q, R, C, V]) makeUpNow(ctx context.Context, from which, tenant string) error {
	for {
		keys, err := e.waitingOf(ctx, from, tenant)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if _, err := e.repairRow(ctx, key); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(firstPause): // somebody else may be at it
		}
	}
}

// waitingOf are rows of a tenant, or of all, with changes that wait to be made on a side's other one.
func (e *Entity[Q, R, C, V]) waitingOf(ctx context.Context, from which, tenant string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.JournalTimeout)
	defer cancel()
	if tenant == everybody {
		return e.journal.waiting(ctx, e.config.Flag, from.String(), repairAtOnce)
	}
	return e.journal.waitingOf(ctx, e.config.Flag, from.String(), tenant, repairAtOnce)
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
	keys, err := e.waitingOf(ctx, from, everybody)
	for _, key := range keys {
		if _, err := e.repairRow(ctx, key); err != nil {
			return false, err
		}
	}
	return len(keys) > 0, err
}
