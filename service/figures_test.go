package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestFailuresAreCountedByFlagAndCause(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, boolean("bad", ruleset.Rule{Serve: "gone"}), boolean("worse", ruleset.Rule{Serve: "gone"}), on("good"))
	a.on("bad")
	a.on("good")
	a.source.Advance(time.Minute)
	a.on("worse")
	a.on("worse")
	a.publish(t, boolean("bad", ruleset.Rule{Serve: "lost"}), on("worse"))
	a.on("bad")
	got := a.Failures()
	if len(got) != 3 || got[0].Flag != "worse" || got[0].Reads != 2 || !got[0].Last.Equal(a.source.Now()) {
		t.Fatalf("%+v", got)
	}
	if got[1].Flag != "bad" || got[2].Flag != "bad" || !strings.Contains(got[1].Cause+got[2].Cause, "gone") || !strings.Contains(got[1].Cause+got[2].Cause, "lost") {
		t.Errorf("the causes of one flag are not told apart: %+v", got)
	}
}

func TestUnknownFlagsAreCountedWithTheTimeTheyWereLastAskedFor(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, on("home"))
	a.on("soon")
	for range 3 {
		a.on("hone")
	}
	a.source.Advance(time.Hour)
	a.on("hone")
	got := a.Unknown()
	if len(got) != 2 || got[0].Key != "hone" || got[0].Reads != 4 || !got[0].Last.Equal(a.source.Now()) || got[1].Reads != 1 {
		t.Fatalf("%+v", got)
	}
	a.publish(t, on("home"), on("hone"))
	if got := a.Unknown(); len(got) != 1 || got[0].Key != "soon" {
		t.Errorf("a flag that was made since is shown as unknown: %+v", got)
	}
}

// Keys can come from outside.
func TestUnknownKeysAreKeptWithinBounds(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, on("home"))
	values := a.Values(t.Context(), ann)
	for i := range 3000 {
		values.On(fmt.Sprint(i, strings.Repeat("\xff<script>", 5_000)))
	}
	got := a.Unknown()
	if len(got) != 100 {
		t.Errorf("%d keys are shown", len(got))
	}
	for _, u := range got {
		if len(u.Key) > 300 {
			t.Fatalf("%d bytes are kept of a key", len(u.Key))
		}
	}
	if n := service.Remembered(a.FeatureFlagService); n != 1000 {
		t.Errorf("%d keys are remembered, want 1000", n)
	}
}

func TestADecisionIsOneFlagOfEachSetOfValuesThatIsHandedOut(t *testing.T) {
	a := start(t, newSource())
	if decided, failed := a.Decisions(); decided != 0 || failed != 0 {
		t.Fatalf("%d and %d before anything was asked", decided, failed)
	}
	a.publish(t, on("a"), on("b"), boolean("bad", ruleset.Rule{Serve: "gone"}))
	a.Newest().Values(ann, a.Now())
	a.Newest().CachedValues(ann, a.Now())
	values := a.Newest().CachedValues(ann, a.Now()) // from the cache: served all the same
	values.On("a")
	values.On("bad")
	if decided, failed := a.Decisions(); decided != 9 || failed != 3 {
		t.Errorf("%d decided and %d failed, want 9 and 3", decided, failed)
	}
}

func TestAdoptionsAreKeptWithTheSourcesTime(t *testing.T) {
	a := start(t, newSource())
	first := a.publish(t, on("a"))
	a.source.Advance(time.Second)
	at := a.source.Now()
	second := a.publish(t, killed(on("a")))
	a.source.Advance(time.Minute)
	a.refresh(t) // nothing new
	got := a.Adoptions(0)
	if len(got) != 3 || got[0].From != -1 || got[1].To != first || got[2].From != first.Number || got[2].To != second || !got[2].At.Equal(at) {
		t.Fatalf("%+v", got)
	}
	if rest := a.Adoptions(got[1].Serial); len(rest) != 1 || rest[0] != got[2] {
		t.Errorf("after the second come %+v", rest)
	}
	select {
	case <-a.Adopted():
	default:
		t.Error("nobody is told of an adoption")
	}
	if rest := a.Adoptions(got[2].Serial); len(rest) != 0 {
		t.Errorf("after the last come %+v", rest)
	}
}

func TestAdoptionsAreKeptWithinBounds(t *testing.T) {
	a := start(t, newSource())
	for i := range 1100 {
		a.source.Publish(define(on(fmt.Sprint("flag-", i))))
		a.refresh(t)
	}
	got := a.Adoptions(0)
	if len(got) != 1000 || got[999].To.Number != 1100 {
		t.Errorf("%d are kept, the last of revision %d", len(got), got[len(got)-1].To.Number)
	}
}

func TestTwoServicesHaveTwoNames(t *testing.T) {
	source := newSource()
	a, b := start(t, source), start(t, source)
	if a.Instance() == "" || a.Instance() == b.Instance() {
		t.Errorf("%q and %q", a.Instance(), b.Instance())
	}
	if !a.Started().Equal(source.Now()) {
		t.Errorf("started at %s", a.Started())
	}
}
