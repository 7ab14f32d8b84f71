package service

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
)

// counters count since the start of the process.
type counters struct {
	refreshes, refreshErrors   atomic.Int64
	notFound, failed           atomic.Int64
	badSubjects, subjectErrors atomic.Int64
	readRecords, readErrors    atomic.Int64
}

// health is what is known of the source.
type health struct {
	fromDisk    bool
	listening   bool
	lastContact time.Time // by the instance's own clock
	lastAttempt time.Time
	lastError   error
}

// State says where the values come from.
type State string

const (
	Live      State = "live"      // the source answered at the last question
	Stale     State = "stale"     // the source is down: the last revision is served
	FromDisk  State = "disk"      // the source was down at the start: the last good revision is served
	Fallbacks State = "fallbacks" // no revision at all: the fallbacks in the code are served
)

// Status is how the service is doing.
type Status struct {
	Environment string            `json:"environment"`
	State       State             `json:"state"`
	Revision    ruleset.ID        `json:"revision"`
	Published   time.Time         `json:"published"`
	Age         time.Duration     `json:"age"`       // since the source last answered, in nanoseconds; from disk: since it was saved
	Listening   bool              `json:"listening"` // hints arrive
	Error       string            `json:"error,omitempty"`
	Malformed   map[string]string `json:"malformed,omitempty"` // flags set aside, with the reason
	NotFound    []string          `json:"not_found,omitempty"` // keys asked for that are no flags, at most a hundred
	Cached      int               `json:"cached"`              // subjects whose values are kept
	Counts      Counts            `json:"counts"`
}

// Counts are counted since the start of the process.
type Counts struct {
	Refreshes     int64 `json:"refreshes"`
	RefreshErrors int64 `json:"refresh_errors"`
	NotFound      int64 `json:"not_found"`      // reads of keys that are no flags
	Failed        int64 `json:"failed"`         // reads of flags that could not be evaluated
	BadSubjects   int64 `json:"bad_subjects"`   // subjects refused for their size or contents, evaluated as anonymous
	SubjectErrors int64 `json:"subject_errors"` // look-ups by id that failed
}

// Status says how the service is doing.
func (s *FeatureFlagService) Status() Status {
	s.mu.Lock()
	h := s.health
	s.mu.Unlock()
	st := s.state.Load()
	out := Status{Environment: s.environment, State: Live, Listening: h.listening, NotFound: s.seen.notFoundKeys(), Cached: s.values.len(),
		Counts: Counts{s.counts.refreshes.Load(), s.counts.refreshErrors.Load(), s.counts.notFound.Load(), s.counts.failed.Load(), s.counts.badSubjects.Load(), s.counts.subjectErrors.Load()}}
	if h.lastError != nil {
		out.Error = h.lastError.Error()
	}
	if st == nil {
		out.State = Fallbacks
		return out
	}
	out.Revision, out.Published, out.Malformed = st.newest.ID(), st.head.PublishedAt, st.newest.Malformed()
	switch {
	case h.fromDisk:
		out.State, out.Age = FromDisk, s.clock().Sub(st.head.Now)
	case h.lastError != nil:
		out.State, out.Age = Stale, s.clock().Sub(h.lastContact)
	default:
		out.Age = s.clock().Sub(h.lastContact)
	}
	return out
}

// Ready reports whether there are rules to evaluate, from wherever.
func (s *FeatureFlagService) Ready() bool { return s.state.Load() != nil }

func (s *FeatureFlagService) setHealth(set func(*health)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.health)
}

func (s *FeatureFlagService) servesDisk() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health.fromDisk
}

// mayAwait allows a request to ask the source for news, unless that was just done.
func (s *FeatureFlagService) mayAwait() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock().Sub(s.health.lastAttempt) >= awaitPause
}

// noteRefresh keeps the outcome of a refresh, and logs when it is another than before.
func (s *FeatureFlagService) noteRefresh(err error) {
	s.counts.refreshes.Add(1)
	var was error
	s.setHealth(func(h *health) {
		was = h.lastError
		h.lastError, h.lastAttempt = err, s.clock()
		if err == nil {
			h.lastContact, h.fromDisk = h.lastAttempt, false
		}
	})
	switch {
	case err != nil:
		s.counts.refreshErrors.Add(1)
		if was == nil {
			s.log.Error("flags: the source is down; the last revision goes on being served", "error", err)
		}
	case was != nil:
		s.log.Info("flags: the source is back", "environment", s.environment)
	}
}

// refuseSubject counts a subject that is too large or otherwise wrong, and logs the first of each kind.
func (s *FeatureFlagService) refuseSubject(err error) {
	s.counts.badSubjects.Add(1)
	s.seen.once("bad subject", err.Error(), func() {
		s.log.Warn("flags: a subject was refused and evaluated as anonymous", "error", err)
	})
}

// recordReads tells the source which flags were read since the last time.
func (s *FeatureFlagService) recordReads(ctx context.Context) {
	st := s.state.Load()
	if st == nil {
		return
	}
	keys := st.newest.TakeReads()
	for number, revision := range st.recent {
		keys = append(keys, revision.TakeReads()...)
		if overlay, ok := st.overlays.Load(number); ok {
			keys = append(keys, overlay.(*ruleset.Revision).TakeReads()...)
		}
	}
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	if err := s.source.RecordReads(ctx, s.environment, s.Now(), keys); err != nil {
		s.log.Warn("flags: which flags were read could not be recorded", "error", err)
	}
}
