package service_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestAPreviewIsKeptForNobodyElseAndDecidesNothing(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, off("a"), on("b"))
	view, before := a.Newest(), len(service.CacheLives(a.FeatureFlagService))
	decided, _ := a.Decisions()
	p := service.Preview{Variants: map[string]string{"a": "on"}}
	v := view.PreviewValues(p, ann, a.Now())
	if !v.On("a") || !v.On("b") || v.Reason("a") != ruleset.Previewed || v.Revision() != view.Revision() {
		t.Errorf("a %+v, b %+v, revision %v", v.Detail("a"), v.Detail("b"), v.Revision())
	}
	if after, _ := a.Decisions(); after != decided || len(service.CacheLives(a.FeatureFlagService)) != before {
		t.Errorf("%d decisions, %d kept", after-decided, len(service.CacheLives(a.FeatureFlagService))-before)
	}
	if view.CachedValues(ann, a.Now()).On("a") || a.Values(t.Context(), ann).On("a") {
		t.Error("others see the preview")
	}
}

func TestAPreviewOverAPinFollowsTheKillsOfTheNewestRevision(t *testing.T) {
	a := start(t, newSource())
	pinned := a.publish(t, off("a"), off("b"))
	a.publish(t, killed(off("a")), on("b"))
	v := a.pinned(t, pinned).PreviewValues(service.Preview{Variants: map[string]string{"a": "on"}}, ann, a.Now())
	if v.On("a") || v.On("b") || v.Reason("a") != ruleset.Killed {
		t.Errorf("a %+v, b %+v", v.Detail("a"), v.Detail("b"))
	}
	draft, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: 3}, define(on("a"), on("c")), nil)
	if err != nil {
		t.Fatal(err)
	}
	v = a.pinned(t, pinned).PreviewValues(service.Preview{Draft: draft}, ann, a.Now())
	if v.On("a") || !v.On("c") || v.Reason("a") != ruleset.Killed {
		t.Errorf("of the draft a %+v, c %+v", v.Detail("a"), v.Detail("c"))
	}
}

func TestAFlagThatIsNewerThanThePinCanBePreviewed(t *testing.T) {
	a := start(t, newSource())
	pinned := a.publish(t, off("a"))
	a.publish(t, off("a"), off("new"))
	view := a.pinned(t, pinned)
	if v := view.PreviewValues(service.Preview{Variants: map[string]string{"new": "on"}}, ann, a.Now()); !v.On("new") {
		t.Errorf("new: %+v", v.Detail("new"))
	}
	if err := view.Check(service.Preview{Variants: map[string]string{"none": "on"}}); err == nil {
		t.Error("a flag that there is not can be previewed")
	}
}

func TestWhereNothingIsLoadedNothingIsPreviewed(t *testing.T) {
	var none service.View
	if err := none.Check(service.Preview{}); !errors.Is(err, service.ErrNoRevision) {
		t.Errorf("%v", err)
	}
	if v := none.PreviewValues(service.Preview{}, ann, time.Unix(0, 0)); !v.IsZero() {
		t.Error("there are values")
	}
}

// BenchmarkPreviewValues measures what a page under a preview costs more: a thousand flags, put together anew.
func BenchmarkPreviewValues(b *testing.B) {
	a := start(b, newSource())
	var flags []ruleset.Flag
	for i := range 1000 {
		flags = append(flags, off(fmt.Sprintf("flag-%04d", i)))
	}
	a.publish(b, flags...)
	view, p := a.Newest(), service.Preview{Variants: map[string]string{"flag-0500": "on"}}
	for b.Loop() {
		view.PreviewValues(p, ann, a.Now())
	}
}
