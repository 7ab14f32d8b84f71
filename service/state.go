package service

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/toprent/flags/ruleset"
)

// state is what the service knows of its environment. It never changes: a refresh that finds something new makes
// another.
type state struct {
	head   Head
	newest *ruleset.Revision
	recent map[int64]*ruleset.Revision // all that a pin can name, the newest included

	overlays sync.Map // of pinned revisions under the newest: number -> *ruleset.Revision
}

// pinned gives a revision as a session that has pinned it sees it now; nil if it is not in memory.
func (st *state) pinned(id ruleset.ID) *ruleset.Revision {
	revision := st.recent[id.Number]
	if revision == nil || revision.ID() != id {
		return nil
	}
	if revision == st.newest {
		return revision
	}
	if overlay, ok := st.overlays.Load(id.Number); ok {
		return overlay.(*ruleset.Revision)
	}
	overlay, _ := st.overlays.LoadOrStore(id.Number, ruleset.Overlay(revision, st.newest))
	return overlay.(*ruleset.Revision)
}

// View is the rules that one session is under. The zero View has none: its values are the fallbacks of the code.
type View struct {
	service  *FeatureFlagService
	state    *state
	revision *ruleset.Revision
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
	revision := st.pinned(id)
	return View{s, st, revision}, revision != nil
}

// Revision names the rules.
func (v View) Revision() ruleset.ID {
	if v.revision == nil {
		return ruleset.ID{}
	}
	return v.revision.ID()
}

// Newest names the newest revision at the moment of the view: that of its kills.
func (v View) Newest() ruleset.ID {
	if v.state == nil {
		return ruleset.ID{}
	}
	return v.state.newest.ID()
}

// IsZero reports whether there are no rules.
func (v View) IsZero() bool { return v.revision == nil }

// Values evaluates all flags for a subject at the pinned time.
func (v View) Values(subject ruleset.Subject, at time.Time) ruleset.Values {
	if v.revision == nil {
		return ruleset.Values{}
	}
	if err := subject.Check(); err != nil {
		v.service.refuseSubject(err)
		subject = ruleset.Subject{}
	}
	return v.revision.Evaluate(subject, grain(at))
}

// CachedValues is Values for a subject that is likely to come again within a minute.
func (v View) CachedValues(subject ruleset.Subject, at time.Time) ruleset.Values {
	if v.revision == nil {
		return ruleset.Values{}
	}
	var buffer [512]byte
	return v.service.values.get(v.appendKey(buffer[:0], &subject, at), func() ruleset.Values {
		return v.Values(subject, at)
	})
}

// Explain says how a value comes about.
func (v View) Explain(key string, subject ruleset.Subject, at time.Time) (ruleset.Explanation, error) {
	if v.revision == nil {
		return ruleset.Explanation{}, ErrNoRevision
	}
	if err := subject.Check(); err != nil {
		return ruleset.Explanation{}, err
	}
	return v.revision.Explain(key, subject, grain(at)), nil
}

// timeGrain is how finely values follow the pinned time, so that subjects whose rules read it can be cached.
const timeGrain = 10 * time.Second

func grain(at time.Time) time.Time { return at.UTC().Truncate(timeGrain) }

// appendKey appends what tells all values apart: pinned and newest revision, the pinned time where rules read it, and
// all that rules can read of the subject. Every part has a fixed length or is length-prefixed.
func (v View) appendKey(dst []byte, subject *ruleset.Subject, at time.Time) []byte {
	pinned, newest := v.revision.ID(), v.state.newest.ID()
	dst = binary.BigEndian.AppendUint64(dst, uint64(pinned.Number))
	dst = append(dst, pinned.Digest[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(newest.Number))
	dst = append(dst, newest.Digest[:]...)
	if v.revision.Timed() {
		dst = binary.BigEndian.AppendUint64(dst, uint64(grain(at).Unix()))
	}
	return v.revision.AppendKey(dst, subject)
}
