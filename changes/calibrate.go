package changes

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Seen is who was seen in an environment; directory.Snapshot is one.
type Seen interface {
	// Subjects gives those whose units are counted for a share of that unit: user, tenant or an attribute. One that was
	// given may be used again for the next.
	Subjects(unit string) ruleset.Crowd
}

// AsksToCalibrate reports whether an edit asks for an exact share that is not frozen yet. Publish refuses such a change.
func (c Change) AsksToCalibrate() bool {
	return slices.ContainsFunc(c.Edits, func(e Edit) bool {
		put, ok := e.(PutFlag)
		return ok && put.Flag != nil && asks(*put.Flag)
	})
}

func asks(flag ruleset.Flag) bool {
	return slices.ContainsFunc(flag.Rules, func(r ruleset.Rule) bool { return r.Percent != nil && r.Percent.Calibrated.Asks() })
}

// AskToCalibrate turns the frozen thresholds of a flag's rules into questions: for a copy of the flag in another
// environment, where others were seen, or, with again, where the real shares have drifted. The flag that is given stays as
// it is. Places name the rules, from 0; none means all.
func AskToCalibrate(flag ruleset.Flag, again bool, places ...int) ruleset.Flag {
	flag.Rules = slices.Clone(flag.Rules)
	for i := range flag.Rules {
		p := flag.Rules[i].Percent
		if p == nil || p.Calibrated == nil || len(places) > 0 && !slices.Contains(places, i) {
			continue
		}
		asking := *p
		asking.Calibrated = &ruleset.Calibration{Again: again}
		flag.Rules[i].Percent = &asking
	}
	return flag
}

// Calibrate fills in the exact shares that a change asks for, and freezes them in its edits: what it returns can be shown,
// approved and published, and everybody then gets what was shown. live is what decides values in the environment now, seen
// who was seen there; nil: that is not known yet, which is refused. Mistakes that keep a flag from being counted are a
// RefusedError.
//
// A rule is compared with the one that it was: the live rule of the same name, if only one on each side has it; else one
// with the same conditions, unit, variant and seed, wherever it stands; else the one in the same place that nothing else
// was made of, if it draws alike. So a rule that is moved, renamed or copied keeps its threshold, and so does one whose
// share, unit, seed and conditions are the same, unless it asks again. A share that is raised never gets a lower threshold
// than that rule had, and one that is lowered never a higher.
func Calibrate(change Change, live ruleset.Definition, seen Seen, at time.Time) (Change, error) {
	if !change.AsksToCalibrate() {
		return change, nil
	}
	c := calibrator{environment: change.Environment, live: live, segments: segmentsAfter(change, live.Segments), seen: seen, at: at}
	change.Edits = slices.Clone(change.Edits)
	for i, edit := range change.Edits {
		if put, ok := edit.(PutFlag); ok && put.Flag != nil && asks(*put.Flag) {
			flag := c.calibrate(*put.Flag)
			put.Flag = &flag
			change.Edits[i] = put
		}
	}
	if len(c.problems) > 0 {
		return change, &RefusedError{Problems: c.problems}
	}
	return change, nil
}

// segmentsAfter are the segments as the change leaves them: rules are counted by those.
func segmentsAfter(change Change, live []ruleset.Segment) []ruleset.Segment {
	after := slices.Clone(live)
	remove := func(key string) {
		after = slices.DeleteFunc(after, func(s ruleset.Segment) bool { return s.Key == key })
	}
	for _, edit := range change.Edits {
		switch e := edit.(type) {
		case PutSegment:
			remove(e.Segment.Key)
			after = append(after, e.Segment)
		case RemoveSegment:
			remove(e.Key)
		}
	}
	return after
}

type calibrator struct {
	environment string
	live        ruleset.Definition
	segments    []ruleset.Segment
	seen        Seen
	at          time.Time
	problems    []Problem
}

func (c *calibrator) refuse(problem ruleset.Problem) {
	c.problems = append(c.problems, Problem{Environment: c.environment, Problem: problem})
}

