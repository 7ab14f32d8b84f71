package analytics

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
)

// queue holds what a sink has not taken yet.
type queue struct {
	sink Sink
	most int
	log  *slog.Logger

	mu     sync.Mutex
	events []models.FeatureFlagEvent
	wake   chan struct{} // holds one at most

	sent, dropped, failures atomic.Int64
}

func newQueue(sink Sink, most int, log *slog.Logger) *queue {
	return &queue{sink: sink, most: most, log: log, wake: make(chan struct{}, 1)}
}

// put keeps an event; without room it is dropped and counted.
func (q *queue) put(e models.FeatureFlagEvent) {
	q.mu.Lock()
	full := len(q.events) >= q.most
	if !full {
		q.events = append(q.events, e)
	}
	q.mu.Unlock()
	if full {
		q.dropped.Add(1)
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Times of a sink.
const (
	sinkBatch   = 500
	sinkTimeout = 20 * time.Second // for one batch
	firstPause  = time.Second      // after an error; each further one doubles it
	lastPause   = 5 * time.Minute
)

// permanent is an error that sending again will not mend.
type permanent struct{ error }

// Permanent says that events are refused for good: they are dropped, counted and logged.
func Permanent(err error) error { return permanent{err} }

// run sends until ctx is done, and then what is left as long as it goes well.
func (q *queue) run(ctx context.Context) {
	pause := firstPause
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			q.drain(context.WithoutCancel(ctx))
			return
		}
		for q.next(ctx) {
			err := q.send(ctx)
			if err == nil {
				pause = firstPause
				continue
			}
			select {
			case <-time.After(time.Duration(float64(pause) * (0.75 + 0.5*rand.Float64()))):
			case <-ctx.Done():
			}
			pause = min(lastPause, 2*pause)
		}
	}
}

// next reports whether something waits to be sent.
func (q *queue) next(ctx context.Context) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return ctx.Err() == nil && len(q.events) > 0
}

// send sends the oldest events, and forgets them once they are taken.
func (q *queue) send(ctx context.Context) error {
	q.mu.Lock()
	events := append([]models.FeatureFlagEvent(nil), q.events[:min(len(q.events), sinkBatch)]...)
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	err := q.sink.Send(ctx, events)
	var refused permanent
	if err != nil && !errors.As(err, &refused) {
		if q.failures.Add(1); ctx.Err() == nil {
			q.log.Warn("analytics: a sink did not take events; they are sent again", "sink", q.sink.Name(), "events", len(events), "error", err)
		}
		return err
	}
	q.mu.Lock()
	q.events = append(q.events[:0:0], q.events[len(events):]...)
	q.mu.Unlock()
	if err != nil {
		q.dropped.Add(int64(len(events)))
		q.log.Error("analytics: a sink refuses events for good; they are dropped", "sink", q.sink.Name(), "events", len(events), "error", err)
		return nil
	}
	q.sent.Add(int64(len(events)))
	return nil
}

// drain sends what is left at the end, within a short time.
func (q *queue) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	for q.next(ctx) {
		if q.send(ctx) != nil {
			break
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.events); n > 0 {
		q.log.Error("analytics: a sink has not taken the last events; they are lost", "sink", q.sink.Name(), "events", n)
	}
}
