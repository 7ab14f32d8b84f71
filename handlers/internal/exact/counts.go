package exact

import (
	"slices"
	"sync"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Counts keeps what was counted last, since the pages of one flag ask for the same one after another. Its zero value is
// ready.
type Counts struct {
	counting sync.Mutex // held while somebody is counted: who asks for the same waits, and finds it

	mu   sync.Mutex
	last []*counted // the newest last
}

type counted struct {
	revision ruleset.ID
	flag     string
	seen     *directory.Snapshot
	timed    bool
	at       time.Time
	reaches  map[int]Reach // by the place of the rule
}

const (
	kept  = 16               // counts
	fresh = 10 * time.Second // how long a count holds that depends on the time, or that took long
	large = 5000             // people: to count more takes long
)

func (c *Counts) of(environment *catalog.Environment, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) map[int]Reach {
	r := environment.Revision()
	if known := c.known(r.ID(), flag.Key, seen, now); known != nil {
		return known.reaches
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	if known := c.known(r.ID(), flag.Key, seen, now); known != nil {
		return known.reaches
	}
	next := count(r, flag, seen, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = slices.DeleteFunc(c.last, func(old *counted) bool {
		return old.flag == next.flag && old.revision.Environment == next.revision.Environment
	})
	c.last = append(c.last[max(0, len(c.last)-kept+1):], next)
	return next.reaches
}

// known is what was counted lately; nil if that was not, or holds no more.
func (c *Counts) known(revision ruleset.ID, flag string, seen *directory.Snapshot, now time.Time) *counted {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.last) - 1; i >= 0; i-- {
		known := c.last[i]
		if known.revision != revision || known.flag != flag {
			continue
		}
		lately := now.Sub(known.at) < fresh
		if known.seen == seen && (lately || !known.timed) || lately && len(seen.People) >= large {
			return known
		}
	}
	return nil
}

func count(r *ruleset.Revision, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) *counted {
	next := &counted{revision: r.ID(), flag: flag.Key, seen: seen, timed: r.Timed(), at: now, reaches: map[int]Reach{}}
	for place, rule := range flag.Rules {
		if rule.Percent != nil && rule.Percent.Calibrated != nil {
			in, known := r.Reach(flag.Key, place, seen.Subjects(rule.Percent.CountedBy()), now)
			next.reaches[place] = Reach{in, known}
		}
	}
	return next
}
