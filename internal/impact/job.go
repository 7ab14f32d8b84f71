package impact

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/directory"
)

// job is one count, while it waits, goes on and is remembered.
type job struct {
	seen        *directory.Snapshot
	idle        *time.Timer // ends it when nobody asks any more
	done, total atomic.Int64

	over   chan struct{} // closed when what follows is set
	answer Answer
	ended  time.Time
	took   time.Duration
}

// run waits for its turn and counts.
func (j *job) run(ctx context.Context, slots chan struct{}, count func(context.Context, func(done, total int)) (*Impact, error)) {
	defer close(j.over)
	defer func() { j.ended = time.Now() }()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		began := time.Now()
		j.answer = j.count(ctx, count)
		j.took = time.Since(began)
	case <-ctx.Done():
		j.answer = Answer{Err: ctx.Err()}
	}
}

// count makes errors of panics, which would end the host's whole process here.
func (j *job) count(ctx context.Context, count func(context.Context, func(done, total int)) (*Impact, error)) (answer Answer) {
	defer func() {
		if r := recover(); r != nil {
			answer = Answer{Err: fmt.Errorf("count the impact: panic: %v\n%s", r, debug.Stack())}
		}
	}()
	impact, err := count(ctx, func(done, total int) {
		j.done.Store(int64(done))
		j.total.Store(int64(total))
	})
	if err != nil {
		return Answer{Err: err}
	}
	return Answer{Impact: impact, Done: int(j.done.Load()), Total: int(j.total.Load())}
}

func (j *job) progress() Answer {
	return Answer{Done: int(j.done.Load()), Total: int(j.total.Load())}
}

func (j *job) isOver() bool {
	select {
	case <-j.over:
		return true
	default:
		return false
	}
}

// good reports whether the job answers a question about those who were seen: while it goes on, in any case, since people
// are seen all the time, and a page that asks again would never get an answer.
func (j *job) good(seen *directory.Snapshot) bool {
	if !j.isOver() {
		return true
	}
	if j.answer.Err != nil {
		return false
	}
	return j.seen == seen && !j.answer.Impact.Timed || j.took > quick && time.Since(j.ended) < fresh
}
