package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// host answers look-ups as its function does, and counts them.
type host struct {
	asked  atomic.Int64
	answer func(ctx context.Context, userID string) (ruleset.Subject, error)
}

func (h *host) Subject(ctx context.Context, userID string) (ruleset.Subject, error) {
	h.asked.Add(1)
	return h.answer(ctx, userID)
}

// withHost serves a gated flag, one for all and one for ann, to the users of a host.
func withHost(t *testing.T, answer func(ctx context.Context, userID string) (ruleset.Subject, error)) (*app, *host) {
	h := &host{answer: answer}
	a := start(t, newSource(), func(c *service.Config) { c.Subjects = h })
	a.publish(t, gated(on("gated")), on("for-all"), when("for-ann", "user", "ann"), when("in-germany", "country", "DE"))
	return a, h
}

func TestFlagsByIDKnowWhatTheHostKnows(t *testing.T) {
	a, h := withHost(t, func(_ context.Context, userID string) (ruleset.Subject, error) {
		return ruleset.Subject{Tenant: "acme", Plan: "pro", Attributes: map[string]any{"country": "DE"}}, nil
	})
	ctx := t.Context()
	if got := a.EnabledFeatures(ctx, "ann"); !slices.Equal(got, []string{"for-all", "for-ann", "gated", "in-germany"}) {
		t.Errorf("ann has %v", got)
	}
	if !a.IsFeatureEnabled(ctx, "ann", "gated") || a.IsFeatureEnabled(ctx, "bob", "for-ann") || a.IsFeatureEnabled(ctx, "ann", "unknown") {
		t.Error("single flags differ from all of them")
	}
	if n := h.asked.Load(); n != 2 {
		t.Errorf("the host is asked %d times for two users", n)
	}
}

func TestWithoutAHostOnlyTheIDIsKnown(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, gated(on("gated")), when("for-ann", "user", "ann"))
	if got := a.EnabledFeatures(t.Context(), "ann"); !slices.Equal(got, []string{"for-ann"}) {
		t.Errorf("ann has %v", got)
	}
}

func TestWhenTheHostFailsGatedFlagsAreOffAndOthersAsUsual(t *testing.T) {
	pro := ruleset.Subject{Plan: "pro"} // must not count beside an error
	for name, answer := range map[string]func(context.Context, string) (ruleset.Subject, error){
		"several tenants": func(context.Context, string) (ruleset.Subject, error) { return pro, service.ErrAmbiguous },
		"down":            func(context.Context, string) (ruleset.Subject, error) { return pro, errors.New("down") },
		"panic":           func(context.Context, string) (ruleset.Subject, error) { panic("no such table") },
	} {
		a, h := withHost(t, answer)
		for range 3 {
			if got := a.EnabledFeatures(t.Context(), "ann"); !slices.Equal(got, []string{"for-all", "for-ann"}) {
				t.Errorf("%s: ann has %v", name, got)
			}
		}
		if h.asked.Load() != 3 || a.Status().Counts.SubjectErrors != 3 {
			t.Errorf("%s: asked %d times, %d errors", name, h.asked.Load(), a.Status().Counts.SubjectErrors)
		}
		a.log.expect(t, 1, "the subject could not be found")
	}
}

func TestAHostThatHangsHoldsNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		a, h := withHost(t, func(context.Context, string) (ruleset.Subject, error) { <-never; return ruleset.Subject{}, nil })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		if !a.IsFeatureEnabled(ctx, "ann", "for-ann") || time.Since(began) != 50*time.Millisecond {
			t.Errorf("with a ctx of 50 ms it took %s", time.Since(began))
		}
		began = time.Now()
		var all sync.WaitGroup
		for i := range 3 * service.MaxLookups {
			all.Go(func() { a.IsFeatureEnabled(context.Background(), fmt.Sprint("u-", i), "for-all") })
		}
		all.Wait()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := h.asked.Load(); n != service.MaxLookups {
			t.Errorf("%d calls hang", n)
		}
		close(never)
	})
}

func TestWhoGivesUpFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan struct{})
		a, h := withHost(t, func(ctx context.Context, _ string) (ruleset.Subject, error) {
			select {
			case <-answers:
				return ruleset.Subject{Plan: "pro"}, nil
			case <-ctx.Done():
				return ruleset.Subject{}, ctx.Err()
			}
		})
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if a.IsFeatureEnabled(first, "ann", "gated") {
				t.Error("who gave up has an answer")
			}
		})
		synctest.Wait()
		for range 10 {
			all.Go(func() {
				if !a.IsFeatureEnabled(t.Context(), "ann", "gated") {
					t.Error("who waited has none")
				}
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(answers)
		all.Wait()
		if n := h.asked.Load(); n != 1 {
			t.Errorf("the host is asked %d times", n)
		}
	})
}

func TestAPlanChangeIsSeenAtOnceAndOnlyItsTenantForgotten(t *testing.T) {
	plan := "free"
	a, h := withHost(t, func(_ context.Context, userID string) (ruleset.Subject, error) {
		return ruleset.Subject{Tenant: "tenant of " + userID, Plan: plan}, nil
	})
	ctx := t.Context()
	a.IsFeatureEnabled(ctx, "bob", "gated")
	if a.IsFeatureEnabled(ctx, "ann", "gated") {
		t.Error("the free plan has it")
	}
	plan = "pro"
	a.PlanChanged(ctx, "tenant of ann", "free", "pro")
	if !a.IsFeatureEnabled(ctx, "ann", "gated") {
		t.Error("the change is not seen")
	}
	if a.IsFeatureEnabled(ctx, "bob", "gated") || h.asked.Load() != 3 {
		t.Error("users of other tenants are forgotten")
	}
}

// The host may have read the plan just before it changed.
func TestALookUpUnderWayDuringAPlanChangeIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plan atomic.Value
		plan.Store("free")
		slow := make(chan struct{})
		a, _ := withHost(t, func(context.Context, string) (ruleset.Subject, error) {
			read := plan.Load().(string)
			if read == "free" {
				<-slow
			}
			return ruleset.Subject{Tenant: "acme", Plan: read}, nil
		})
		go a.IsFeatureEnabled(t.Context(), "ann", "gated")
		synctest.Wait()
		plan.Store("pro")
		a.PlanChanged(t.Context(), "acme", "free", "pro")
		if !a.IsFeatureEnabled(t.Context(), "ann", "gated") {
			t.Error("who asks after the change is told of before it")
		}
		close(slow)
		synctest.Wait()
		if !a.IsFeatureEnabled(t.Context(), "ann", "gated") {
			t.Error("the old plan is remembered")
		}
	})
}

func TestSubjectsAreAskedForAnewAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, h := withHost(t, func(context.Context, string) (ruleset.Subject, error) { return ruleset.Subject{Plan: "pro"}, nil })
		for range 4 {
			a.IsFeatureEnabled(t.Context(), "ann", "gated")
			time.Sleep(31 * time.Second)
		}
		if n := h.asked.Load(); n != 2 {
			t.Errorf("the host is asked %d times in two minutes", n)
		}
	})
}
