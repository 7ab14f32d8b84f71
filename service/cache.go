package service

import (
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
	size  int
	items *cache.Cache // of ruleset.Values
}

func newValueCache(size int) *valueCache {
	// Without go-cache's own janitor, which nothing can stop: Run sweeps.
	return &valueCache{size: size, items: cache.New(cacheLife, 0)}
}

// get gives the values of a key, or makes and keeps them. When the cache is full they are made each time.
func (c *valueCache) get(key []byte, make func() ruleset.Values) ruleset.Values {
	if len(key) > maxCacheKey || c.size < 0 {
		return make()
	}
	if found, ok := c.items.Get(unsafe.String(&key[0], len(key))); ok { // only looked up, not kept
		return found.(ruleset.Values)
	}
	values := make()
	if c.items.ItemCount() < c.size {
		c.items.SetDefault(string(key), values)
	}
	return values
}

// len is how many subjects' values are kept.
func (c *valueCache) len() int { return c.items.ItemCount() }

// sweep drops what has expired.
func (c *valueCache) sweep() { c.items.DeleteExpired() }
