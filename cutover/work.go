package cutover

import (
	"context"
	"time"
)

const (
	busyPause  = 250 * time.Millisecond // between looks at an entity that is moving
	idlePause  = 5 * time.Second        // at one that is not: a repair may be left from before
	worstPause = 15 * time.Second       // after errors, one after another
	repairSome = 100                    // repairs at once
)

// repairs resolves what could not be written to both sides at once, as long as ctx allows.
func (c *Cutover) repairs(ctx context.Context, m *member) {
	c.again(ctx, m, repairing, func(ctx context.Context) (more bool, err error) {
		n, err := m.moved.repair(ctx, repairSome)
		if err != nil {
			return false, err
		}
		queue, oldest, err := c.journal.queue(ctx, m.key)
		if err != nil {
			return false, err
		}
		m.mu.Lock()
		m.waiting.queue, m.waiting.oldest = queue, oldest
		m.mu.Unlock()
		return n == repairSome, nil
	})
}

// again does something over and over: at once while there is more of it, soon while the entity is moving, and more and more
// seldom while it fails.
func (c *Cutover) again(ctx context.Context, m *member, what string, do func(ctx context.Context) (more bool, err error)) {
	failures := 0
	for ctx.Err() == nil {
		more, err := do(ctx)
		m.failed(what, err)
		pause := idlePause
		switch {
		case err != nil:
			failures++
			pause = min(busyPause<<min(failures, 10), worstPause)
		case more:
			failures, pause = 0, 0
		case m.router.moving():
			failures, pause = 0, busyPause
		}
		wait(ctx, pause, m.router.moving)
	}
}

// wait ends when ctx is done, when the time is over, or early when something begins.
func wait(ctx context.Context, pause time.Duration, begins func() bool) {
	was := begins()
	for end := time.Now().Add(pause); ctx.Err() == nil && time.Now().Before(end) && (was || !begins()); {
		select {
		case <-ctx.Done():
		case <-time.After(min(look, time.Until(end))):
		}
	}
}
