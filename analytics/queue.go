package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/toprent/flags/models"
)

// SinkQueue holds what a sink has not taken yet. It is safe for concurrent use.
type SinkQueue struct {
	sink Sink
	most int
	log  *slog.Logger
	wake chan struct{} // holds one at most

	mu      sync.Mutex                  // guards what follows; never held while something is sent
	batches [][]models.FeatureFlagEvent // oldest first; a long queue is never copied
	state   SinkState
	blamed  time.Time // when a refusal was last logged
}

func newQueue(sink Sink, most int, log *slog.Logger) *SinkQueue {
	return &SinkQueue{sink: sink, most: most, log: log, wake: make(chan struct{}, 1), state: SinkState{Name: sink.Name(), Capacity: most}}
}

// put keeps an event; without room it is dropped and counted.
func (q *SinkQueue) put(e models.FeatureFlagEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state.Waiting >= q.most {
		q.state.Dropped++
		return
	}
	if last := len(q.batches) - 1; last >= 0 && len(q.batches[last]) < sinkBatch {
		q.batches[last] = append(q.batches[last], e)
	} else {
		q.batches = append(q.batches, []models.FeatureFlagEvent{e})
	}
	q.state.Waiting++
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Times of a sink.
const (
	sinkBatch   = 500
	gather      = time.Second      // for a batch to fill
	sinkTimeout = 20 * time.Second // for one batch
	firstPause  = time.Second      // after an error; each further one doubles it
	lastPause   = 5 * time.Minute
	longestAsk  = time.Hour   // that a sink can ask to be left alone
	blameEvery  = time.Minute // at most, is it logged that events are refused
)

// run sends until ctx is done, and then what is left as long as it goes well.
func (q *SinkQueue) run(ctx context.Context) {
	pause := firstPause
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			q.drain(context.WithoutCancel(ctx))
			return
		}
		for n := q.waiting(); n > 0 && ctx.Err() == nil; n = q.waiting() {
			if n < sinkBatch {
				wait(ctx, gather)
			}
			progress, after := q.send(ctx)
			if progress {
				pause = firstPause
			}
			if !progress || after > 0 {
				wait(ctx, max(min(after, longestAsk), time.Duration(float64(pause)*(0.75+0.5*rand.Float64()))))
				pause = min(lastPause, 2*pause)
			}
		}
	}
}

// wait waits, or until ctx is done.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// waiting is how many events wait to be sent.
func (q *SinkQueue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state.Waiting
}

// oldest gives the events that are sent next. What is put meanwhile comes behind them.
func (q *SinkQueue) oldest() []models.FeatureFlagEvent {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil
	}
	return q.batches[0][:len(q.batches[0]):len(q.batches[0])]
}

// send sends the oldest events, and forgets those that are settled. It reports whether any was, and how long the sink asks
// to be left alone.
func (q *SinkQueue) send(ctx context.Context) (progress bool, after time.Duration) {
	events := q.oldest()
	sending, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	err := q.deliver(sending, events)
	if err != nil && ctx.Err() != nil {
		return false, 0 // it was broken off at the end: no fault of the sink, and tried again
	}
	var failure *Failure
	if err != nil && !errors.As(err, &failure) {
		failure = &Failure{Err: err}
	}
	return q.settle(events, failure)
}

// deliver makes an error of a panic of the host's sink, which would end the whole process here.
func (q *SinkQueue) deliver(ctx context.Context, events []models.FeatureFlagEvent) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			q.log.Error("analytics: a sink panics; the events wait and are sent again", "sink", q.state.Name, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	return q.sink.Send(ctx, events)
}

// settle forgets the events that were taken, and those that are refused for good. The others stay the oldest.
func (q *SinkQueue) settle(events []models.FeatureFlagEvent, failure *Failure) (progress bool, after time.Duration) {
	rest, sent, refused := split(events, failure)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.batches[0] = append(rest, q.batches[0][len(events):]...); len(q.batches[0]) == 0 {
		q.batches[0] = nil // so that nothing keeps it
		q.batches = q.batches[1:]
	}
	q.state.Waiting -= sent + refused
	q.state.Sent += int64(sent)
	q.state.Dropped += int64(refused)
	if sent > 0 {
		q.state.LastSent = time.Now()
	}
	q.tell(failure, refused)
	if failure != nil {
		after = failure.After
	}
	return sent+refused > 0, after
}

// split gives the events that are to be sent again, and counts the others.
func split(events []models.FeatureFlagEvent, failure *Failure) (rest []models.FeatureFlagEvent, sent, refused int) {
	if failure == nil {
		return nil, len(events), 0
	}
	const taken, dropped = 1, 2
	fate := make([]byte, len(events))
	mark := func(indexes []int, as byte) {
		for _, i := range indexes {
			if i >= 0 && i < len(fate) && fate[i] == 0 {
				fate[i] = as
			}
		}
	}
	mark(failure.Taken, taken)
	mark(failure.Refused, dropped)
	for i, e := range events {
		switch {
		case fate[i] == taken:
			sent++
		case fate[i] == dropped || failure.All:
			refused++
		default:
			rest = append(rest, e)
		}
	}
	return rest, sent, refused
}

// tell notes what came of an attempt, and logs it when it is something new. q.mu is held.
func (q *SinkQueue) tell(failure *Failure, refused int) {
	wasFailing := q.state.Failing
	q.state.Failing = failure != nil && refused == 0
	if failure != nil {
		q.state.Failures++
		q.state.LastError, q.state.LastErrorAt = failure.Error(), time.Now()
	}
	switch {
	case refused > 0 && time.Since(q.blamed) >= blameEvery:
		q.blamed = time.Now()
		q.log.Error("analytics: a sink refuses events for good; they are dropped", "sink", q.state.Name, "events", refused, "dropped so far", q.state.Dropped, "error", failure)
	case q.state.Failing && !wasFailing:
		q.log.Warn("analytics: a sink does not take events; they wait and are sent again", "sink", q.state.Name, "events", q.state.Waiting, "error", failure)
	case wasFailing && !q.state.Failing:
		q.log.Info("analytics: a sink takes events again", "sink", q.state.Name)
	}
}

// drain sends what is left at the end, within a short time. What is not taken then is lost, and counted.
func (q *SinkQueue) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	for ctx.Err() == nil && q.waiting() > 0 {
		if progress, _ := q.send(ctx); !progress {
			break
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := q.state.Waiting; n > 0 {
		q.state.Dropped += int64(n)
		q.state.Waiting, q.batches = 0, nil
		q.log.Error("analytics: a sink has not taken the last events; they are lost", "sink", q.state.Name, "events", n)
	}
}

// State is how the sink is doing.
func (q *SinkQueue) State() SinkState {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state
}

// Name is the sink's.
func (q *SinkQueue) Name() string { return q.state.Name } // which never changes

// Queue is how many events wait to be sent, and how many can.
func (q *SinkQueue) Queue() (waiting, capacity int) { return q.State().Waiting, q.most }

// Dropped is how many events were lost: there was no room for them, or the sink refused them for good.
func (q *SinkQueue) Dropped() int64 { return q.State().Dropped }

// Flushed is how many events were sent.
func (q *SinkQueue) Flushed() int64 { return q.State().Sent }

// FlushErrors is how many attempts to send failed.
func (q *SinkQueue) FlushErrors() int64 { return q.State().Failures }

// LastFlush is when the sink last took events; zero: not yet.
func (q *SinkQueue) LastFlush() time.Time { return q.State().LastSent }
