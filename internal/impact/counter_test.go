package impact

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/ruleset"
)

type counting = func(context.Context, func(done, total int)) (*Impact, error)

// counter is one that must leave nothing behind.
func counter(t *testing.T) *Counter {
	t.Helper()
	others := goleak.IgnoreCurrent()
	c := NewCounter()
	t.Cleanup(func() {
		c.Close()
		goleak.VerifyNone(t, others)
	})
	return c
}

func key(n byte) Key {
	return Key{Before: ruleset.ID{Environment: "test", Number: 1}, Draft: [32]byte{n}}
}

// held is a count that goes on until it is let go, or its context ends.
func held(letGo <-chan struct{}, began chan<- struct{}) counting {
	return func(ctx context.Context, progress func(done, total int)) (*Impact, error) {
		progress(40, 100)
		select {
		case began <- struct{}{}:
		default: // nobody waits for so many
		}
		select {
		case <-letGo:
			return &Impact{People: 100}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// On a clock of its own: what is counted in no time is quick, however long the machine takes for it.
func TestAPageWaitsForAQuickCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, seen := counter(t), &directory.Snapshot{}
		var counts atomic.Int32
		quickly := func(context.Context, func(done, total int)) (*Impact, error) {
			counts.Add(1)
			return &Impact{People: 7}, nil
		}
		for range 3 {
			if a := c.Ask(t.Context(), key(1), seen, time.Minute, quickly); a.Err != nil || a.Impact == nil || a.Impact.People != 7 {
				t.Fatalf("%+v", a)
			}
		}
		if counts.Load() != 1 {
			t.Errorf("it was counted %d times", counts.Load())
		}
		c.Ask(t.Context(), key(1), &directory.Snapshot{}, time.Minute, quickly) // somebody was seen since
		if counts.Load() != 2 {
			t.Errorf("it was counted %d times, though others were seen since", counts.Load())
		}
	})
}

func TestASlowCountShowsItsProgressAndIsFoundLater(t *testing.T) {
	c, seen := counter(t), &directory.Snapshot{}
	letGo, began := make(chan struct{}), make(chan struct{}, 1)
	if a := c.Ask(t.Context(), key(1), seen, time.Millisecond, held(letGo, began)); a.Ready() {
		t.Fatalf("%+v", a)
	}
	<-began
	never := func(context.Context, func(done, total int)) (*Impact, error) {
		t.Error("it is counted once more while it goes on")
		return nil, nil
	}
	// People are seen all the time; a page that asks again finds the count that goes on.
	if a := c.Ask(t.Context(), key(1), &directory.Snapshot{}, time.Millisecond, never); a.Ready() || a.Done != 40 || a.Total != 100 {
		t.Fatalf("%+v", a)
	}
	close(letGo) // and it may be over before the next question, which is about those whom it counted
	if a := c.Ask(t.Context(), key(1), seen, time.Minute, never); a.Impact == nil || a.Impact.People != 100 {
		t.Fatalf("%+v", a)
	}
}

func TestOnlySoManyAreCountedAtOnce(t *testing.T) {
	c := counter(t)
	letGo, began := make(chan struct{}), make(chan struct{}, maxJobs)
	for n := range maxJobs {
		if a := c.Ask(t.Context(), key(byte(n)), &directory.Snapshot{}, time.Millisecond, held(letGo, began)); a.Ready() {
			t.Fatalf("%d: %+v", n, a)
		}
	}
	for range atOnce {
		<-began
	}
	if len(began) > 0 {
		t.Errorf("more than %d are counted at once", atOnce)
	}
	if a := c.Ask(t.Context(), key(200), &directory.Snapshot{}, time.Millisecond, held(letGo, began)); !errors.Is(a.Err, ErrBusy) {
		t.Errorf("one more: %+v", a)
	}
	close(letGo)
	for n := range maxJobs {
		if a := c.Ask(t.Context(), key(byte(n)), &directory.Snapshot{}, time.Minute, held(letGo, began)); a.Impact == nil {
			t.Errorf("%d: %+v", n, a)
		}
	}
	if a := c.Ask(t.Context(), key(200), &directory.Snapshot{}, time.Minute, held(letGo, began)); a.Impact == nil { // in the place of one that is over
		t.Errorf("%+v", a)
	}
	if len(c.jobs) > maxJobs {
		t.Errorf("%d are remembered", len(c.jobs))
	}
}

