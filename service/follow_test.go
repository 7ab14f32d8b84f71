package service_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestARefreshServesWhatWasPublished(t *testing.T) {
	a := start(t, newSource())
	if a.on("home") || a.Newest().Revision().Number != 0 || a.Newest().IsZero() {
		t.Error("an environment in which nothing was published does not serve revision 0")
	}
	first := a.publish(t, on("home"))
	if !a.on("home") || a.Newest().Revision() != first || a.Newest().Newest() != first {
		t.Error("what was published is not served")
	}
	loads := a.source.loads.Load()
	a.refresh(t)
	if a.source.loads.Load() != loads {
		t.Error("a refresh without news loads again")
	}
}

func TestRecentRevisionsStayForFormsAndAreThenDropped(t *testing.T) {
	a := start(t, newSource())
	first := a.publish(t, on("home"))
	second := a.publish(t, off("home"))
	a.source.Advance(service.FormPinLife)
	third := a.publish(t, off("home"), on("more"))
	if !a.pinned(t, first).Values(ann, a.Now()).On("home") {
		t.Error("a form's revision is not kept")
	}
	a.source.Advance(service.Keep - service.FormPinLife + time.Second)
	a.publish(t)
	if _, ok := a.Pinned(first); ok {
		t.Error("a revision that nobody can have pinned any more is kept")
	}
	a.pinned(t, second)
	a.pinned(t, third)
	a.source.Advance(service.Keep + time.Second)
	a.refresh(t) // nothing was published
	if _, ok := a.Pinned(third); ok {
		t.Error("old revisions are dropped only when something is published")
	}
}

func TestAStartLoadsAllThatCanBePinned(t *testing.T) {
	source := newSource()
	zero := ruleset.ID{Environment: "test"}
	old := source.Publish(define())
	source.Advance(service.Keep + time.Second)
	before := source.Publish(define(on("home")))
	source.Publish(define(on("home"), on("more")))
	a := start(t, source)
	a.pinned(t, old) // the newest until a moment ago
	a.pinned(t, before)
	if _, ok := a.Pinned(ruleset.ID{Environment: "other", Number: before.Number, Digest: before.Digest}); ok {
		t.Error("a pin of another environment holds")
	}
	view := a.pinned(t, zero)
	if view.Values(ann, a.Now()).On("home") || view.Revision() != zero {
		t.Error("who has pinned the empty revision sees flags")
	}
}

func TestPinsBelowTheFloorAreRefused(t *testing.T) {
	a := start(t, newSource())
	first, second := a.publish(t, on("home")), a.publish(t, off("home"))
	a.source.Recall()
	a.refresh(t)
	if _, ok := a.Pinned(first); ok {
		t.Error("a pin below the floor holds")
	}
	a.pinned(t, second)
}

func TestARestoredSourceIsFollowed(t *testing.T) {
	a := start(t, newSource())
	first, second := a.publish(t, on("home")), a.publish(t, off("home"))
	a.source.Restore(1)
	a.refresh(t)
	if _, ok := a.Pinned(second); ok || a.Newest().Revision() != first || !a.on("home") {
		t.Error("the head did not go back")
	}
	again := a.publish(t, on("other"))
	if again.Number != second.Number {
		t.Fatal("numbers do not come again")
	}
	if _, ok := a.Pinned(second); ok || a.on("home") || !a.on("other") {
		t.Error("a revision with the same number and another digest is taken for the one before")
	}
	a.pinned(t, again)
	a.source.Restore(0)
	a.refresh(t)
	if _, ok := a.Pinned(first); ok || a.Newest().Revision().Number != 0 {
		t.Error("an emptied source is not followed")
	}
}

func TestWhatIsPublishedDuringARefreshIsLeftForTheNext(t *testing.T) {
	a := start(t, newSource())
	var later ruleset.ID
	a.source.beforeRecent = func() { later = a.source.Publish(define(off("home"))) }
	id := a.publish(t, on("home"))
	if a.Newest().Revision() != id || !a.on("home") {
		t.Errorf("revision %d is served", a.Newest().Revision().Number)
	}
	a.refresh(t)
	if a.Newest().Revision() != later {
		t.Errorf("revision %d is served", a.Newest().Revision().Number)
	}
}

