// Package soon keeps pages quick whose numbers take long to count: a page waits for a moment, and otherwise shows what was
// counted last, or says that it is being counted. Each thing is counted by one goroutine at a time, which ends within two
// minutes.
package soon

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	patience = 50 * time.Millisecond // how long a page waits
	fresh    = 5 * time.Second       // how long what was counted is good enough
	kept     = time.Hour             // how long it is shown while it is counted again
	longest  = 2 * time.Minute       // for counting
	most     = 200                   // things that are remembered
)

// Counts remembers what was counted, by what it is of. Its zero value is ready; it is safe for concurrent use.
type Counts[V any] struct {
	mu    sync.Mutex
	known map[string]*count[V]
}

type count[V any] struct {
	done  chan struct{} // closed when it is counted; then what follows is set
	value V
	err   error
	at    time.Time
	last  *count[V] // shown until then
}

// Of gives what was counted, and when. It is not ready if nothing is known yet: then the page says so.
func (c *Counts[V]) Of(ctx context.Context, what string, counting func(context.Context) (V, error)) (value V, at time.Time, ready bool, err error) {
	now := c.current(ctx, what, counting)
	select {
	case <-now.done:
	case <-time.After(patience):
		if now.last == nil {
			return value, at, false, nil
		}
		now = now.last
	case <-ctx.Done():
		return value, at, false, ctx.Err()
	}
	return now.value, now.at, true, now.err
}

// current is the newest count, which may go on; it is begun if there is none that is fresh.
func (c *Counts[V]) current(ctx context.Context, what string, counting func(context.Context) (V, error)) *count[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[what]
	if known != nil && (!known.over() || known.err == nil && time.Since(known.at) < fresh) {
		return known
	}
	next := &count[V]{done: make(chan struct{})}
	if known != nil && known.err == nil && time.Since(known.at) < kept {
		known.last = nil
		next.last = known
	}
	if c.known == nil || len(c.known) >= most {
		c.known = map[string]*count[V]{}
	}
	c.known[what] = next
	go next.run(context.WithoutCancel(ctx), counting)
	return next
}

func (c *count[V]) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// run counts, and makes errors of panics, which would end the host's whole process here.
func (c *count[V]) run(ctx context.Context, counting func(context.Context) (V, error)) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	defer close(c.done)
	defer func() {
		c.at = time.Now()
		if r := recover(); r != nil {
			c.err = fmt.Errorf("count: panic: %v\n%s", r, debug.Stack())
		}
	}()
	c.value, c.err = counting(ctx)
}
