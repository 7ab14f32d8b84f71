package impact

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/ruleset"
)

const (
	// Patience is how long a page waits for a count before it shows how far that has come.
	Patience = 900 * time.Millisecond

	// fresh is how long a count is given again although people were seen since, or although it depends on the time, unless
	// it was quick.
	fresh = 10 * time.Second
	quick = 50 * time.Millisecond

	// abandoned is after how long a count ends that nobody asks for any more.
	abandoned = 20 * time.Second

	// atOnce is how many counts go on at the same time: each uses all cores.
	atOnce = 2

	// maxJobs is how many counts are remembered, those that go on or wait included.
	maxJobs = 32
)

// ErrBusy says that too many impacts are being counted at once.
var ErrBusy = errors.New("too many impacts are being counted at once: try again in a moment")

var errEnded = errors.New("the server is shutting down")

// Counter counts impacts beside requests, and remembers them for the requests that follow: who looks at a page again, or
// goes from a dialog to its form, is answered at once. It is safe for concurrent use.
type Counter struct {
	abandoned time.Duration

	life    context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{}

	mu   sync.Mutex // guards the jobs, and what is in them where it is said so
	jobs map[Key]*job
}

// NewCounter makes a counter. Nothing goes on before it is asked.
func NewCounter() *Counter {
	c := &Counter{abandoned: abandoned, slots: make(chan struct{}, atOnce), jobs: map[Key]*job{}}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Answer is an impact, or how far its count has come.
type Answer struct {
	Impact      *Impact // nil: it is still being counted, or it failed
	Err         error
	Done, Total int // how far it has come; Total is 0 while it waits for its turn
}

// Ready reports whether there is nothing to wait for.
func (a Answer) Ready() bool { return a.Impact != nil || a.Err != nil }

// Of gives the impact of a draft, as [Count] does, at this moment. It waits so long for it; if the answer is not ready by
// then, the count goes on, and the same question later finds it, or how far it has come. A count that nobody asks for any
// more ends by itself.
func (c *Counter) Of(ctx context.Context, before, after *ruleset.Revision, seen *directory.Snapshot, wait time.Duration) Answer {
	if seen == nil || seen.Counting {
		impact, err := Count(ctx, before, after, seen, time.Now(), nil) // there is nobody to count
		return Answer{Impact: impact, Err: err}
	}
	return c.Ask(ctx, KeyOf(before, after), seen, wait, func(ctx context.Context, progress func(done, total int)) (*Impact, error) {
		return Count(ctx, before, after, seen, time.Now(), progress)
	})
}

// Ask is Of with a key and a count of the caller's own.
func (c *Counter) Ask(ctx context.Context, key Key, seen *directory.Snapshot, wait time.Duration, count func(context.Context, func(done, total int)) (*Impact, error)) Answer {
	j, err := c.job(key, seen, count)
	if err != nil {
		return Answer{Err: err}
	}
	enough := time.NewTimer(wait)
	defer enough.Stop()
	select {
	case <-j.over:
		return j.answer
	case <-enough.C:
		return j.progress()
	case <-ctx.Done():
		return Answer{Err: ctx.Err()}
	}
}

// Run keeps the counter alive until ctx is done. Nothing of it goes on once it has returned.
func (c *Counter) Run(ctx context.Context) error {
	<-ctx.Done()
	c.Close()
	return ctx.Err()
}

// Close ends all counts and waits until they have ended.
func (c *Counter) Close() {
	c.mu.Lock()
	c.end()
	c.mu.Unlock()
	c.running.Wait()
}

// job finds the count that goes on, or one that is still good, or begins one.
func (c *Counter) job(key Key, seen *directory.Snapshot, count func(context.Context, func(done, total int)) (*Impact, error)) (*job, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return nil, errEnded
	}
	if j := c.jobs[key]; j != nil && j.good(seen) {
		j.idle.Reset(c.abandoned)
		return j, nil
	}
	delete(c.jobs, key)
	if len(c.jobs) >= maxJobs && !c.forget() {
		return nil, ErrBusy
	}
	ctx, cancel := context.WithCancel(c.life)
	j := &job{seen: seen, over: make(chan struct{}), idle: time.AfterFunc(c.abandoned, cancel)}
	c.jobs[key] = j
	c.running.Go(func() {
		defer cancel()
		j.run(ctx, c.slots, count)
	})
	return j, nil
}

// forget forgets the count that was over first; false if all of them go on.
func (c *Counter) forget() bool {
	var oldest Key
	found := false
	for key, j := range c.jobs {
		if j.isOver() && (!found || j.ended.Before(c.jobs[oldest].ended)) {
			oldest, found = key, true
		}
	}
	delete(c.jobs, oldest)
	return found
}
