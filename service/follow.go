package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/toprent/flags/ruleset"
	"golang.org/x/sync/singleflight"
)

const (
	// FormPinLife is how long the pin of a form holds: the longest that any revision can still be asked for.
	FormPinLife = 30 * time.Minute

	// keep is how long a revision stays in memory after it was the newest: a form's pin, the session's pin that the
	// form was rendered under, and some more for clocks that differ.
	keep = FormPinLife + 6*time.Minute

	sourceTimeout  = 5 * time.Second        // for one refresh
	awaitTimeout   = 100 * time.Millisecond // for a request that waits for one
	awaitPause     = 250 * time.Millisecond // between refreshes that requests ask for
	housekeeping   = time.Minute            // between sweeps, and between records of reads
	reconnectPause = time.Second            // between attempts to listen
)

// start gets the first revision, from the source or from the disk.
func (s *FeatureFlagService) start(ctx context.Context) {
	err := s.Refresh(ctx)
	if err == nil {
		return
	}
	st, diskErr := s.readLastGood()
	if diskErr != nil {
		s.log.Error("flags: no revision could be loaded, so the fallbacks in the code are served", "environment", s.environment, "source", err, "disk", diskErr)
		return
	}
	s.state.Store(st)
	s.setHealth(func(h *health) { h.fromDisk = true })
	s.log.Warn("flags: the last good revision is served from disk", "revision", st.head.Number, "published", st.head.PublishedAt, "error", err)
}

// Run follows the source until ctx is done: it polls, refreshes on hints, records which flags were read, and keeps
// the caches small. It returns when all it started has ended.
func (s *FeatureFlagService) Run(ctx context.Context) error {
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		s.listen(ctx)
	}()
	next := time.NewTimer(s.pollPause())
	sweep := time.NewTicker(housekeeping)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			<-listening
			s.recordReads(context.WithoutCancel(ctx))
			return ctx.Err()
		case <-s.hints:
			_ = s.Refresh(ctx) // its failure is counted, logged and shown
		case <-next.C:
			_ = s.Refresh(ctx)
		case <-sweep.C:
			s.values.sweep()
			s.byID.sweep()
			s.recordReads(ctx)
		}
		next.Reset(s.pollPause())
	}
}

// pollPause differs by up to a fifth, so that instances that started together do not ask together.
func (s *FeatureFlagService) pollPause() time.Duration {
	return time.Duration(float64(s.poll) * (0.8 + 0.4*rand.Float64()))
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
		s.setHealth(func(h *health) { h.listening = false })
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("flags: the listener's connection was lost; polling goes on", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
}

func (s *FeatureFlagService) hinted() {
	s.setHealth(func(h *health) { h.listening = true })
	s.Hint()
}

// Refresh asks the source for the newest revision now. Calls at the same time share one question. On an error the
// service goes on with what it has.
func (s *FeatureFlagService) Refresh(ctx context.Context) error {
	return (<-s.refreshShared(ctx)).Err
}

// refreshShared refreshes for everybody who waits, so it does not depend on one caller's context.
func (s *FeatureFlagService) refreshShared(ctx context.Context) <-chan singleflight.Result {
	return s.refreshes.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sourceTimeout)
		defer cancel()
		err := s.refresh(ctx)
		s.noteRefresh(err)
		return nil, err
	})
}

// Await waits a moment for a revision that another instance may have just published, and reports whether it is
// there. However many requests ask, the source is asked once, and not again at once.
func (s *FeatureFlagService) Await(ctx context.Context, id ruleset.ID) (View, bool) {
	if view, ok := s.Pinned(id); ok {
		return view, true
	}
	if !s.mayAwait() {
		return View{}, false
	}
	timeout := time.NewTimer(awaitTimeout)
	defer timeout.Stop()
	select {
	case <-s.refreshShared(ctx):
	case <-timeout.C:
	case <-ctx.Done():
	}
	return s.Pinned(id)
}

// refresh brings the state up to what the source says.
func (s *FeatureFlagService) refresh(ctx context.Context) error {
	asked := s.clock()
	head, err := s.source.Head(ctx, s.environment)
	if err != nil {
		return fmt.Errorf("ask for the newest revision of %s: %w", s.environment, err)
	}
	answered := s.clock()
	s.offset.Store(int64(head.Now.Sub(asked.Add(answered.Sub(asked) / 2))))
	old := s.state.Load()
	if old != nil && !s.servesDisk() && old.head.ID == head.ID && old.head.Floor == head.Floor && head.Now.Sub(old.head.Now) < keep {
		return nil
	}
	st, err := s.load(ctx, head, old)
	if err != nil {
		return err
	}
	s.state.Store(st)
	if old == nil || old.head.ID != head.ID || old.head.Floor != head.Floor || s.servesDisk() {
		s.log.Info("flags: revision loaded", "environment", s.environment, "revision", head.Number, "digest", head.Digest.String(), "flags", st.newest.Len())
		s.writeLastGood(st)
	}
	return nil
}

// load makes the state of a head, sharing with the old state what is the same.
func (s *FeatureFlagService) load(ctx context.Context, head Head, old *state) (*state, error) {
	ids, err := s.source.Recent(ctx, s.environment, head.Now.Add(-keep))
	if err != nil {
		return nil, fmt.Errorf("ask for the recent revisions of %s: %w", s.environment, err)
	}
	switch {
	case head.Number == 0:
		ids = []ruleset.ID{head.ID}
	case len(ids) > 0 && ids[0].Number == 1: // before it there was nothing, which sessions can have pinned too
		ids = append([]ruleset.ID{{Environment: s.environment}}, ids...)
	}
	st := &state{head: head, recent: make(map[int64]*ruleset.Revision, len(ids))}
	var previous *ruleset.Revision
	if old != nil {
		previous = old.newest
	}
	for _, id := range ids {
		if id.Number > head.Number {
			continue // published meanwhile: for the next refresh, since the floor may have moved with it
		}
		revision, err := s.revision(ctx, id, old, previous)
		if err != nil {
			return nil, err
		}
		st.recent[id.Number], previous = revision, revision
		st.newest = revision
	}
	if st.newest == nil || st.newest.ID() != head.ID {
		return nil, fmt.Errorf("revision %d of %s is not among the recent ones", head.Number, s.environment)
	}
	return st, nil
}

// revision takes a revision from the old state, or loads and compiles it.
func (s *FeatureFlagService) revision(ctx context.Context, id ruleset.ID, old *state, previous *ruleset.Revision) (*ruleset.Revision, error) {
	if old != nil {
		if known := old.recent[id.Number]; known != nil && known.ID() == id {
			return known, nil
		}
	}
	if id.Number == 0 {
		return s.compile(id, ruleset.Definition{}, previous), nil
	}
	definition, err := s.source.Load(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("load revision %d of %s: %w", id.Number, s.environment, err)
	}
	return s.compile(id, definition, previous), nil
}

// compile sets mistakes aside and logs them.
func (s *FeatureFlagService) compile(id ruleset.ID, definition ruleset.Definition, previous *ruleset.Revision) *ruleset.Revision {
	revision, err := ruleset.Compile(id, definition, previous)
	if err != nil {
		s.log.Error("flags: mistakes in the stored rules; the flags concerned serve their defaults", "revision", id.Number, "error", err)
	}
	revision.Observe(&s.seen)
	return revision
}
