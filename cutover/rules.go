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
	reachable ruleset.StageSet
	moving    bool // both sides matter: whoever writes one side alone has to leave a mark
	decider   *ruleset.StageDecider
	calls     atomic.Int64 // under way by these rules
	durable   atomic.Bool  // the journal has them
	turn      uint64       // counts changes of authority
	trailing  atomic.Bool  // another instance may still follow the authority before
	whole     atomic.Bool  // both sides have every row, so what is marked on either counts
	data      *data        // what they ask of tenants beside their ids
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
	case stages.Malformed && (stages.Killed || !stages.Enabled):
		return nil, &stoppedError{key, own.Flags[0]}
	case stages.Malformed:
		return nil, fmt.Errorf("the rules of flag %q have mistakes", key)
	}
	stored, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	moving := stages.Staged && !stages.Reachable.Is(ruleset.StageOff) && !stages.Reachable.Is(ruleset.StageComplete)
	return &rules{revision: revision.ID().Number, stored: stored, reachable: stages.Reachable, moving: moving, decider: revision.StageDecider(key), data: dataOf(own)}, nil
}

// stoppedError says that a flag was killed or disabled whose rules have mistakes.
type stoppedError struct {
	key  string
	flag ruleset.Flag
}

func (e *stoppedError) Error() string {
	how := "killed"
	if !e.flag.Killed {
		how = "disabled"
	}
	return fmt.Sprintf("the rules of flag %q have mistakes; it was %s, so everybody steps back from where the last good ones lead", e.key, how)
}

// stopped are the rules before, killed or disabled as a flag is whose own rules cannot be read.
func (e *stoppedError) stopped(id ruleset.ID, before *rules) (*rules, error) {
	var definition ruleset.Definition
	if err := json.Unmarshal(before.stored, &definition); err != nil {
		return nil, fmt.Errorf("the last good rules of %s: %w", e.key, err)
	}
	if i := slices.IndexFunc(definition.Flags, func(f ruleset.Flag) bool { return f.Key == e.key }); i >= 0 {
		own := &definition.Flags[i]
		own.Killed, own.Enabled = own.Killed || e.flag.Killed, own.Enabled && e.flag.Enabled
	}
	revision, err := ruleset.Compile(id, definition, nil)
	if err != nil {
		return nil, fmt.Errorf("the last good rules of %s: %w", e.key, err)
	}
	return rulesOf(revision, e.key)
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

// decide says which stage a subject's tenant is in, or all tenants if the subject has none.
func (r *rules) decide(s *ruleset.Subject, writing bool) (ruleset.Stage, error) {
	if s.Tenant == "" {
		return r.forAll(writing)
	}
	stage, ok := r.decider.Decide(s.Tenant, s.Plan, s.Attributes)
	if !ok {
		return 0, ErrNoStage
	}
	return stage, nil
}

// forAll is the stage of who reads or writes rows of all tenants. A read takes the stage that asks least of the side that
// is not the authority, since some tenants may not write it.
func (r *rules) forAll(writing bool) (ruleset.Stage, error) {
	first, last := r.reachable.Min(), r.reachable.Max()
	switch {
	case first == last:
		return first, nil
	case writing || first.New() != last.New():
		return 0, ErrManyStages
	case first.New():
		return last, nil
	}
	return first, nil
}

// authorities are the sides that are the authority of some tenant.
func (r *rules) authorities() (old, fresh bool) {
	return !r.reachable.Min().New(), r.reachable.Max().New()
}

// turns reports whether some tenant may have another authority by these rules than by the ones before. Nobody knows what
// the ones before the first were.
func (r *rules) turns(before *rules) bool {
	if !r.moving {
		return false
	}
	if before == nil {
		return true
	}
	old, fresh := r.authorities()
	oldBefore, freshBefore := before.authorities()
	return old && fresh || oldBefore && freshBefore || old != oldBefore
}

// follows puts rules behind the ones before.
func (r *rules) follows(before *rules, synced func() bool) {
	if before != nil {
		r.data.goesOn(before.data)
		r.turn = before.turn
		r.trailing.Store(before.trailing.Load())
	}
	if r.turns(before) {
		r.turn++
		r.trailing.Store(true)
	}
	r.whole.Store(r.bothWhole(synced))
}

// bothWhole reports whether each side is the authority of some tenant, which it may only be when it has every row, or was
// verified and kept equal since.
func (r *rules) bothWhole(synced func() bool) bool {
	old, fresh := r.authorities()
	return r.moving && (old && fresh || synced())
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