func TestACountThatNobodyAsksForEnds(t *testing.T) {
	c := counter(t)
	began, ended := make(chan struct{}, 1), make(chan struct{})
	waits := func(ctx context.Context, _ func(done, total int)) (*Impact, error) {
		began <- struct{}{}
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	c.Ask(t.Context(), key(1), &directory.Snapshot{}, 0, waits)
	<-began                        // before that it could end without having begun
	c.abandoned = time.Millisecond // from the last question on
	c.Ask(t.Context(), key(1), &directory.Snapshot{}, 0, waits)
	<-ended
	c.abandoned = time.Minute
	if a := c.Ask(t.Context(), key(2), &directory.Snapshot{}, time.Minute, func(context.Context, func(done, total int)) (*Impact, error) { return &Impact{}, nil }); a.Impact == nil {
		t.Errorf("its place is not free: %+v", a)
	}
}

func TestAFailureIsTriedAgain(t *testing.T) {
	c := counter(t)
	panics := func(context.Context, func(done, total int)) (*Impact, error) { panic("at the disco") }
	if a := c.Ask(t.Context(), key(1), &directory.Snapshot{}, time.Minute, panics); a.Err == nil || !strings.Contains(a.Err.Error(), "at the disco") {
		t.Errorf("a panic gives %+v", a)
	}
	if a := c.Ask(t.Context(), key(1), &directory.Snapshot{}, time.Minute, func(context.Context, func(done, total int)) (*Impact, error) { return &Impact{}, nil }); a.Impact == nil {
		t.Errorf("then %+v", a)
	}
}

func TestACloseEndsWhatGoesOn(t *testing.T) {
	c := counter(t)
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{}, 1)
	c.Ask(t.Context(), key(1), &directory.Snapshot{}, 0, held(nil, began))
	<-began
	ran := make(chan error)
	go func() { ran <- c.Run(ctx) }()
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if a := c.Ask(t.Context(), key(2), &directory.Snapshot{}, time.Minute, held(nil, began)); a.Err == nil {
		t.Errorf("asked afterwards: %+v", a)
	}
}

func TestARequestThatEndsWaitsNoLonger(t *testing.T) {
	c := counter(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := c.Ask(ctx, key(1), &directory.Snapshot{}, time.Hour, held(nil, make(chan struct{}, 1))); !errors.Is(a.Err, context.Canceled) {
		t.Errorf("%+v", a)
	}
}

// Drafts that decide the same have the same key; others have another, also where a value is no JSON.
func TestADraftIsKnownByWhatItDecides(t *testing.T) {
	flag := func(key, otherwise, value string) ruleset.Flag {
		return ruleset.Flag{Key: key, Salt: key, Kind: ruleset.Release, Type: ruleset.String, Enabled: true, Off: "a", Otherwise: otherwise, Default: "a",
			Variants: []ruleset.Variant{{Name: "a", Value: []byte(value)}, {Name: "b", Value: []byte(`"b"`)}}}
	}
	compile := func(number int64, flags ...ruleset.Flag) *ruleset.Revision {
		r, _ := ruleset.Compile(ruleset.ID{Number: number}, ruleset.Definition{Flags: flags}, nil)
		return r
	}
	before := compile(1, flag("f", "a", `"a"`), flag("g", "a", `"a"`))
	draft := func(otherwise, value string) Key {
		return KeyOf(before, compile(0, flag("f", otherwise, value), flag("g", "a", `"a"`)))
	}
	if once, again := draft("b", `"a"`), draft("b", `"a"`); once != again {
		t.Error("the same draft has two keys")
	}
	keys := map[Key]string{}
	for _, d := range [][2]string{{"a", `"a"`}, {"b", `"a"`}, {"b", `"c"`}, {"b", `{`}, {"b", `[`}} {
		k := draft(d[0], d[1])
		if known, taken := keys[k]; taken {
			t.Errorf("%q and %q have the same key", known, d)
		}
		keys[k] = strings.Join(d[:], " ")
	}
	if KeyOf(before, before) == KeyOf(compile(2, flag("f", "a", `"a"`)), before) {
		t.Error("compared with another revision it has the same key")
	}
}
