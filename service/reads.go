package service

import (
	"context"
	"slices"
	"sync"
	"time"
)

// reads are the flags that were read, with the time, until the source has recorded it.
type reads struct {
	mu   sync.Mutex
	last map[string]time.Time // by key
}

func (r *reads) add(keys []string, at time.Time) {
	if len(keys) == 0 {
		return
	}
	at = at.Round(0).UTC() // comparable
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	for _, key := range keys {
		r.last[key] = at
	}
}

// byTime gives the keys read at each time, in order.
func (r *reads) byTime() map[time.Time][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[time.Time][]string{}
	for key, at := range r.last {
		out[at] = append(out[at], key)
	}
	for _, keys := range out {
		slices.Sort(keys)
	}
	return out
}

// recorded forgets keys, but those that were read again since.
func (r *reads) recorded(keys []string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		if r.last[key].Equal(at) {
			delete(r.last, key)
		}
	}
}

// recordReads tells the source which flags were read since the last time, and what it could not be told before.
func (s *FeatureFlagService) recordReads(ctx context.Context) {
	if st := s.state.Load(); st != nil {
		s.reads.add(st.takeReads(), s.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	for at, keys := range s.reads.byTime() {
		if err := s.source.RecordReads(ctx, s.environment, at, keys); err != nil {
			s.counts.readErrors.Add(1)
			if s.health().lastError == nil { // else the outage is logged already
				s.log.Warn("flags: which flags were read could not be recorded; they are kept for the next time", "flags", len(keys), "error", err)
			}
			return
		}
		s.reads.recorded(keys, at)
		s.counts.readsRecorded.Add(int64(len(keys)))
	}
}
