package service

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
)

// counters count since the start of the process.
type counters struct {
	refreshes, refreshErrors   atomic.Int64
	notFound, failed           atomic.Int64
	badSubjects, subjectErrors atomic.Int64
	readsRecorded, readErrors  atomic.Int64
}

// health is what is known of the source.
type health struct {
	listening   bool      // hints arrive
	silent      bool      // the listener's connection was lost, which was logged
	lastContact time.Time // by the instance's own clock
	lastError   error     // of the last refresh
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
	SubjectErrors int64 `json:"subject_errors"` // subjects that the host could not find out, in requests and by id
	ReadsRecorded int64 `json:"reads_recorded"` // flags recorded as read, each once a minute at most
	ReadErrors    int64 `json:"read_errors"`    // attempts to record them that failed
}

// Status says how the service is doing.
func (s *FeatureFlagService) Status() Status {
	h, st := s.health(), s.state.Load()
	out := Status{Environment: s.environment, State: Live, Listening: h.listening, Cached: s.values.len(), Counts: s.counts.read()}
	if h.lastError != nil {
		out.Error = h.lastError.Error()
	}
	if st == nil {
		out.State, out.NotFound = Fallbacks, s.seen.notFound(nil)
		return out
	}
	newest := st.newest.own
	out.Revision, out.Published, out.Malformed, out.NotFound = newest.ID(), st.head.PublishedAt, newest.Malformed(), s.seen.notFound(newest)
	switch {
	case st.fromDisk:
		out.State, out.Age = FromDisk, s.clock().Sub(st.head.Now)
	case h.lastError != nil:
		out.State, out.Age = Stale, s.clock().Sub(h.lastContact)
	default:
		out.Age = s.clock().Sub(h.lastContact)
	}
	return out
}

func (c *counters) read() Counts {
	return Counts{
		Refreshes:     c.refreshes.Load(),
		RefreshErrors: c.refreshErrors.Load(),
		NotFound:      c.notFound.Load(),
		Failed:        c.failed.Load(),
		BadSubjects:   c.badSubjects.Load(),
		SubjectErrors: c.subjectErrors.Load(),
		ReadsRecorded: c.readsRecorded.Load(),
		ReadErrors:    c.readErrors.Load(),
	}
}

// Ready reports whether there are rules to evaluate, from wherever.
func (s *FeatureFlagService) Ready() bool { return s.state.Load() != nil }

func (s *FeatureFlagService) health() health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noted
}

func (s *FeatureFlagService) setHealth(set func(*health)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.noted)
}

// isRunning is done when refreshes have to end, because Run has.
func (s *FeatureFlagService) isRunning() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

func (s *FeatureFlagService) setRunning(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = ctx
}

// noteRefresh keeps the outcome of a refresh, and logs when it is another than before.
func (s *FeatureFlagService) noteRefresh(err error) {
	s.counts.refreshes.Add(1)
	var was error
	s.setHealth(func(h *health) {
		was, h.lastError = h.lastError, err
		if err == nil {
			h.lastContact = s.clock()
		}
	})
	if err != nil {
		s.counts.refreshErrors.Add(1)
	}
	switch {
	case err == nil && was != nil:
		s.log.Info("flags: the source is back", "environment", s.environment)
	case err != nil && was == nil && s.Ready(): // at the start, what is then served is logged with it
		s.log.Error("flags: the source cannot be read; the last revision goes on being served", "environment", s.environment, "error", err)
	}
}

// noteSilence keeps that hints do not arrive, and logs it the first time.
func (s *FeatureFlagService) noteSilence(err error) {
	var was bool
	s.setHealth(func(h *health) { was, h.silent, h.listening = h.silent, true, false })
	if !was {
		s.log.Warn("flags: the listener's connection was lost; polling goes on", "environment", s.environment, "error", err)
	}
}

// noteListening keeps that hints arrive, and logs it if they did not before.
func (s *FeatureFlagService) noteListening() {
	var was bool
	s.setHealth(func(h *health) { was, h.silent, h.listening = h.silent, false, true })
	if was {
		s.log.Info("flags: the listener is connected again", "environment", s.environment)
	}
}

// usable gives the subject that is evaluated instead of one that is wrong. One that is too large, or of which more is wrong
// than an attribute that rules cannot read, is counted.
func (s *FeatureFlagService) usable(subject ruleset.Subject, err error) ruleset.Subject {
	var attribute *ruleset.AttributeError
	if errors.As(err, &attribute) {
		s.seen.once("unreadable attribute", attribute.Name, func() {
			s.log.Warn("flags: an attribute of a subject cannot be read and counts as missing", "error", shorten(err.Error()))
		})
		return subject
	}
	s.counts.badSubjects.Add(1)
	s.seen.once("bad subject", err.Error(), func() {
		s.log.Warn("flags: a subject was refused and evaluated as anonymous", "error", shorten(err.Error()))
	})
	return ruleset.Subject{}
}