func TestARefreshThatFailsHalfwayChangesNothing(t *testing.T) {
	for name, fail := range map[string]func(*source){
		"a load fails":        func(s *source) { s.failsToLoad.Store(true) },
		"the source is lost":  func(s *source) { s.beforeRecent = s.Down },
		"the head is undone":  func(s *source) { s.beforeRecent = func() { s.Restore(1) } },
		"all of it is undone": func(s *source) { s.beforeRecent = func() { s.Restore(0) } },
	} {
		a := start(t, newSource())
		first := a.publish(t, on("home"))
		fail(a.source)
		a.source.Publish(define(off("home")))
		if err := a.Refresh(t.Context()); err == nil || a.Newest().Revision() != first || !a.on("home") || a.Status().State != service.Stale {
			t.Errorf("%s: %v, revision %d is served", name, err, a.Newest().Revision().Number)
		}
		a.source.failsToLoad.Store(false)
		a.source.Up()
		last := a.publish(t, on("more"))
		if a.Newest().Revision() != last || !a.on("more") || a.on("home") {
			t.Errorf("%s: does not recover", name)
		}
	}
}

func TestNowIsTheSourcesTime(t *testing.T) {
	source := newSource()
	ahead := func(c *service.Config) { c.Clock = func() time.Time { return source.Now().Add(time.Hour) } }
	if a := start(t, source, ahead); !a.Now().Equal(source.Now()) {
		t.Errorf("it is %s, by the source %s", a.Now(), source.Now())
	}
}

func TestAwaitFindsWhatAnotherInstanceHasJustPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // or a busy machine would take longer than a request waits
		a := start(t, newSource())
		id := a.source.Publish(define(on("home")))
		view, ok := a.Await(t.Context(), id)
		if !ok || !view.Values(ann, a.Now()).On("home") {
			t.Error("it is not there")
		}
	})
}

func TestHoweverManyAwaitTheSourceIsAskedOnceAndNobodyWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		never := ruleset.ID{Environment: "test", Number: 9}
		asked := a.source.heads.Load()
		a.source.holdHead.on()
		began := time.Now()
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if _, ok := a.Await(t.Context(), never); ok {
					t.Error("a revision that does not exist is there")
				}
			})
		}
		all.Wait()
		if waited := time.Since(began); waited != service.AwaitTimeout {
			t.Errorf("they waited %s", waited)
		}
		a.source.holdHead.release()
		synctest.Wait()
		for range 200 {
			a.Await(t.Context(), never) // not again at once
		}
		if n := a.source.heads.Load() - asked; n != 1 {
			t.Errorf("the source is asked %d times", n)
		}
		a.source.Advance(service.AwaitPause)
		a.Await(t.Context(), never)
		if n := a.source.heads.Load() - asked; n != 2 {
			t.Errorf("after the pause it was asked %d times, want 2", n)
		}
	})
}

func TestAwaitEndsWithItsContextAndTheQuestionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		id := a.source.Publish(define(on("home")))
		a.source.holdHead.on()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if _, ok := a.Await(ctx, id); ok || time.Since(began) != 0 {
			t.Error("it waited")
		}
		a.source.holdHead.release()
		synctest.Wait()
		a.pinned(t, id)
	})
}

// A refresh that is under way may have asked before something was published: who then asks must not be told that.
func TestARefreshSeesAllThatWasPublishedBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.source.Publish(define())
		a.source.holdLoad.on()
		go a.Refresh(t.Context())
		synctest.Wait()
		id := a.source.Publish(define(on("home")))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				a.refresh(t)
				a.pinned(t, id)
			})
		}
		synctest.Wait()
		heads := a.source.heads.Load()
		a.source.holdLoad.release()
		all.Wait()
		if n := a.source.heads.Load() - heads; n != 1 {
			t.Errorf("fifty who refresh at the same time ask %d times", n)
		}
	})
}

func TestOneCallersContextFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.source.holdHead.on()
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- a.Refresh(ctx) }()
		synctest.Wait()
		go func() { second <- a.Refresh(t.Context()) }()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		a.source.holdHead.release()
		if err := <-second; err != nil {
			t.Errorf("who went on got %v", err)
		}
	})
}

func TestASourceThatPanicsIsAnOutage(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, on("home"))
	a.source.panics.Store(true)
	if err := a.Refresh(t.Context()); err == nil || !a.on("home") || a.Status().State != service.Stale {
		t.Errorf("the refresh gave %v", err)
	}
	a.source.panics.Store(false)
	a.refresh(t)
}

// run runs a service until the test ends it.
func (a *app) run(t *testing.T) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run gives %v", err)
		}
	}
}

