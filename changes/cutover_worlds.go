package changes

import (
	"encoding/json"
	"maps"
	"math/bits"
	"slices"
	"strconv"

	"github.com/toprent/flags/ruleset"
)

// Tenants that no condition and no override names are many, and most of them are not known. What a flag gives them depends
// on their draws and on what their ids look like: each way in which these can turn out is a world, and a step is safe if
// it is safe in every world. So it holds for tenants too that come tomorrow.

// world is one way in which it can turn out.
type world struct {
	draws  map[string]uint64 // by seed
	truths map[string]bool   // of conditions that an id may satisfy or not
}

// mostWorlds is how many are looked at. A flag with more is taken to be able to give everybody everything.
const mostWorlds = 1 << 14

// questions are what tells worlds apart.
type questions struct {
	thresholds map[string][]uint64 // of draws, by seed
	conditions []string
	named      map[string]bool // tenants that conditions name
	data       bool            // something else than the tenant's id is asked for, which may change at any moment
}

// ask collects what a flag asks of tenants.
func (q *questions) ask(flag ruleset.Flag, segments []ruleset.Segment) {
	for _, rule := range flag.Rules {
		if rule.When != nil {
			q.condition(*rule.When, segments, 0)
		}
		if rule.Percent != nil {
			q.data = q.data || rule.Percent.CountedBy() != ruleset.AttributeTenant || rule.Percent.Moving()
			q.thresholds[rule.Seed] = append(q.thresholds[rule.Seed], thresholdOf(*rule.Percent))
		}
		q.data = q.data || rule.Split != nil
	}
}

// deepest is how far segments are followed: compiling refuses those that are deeper, or that name themselves.
const deepest = 32

func (q *questions) condition(c ruleset.Condition, segments []ruleset.Segment, depth int) {
	for _, inner := range slices.Concat(c.All, c.Any) {
		q.condition(inner, segments, depth)
	}
	if c.Not != nil {
		q.condition(*c.Not, segments, depth)
	}
	if s, ok := segmentNamed(segments, c.Segment); ok && depth < deepest {
		q.condition(s.When, segments, depth+1)
	}
	switch {
	case c.Attribute == "":
	case c.Attribute != ruleset.AttributeTenant:
		q.data = true
	case c.Operator == ruleset.In || c.Operator == ruleset.NotIn:
		for _, tenant := range c.Values {
			q.named[tenant] = true
		}
	case c.Operator != ruleset.Exists:
		q.conditions = append(q.conditions, textOf(c))
	}
}

func segmentNamed(segments []ruleset.Segment, key string) (ruleset.Segment, bool) {
	i := slices.IndexFunc(segments, func(s ruleset.Segment) bool { return key != "" && s.Key == key })
	if i < 0 {
		return ruleset.Segment{}, false
	}
	return segments[i], true
}

// textOf tells conditions apart.
func textOf(c ruleset.Condition) string {
	text, _ := json.Marshal(c) // a condition always can be
	return string(text)
}

// thresholdOf is the draw below which tenants are in: that of the share, as the engine has it.
func thresholdOf(p ruleset.Percent) uint64 {
	if p.Calibrated != nil {
		if threshold, err := strconv.ParseUint(p.Calibrated.Threshold, 16, 64); err == nil {
			return threshold
		}
	}
	threshold, _ := bits.Div64(uint64(min(p.Share, ruleset.Everyone-1)), 0, uint64(ruleset.Everyone))
	return threshold
}

// worlds gives every world, or none if there are too many.
func (q *questions) worlds() []world {
	slices.Sort(q.conditions)
	conditions := slices.Compact(q.conditions)
	all := []world{{map[string]uint64{}, map[string]bool{}}}
	for seed, thresholds := range q.thresholds {
		draws := append([]uint64{0}, thresholds...)
		slices.Sort(draws)
		draws = slices.Compact(draws)
		if len(all)*len(draws) > mostWorlds {
			return nil
		}
		all = split(all, draws, func(w world, draw uint64) { w.draws[seed] = draw })
	}
	for _, condition := range conditions {
		if len(all)*2 > mostWorlds {
			return nil
		}
		all = split(all, []bool{false, true}, func(w world, holds bool) { w.truths[condition] = holds })
	}
	return all
}

// split makes of each world one for each answer to a further question.
func split[T any](all []world, answers []T, set func(world, T)) []world {
	next := make([]world, 0, len(all)*len(answers))
	for _, w := range all {
		for _, answer := range answers {
			copied := world{maps.Clone(w.draws), maps.Clone(w.truths)}
			set(copied, answer)
			next = append(next, copied)
		}
	}
	return next
}

// stage is what a flag gives a tenant of whom nothing more is known than the world.
func (w world) stage(flag ruleset.Flag, segments []ruleset.Segment) ruleset.Stage {
	served := flag.Otherwise
	for _, rule := range flag.Rules {
		if rule.When != nil && !w.holds(*rule.When, segments, 0) {
			continue
		}
		if p := rule.Percent; p != nil {
			if p.Share < ruleset.Everyone && w.draws[rule.Seed] >= thresholdOf(*p) {
				continue
			}
			served = p.Serve
		} else {
			served = rule.Serve
		}
		break
	}
	stage, _ := ruleset.ParseStage(served)
	return stage
}

func (w world) holds(c ruleset.Condition, segments []ruleset.Segment, depth int) bool {
	inner := func(c ruleset.Condition) bool { return w.holds(c, segments, depth) }
	switch {
	case c.Not != nil:
		return !inner(*c.Not)
	case len(c.All) > 0:
		return !slices.ContainsFunc(c.All, func(c ruleset.Condition) bool { return !inner(c) })
	case len(c.Any) > 0:
		return slices.ContainsFunc(c.Any, inner)
	case c.Segment != "":
		s, ok := segmentNamed(segments, c.Segment)
		return ok && depth < deepest && w.holds(s.When, segments, depth+1)
	case c.Operator == ruleset.In: // those that are named are looked at by name
		return false
	case c.Operator == ruleset.NotIn || c.Operator == ruleset.Exists:
		return true
	}
	return w.truths[textOf(c)]
}
