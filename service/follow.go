package service

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/toprent/flags/ruleset"
)

const (
	awaitTimeout   = 100 * time.Millisecond // for a request that waits for a refresh
	awaitPause     = 250 * time.Millisecond // between refreshes that requests ask for
	housekeeping   = time.Minute            // between sweeps, and between records of reads
	reconnectPause = time.Second            // between attempts to listen, plus or minus a fifth
	endTimeout     = 2 * time.Second        // for the last record of reads: an end must not wait for a source that hangs
)

// Run follows the source until ctx is done: it polls, refreshes on hints, records which flags were read, and keeps
// the caches small. It returns ctx's error when all it started has ended. It is to be called once.
func (s *FeatureFlagService) Run(ctx context.Context) error {
	s.setRunning(ctx)
	defer s.setRunning(context.Background())
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		s.listen(ctx)
	}()
	s.follow(ctx)
	<-listening
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	s.recordReads(ending)
	return ctx.Err()
}

// follow does what Run says, one thing at a time.
func (s *FeatureFlagService) follow(ctx context.Context) {
	poll := time.NewTimer(jitter(s.poll))
	defer poll.Stop()
	sweep := time.NewTicker(housekeeping)
	defer sweep.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.hints:
			s.followOnce(poll)
		case <-poll.C:
			s.followOnce(poll)
		case <-sweep.C:
			s.values.sweep()
			s.byID.sweep()
			s.recordReads(ctx)
		}
	}
}

// followOnce refreshes, and sets when to do so next. A failure is counted, logged and shown by the refresh itself.
func (s *FeatureFlagService) followOnce(poll *time.Timer) {
	<-s.flights.fresh(s.refreshForAll).done // soon even where Run is to end, since that cancels it
	poll.Reset(jitter(s.poll))
}

// jitter differs by up to a fifth, so that instances that started together do not ask together.
func jitter(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))
}

// Hint says that something may have been published. It never blocks.
func (s *FeatureFlagService) Hint() {
	select {
	case s.hints <- struct{}{}:
	default: // one is waiting already
	}
}

// listen passes the source's hints on, if it gives any. They only make things quicker: the poll is the guarantee.
func (s *FeatureFlagService) listen(ctx context.Context) {
	listener, ok := s.source.(Listener)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		err := listener.Listen(ctx, s.environment, s.hinted)
		if ctx.Err() == nil {
			s.noteSilence(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(jitter(reconnectPause)):
		}
	}
	s.setHealth(func(h *health) { h.listening = false })
}

func (s *FeatureFlagService) hinted() {
	s.noteListening()
	s.Hint()
}

// Refresh asks the source for the newest revision, and returns when all that was published before the call is
// served. Calls at the same time share one question, and none fails because another's ctx is done. On an error the
// service goes on with what it has.
func (s *FeatureFlagService) Refresh(ctx context.Context) error {
	flight := s.flights.fresh(s.refreshForAll)
	select {
	case <-flight.done:
		return flight.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Await waits at most 100 ms for a revision that another instance may have just published, and reports whether it is
// there. However many requests ask, the source is asked once, and not again at once.
func (s *FeatureFlagService) Await(ctx context.Context, id ruleset.ID) (View, bool) {
	if view, ok := s.Pinned(id); ok {
		return view, true
	}
	flight := s.flights.soon(s.clock(), s.refreshForAll)
	if flight == nil {
		return s.Pinned(id) // may have come meanwhile
	}
	timeout := time.NewTimer(awaitTimeout)
	defer timeout.Stop()
	select {
	case <-flight.done:
	case <-timeout.C:
	case <-ctx.Done():
	}
	return s.Pinned(id)
}
