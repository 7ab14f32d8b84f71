package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// receiver is a sink that does as it is told, and remembers what it took.
type receiver struct {
	answer func(attempt int, events []models.FeatureFlagEvent) error // nil: it takes everything

	mu       sync.Mutex
	attempts int
	taken    []string // ids, as often as they came
}

func (*receiver) Name() string { return "receiver" }

func (s *receiver) Send(ctx context.Context, events []models.FeatureFlagEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	var err error
	if s.answer != nil {
		err = s.answer(s.attempts, events)
	}
	var failure *Failure
	switch {
	case err == nil:
		for _, e := range events {
			s.taken = append(s.taken, e.ID)
		}
	case errors.As(err, &failure):
		for _, i := range failure.Taken {
			s.taken = append(s.taken, events[i].ID)
		}
	}
	return err
}

var errDown = errors.New("the receiver is down")

func events(from, to int) (all []models.FeatureFlagEvent) {
	for i := from; i < to; i++ {
		all = append(all, models.FeatureFlagEvent{ID: fmt.Sprintf("%06d", i)})
	}
	return all
}

func ids(from, to int) (all []string) {
	for _, e := range events(from, to) {
		all = append(all, e.ID)
	}
	return all
}

// inTime runs a queue under a clock of its own, which moves as soon as everybody waits for it.
func inTime(t *testing.T, sink *receiver, most int, test func(q *SinkQueue, end func())) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(sink, most, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); q.run(ctx) }()
		end := func() { cancel(); <-ended }
		test(q, end)
		end()
	})
}

// pass lets time go by on the test's clock, until everybody waits again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (q *SinkQueue) putAll(events []models.FeatureFlagEvent) {
	for _, e := range events {
		q.put(e)
	}
}

func TestASinkThatIsDownForAnHourLosesNothing(t *testing.T) {
	var up time.Time
	sink := &receiver{answer: func(int, []models.FeatureFlagEvent) error {
		if time.Now().Before(up) {
			return errDown
		}
		return nil
	}}
	inTime(t, sink, 100_000, func(q *SinkQueue, _ func()) {
		up = time.Now().Add(time.Hour)
		const perSecond, n = 10, 36_000
		for i := 0; i < n; i += perSecond {
			q.putAll(events(i, i+perSecond))
			pass(time.Second)
		}
		if state := q.State(); state.Waiting != n || !state.Failing || state.LastError != errDown.Error() {
			t.Errorf("at the end of the hour: %+v", state)
		}
		if failures := q.FlushErrors(); failures < 12 || failures > 40 {
			t.Errorf("it was tried %d times in an hour", failures)
		}
		pass(2 * lastPause)
		if state := q.State(); state.Waiting != 0 || state.Sent != n || state.Dropped != 0 || state.Failing {
			t.Errorf("when it is back: %+v", state)
		}
		if !slices.Equal(sink.taken, ids(0, n)) {
			t.Errorf("%d events came, not %d in their order, each once", len(sink.taken), n)
		}
	})
}

func TestWhatASinkHasNoRoomForIsDroppedAndCounted(t *testing.T) {
	var up atomic.Bool
	sink := &receiver{answer: func(int, []models.FeatureFlagEvent) error {
		if !up.Load() {
			return errDown
		}
		return nil
	}}
	inTime(t, sink, 1200, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 3000))
		if waiting, capacity := q.Queue(); waiting != 1200 || capacity != 1200 || q.Dropped() != 1800 {
			t.Errorf("%d of %d wait, %d were dropped", waiting, capacity, q.Dropped())
		}
		up.Store(true)
		pass(time.Minute)
		if !slices.Equal(sink.taken, ids(0, 1200)) || q.Flushed() != 1200 {
			t.Errorf("%d came, %d are said to be sent", len(sink.taken), q.Flushed())
		}
		q.putAll(events(3000, 3001)) // there is room again
		pass(time.Minute)
		if got := sink.taken[len(sink.taken)-1]; got != "003000" {
			t.Errorf("the last one that came is %s", got)
		}
	})
}

func TestALostAnswerHasTheSameEventsSentAgain(t *testing.T) {
	sink := &receiver{}
	sink.answer = func(attempt int, events []models.FeatureFlagEvent) error {
		if attempt%2 == 1 { // it takes them, and nobody hears of it
			for _, e := range events {
				sink.taken = append(sink.taken, e.ID)
			}
			return errDown
		}
		return nil
	}
	inTime(t, sink, 10_000, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 2000))
		pass(time.Hour)
		if q.Flushed() != 2000 || len(sink.taken) != 4000 {
			t.Errorf("%d are said to be sent, %d came", q.Flushed(), len(sink.taken))
		}
		slices.Sort(sink.taken)
		if !slices.Equal(slices.Compact(sink.taken), ids(0, 2000)) {
			t.Error("by their ids, not each is there once")
		}
	})
}

func TestWhatASinkNamesAsWrongIsDroppedAndTheRestIsSentAgainAtOnce(t *testing.T) {
	sink := &receiver{answer: func(attempt int, events []models.FeatureFlagEvent) error {
		if attempt == 1 {
			return &Failure{Err: errors.New("wrong time"), Taken: []int{0, 1}, Refused: []int{1, 3, 900, -1}}
		}
		return nil
	}}
	inTime(t, sink, 100, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 6))
		pass(2*gather + time.Second/2) // less than a pause on top
		if want := []string{"000000", "000001", "000002", "000003", "000004", "000005"}; !slices.Equal(slices.Sorted(slices.Values(sink.taken)), slices.Delete(want, 3, 4)) {
			t.Errorf("%v came", sink.taken)
		}
		if state := q.State(); state.Sent != 5 || state.Dropped != 1 || state.Waiting != 0 || state.LastError != "wrong time" || state.Failing {
			t.Errorf("%+v", state)
		}
	})
}

