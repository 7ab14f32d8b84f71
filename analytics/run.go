package analytics

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// lastFlush is how long storing may take at the end.
const lastFlush = 5 * time.Second

// Run stores what happens, until ctx is done, and then what is left. It returns ctx's error once everything that it began
// has ended.
func (r *Recorder) Run(ctx context.Context) error {
	var sinks sync.WaitGroup
	defer sinks.Wait()
	sinking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop() // after the last flush, which may find that plans have changed
	for _, q := range r.queues {
		sinks.Go(func() { q.run(sinking) })
	}
	sinks.Go(func() { r.keepDays(ctx) })
	for down := false; ctx.Err() == nil; {
		err := r.tend(ctx)
		switch {
		case err != nil && !down && ctx.Err() == nil:
			r.Logger.Warn("analytics: what happened could not be stored; it is tried again", "error", err)
		case err == nil && down:
			r.Logger.Info("analytics: what happened is stored again")
		}
		down = err != nil
		select {
		case <-time.After(r.pause()):
		case <-ctx.Done():
		}
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	if err := r.flush(ending, true); err != nil {
		waiting, _ := r.Queue()
		r.Logger.Error("analytics: what happened last is lost", "events", waiting, "error", err)
	}
	return ctx.Err()
}

// pause is until the next flush: at the end of a minute at the latest, so that each minute is counted by itself.
func (r *Recorder) pause() time.Duration {
	now := r.flags.Now()
	return min(time.Duration(float64(r.Every)*(0.9+0.1*rand.Float64())), now.Truncate(time.Minute).Add(time.Minute).Sub(now))
}

// tend does what is done at each flush.
func (r *Recorder) tend(ctx context.Context) error {
	return errors.Join(r.Flush(ctx), r.readRecording(ctx), r.forgetQueued(ctx)) // while the database is down, too, each minute counts by itself
}

// Queue is how many events wait to be stored, and how many may.
func (r *Recorder) Queue() (waiting, capacity int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events), r.MaxWaiting
}

// Dropped is how many events were lost, because too many waited.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Flushed is how many events were stored.
func (r *Recorder) Flushed() int64 { return r.told.flushed.Load() }

// FlushErrors is how many attempts to store events failed.
func (r *Recorder) FlushErrors() int64 { return r.told.errors.Load() }

// LastFlush is when events were last stored; zero: not yet.
func (r *Recorder) LastFlush() time.Time {
	if at := r.told.at.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}
