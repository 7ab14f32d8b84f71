package service_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestAMalformedFlagIsSetAsideLoggedAndCounted(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, boolean("bad", ruleset.Rule{Serve: "no such variant"}), on("good"))
	if !a.on("good") || a.on("bad") {
		t.Error("a malformed flag takes others with it")
	}
	a.on("bad")
	status := a.Status()
	if len(status.Malformed) != 1 || status.Malformed["bad"] == "" || status.Counts.Failed != 2 || status.Counts.NotFound != 0 {
		t.Errorf("%+v", status)
	}
	a.log.expect(t, 1, "mistakes in the stored rules")
	a.log.expect(t, 1, "cannot be evaluated")
	a.publish(t, on("bad"), on("good"))
	if !a.on("bad") || len(a.Status().Malformed) != 0 {
		t.Error("mending it changes nothing")
	}
}

func TestAnUnknownFlagIsLoggedOnceAndRemembered(t *testing.T) {
	a := start(t, newSource())
	first := a.publish(t, on("home"))
	for range 10 {
		a.on("hone")
		a.on("soon")
	}
	a.log.expect(t, 1, "hone")
	if s := a.Status(); !slices.Equal(s.NotFound, []string{"hone", "soon"}) || s.Counts.NotFound != 20 {
		t.Errorf("%+v", s)
	}
	a.publish(t, on("home"), on("soon"))
	a.pinned(t, first).Values(ann, a.Now()).On("soon") // who has pinned the one before
	if s := a.Status(); !slices.Equal(s.NotFound, []string{"hone"}) {
		t.Errorf("a flag that was made since is shown as unknown: %v", s.NotFound)
	}
}

// Keys can come from outside.
func TestUnknownKeysFillNeitherMemoryNorLog(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, boolean("bad", ruleset.Rule{Serve: "no such variant"}))
	values := a.Values(t.Context(), ann)
	for i := range 5000 {
		values.On(fmt.Sprint("key-", i, strings.Repeat("é", 10_000)))
	}
	s := a.Status()
	if s.Counts.NotFound != 5000 || len(s.NotFound) != 100 {
		t.Errorf("%d counted, %d shown", s.Counts.NotFound, len(s.NotFound))
	}
	for _, key := range s.NotFound {
		if len(key) > 300 {
			t.Fatalf("%d bytes are kept of a key", len(key))
		}
	}
	a.log.expect(t, 1000, "there is no such flag")
	values.On("bad")
	a.log.expect(t, 1, "cannot be evaluated") // those are remembered apart
}

func TestAWrongSubjectIsCountedAndEvaluatedAsAnonymous(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, when("for-ann", "user", "ann"), on("for-all"), when("in-germany", "country", "DE"))
	for name, attributes := range map[string]map[string]any{
		"10 MB":          {"country": "DE", "note": strings.Repeat("x", 10<<20)},
		"a reserved one": {"country": "DE", "plan": "pro"},
	} {
		wrong := ann
		wrong.Attributes = attributes
		before := a.Status().Counts.BadSubjects
		for range 2 {
			for _, values := range []ruleset.Values{a.Newest().Values(wrong, a.Now()), a.Newest().CachedValues(wrong, a.Now())} {
				if got := values.Enabled(); !slices.Equal(got, []string{"for-all"}) {
					t.Errorf("%s: %v are on", name, got)
				}
			}
			// Those of the right subject are the same for what rules read.
			if got := a.Newest().CachedValues(ann, a.Now()).Enabled(); !slices.Equal(got, []string{"for-all", "for-ann"}) {
				t.Errorf("%s: the right subject is served %v", name, got)
			}
		}
		if n := a.Status().Counts.BadSubjects - before; n != 4 {
			t.Errorf("%s: counted %d times, want 4", name, n)
		}
		if _, err := a.Newest().Explain("for-all", wrong, a.Now()); err == nil {
			t.Errorf("%s: is explained", name)
		}
	}
	a.log.expect(t, 2, "a subject was refused")
}