// The sweeps once a minute must not put the poll off.
func TestThePollIsEveryFiveSecondsPlusOrMinusAFifth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		end := a.run(t)
		defer end()
		asked, last := a.source.heads.Load(), time.Now()
		shortest, longest := time.Hour, time.Duration(0)
		for asked < 200 {
			time.Sleep(5 * time.Millisecond)
			synctest.Wait()
			if n := a.source.heads.Load(); n != asked {
				asked = n
				shortest, longest = min(shortest, time.Since(last)), max(longest, time.Since(last))
				last = time.Now()
			}
		}
		if shortest < 3990*time.Millisecond || longest > 6010*time.Millisecond {
			t.Errorf("it polls after %s to %s", shortest, longest)
		}
		if longest-shortest < time.Second {
			t.Errorf("it polls after %s to %s: instances that start together would ask together", shortest, longest)
		}
	})
}

func TestHintsThatComeTogetherAreOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		end := a.run(t)
		defer end()
		asked := a.source.heads.Load()
		a.source.holdHead.on()
		a.Hint()
		synctest.Wait()
		id := a.source.Publish(define(on("home"))) // the refresh that is under way may miss it
		for range 1000 {
			a.Hint()
		}
		a.source.holdHead.release()
		synctest.Wait()
		if n := a.source.heads.Load() - asked; n != 2 {
			t.Errorf("a thousand hints ask %d times, want 2", n)
		}
		a.pinned(t, id)
	})
}

// announcing is a source that listens as PostgreSQL does, over connections that the test can cut.
type announcing struct {
	*source
	cuts    chan error
	refuse  atomic.Bool // while connecting
	publish chan struct{}
}

func (a *announcing) Listen(ctx context.Context, _ string, hint func()) error {
	if a.refuse.Load() {
		return errors.New("refused")
	}
	hint()
	for {
		select {
		case <-a.publish:
			hint()
		case err := <-a.cuts:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestALostListenerIsLoggedOnceAndReconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newSource()
		listener := &announcing{source: inner, cuts: make(chan error), publish: make(chan struct{})}
		a := start(t, inner, func(c *service.Config) { c.Source, c.Poll = listener, time.Hour })
		end := a.run(t)
		synctest.Wait()
		if !a.Status().Listening {
			t.Fatal("it does not listen")
		}
		first := inner.Publish(define(on("home")))
		listener.publish <- struct{}{}
		synctest.Wait()
		a.pinned(t, first)

		listener.refuse.Store(true)
		listener.cuts <- errors.New("cut")
		synctest.Wait()
		if a.Status().Listening {
			t.Error("it says that it listens over a connection that is cut")
		}
		second := inner.Publish(define())
		time.Sleep(10 * time.Minute) // many attempts
		a.log.expect(t, 1, "connection was lost")
		if a.Newest().Revision() != first {
			t.Fatal("who told it?")
		}
		listener.refuse.Store(false)
		time.Sleep(2 * time.Second)
		a.pinned(t, second) // published while nobody listened
		a.log.expect(t, 1, "connected again")
		listener.cuts <- errors.New("cut again")
		synctest.Wait()
		a.log.expect(t, 2, "connection was lost")
		time.Sleep(2 * time.Second)
		end()
		if a.Status().Listening {
			t.Error("it says that it listens after it has ended")
		}
	})
}

func TestRunEndsAtOnceEvenWhileTheSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		a := start(t, newSource())
		a.publish(t, on("home"))
		end := a.run(t)
		a.source.holdHead.on()
		a.Hint()
		synctest.Wait()
		began := time.Now()
		end()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
		a.log.expect(t, 0, "cannot be read") // an end is no outage
		a.source.holdHead.release()
		a.refresh(t) // works without Run
	})
}

func TestAStartWaitsForAHangingSourceOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newSource()
		source.holdHead.on()
		began := time.Now()
		a := start(t, source)
		if took := time.Since(began); took != 5*time.Second || a.Ready() {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAStartLoadsTheLatestOfVeryManyRevisions(t *testing.T) {
	source := newSource()
	var ids []ruleset.ID
	for range 1020 {
		ids = append(ids, source.Publish(define(on("home"))))
	}
	a := start(t, source)
	if _, ok := a.Pinned(ids[19]); ok {
		t.Error("the 1,001st revision from the end is kept")
	}
	a.pinned(t, ids[20])
	if !a.on("home") {
		t.Error("the newest is not served")
	}
}