// calibrate gives a copy of a flag whose shares are frozen.
func (c *calibrator) calibrate(flag ruleset.Flag) ruleset.Flag {
	var was ruleset.Flag
	if i := slices.IndexFunc(c.live.Flags, func(f ruleset.Flag) bool { return f.Key == flag.Key }); i >= 0 {
		was = c.live.Flags[i]
	}
	flag.Rules = slices.Clone(flag.Rules)
	before := counterparts(was.Rules, flag.Rules)
	kept := true
	for i := range flag.Rules {
		p := flag.Rules[i].Percent
		if p == nil || !p.Calibrated.Asks() {
			continue
		}
		if frozen := keeps(flag.Rules[i], before[i]); frozen != nil {
			flag.Rules[i].Percent = with(p, *frozen)
		} else {
			kept = false
		}
	}
	if kept {
		return flag
	}
	return c.count(flag, was, before)
}

// with is the percentage with that calibration.
func with(p *ruleset.Percent, frozen ruleset.Calibration) *ruleset.Percent {
	out := *p
	out.Calibrated = &frozen
	return &out
}

// keeps gives the calibration that a rule had, if nothing that it was counted by has changed.
func keeps(rule ruleset.Rule, before *ruleset.Rule) *ruleset.Calibration {
	if rule.Percent.Calibrated.Again || before == nil || before.Percent.Calibrated == nil || before.Percent.Calibrated.Asks() ||
		before.Percent.Share != rule.Percent.Share || !drawAlike(rule, *before) || !reflect.DeepEqual(rule.When, before.When) {
		return nil
	}
	return before.Percent.Calibrated
}

// drawAlike reports whether a unit has the same draw for both.
func drawAlike(a, b ruleset.Rule) bool {
	return a.Percent.CountedBy() == b.Percent.CountedBy() && a.Seed == b.Seed
}

// count freezes what is left to ask.
func (c *calibrator) count(flag, was ruleset.Flag, before []*ruleset.Rule) ruleset.Flag {
	first := slices.IndexFunc(flag.Rules, func(r ruleset.Rule) bool { return r.Percent != nil && r.Percent.Calibrated.Asks() })
	at := ruleset.Problem{Flag: flag.Key, Rule: flag.Rules[first].Name, Path: fmt.Sprintf("rules[%d].percent.calibrated", first)}
	if flag.Salt == "" && was.Salt == "" {
		at.Message = "the flag is new, so nobody has a draw for it yet: save it first, then make its share exact"
		c.refuse(at)
		return flag
	}
	if c.seen == nil {
		at.Message = "who was seen is still being read, so nobody can be counted yet: save again in a moment"
		c.refuse(at)
		return flag
	}
	r, ok := c.compile(flag, was)
	if !ok {
		return flag
	}
	for i := range flag.Rules {
		p := flag.Rules[i].Percent
		if p == nil || !p.Calibrated.Asks() {
			continue
		}
		var old *ruleset.Percent
		if before[i] != nil && drawAlike(flag.Rules[i], *before[i]) {
			old = before[i].Percent
		}
		if frozen, ok := r.Calibrate(flag.Key, i, old, c.seen.Subjects(p.CountedBy()), c.at); ok { // else the share moves, which Publish refuses
			flag.Rules[i].Percent = with(p, frozen)
		}
	}
	return flag
}

// compile makes a revision of the flag alone, to ask it for draws. Whether the flag is on is another question, so what it
// needs besides its rules is left out.
func (c *calibrator) compile(flag, was ruleset.Flag) (*ruleset.Revision, bool) {
	asked := flag
	asked.Kind, asked.Type, asked.Salt = orElse(flag.Kind, was.Kind), orElse(flag.Type, was.Type), orElse(flag.Salt, was.Salt)
	asked.Prerequisites, asked.TierRequired, asked.Archived, asked.Killed, asked.Malformed = nil, "", false, false, ""
	asked.Rules = slices.Clone(flag.Rules)
	for i, rule := range asked.Rules {
		if rule.Percent != nil && rule.Percent.Calibrated.Asks() {
			plain := *rule.Percent
			plain.Calibrated = nil
			asked.Rules[i].Percent = &plain
		}
	}
	def := ruleset.Definition{Plans: c.live.Plans, Segments: c.segments, Flags: []ruleset.Flag{asked}}
	sound := true
	for _, problem := range compile(def) {
		if problem.Flag == flag.Key {
			c.refuse(problem)
			sound = false
		}
	}
	r, _ := ruleset.Compile(ruleset.ID{}, def, nil) // what is wrong was looked at above
	return r, sound
}

func orElse[T ~string](given, otherwise T) T {
	if given == "" {
		return otherwise
	}
	return given
}
