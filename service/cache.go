package service

import (
	"sync"
	"time"
	"unsafe"

	"github.com/patrickmn/go-cache"
	"github.com/toprent/flags/ruleset"
)

// cacheLife is how long a subject's values are kept. They are right for ever, since their key says all they depend on;
// the life only bounds memory.
const cacheLife = time.Minute

// maxCacheKey keeps subjects with very much data out of the cache.
const maxCacheKey = 4 << 10 // bytes

// valueCache keeps the values of subjects that come again and again.
type valueCache struct {
	size   int
	items  *cache.Cache // of ruleset.Values
	adding sync.Mutex   // makes the size exact
}

func newValueCache(size int) *valueCache {
	// Without go-cache's own janitor, which nothing can stop: Run sweeps.
	return &valueCache{size: size, items: cache.New(cacheLife, 0)}
}

// get gives the values of a key.
func (c *valueCache) get(key []byte) (ruleset.Values, bool) {
	found, ok := c.items.Get(unsafe.String(unsafe.SliceData(key), len(key))) // only looked up, not kept
	if !ok {
		return ruleset.Values{}, false
	}
	return found.(ruleset.Values), true
}

// put keeps the values of a key, unless the cache is full.
func (c *valueCache) put(key []byte, values ruleset.Values) {
	if len(key) > maxCacheKey {
		return
	}
	c.adding.Lock()
	defer c.adding.Unlock()
	if c.items.ItemCount() < c.size {
		c.items.SetDefault(string(key), values)
	}
}

// len is how many subjects' values are kept.
func (c *valueCache) len() int { return c.items.ItemCount() }

// sweep drops what has expired.
func (c *valueCache) sweep() { c.items.DeleteExpired() }

// flush drops everything.
func (c *valueCache) flush() { c.items.Flush() }
