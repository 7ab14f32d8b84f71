package cutover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/toprent/flags/ruleset"
)

// rules say which stage a tenant is in, as a definition that has no mistakes has it.
type rules struct {
	revision  int64 // the first in which they were like that
	stored    json.RawMessage
	staged    bool // else the host copies data itself, and there are two stages
	reachable ruleset.StageSet
	decider   *ruleset.StageDecider
	calls     atomic.Int64 // under way by these rules
	durable   atomic.Bool  // the journal has them
	borrowed  bool         // they come from the journal, so that nobody sees that the flag is read
}

// rulesOf takes an entity's rules from a revision.
func rulesOf(revision *ruleset.Revision, key string) (*rules, error) {
	own, ok := definitionOf(revision.Definition(), key)
	if !ok {
		return nil, fmt.Errorf("revision %d has no flag %q: create a migration flag with that key", revision.ID().Number, key)
	}
	if own.Flags[0].Archived { // its entity stays where it was
		own.Flags[0].Archived = false
		archived, err := ruleset.Compile(revision.ID(), own, nil)
		if err != nil {
			return nil, fmt.Errorf("the archived flag %q: %w", key, err)
		}
		revision = archived
	}
	stages, ok := revision.Stages(key)
	switch {
	case !ok:
		return nil, fmt.Errorf("the flag %q is of kind %s, not migration", key, own.Flags[0].Kind)
	case stages.Malformed:
		return nil, fmt.Errorf("the rules of flag %q have mistakes", key)
	}
	stored, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	return &rules{revision: revision.ID().Number, stored: stored, staged: stages.Staged, reachable: stages.Reachable, decider: revision.StageDecider(key)}, nil
}

// rulesFrom takes an entity's rules from what the journal has.
func rulesFrom(environment, key string, s storedStage) (*rules, error) {
	var definition ruleset.Definition
	if err := json.Unmarshal(s.Definition, &definition); err != nil {
		return nil, fmt.Errorf("the stored stage of %s cannot be read: %w", key, err)
	}
	revision, err := ruleset.Compile(ruleset.ID{Environment: environment, Number: s.Revision}, definition, nil)
	if err != nil {
		return nil, fmt.Errorf("the stored stage of %s: %w", key, err)
	}
	r, err := rulesOf(revision, key)
	if err != nil {
		return nil, fmt.Errorf("the stored stage of %s: %w", key, err)
	}
	r.borrowed = true
	r.durable.Store(true)
	return r, nil
}

// same reports whether both lead everybody to the same stage.
func (r *rules) same(other *rules) bool { return other != nil && bytes.Equal(r.stored, other.stored) }

// moving reports whether tenants can be at a stage in which both sides matter, so that whoever writes one side alone has
// to leave a mark.
func (r *rules) moving() bool {
	return r.staged && !r.reachable.Is(ruleset.StageOff) && !r.reachable.Is(ruleset.StageComplete)
}

// decide says which stage a subject is in. A subject without a tenant stands for all tenants.
func (r *rules) decide(s *ruleset.Subject, write bool) (ruleset.Stage, error) {
	if s.Tenant == "" {
		return r.forAll(write)
	}
	stage, ok := r.decider.Decide(s.Tenant, s.Plan, s.Attributes)
	if !ok {
		return 0, ErrNoStage
	}
	return stage, nil
}

// forAll is the stage of who reads or writes rows of all tenants. A read takes the stage that asks least of the side that
// is not the authority, since some tenants may not write it.
func (r *rules) forAll(write bool) (ruleset.Stage, error) {
	first, last := r.reachable.Min(), r.reachable.Max()
	switch {
	case first == last:
		return first, nil
	case write || first.New() != last.New():
		return 0, ErrManyStages
	case first.New():
		return last, nil
	}
	return first, nil
}

// definitionOf is what of a definition decides one flag.
func definitionOf(all ruleset.Definition, key string) (ruleset.Definition, bool) {
	i := slices.IndexFunc(all.Flags, func(f ruleset.Flag) bool { return f.Key == key })
	if i < 0 {
		return ruleset.Definition{}, false
	}
	own := ruleset.Definition{Flags: []ruleset.Flag{all.Flags[i]}}
	for _, o := range all.Overrides {
		if o.Flag == key {
			own.Overrides = append(own.Overrides, o)
		}
	}
	used := map[string]bool{}
	for _, rule := range own.Flags[0].Rules {
		if rule.When != nil {
			segmentsUsed(all.Segments, *rule.When, used)
		}
	}
	for _, segment := range all.Segments {
		if used[segment.Key] {
			own.Segments = append(own.Segments, segment)
		}
	}
	for _, plan := range all.Plans { // rules may ask for a plan's rank; which flags it lists is of no account
		plan.Features = nil
		own.Plans = append(own.Plans, plan)
	}
	return own, true
}

// segmentsUsed notes the segments that a condition asks for, those inside segments too.
func segmentsUsed(all []ruleset.Segment, c ruleset.Condition, used map[string]bool) {
	if c.Segment != "" && !used[c.Segment] {
		used[c.Segment] = true
		for _, segment := range all {
			if segment.Key == c.Segment {
				segmentsUsed(all, segment.When, used)
			}
		}
	}
	if c.Not != nil {
		segmentsUsed(all, *c.Not, used)
	}
	for _, child := range slices.Concat(c.All, c.Any) {
		segmentsUsed(all, child, used)
	}
}
