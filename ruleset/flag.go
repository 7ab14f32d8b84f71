package ruleset

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// flag is a compiled Flag. It is shared by all revisions in which it is the same, so it holds nothing of one
// revision: no place in it, and not whether it is killed.
type flag struct {
	source    Flag
	overrides []Override

	variants  []variant
	off       variantIndex
	otherwise variantIndex
	fallback  variantIndex // served when it cannot be evaluated
	gate      *gate
	malformed string // why it cannot be evaluated; empty if it can

	flawed bool // has mistakes, for which it is not set aside: overrides were left out, or a migration's rules are unsafe
	staged bool // its variants are the stages of a migration, in their order, unless it is malformed

	users, tenants map[string]override
	rules          []rule
	plans          *plans
	segments       []*segment
	timed          bool // a value can depend on the time

	read     atomic.Uint32 // whether it was asked for since the last takeRead
	identity uint64        // a hash of the key
	counters []*Counter    // that of no variant, then each variant's; nil: answers are not counted
}

// What is known of whether a flag was asked for.
const (
	unread uint32 = iota
	wasRead
	wasReadUncounted // so to ask for it once more changes nothing here
)

// markRead notes that the flag was asked for. Reading a shared line is cheap, writing it is not.
func (f *flag) markRead() {
	state := wasRead
	if f.counters == nil {
		state = wasReadUncounted
	}
	if f.read.Load() != state {
		f.read.Store(state)
	}
}

// takeRead reports whether the flag was asked for since the last time.
func (f *flag) takeRead() bool {
	return f.read.Load() != unread && f.read.Swap(unread) != unread
}

// variantIndex is a variant's place in stored order.
type variantIndex uint8

// noVariant is the value of a flag that has none to serve: the caller's fallback.
const noVariant variantIndex = 255

type variant struct {
	name     string
	raw      []byte // JSON, safe within a script element
	value    any    // bool, string, float64, or what JSON decodes to
	on       bool   // boolean true
	fragment []byte // "key":value, with the comma before it
}

type override struct {
	variant variantIndex
	expires *time.Time // nil: never
}

// rule is a compiled Rule.
type rule struct {
	when    *condition // nil matches everybody
	serve   variantIndex
	percent *percent
	split   *split
	name    string
}

type percent struct {
	unit       int // slot
	seed       uint64
	share      Share
	threshold  uint64
	calibrated bool // the threshold was chosen for those who were known; else it is the share's own
	moving     bool // from from to to, between start and end; else the share is fixed
	from, to   Share
	start, end time.Time
}

// at is the share at a time.
func (p *percent) at(now time.Time) Share {
	switch {
	case !p.moving:
		return p.share
	case !now.After(p.start):
		return p.from
	case !now.Before(p.end):
		return p.to
	}
	// In whole milliseconds, because integers give the same on every machine.
	elapsed, whole := now.Sub(p.start).Milliseconds(), p.end.Sub(p.start).Milliseconds()
	return Share(int64(p.from) + (int64(p.to)-int64(p.from))*elapsed/whole)
}

// includes reports whether a draw is in at a time.
func (p *percent) includes(draw uint64, now time.Time) bool {
	if !p.moving {
		return draw < p.threshold || p.share >= Everyone
	}
	return p.at(now).includes(draw)
}

// split divides the draws among variants.
type split struct {
	unit   int
	seed   uint64
	ranges []splitRange
}

// splitRange is one variant's part of the draws: below end, and not below the range before. The last has no end.
type splitRange struct {
	end     uint64
	variant variantIndex
	weight  Weight
}

func (s *split) pick(draw uint64) variantIndex {
	last := len(s.ranges) - 1
	for _, r := range s.ranges[:last] {
		if draw < r.end {
			return r.variant
		}
	}
	return s.ranges[last].variant
}

// setEnds divides the draws by weight: a range ends at floor(sum of weights up to it * 2^64 / total).
func (s *split) setEnds(total uint64) {
	var sum uint64
	for i := range s.ranges {
		if sum += uint64(s.ranges[i].weight); sum < total {
			s.ranges[i].end, _ = bits.Div64(sum, 0, total)
		}
	}
}
