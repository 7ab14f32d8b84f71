package service

import (
	"iter"
	"strings"
	"sync"

	"github.com/toprent/flags/ruleset"
)

// Checked names what was the answer to a question.
type Checked struct {
	Flag    string // key
	Variant string // empty: the fallback in the code
}

// checks has a counter for each variant that was ever served. They outlive revisions, so nothing is lost when a flag
// changes.
type checks struct {
	mu       sync.Mutex
	counters map[Checked]*ruleset.Counter
}

func (c *checks) counter(of Checked) *ruleset.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	counter := c.counters[of]
	if counter == nil {
		if c.counters == nil {
			c.counters = map[Checked]*ruleset.Counter{}
		}
		counter = &ruleset.Counter{}
		c.counters[Checked{strings.Clone(of.Flag), strings.Clone(of.Variant)}] = counter
	}
	return counter
}

// Counter counts the answers with a variant.
func (o *observer) Counter(key, variant string) *ruleset.Counter {
	return o.service.checks.counter(Checked{key, variant})
}

// Checks are how often each variant was the answer to a question for a flag's value, since the start of the process: every
// On, String, Number, Decode, Variant and Detail counts, in pages, in jobs and by id. The counts are exact. What previews
// ask for is not counted.
func (s *FeatureFlagService) Checks() iter.Seq2[Checked, uint64] {
	return func(yield func(Checked, uint64) bool) {
		s.checks.mu.Lock()
		defer s.checks.mu.Unlock()
		for of, counter := range s.checks.counters {
			if n := counter.Total(); n > 0 && !yield(of, n) {
				return
			}
		}
	}
}
