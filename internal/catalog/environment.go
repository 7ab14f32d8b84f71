package catalog

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Environment is one environment at one revision: its newest, unless Catalog.At was asked. It must not be changed.
type Environment struct {
	models.Environment

	Flags    []*Flag    // in the order of keys, archived ones included
	Segments []*Segment // in the order of keys
	Plans    []*Plan    // by rank, then key

	byID     map[string]*Flag // by the flag's id
	segments map[int64]*Segment
	plans    map[int64]*Plan

	compile    sync.Once
	compiled   *ruleset.Revision
	problems   ruleset.Problems
	moving     sync.Once
	migrations *ruleset.Revision

	last *atomic.Pointer[ruleset.Revision] // the one compiled last, whose unchanged flags the next one shares
}

// Flag is a flag's settings in one environment. Version is the base for edits.
type Flag struct {
	ruleset.Flag
	Version   int64
	Overrides []*Override // tenants' first, then by id
}

// Override is an override with who made it. Version is the base for edits.
type Override struct {
	ruleset.Override
	ID        string
	CreatedBy string
	CreatedAt time.Time
	Version   int64
}

// Segment is a segment. Version is the base for edits.
type Segment struct {
	ruleset.Segment
	Version int64
}

// Plan is a plan. Version is the base for edits.
type Plan struct {
	ruleset.Plan
	Version int64
}

var empty = &Environment{}

// Flag gives a flag's settings; false if the environment does not have the flag.
func (e *Environment) Flag(key string) (*Flag, bool) {
	i, ok := slices.BinarySearchFunc(e.Flags, key, func(f *Flag, key string) int { return strings.Compare(f.Key, key) })
	if !ok {
		return nil, false
	}
	return e.Flags[i], true
}

// Segment gives a segment.
func (e *Environment) Segment(key string) (*Segment, bool) {
	i := slices.IndexFunc(e.Segments, func(s *Segment) bool { return s.Key == key })
	if i < 0 {
		return nil, false
	}
	return e.Segments[i], true
}

// Plan gives a plan.
func (e *Environment) Plan(key string) (*Plan, bool) {
	i := slices.IndexFunc(e.Plans, func(p *Plan) bool { return p.Key == key })
	if i < 0 {
		return nil, false
	}
	return e.Plans[i], true
}

// Definition is what decides values here.
func (e *Environment) Definition() ruleset.Definition {
	overrides := 0
	for _, f := range e.Flags {
		overrides += len(f.Overrides)
	}
	def := ruleset.Definition{Flags: make([]ruleset.Flag, 0, len(e.Flags)), Overrides: make([]ruleset.Override, 0, overrides)}
	for _, f := range e.Flags {
		def.Flags = append(def.Flags, f.Flag)
		for _, o := range f.Overrides {
			def.Overrides = append(def.Overrides, o.Override)
		}
	}
	for _, s := range e.Segments {
		def.Segments = append(def.Segments, s.Segment)
	}
	for _, p := range e.Plans {
		def.Plans = append(def.Plans, p.Plan)
	}
	return def
}

// Revision is the compiled environment. Flags with mistakes are set aside in it, as they are when they are served.
func (e *Environment) Revision() *ruleset.Revision {
	e.compile.Do(func() {
		var err error
		e.compiled, err = ruleset.Compile(e.ID(), e.Definition(), e.last.Load())
		e.last.Store(e.compiled)
		errors.As(err, &e.problems)
	})
	return e.compiled
}

// Problems are the mistakes that are stored.
func (e *Environment) Problems() ruleset.Problems {
	e.Revision()
	return e.problems
}

// titled is the same state under what is now written about the environment.
func (e *Environment) titled(row models.Environment) *Environment {
	if e.Environment.Version == row.Version && e.Floor == row.Floor {
		return e
	}
	next := &Environment{Environment: row, Flags: e.Flags, Segments: e.Segments, Plans: e.Plans, byID: e.byID, segments: e.segments, plans: e.plans, last: e.last}
	return next
}

// with is the state at the row's revision, made of e, which is an older one or a later one, and of the rows that came into
// force or ended between the two.
func (e *Environment) with(row models.Environment, changed models.Rows, about *Flags, texts *models.Texts) *Environment {
	next := &Environment{Environment: row, byID: clone(e.byID), segments: clone(e.segments), plans: clone(e.plans), last: e.last}
	if e == empty {
		next.last = &atomic.Pointer[ruleset.Revision]{}
	}
	next.putFlags(changed.Flags, about, texts)
	next.putOverrides(changed.Overrides, about)
	for _, s := range changed.Segments {
		if delete(next.segments, s.ID); s.InForce(next.Head) {
			next.segments[s.ID] = &Segment{texts.Segment(s), s.FromRevision}
		}
	}
	for _, p := range changed.Plans {
		if delete(next.plans, p.ID); p.InForce(next.Head) {
			next.plans[p.ID] = &Plan{p.Plan(), p.FromRevision}
		}
	}
	next.Flags = slices.SortedFunc(maps.Values(next.byID), func(a, b *Flag) int { return strings.Compare(a.Key, b.Key) })
	next.Segments = slices.SortedFunc(maps.Values(next.segments), func(a, b *Segment) int { return strings.Compare(a.Key, b.Key) })
	next.Plans = slices.SortedFunc(maps.Values(next.plans), func(a, b *Plan) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(a.Key, b.Key)) })
	return next
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

func (e *Environment) putFlags(rows []models.FeatureFlagEnvironment, about *Flags, texts *models.Texts) {
	stays := map[string]bool{}
	for _, row := range rows {
		if row.InForce(e.Head) {
			stays[row.FeatureID] = true
		}
	}
	for _, row := range rows {
		if !stays[row.FeatureID] { // on the way back, to before the flag was made
			delete(e.byID, row.FeatureID)
		}
		if !row.InForce(e.Head) {
			continue
		}
		next := &Flag{Flag: texts.Flag(row.FlagSettings, about.byID[row.FeatureID]), Version: row.FromRevision}
		if before := e.byID[row.FeatureID]; before != nil {
			next.Overrides = before.Overrides
		}
		e.byID[row.FeatureID] = next
	}
}

func (e *Environment) putOverrides(rows []models.FeatureFlagOverride, about *Flags) {
	byFlag := map[string][]*models.FeatureFlagOverride{}
	for i := range rows {
		byFlag[rows[i].FeatureID] = append(byFlag[rows[i].FeatureID], &rows[i])
	}
	for id, rows := range byFlag {
		before := e.byID[id]
		if before == nil {
			continue
		}
		next := *before
		next.Overrides = nil
		gone := map[string]bool{}
		made := make([]Override, 0, len(rows)) // one piece of memory for all of them
		for _, row := range rows {
			if len(before.Overrides) > 0 {
				gone[row.ID] = true
			}
			if row.InForce(e.Head) {
				made = append(made, Override{row.Override(about.byID[id].Name), row.ID, row.CreatedBy, row.CreatedAt.Time, row.FromRevision})
				next.Overrides = append(next.Overrides, &made[len(made)-1])
			}
		}
		for _, o := range before.Overrides {
			if !gone[o.ID] {
				next.Overrides = append(next.Overrides, o)
			}
		}
		slices.SortFunc(next.Overrides, func(a, b *Override) int {
			return cmp.Or(strings.Compare(a.User, b.User), strings.Compare(a.Tenant, b.Tenant))
		})
		e.byID[id] = &next
	}
}
