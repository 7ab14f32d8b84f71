package sqlite

import (
	"context"
	"sync"
)

// hub passes hints from those who publish to those who listen. Its zero value is ready.
type hub struct {
	mu        sync.Mutex
	listeners map[chan struct{}]string // the environment that each is waiting for
}

// tell wakes the environment's listeners. It never waits: a listener that has a hint before it needs no second.
func (h *hub) tell(environment string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for listener, wanted := range h.listeners {
		if wanted != environment {
			continue
		}
		select {
		case listener <- struct{}{}:
		default:
		}
	}
}

// listen calls hint once, and then whenever the environment is told of, until ctx is done.
func (h *hub) listen(ctx context.Context, environment string, hint func()) error {
	told := make(chan struct{}, 1)
	h.mu.Lock()
	if h.listeners == nil {
		h.listeners = map[chan struct{}]string{}
	}
	h.listeners[told] = environment
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.listeners, told)
		h.mu.Unlock()
	}()
	hint()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-told:
			hint()
		}
	}
}
