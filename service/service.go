// Package service reads flags. It keeps the live revision of one environment and the recent ones in memory, follows
// the source of revisions, and goes on with what it last had when the source is down: a question asked here never
// waits for a database and never fails.
package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/telemetry"
)

// Config says what a FeatureFlagService reads and how it behaves.
type Config struct {
	Source      Source // where revisions come from; required
	Environment string // development, staging, production or one of your own; required

	Subjects  Subjects         // finds subjects by user id, for IsFeatureEnabled and EnabledFeatures; defaults to none: a user of whom only the id is known
	LastGood  string           // file that keeps the last good revision for a start without the source; defaults to none
	Poll      time.Duration    // how often the source is asked for the newest revision, plus or minus a fifth; defaults to 5 seconds
	CacheSize int              // how many subjects' values are kept for a minute; defaults to 20,000; negative keeps none
	Logger    *slog.Logger     // defaults to slog.Default()
	Clock     func() time.Time // the instance's clock, corrected by the source's; defaults to time.Now
	Telemetry telemetry.Hooks  // hears of evaluations and refreshes; defaults to none
}

// FeatureFlagService answers what flags are for whom. It is safe for concurrent use.
type FeatureFlagService struct {
	source      Source
	environment string
	subjects    Subjects
	lastGood    string
	poll        time.Duration
	log         *slog.Logger
	clock       func() time.Time
	telemetry   telemetry.Hooks

	state  atomic.Pointer[state]
	offset atomic.Int64 // nanoseconds to add to the clock, to have the source's
	values *valueCache
	byID   *subjectCache
	counts counters
	seen   observer
	tally  tally
	checks checks

	instance string    // names this process
	started  time.Time // by the clock
	adopted  adoptions

	serials atomic.Uint64 // the last given to rules
	reads   reads
	flights flights
	hints   chan struct{} // holds one at most: more would say the same

	mu      sync.Mutex // guards what follows
	noted   health
	moves   []func(tenant, from, to string) // who hears of plans that change
	running context.Context                 // Run's; before and after, one that is never done
}

// New loads the newest revision, from the source or failing that from the last good file, and returns a service that
// answers at once, if need be with the fallbacks of the code. It fails only on a configuration that cannot work.
// Run keeps it up to date.
func New(ctx context.Context, config Config) (*FeatureFlagService, error) {
	switch {
	case config.Source == nil:
		return nil, errors.New("service.Config.Source is missing: give it the store that holds the flags")
	case config.Environment == "":
		return nil, errors.New("service.Config.Environment is missing: say development, staging or production")
	case config.Poll < 0:
		return nil, fmt.Errorf("service.Config.Poll is %s: it must be above 0, or 0 for the default", config.Poll)
	}
	s := &FeatureFlagService{
		source:      config.Source,
		environment: config.Environment,
		subjects:    config.Subjects,
		lastGood:    config.LastGood,
		poll:        orDefault(config.Poll, 5*time.Second),
		log:         config.Logger,
		clock:       config.Clock,
		telemetry:   config.Telemetry,
		values:      newValueCache(orDefault(config.CacheSize, 20_000)),
		byID:        newSubjectCache(),
		hints:       make(chan struct{}, 1),
		running:     context.Background(),
		instance:    rand.Text(),
		adopted:     adoptions{told: make(chan struct{}, 1)},
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.seen.service = s
	s.started = s.clock()
	s.start(ctx)
	return s, nil
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// Environment is the environment whose flags are served.
func (s *FeatureFlagService) Environment() string { return s.environment }

// Instance names this service among all that follow the source: drawn at its start, and never used again.
func (s *FeatureFlagService) Instance() string { return s.instance }

// Started is when the service was made, by the source's clock as far as it is known.
func (s *FeatureFlagService) Started() time.Time {
	return s.started.Add(time.Duration(s.offset.Load()))
}

// Now is the time by the source's clock, as far as it is known.
func (s *FeatureFlagService) Now() time.Time {
	return s.clock().Add(time.Duration(s.offset.Load()))
}

// Values evaluates all flags of the newest revision for a subject. It is for code without a request, such as jobs;
// handlers ask the middleware, which keeps to what the session has pinned.
func (s *FeatureFlagService) Values(ctx context.Context, subject ruleset.Subject) ruleset.Values {
	return s.Newest().ValuesFor(ctx, subject, s.Now(), false)
}
