package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	busyPause  = 250 * time.Millisecond // between looks at an entity of which something waits
	quietPause = 2 * time.Second        // at one that is moving, while nothing does
	idlePause  = 15 * time.Second       // at one that is not: a repair may be left from before
	worstPause = 15 * time.Second       // after errors, one after another
	wakePause  = 200 * time.Millisecond // until it is noticed that an entity begins to move
	repairSome = 100                    // repairs at once
)

// repairs resolves what could not be written to both sides at once, as long as ctx allows.
func (c *Cutover) repairs(ctx context.Context, m *member) {
	c.again(ctx, m, repairing, func(ctx context.Context) (left waits, err error) {
		n, failure := m.moved.repair(ctx, repairSome)
		queue, oldest, err := c.journal.queue(ctx, m.key)
		if err = errors.Join(failure, err); err != nil && queue == 0 {
			return nothing, err
		}
		m.mu.Lock()
		m.waiting.queue, m.waiting.oldest = queue, oldest
		m.mu.Unlock()
		switch t, ok := m.moved.(*Tables); {
		case ok && t.waits():
			return pressing, err
		case n == repairSome:
			return much, err
		case queue > 0:
			return little, err
		}
		return nothing, err
	})
}

// waits is how much there is to do yet.
type waits int

const (
	nothing  waits = iota
	little         // to be looked at soon
	much           // to be done at once
	pressing       // to be looked at soon, even after errors: a side may only just have come back
)

// again does something over and over: at once while there is more of it, soon while something waits, and more and more
// seldom while nothing does or while it fails.
func (c *Cutover) again(ctx context.Context, m *member, what string, do func(ctx context.Context) (left waits, err error)) {
	failures, quiet := 0, 0
	for ctx.Err() == nil {
		left, err := unpanicked(func() (waits, error) { return do(ctx) })
		m.failed(what, err)
		pause := idlePause
		if err == nil {
			failures = 0
		}
		if quiet++; left == little || left == much {
			quiet = 0
		}
		switch {
		case left == pressing:
			pause = min(busyPause<<min(quiet, 10), quietPause)
		case err != nil:
			pause = min(busyPause<<min(failures, 10), worstPause)
			failures++
		case left == much:
			pause = 0
		case m.router.moving() || left == little:
			pause = min(busyPause<<min(quiet, 10), quietPause)
		}
		wait(ctx, pause, m.router.moving)
	}
}

// unpanicked makes an error of a panic in a host's function, so that the instance goes on.
func unpanicked[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v", r)
		}
	}()
	return do()
}

// wait ends when ctx is done, when the time is over, or early when something begins.
func wait(ctx context.Context, pause time.Duration, begins func() bool) {
	was := begins()
	for end := time.Now().Add(pause); ctx.Err() == nil && time.Now().Before(end) && (was || !begins()); {
		select {
		case <-ctx.Done():
		case <-time.After(min(wakePause, time.Until(end))):
		}
	}
}
