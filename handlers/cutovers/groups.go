package cutovers

import (
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// Group are tenants who are in a stage by the same part of a flag: a rule, an override, or nothing of these.
type Group struct {
	Name    string // for forms
	Who     string
	Stage   ruleset.Stage // as it is written; a kill caps it
	Known   bool          // the stage can be told
	Tenants int           // of those that were asked about
	Counted bool          // Tenants is known: what a kill caps is not counted by group
	Why     string        // who made an override, or a rule's name
	Tenant  string        // of an override
}

// Names of groups.
const (
	groupOtherwise = "otherwise"
	groupOverrides = "overrides"
	rulePrefix     = "rule-"
	tenantPrefix   = "tenant-"
)

func ruleGroup(place int) string { return rulePrefix + strconv.Itoa(place) }

// shownOverrides is how many tenants with an override are listed one by one.
const shownOverrides = 50

// groupsOf are the groups of a flag in the order in which they are asked. more is how many overrides are not among them.
func groupsOf(flag *catalog.Flag, t Tally, zone *time.Location) (groups []Group, more int) {
	capped := flag.Killed || !flag.Enabled
	for i, override := range flag.Overrides {
		if i == shownOverrides {
			more = len(flag.Overrides) - shownOverrides
			break
		}
		stage, known := stageOf(override.Variant)
		groups = append(groups, Group{Name: tenantPrefix + override.Tenant, Who: "Tenant " + override.Tenant, Tenant: override.Tenant, Stage: stage, Known: known, Tenants: 1, Counted: true, Why: override.Reason})
	}
	for i, rule := range flag.Rules {
		stage, known := stageOf(servedBy(rule))
		name := ruleGroup(i)
		groups = append(groups, Group{Name: name, Who: whoIn(rule, zone), Stage: stage, Known: known, Tenants: t.byGroup[name], Counted: !capped, Why: rule.Name})
	}
	stage, known := stageOf(otherwiseOf(flag.Flag))
	who := "Everybody else"
	if len(groups) == 0 {
		who = "Everybody"
	}
	return append(groups, Group{Name: groupOtherwise, Who: who, Stage: stage, Known: known, Tenants: t.byGroup[groupOtherwise], Counted: !capped}), more
}

// servedBy is the variant that a rule of a migration flag serves.
func servedBy(rule ruleset.Rule) string {
	if rule.Percent != nil {
		return rule.Percent.Serve
	}
	return rule.Serve
}

func otherwiseOf(flag ruleset.Flag) string {
	if flag.Otherwise == "" {
		return ruleset.StageOff.String()
	}
	return flag.Otherwise
}

// whoIn says whom a rule is about, without what it gives them.
func whoIn(rule ruleset.Rule, zone *time.Location) string {
	line := words.RuleIn(rule, zone)
	for _, verb := range []string{" gets ", " get "} {
		if who, ok := strings.CutSuffix(line, verb+servedBy(rule)); ok {
			return who
		}
	}
	return line
}

// Words are those of the group's stage.
func (g Group) Words() StageWords { return wordsOf(g.Stage) }

// Override reports whether the group is one tenant's override.
func (g Group) Override() bool { return strings.HasPrefix(g.Name, tenantPrefix) }

// Rule reports whether the group is a rule's.
func (g Group) Rule() bool { return strings.HasPrefix(g.Name, rulePrefix) }

// Label is what a button says to a screen reader of whom it moves.
func (g Group) Label() string { return strings.ToLower(g.Who[:1]) + g.Who[1:] }

// Move is a step that a button offers.
type Move struct {
	To      ruleset.Stage
	Forward bool
	Words   StageWords
}

// Moves are the steps that a group can make from its stage: one back, one forward. Of the two stages of a boolean flag
// there is one only.
func (s *Standing) Moves(from ruleset.Stage) (moves []Move) {
	if !s.Stages.Staged {
		if from == ruleset.StageOff {
			return []Move{{ruleset.StageComplete, true, twoStageWords(ruleset.StageComplete)}}
		}
		return []Move{{ruleset.StageOff, false, twoStageWords(ruleset.StageOff)}}
	}
	if from > ruleset.StageOff {
		moves = append(moves, Move{from - 1, false, wordsOf(from - 1)})
	}
	if from < ruleset.StageComplete {
		moves = append(moves, Move{from + 1, true, wordsOf(from + 1)})
	}
	return moves
}

// Together are the steps that can be made with everybody at once. Tenants who are in two stages beside each other come
// together in either; those who are all in one go on to the next, or back.
func (s *Standing) Together() (moves []Move) {
	set := s.Stages.Reachable
	if set.Empty() {
		return nil
	}
	if !s.Many() {
		return s.Moves(set.Min())
	}
	if !s.Stages.Staged {
		return []Move{{ruleset.StageOff, false, twoStageWords(ruleset.StageOff)}, {ruleset.StageComplete, true, twoStageWords(ruleset.StageComplete)}}
	}
	if set.Max()-set.Min() == 1 {
		return []Move{{set.Min(), false, wordsOf(set.Min())}, {set.Max(), true, wordsOf(set.Max())}}
	}
	for _, stage := range ruleset.Stages { // with three there is one in the middle; with more, groups move one by one
		if set.Max()-stage <= 1 && int(stage)-int(set.Min()) <= 1 && stage >= set.Min() {
			moves = append(moves, Move{stage, false, wordsOf(stage)})
		}
	}
	return moves
}

// twoStageWords are those of a flag with two stages, whose host copies the data itself.
func twoStageWords(stage ruleset.Stage) StageWords {
	w := wordsOf(stage)
	if stage == ruleset.StageComplete {
		w.Title, w.Means = "On", "The new database alone."
	} else {
		w.Means = "The old database alone, as it was."
	}
	return w
}

// WordsOf are a stage's words for this entity.
func (s *Standing) WordsOf(stage ruleset.Stage) StageWords {
	if s.Stages.Staged {
		return wordsOf(stage)
	}
	return twoStageWords(stage)
}

// variantOf is the variant that stands for a stage.
func variantOf(flag ruleset.Flag, stage ruleset.Stage) string {
	switch {
	case flag.Type != ruleset.Boolean:
		return stage.String()
	case stage == ruleset.StageComplete:
		return "on"
	}
	return "off"
}

// placeOf is the place of the rule that a form names.
func placeOf(name string, flag ruleset.Flag) (int, bool) {
	i, err := strconv.Atoi(strings.TrimPrefix(name, rulePrefix))
	return i, err == nil && i >= 0 && i < len(flag.Rules)
}
