package ruleset

import "sync/atomic"

// lanes is how many processors count at once without waiting for one another.
const lanes = 8

// Counter counts how often one variant of a flag was the answer to a question. It is exact, and safe for concurrent use.
type Counter [lanes]struct {
	n atomic.Uint64
	_ [56]byte // each lane fills a cache line
}

// Total is how often it was since the counter was made.
func (c *Counter) Total() (n uint64) {
	for i := range c {
		n += c[i].n.Load()
	}
	return n
}

// add counts one answer.
func (c *Counter) add(lane uint8) { c[lane%lanes].n.Add(1) }

// countWith takes from an observer what counts the variants of a flag: the one with no name for the fallback in the code.
func (f *flag) countWith(o Observer) {
	if f.counters != nil {
		return
	}
	none := o.Counter(f.source.Key, "")
	if none == nil {
		return
	}
	counters := make([]*Counter, len(f.variants)+1)
	counters[0] = none
	for i := range f.variants {
		counters[i+1] = o.Counter(f.source.Key, f.variants[i].name)
	}
	f.counters = counters
}

// counter is what counts a variant.
func (f *flag) counter(v variantIndex) *Counter {
	return f.counters[uint8(v+1)] // of noVariant, the first
}
