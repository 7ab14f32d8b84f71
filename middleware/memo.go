package middleware

import (
	"strings"
	"sync"
)

// memo remembers what a cookie's value says, so that its signature is checked once. Only what was signed here gets
// in. When full it forgets everything; nil remembers nothing. It is safe for concurrent use.
type memo[T any] struct {
	size int

	mu    sync.RWMutex // guards what follows
	items map[string]T
}

func newMemo[T any](size int) *memo[T] { return &memo[T]{size: size, items: map[string]T{}} }

func (m *memo[T]) get(key string) (item T, ok bool) {
	if m == nil {
		return item, false
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	item, ok = m.items[key]
	return item, ok
}

func (m *memo[T]) put(key string, item T) {
	if m == nil {
		return
	}
	key = strings.Clone(key) // a cookie's value is a piece of its whole header, which would be kept with it
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.items) >= m.size {
		clear(m.items)
	}
	m.items[key] = item
}