func TestWhatASinkRefusesForGoodIsDropped(t *testing.T) {
	sink := &receiver{answer: func(attempt int, _ []models.FeatureFlagEvent) error {
		if attempt == 1 {
			return fmt.Errorf("send: %w", Permanent(errors.New("no such form")))
		}
		return nil
	}}
	inTime(t, sink, 2000, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 700))
		pass(time.Minute)
		if !slices.Equal(sink.taken, ids(500, 700)) || q.Dropped() != 500 || q.Flushed() != 200 {
			t.Errorf("%d came, %d were dropped", len(sink.taken), q.Dropped())
		}
	})
}

func TestASinkThatPanicsFailsAndNothingElseDoes(t *testing.T) {
	sink := &receiver{answer: func(attempt int, _ []models.FeatureFlagEvent) error {
		if attempt < 3 {
			panic("no such field")
		}
		return nil
	}}
	inTime(t, sink, 100, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 3))
		pass(1500 * time.Millisecond)
		if state := q.State(); !state.Failing || state.LastError != "panic: no such field" || state.Waiting != 3 {
			t.Errorf("after a panic: %+v", state)
		}
		pass(time.Minute)
		if state := q.State(); state.Failing || !slices.Equal(sink.taken, ids(0, 3)) {
			t.Errorf("%v came: %+v", sink.taken, state)
		}
	})
}

func TestASinkThatAsksToWaitIsLeftAlone(t *testing.T) {
	var first, second time.Time
	sink := &receiver{answer: func(attempt int, _ []models.FeatureFlagEvent) error {
		if attempt == 1 {
			first = time.Now()
			return &Failure{Err: errors.New("too many"), Taken: []int{0}, After: 10 * time.Minute}
		}
		second = time.Now()
		return nil
	}}
	inTime(t, sink, 100, func(q *SinkQueue, _ func()) {
		q.putAll(events(0, 3))
		pass(time.Hour)
		if waited := second.Sub(first); waited < 10*time.Minute || waited > 11*time.Minute {
			t.Errorf("it was left alone for %v", waited)
		}
		if !slices.Equal(sink.taken, ids(0, 3)) {
			t.Errorf("%v came", sink.taken)
		}
	})
}

func TestEventsThatComeOneByOneAreSentTogether(t *testing.T) {
	sink := &receiver{}
	inTime(t, sink, 1000, func(q *SinkQueue, _ func()) {
		for i := range 100 {
			q.putAll(events(i, i+1))
			pass(100 * time.Millisecond)
		}
		pass(2 * gather)
		if len(sink.taken) != 100 || sink.attempts > 11 {
			t.Errorf("%d came in %d requests", len(sink.taken), sink.attempts)
		}
	})
}

func TestAtTheEndWhatIsLeftIsSent(t *testing.T) {
	sink := &receiver{}
	inTime(t, sink, 10_000, func(q *SinkQueue, end func()) {
		q.putAll(events(0, 1700))
		end()
		if !slices.Equal(sink.taken, ids(0, 1700)) || q.Dropped() != 0 {
			t.Errorf("%d came, %d were dropped", len(sink.taken), q.Dropped())
		}
	})
}

func TestAtTheEndASinkThatIsDownHoldsNobodyUp(t *testing.T) {
	sink := &receiver{answer: func(int, []models.FeatureFlagEvent) error { return errDown }}
	inTime(t, sink, 10_000, func(q *SinkQueue, end func()) {
		q.putAll(events(0, 1700))
		pass(time.Minute)
		began := time.Now()
		end()
		if took := time.Since(began); took > lastFlush {
			t.Errorf("it took %v to end", took)
		}
		if waiting, _ := q.Queue(); waiting != 0 || q.Dropped() != 1700 {
			t.Errorf("%d wait, %d are said to be lost", waiting, q.Dropped())
		}
	})
}

// stuck is a sink that never answers.
type stuck struct{ asked chan struct{} }

func (stuck) Name() string { return "stuck" }

func (s stuck) Send(ctx context.Context, _ []models.FeatureFlagEvent) error {
	select {
	case s.asked <- struct{}{}:
	case <-ctx.Done():
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestASinkThatNeverAnswersKeepsNobodyWaiting(t *testing.T) {
	sink := stuck{make(chan struct{})}
	r := New(nil, flagtest.With(t, "home", true), Options{Sinks: []Sink{sink}, OnlySinks: true, MaxWaiting: 50_000, Logger: slog.New(slog.DiscardHandler)})
	q := r.SinkQueues()[0]
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); q.run(ctx) }()
	defer func() { cancel(); <-ended }()
	who := &ruleset.Subject{User: "ann"}
	track := func() {
		if err := r.Track(who, "job", "signup", 1); err != nil {
			t.Fatal(err)
		}
	}
	for range sinkBatch {
		track()
	}
	<-sink.asked // and from now on it hangs
	const n = 100_000
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		track()
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	t.Logf("recording while a sink hangs: median %v, 99%% within %v, longest %v", took[n/2], took[n*99/100], took[n-1])
	if took[n*99/100] > time.Millisecond {
		t.Errorf("one in a hundred waited %v", took[n*99/100])
	}
	state := r.SinkStates()[0]
	if state.Waiting != 50_000 || state.Dropped != n+sinkBatch-50_000 || state.Sent != 0 {
		t.Errorf("%+v", state)
	}
}
