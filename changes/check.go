package changes

import (
	"errors"

	"github.com/toprent/flags/ruleset"
)

// check compiles the environment as the change leaves it, and refuses the mistakes that the change makes: those in
// what it puts, and those that were not there before. A mistake that is stored already, in something else, stops
// nobody: it would stop the change that mends it too.
func (d *draft) check() {
	after := d.definition()
	for _, problem := range compile(after) {
		if d.about.reported(problem) || d.saidOfArchiving(problem) {
			continue
		}
		if d.puts(problem, after) || !d.hadBefore(problem, after) {
			d.refuse(d.place(problem, after))
		}
	}
}

func compile(def ruleset.Definition) ruleset.Problems {
	_, err := ruleset.Compile(ruleset.ID{}, def, nil)
	var problems ruleset.Problems
	if errors.As(err, &problems) {
		return problems
	}
	return nil
}

// puts reports whether the problem is in something that the change puts.
func (d *draft) puts(problem ruleset.Problem, def ruleset.Definition) bool {
	switch {
	case problem.Override > 0:
		return d.overrides.next[keyOf(def.Overrides[problem.Override-1])] != nil
	case problem.Flag != "":
		// Killing and archiving leave the rest of a flag as it was, so its old mistakes are not theirs.
		next, live := d.flags.next[problem.Flag], d.flags.live[problem.Flag].FlagSettings
		if next == nil {
			return false
		}
		live.Killed, live.Archived = next.Killed, next.Archived
		return live != next.FlagSettings
	case problem.Segment != "":
		return d.segments.next[problem.Segment] != nil
	case problem.Plan != "":
		return d.plans.next[problem.Plan] != nil
	}
	return true
}

// hadBefore reports whether the environment had the problem before the change.
func (d *draft) hadBefore(problem ruleset.Problem, after ruleset.Definition) bool {
	if d.problemsBefore == nil {
		d.problemsBefore = map[ruleset.Problem]bool{}
		before := d.before.Definition(d.about.byID)
		for _, old := range compile(before) {
			d.problemsBefore[d.place(old, before)] = true
		}
	}
	return d.problemsBefore[d.place(problem, after)]
}

// place names the override that a problem is about by its place in what is imported, or else by whose it is: its
// number is that of a list that the author of the change has not seen.
func (d *draft) place(problem ruleset.Problem, def ruleset.Definition) ruleset.Problem {
	if problem.Override == 0 {
		return problem
	}
	key := keyOf(def.Overrides[problem.Override-1])
	problem.Override = d.places[key]
	if problem.Override == 0 {
		problem.Path = key.item().String()
	}
	return problem
}
