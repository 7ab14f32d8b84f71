package service

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/toprent/flags/ruleset"
)

// tally counts decisions. It is in several parts, each on a cache line of its own, so that requests on many cores do
// not wait for one another to count.
type tally [16]struct {
	decided, failed atomic.Int64
	_               [112]byte
}

// add counts the decisions of one set of values that is handed out.
func (t *tally) add(values ruleset.Values) ruleset.Values {
	decided, failed := values.Decided()
	part := &t[rand.Uint32()%uint32(len(t))]
	part.decided.Add(int64(decided))
	if failed > 0 {
		part.failed.Add(int64(failed))
	}
	return values
}

// Decisions are how many flags were decided since the start of the process, and how many of those could not be
// evaluated (ERROR). A decision is one flag for one subject each time that the subject's values are handed out, on the
// server or to a browser, whether the code then reads them or not. Where no revision is loaded, nothing is decided.
func (s *FeatureFlagService) Decisions() (decided, failed int64) {
	for i := range s.tally {
		failed += s.tally[i].failed.Load() // before decided, so that it is never more
		decided += s.tally[i].decided.Load()
	}
	return decided, failed
}
