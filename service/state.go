package service

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
)

// state is what the service knows of its environment. It never changes: a refresh that finds something new makes
// another.
type state struct {
	head     Head
	fromDisk bool // as it was saved before the start, the source having been down since
	newest   *rules
	recent   map[int64]*rules // all that a pin can name, the newest included
}

// rules are one revision as sessions that have pinned it see it while another is the newest.
type rules struct {
	// serial stands for both revisions in the keys of the cache. The revisions' names would not do: compiled anew,
	// the same revision may keep its attributes in another order.
	serial uint64
	own    *ruleset.Revision // as published
	once   sync.Once
	served *ruleset.Revision // under the newest; made when first asked for
	made   atomic.Bool       // served is there
}

// newState makes the state in which the last of the revisions, which are all that a pin can name, is the newest.
func (s *FeatureFlagService) newState(head Head, revisions []*ruleset.Revision, old *state) *state {
	st := &state{head: head, recent: make(map[int64]*rules, len(revisions))}
	newest := revisions[len(revisions)-1]
	if old != nil && old.newest.own == newest {
		st.newest = old.newest
	} else {
		st.newest, old = s.newRules(newest), nil
		st.newest.under(newest)
	}
	for _, revision := range revisions {
		st.recent[revision.ID().Number] = s.rulesIn(old, revision)
	}
	st.recent[newest.ID().Number] = st.newest
	return st
}

// rulesIn takes the rules of a revision from the old state, whose newest revision is the same, or makes them.
func (s *FeatureFlagService) rulesIn(old *state, revision *ruleset.Revision) *rules {
	if old != nil {
		if known := old.recent[revision.ID().Number]; known != nil && known.own == revision {
			return known
		}
	}
	return s.newRules(revision)
}

func (s *FeatureFlagService) newRules(revision *ruleset.Revision) *rules {
	return &rules{serial: s.serials.Add(1), own: revision}
}

// under gives what is served while a revision is the newest. All who come at once wait for the first to make it.
func (p *rules) under(newest *ruleset.Revision) *ruleset.Revision {
	p.once.Do(func() {
		p.served = ruleset.Overlay(p.own, newest)
		p.made.Store(true)
	})
	return p.served
}

// takeReads gives the keys of the flags that were read since the last time.
func (st *state) takeReads() []string {
	var keys []string
	for _, p := range st.recent {
		keys = append(keys, p.own.TakeReads()...)
		if p.made.Load() {
			keys = append(keys, p.served.TakeReads()...)
		}
	}
	return keys
}

// View is the rules that one session is under. The zero View has none: its values are the fallbacks of the code.
type View struct {
	service *FeatureFlagService
	state   *state
	rules   *rules
}

// Newest is the view of who has pinned nothing.
func (s *FeatureFlagService) Newest() View {
	st := s.state.Load()
	if st == nil {
		return View{}
	}
	return View{s, st, st.newest}
}

// Pinned is the view of a session that has pinned a revision; false if it is not in memory, or is below the floor.
func (s *FeatureFlagService) Pinned(id ruleset.ID) (View, bool) {
	st := s.state.Load()
	if st == nil || id.Number < st.head.Floor {
		return View{}, false
	}
	pinned := st.recent[id.Number]
	if pinned == nil || pinned.own.ID() != id {
		return View{}, false
	}
	return View{s, st, pinned}, true
}

// Revision names the rules.
func (v View) Revision() ruleset.ID {
	if v.IsZero() {
		return ruleset.ID{}
	}
	return v.rules.own.ID()
}

// Newest names the newest revision at the moment of the view: that of its kills.
func (v View) Newest() ruleset.ID {
	if v.IsZero() {
		return ruleset.ID{}
	}
	return v.state.head.ID
}

// Published is the pinned revision as it was published, without the newest one's kills; nil for the zero View.
func (v View) Published() *ruleset.Revision {
	if v.IsZero() {
		return nil
	}
	return v.rules.own
}

// IsZero reports whether there are no rules.
func (v View) IsZero() bool { return v.rules == nil }

// revision is what is evaluated.
func (v View) revision() *ruleset.Revision { return v.rules.under(v.state.newest.own) }

// Values evaluates all flags for a subject at the pinned time, to 10 seconds. A subject that [ruleset.Subject.Check]
// refuses is counted and evaluated as anonymous; but an attribute that rules cannot read is only taken for missing.
func (v View) Values(subject ruleset.Subject, at time.Time) ruleset.Values {
	return v.ValuesFor(context.Background(), subject, at, false)
}

// CachedValues is Values for a subject that is likely to come again within a minute.
func (v View) CachedValues(subject ruleset.Subject, at time.Time) ruleset.Values {
	return v.ValuesFor(context.Background(), subject, at, true)
}

// decide evaluates all flags, unless the subject comes again and its values are known.
func (v View) decide(subject ruleset.Subject, at time.Time, again bool) (values ruleset.Values, cached bool) {
	// Before the cache: what makes a subject wrong need not be among what rules read, and so in the key.
	if err := subject.Check(); err != nil {
		subject = v.service.usable(subject, err)
	}
	if !again {
		return v.service.tally.add(v.revision().Evaluate(subject, grain(at))), false
	}
	var buffer [512]byte
	key := v.appendKey(buffer[:0], &subject, at)
	if values, ok := v.service.values.get(key); ok {
		return v.service.tally.add(values), true
	}
	values = v.revision().Evaluate(subject, grain(at))
	v.service.values.put(key, values)
	return v.service.tally.add(values), false
}

// Explain says how a value comes about.
func (v View) Explain(key string, subject ruleset.Subject, at time.Time) (ruleset.Explanation, error) {
	if v.IsZero() {
		return ruleset.Explanation{}, ErrNoRevision
	}
	if err := subject.Check(); err != nil {
		return ruleset.Explanation{}, err
	}
	return v.revision().Explain(key, subject, grain(at)), nil
}

// Reachable gives a flag as the newest revision at the moment of the view defines it, with the variants that somebody could
// be served: see [ruleset.Revision.Reachable].
func (v View) Reachable(key string) (ruleset.Flag, []ruleset.Variant, bool) {
	if v.IsZero() {
		return ruleset.Flag{}, nil, false
	}
	return v.state.newest.own.Reachable(key)
}

// NoteRead notes that a flag was read, by who knew from Reachable that its value is the same for everybody.
func (v View) NoteRead(key string) {
	if !v.IsZero() {
		v.state.newest.own.NoteRead(key)
	}
}

// TimeGrain is how finely values follow the pinned time, so that subjects whose rules read it can be cached.
const TimeGrain = 10 * time.Second

func grain(at time.Time) time.Time { return at.UTC().Truncate(TimeGrain) }

// appendKey appends what tells all values apart: the rules, the pinned time where rules read it, and all that rules
// can read of the subject. The rules say what follows them; every part has a fixed length or is length-prefixed.
func (v View) appendKey(dst []byte, subject *ruleset.Subject, at time.Time) []byte {
	revision := v.revision()
	dst = binary.BigEndian.AppendUint64(dst, v.rules.serial)
	if revision.Timed() {
		dst = binary.BigEndian.AppendUint64(dst, uint64(grain(at).Unix()))
	}
	return revision.AppendKey(dst, subject)
}