// One attribute of a type that rules cannot read costs nobody what they pay for.
func TestAnAttributeThatCannotBeReadCountsAsMissing(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, when("for-ann", "user", "ann"), when("in-germany", "country", "DE"), when("for-somebody", "who", "1"))
	for name, attribute := range map[string]any{"a type of ours": struct{}{}, "no number": math.NaN(), "too large a number": math.Inf(1), "a complex one": 1i} {
		who := ann
		who.Attributes = map[string]any{"country": "DE", "who": attribute}
		before := a.Status().Counts.BadSubjects
		for _, values := range []ruleset.Values{a.Newest().Values(who, a.Now()), a.Newest().CachedValues(who, a.Now()), a.Newest().PreviewValues(service.Preview{}, who, a.Now())} {
			if got := values.Enabled(); !slices.Equal(got, []string{"for-ann", "in-germany"}) {
				t.Errorf("%s: %v are on", name, got)
			}
		}
		if n := a.Status().Counts.BadSubjects - before; n != 0 {
			t.Errorf("%s: %d subjects are refused", name, n)
		}
		var told *ruleset.AttributeError
		if _, err := a.Newest().Explain("for-ann", who, a.Now()); !errors.As(err, &told) || told.Name != "who" {
			t.Errorf("%s: whoever asks for an explanation is told %v", name, err)
		}
		who.Attributes["plan"] = "pro" // which is worse
		if got := a.Newest().Values(who, a.Now()).Enabled(); len(got) != 0 {
			t.Errorf("%s beside a reserved name: %v are on", name, got)
		}
	}
	a.log.expect(t, 1, "cannot be read and counts as missing") // once for each attribute
}

func TestReadsAreRecordedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.publish(t, on("read"), on("listed"), on("unread"))
		end := a.run(t)
		a.on("read")
		at := a.source.Now()
		time.Sleep(time.Minute + time.Second)
		if got := a.source.LastRead("read"); !got.Equal(at) {
			t.Errorf("recorded as read at %s, want %s", got, at)
		}
		a.source.Advance(time.Hour)
		time.Sleep(time.Minute)
		if got := a.source.LastRead("read"); !got.Equal(at) {
			t.Error("a read is recorded twice")
		}
		a.on("listed")
		end()
		if a.source.LastRead("listed").IsZero() || !a.source.LastRead("unread").IsZero() {
			t.Error("reads are lost at the end, or made up")
		}
		if n := a.Status().Counts.ReadsRecorded; n != 2 {
			t.Errorf("%d are counted", n)
		}
	})
}

func TestReadsDuringAnOutageAreRecordedAfterItWithTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.publish(t, on("early"), on("late"))
		end := a.run(t)
		defer end()
		a.source.Down()
		early := a.source.Now()
		a.on("early")
		a.on("late")
		time.Sleep(time.Minute + time.Second)
		a.source.Advance(24 * time.Hour)
		a.on("late")
		late := a.source.Now()
		time.Sleep(time.Minute)
		if s := a.Status(); s.Counts.ReadErrors == 0 || s.Counts.ReadsRecorded != 0 {
			t.Errorf("%+v", s.Counts)
		}
		a.log.expect(t, 0, "could not be recorded") // the outage is logged
		a.source.Up()
		time.Sleep(time.Minute)
		if got := a.source.LastRead("early"); !got.Equal(early) {
			t.Errorf("the early one is recorded at %s, want %s", got, early)
		}
		if got := a.source.LastRead("late"); !got.Equal(late) {
			t.Errorf("the late one is recorded at %s, want %s", got, late)
		}
	})
}

func TestReadsOfARevisionThatIsDroppedAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.publish(t, on("gone"), on("changed"))
		pinned := a.publish(t, when("changed", "user", "ann"), on("gone"))
		a.publish(t)
		a.pinned(t, pinned).Values(ann, a.Now()).On("changed")
		a.source.Restore(0)
		a.refresh(t)
		a.on("gone") // of nothing: no read
		a.run(t)()
		if a.source.LastRead("changed").IsZero() || !a.source.LastRead("gone").IsZero() {
			t.Error("reads of a dropped revision are lost, or made up")
		}
	})
}
