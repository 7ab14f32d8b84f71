package adoption

import (
	"sync"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Counts keeps the last censuses, since pages, their lists and their files ask for the same one after another. Its zero
// value is ready.
type Counts struct {
	counting sync.Mutex // held while one is counted: who asks for many at once waits, and asks for one of them once

	mu   sync.Mutex // guards what follows
	last []counted  // the newest last
}

type counted struct {
	key    key
	census *Census
}

type key struct {
	revision ruleset.ID
	flag     string
	seen     *directory.Snapshot
	at       int64
}

// kept is how many are kept: about 100 bytes for each tenant.
const kept = 8

// Of counts, or finds what was counted. What depends on the time is counted anew every ten seconds.
func (c *Counts) Of(environment *catalog.Environment, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) *Census {
	r := environment.Revision()
	key := key{revision: r.ID(), flag: flag.Key, seen: seen}
	if r.Timed() {
		now = now.Truncate(10 * time.Second)
		key.at = now.Unix()
	}
	if known := c.known(key); known != nil {
		return known
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	if known := c.known(key); known != nil {
		return known
	}
	census := Count(environment, flag, seen, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) >= kept {
		c.last = append(c.last[:0:0], c.last[1:]...)
	}
	c.last = append(c.last, counted{key, census})
	return census
}

// known is what was counted lately; nil if that was not.
func (c *Counts) known(key key) *Census {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.last {
		if known.key == key {
			return known.census
		}
	}
	return nil
}
