package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a flagtest.Source that is watched, and whose answers can be held back.
type source struct {
	*flagtest.Source
	heads, loads        atomic.Int64
	holdHead, holdLoad  hold
	panics, failsToLoad atomic.Bool
	beforeRecent        func() // what happens between the question for the head and that for the recent ones
}

func newSource() *source { return &source{Source: flagtest.NewSource()} }

func (s *source) Head(ctx context.Context, environment string) (service.Head, error) {
	s.heads.Add(1)
	if s.panics.Load() {
		panic("no more heads")
	}
	if err := s.holdHead.wait(ctx); err != nil {
		return service.Head{}, err
	}
	return s.Source.Head(ctx, environment)
}

func (s *source) Recent(ctx context.Context, environment string, since time.Time) ([]ruleset.ID, error) {
	if f := s.beforeRecent; f != nil {
		s.beforeRecent = nil
		f()
	}
	return s.Source.Recent(ctx, environment, since)
}

func (s *source) Load(ctx context.Context, id ruleset.ID) (ruleset.Definition, error) {
	s.loads.Add(1)
	if err := s.holdLoad.wait(ctx); err != nil {
		return ruleset.Definition{}, err
	}
	if s.failsToLoad.Load() {
		return ruleset.Definition{}, errors.New("the connection broke")
	}
	return s.Source.Load(ctx, id)
}

// hold keeps those who wait until it is released.
type hold struct {
	mu   sync.Mutex
	held chan struct{}
}

func (h *hold) on() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = make(chan struct{})
}

func (h *hold) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.held)
	h.held = nil
}

func (h *hold) wait(ctx context.Context) error {
	h.mu.Lock()
	held := h.held
	h.mu.Unlock()
	if held == nil {
		return nil
	}
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// journal keeps what was logged.
type journal struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	fmt.Fprint(&line, r.Level, " ", r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprint(&line, " ", a); return true })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line.String())
	return nil
}

// has is how many lines contain a text.
func (j *journal) has(text string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (j *journal) expect(t *testing.T, times int, text string) {
	t.Helper()
	if n := j.has(text); n != times {
		t.Errorf("%q is logged %d times, want %d:\n%s", text, n, times, strings.Join(j.lines, "\n"))
	}
}

// app is a service with its source and its journal.
type app struct {
	*service.FeatureFlagService
	source *source
	log    *journal
}

// start makes a service of a source, on its clock.
func start(t testing.TB, source *source, set ...func(*service.Config)) *app {
	t.Helper()
	a := &app{source: source, log: &journal{}}
	config := service.Config{Source: source, Environment: flagtest.Environment, Logger: slog.New(a.log), Clock: source.Now}
	for _, f := range set {
		f(&config)
	}
	flags, err := service.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	a.FeatureFlagService = flags
	return a
}

// refresh must succeed.
func (a *app) refresh(t testing.TB) {
	t.Helper()
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// publish publishes and refreshes.
func (a *app) publish(t testing.TB, flags ...ruleset.Flag) ruleset.ID {
	t.Helper()
	id := a.source.Publish(define(flags...))
	a.refresh(t)
	return id
}

// pinned is the view of a pin that must hold.
func (a *app) pinned(t testing.TB, id ruleset.ID) service.View {
	t.Helper()
	view, ok := a.Pinned(id)
	if !ok {
		t.Fatalf("revision %d is not there", id.Number)
	}
	return view
}

// on is whether a flag is on for a user by the newest rules.
func (a *app) on(key string) bool { return a.Values(context.Background(), ann).On(key) }

var ann = ruleset.Subject{User: "ann", Tenant: "acme", Plan: "free"}

func define(flags ...ruleset.Flag) ruleset.Definition {
	return ruleset.Definition{Plans: []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10}}, Flags: flags}
}

// on and off are enabled boolean flags that serve everybody the same.
func on(key string) ruleset.Flag  { return boolean(key, ruleset.Rule{Serve: "on"}) }
func off(key string) ruleset.Flag { return boolean(key) }

func boolean(key string, rules ...ruleset.Rule) ruleset.Flag {
	return ruleset.Flag{Key: key, Kind: ruleset.Release, Type: ruleset.Boolean, Salt: key, Enabled: true, ClientVisible: true, Rules: rules}
}

// when is on for those whose attribute has a value.
func when(key, attribute, value string) ruleset.Flag {
	return boolean(key, ruleset.Rule{Serve: "on", When: &ruleset.Condition{Attribute: attribute, Operator: ruleset.In, Values: []string{value}}})
}

func gated(f ruleset.Flag) ruleset.Flag {
	f.Kind, f.TierRequired = ruleset.Premium, "pro"
	return f
}

func killed(f ruleset.Flag) ruleset.Flag { f.Killed = true; return f }
