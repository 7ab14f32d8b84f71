package service

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/telemetry"
)

const (
	// FormPinLife is how long the pin of a form holds: the longest that any revision can still be asked for.
	FormPinLife = 30 * time.Minute

	// keep is how long a revision stays in memory after it was the newest: a form's pin, the session's pin that the
	// form was rendered under, and some more for clocks that differ.
	keep = FormPinLife + 6*time.Minute

	// maxRecent is how many revisions are kept at most, so that a start stays quick whatever was published; sessions
	// that have pinned an older one get the newest.
	maxRecent = 1000

	sourceTimeout = 5 * time.Second // for one refresh
)

// start gets the first revision, from the source or from the disk.
func (s *FeatureFlagService) start(ctx context.Context) {
	err := s.Refresh(ctx)
	if err == nil {
		return
	}
	st, diskErr := s.readLastGood()
	if diskErr != nil {
		s.log.Error("flags: no revision could be loaded, so the fallbacks in the code are served", "environment", s.environment, "error", err, "disk", diskErr)
		return
	}
	if s.state.CompareAndSwap(nil, st) { // else the source has answered after all, to a ctx that was done
		s.adopted.add(Adoption{From: -1, To: st.head.ID, At: s.Now()})
		s.log.Warn("flags: the last good revision is served from disk", "environment", s.environment, "revision", st.head.Number, "published", st.head.PublishedAt, "error", err)
	}
}

// refreshForAll refreshes for everybody who waits, so it depends on no caller's context, but ends when Run has to.
func (s *FeatureFlagService) refreshForAll() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), sourceTimeout)
	defer cancel()
	running := s.isRunning()
	defer context.AfterFunc(running, cancel)()
	ctx, end := s.telemetry.Start(ctx, telemetry.Work{Kind: telemetry.Refresh})
	if end != nil {
		before := s.state.Load()
		defer func() { s.endRefresh(end, before, err) }()
	}
	err = s.refreshOrPanic(ctx)
	if err == nil || running.Err() == nil { // an end is no outage
		s.noteRefresh(err)
	}
	return err
}

// refreshOrPanic makes a panic an error like any other: flags must not take an app down with them.
func (s *FeatureFlagService) refreshOrPanic(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("refresh %s: panic: %v", s.environment, p)
			s.seen.once("panic", err.Error(), func() {
				s.log.Error("flags: a refresh panicked", "error", err, "stack", string(debug.Stack()))
			})
		}
	}()
	return s.refresh(ctx)
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
	same := old != nil && !old.fromDisk && old.head.ID == head.ID && old.head.Floor == head.Floor
	if same && head.Now.Sub(old.head.Now) < keep {
		return nil
	}
	st, err := s.load(ctx, head, old)
	if err != nil {
		return err
	}
	s.replace(old, st)
	if !same {
		s.noteAdoption(old, st)
	}
	if !same {
		s.log.Info("flags: revision loaded", "environment", s.environment, "revision", head.Number, "digest", head.Digest.String(), "floor", head.Floor, "flags", st.newest.own.Len())
		s.writeLastGood(st)
	}
	return nil
}

// noteAdoption keeps when the state became the one that is served: just now.
func (s *FeatureFlagService) noteAdoption(old, st *state) {
	switch {
	case old == nil:
		s.adopted.add(Adoption{From: -1, To: st.head.ID, At: s.Now()})
	case old.head.ID != st.head.ID:
		s.adopted.add(s.adoption(old, st))
	}
}

// replace makes a state the one that is served.
func (s *FeatureFlagService) replace(old, st *state) {
	if old == nil {
		s.state.Store(st)
		return
	}
	if most := st.recent[old.newest.own.ID().Number]; most != nil {
		most.under(st.newest.own) // now, so that no request has to: it is what most sessions have pinned
	}
	s.state.Store(st)
	s.reads.add(old.takeReads(), s.Now()) // what it does not share with the new one would be forgotten
	if old.newest != st.newest {
		s.values.flush() // nobody asks for those any more
	}
}

// load makes the state of a head, sharing with the old state what is the same.
func (s *FeatureFlagService) load(ctx context.Context, head Head, old *state) (*state, error) {
	ids, err := s.pinnable(ctx, head)
	if err != nil {
		return nil, err
	}
	var previous *ruleset.Revision
	if old != nil {
		previous = old.newest.own
	}
	var revisions []*ruleset.Revision
	for _, id := range ids {
		revision, err := s.revision(ctx, id, old, previous)
		if err != nil {
			return nil, err
		}
		revisions, previous = append(revisions, revision), revision
	}
	if len(revisions) == 0 || previous.ID() != head.ID {
		return nil, fmt.Errorf("revision %d of %s is not among the recent ones", head.Number, s.environment)
	}
	return s.newState(head, revisions, old), nil
}

// pinnable gives the revisions that a session or a form can have pinned, oldest first.
func (s *FeatureFlagService) pinnable(ctx context.Context, head Head) ([]ruleset.ID, error) {
	if head.Number == 0 {
		return []ruleset.ID{head.ID}, nil
	}
	recent, err := s.source.Recent(ctx, s.environment, head.Now.Add(-keep))
	if err != nil {
		return nil, fmt.Errorf("ask for the recent revisions of %s: %w", s.environment, err)
	}
	var ids []ruleset.ID
	if len(recent) > 0 && recent[0].Number == 1 { // before it there was nothing, which can have been pinned too
		ids = append(ids, ruleset.ID{Environment: s.environment})
	}
	for _, id := range recent {
		if id.Number <= head.Number { // else published meanwhile: for the next refresh, as the floor may have moved with it
			ids = append(ids, id)
		}
	}
	return ids[max(0, len(ids)-maxRecent):], nil
}

// revision takes a revision from the old state, or loads and compiles it.
func (s *FeatureFlagService) revision(ctx context.Context, id ruleset.ID, old *state, previous *ruleset.Revision) (*ruleset.Revision, error) {
	if old != nil {
		if known := old.recent[id.Number]; known != nil && known.own.ID() == id {
			return known.own, nil
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
		s.log.Error("flags: mistakes in the stored rules; the flags concerned serve their defaults", "environment", id.Environment, "revision", id.Number, "error", err)
	}
	revision.Observe(&s.seen)
	return revision
}
