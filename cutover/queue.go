package cutover

import (
	"context"
	"sync"
)

// queue lets one writer of a key in after the other within this process, so that they do not compete for its lease. Its zero
// value is ready.
type queue struct {
	mu   sync.Mutex
	keys map[string]*turn
}

// turn is one key's place in front of the lease.
type turn struct {
	free    chan struct{} // holds one thing while nobody is in
	waiting int           // who is in or waits, guarded by the queue's mu
}

// enter waits until nobody else of this process writes the key. The returned function lets the next one in.
func (q *queue) enter(ctx context.Context, key string) (leave func(), err error) {
	t := q.join(key)
	select {
	case <-t.free:
		return func() { t.free <- struct{}{}; q.quit(key, t) }, nil
	case <-ctx.Done():
		q.quit(key, t)
		return nil, ctx.Err()
	}
}

func (q *queue) join(key string) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.keys[key]
	if t == nil {
		if q.keys == nil {
			q.keys = map[string]*turn{}
		}
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		q.keys[key] = t
	}
	t.waiting++
	return t
}

func (q *queue) quit(key string, t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.waiting--; t.waiting == 0 {
		delete(q.keys, key)
	}
}
