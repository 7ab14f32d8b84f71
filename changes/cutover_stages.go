package changes

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/toprent/flags/ruleset"
)

// staged reports whether a flag of that kind and type is a migration in stages. A boolean one has two, and its host
// copies data by itself: nothing here is about it.
func staged(kind ruleset.Kind, typ ruleset.Type) bool {
	return kind == ruleset.Migration && typ == ruleset.String
}

// stages says which stage the staged flags of a definition give to whom.
type stages struct {
	def      ruleset.Definition
	revision *ruleset.Revision
}

// stagesOf compiles a definition that holds nothing but staged flags and what they are decided with.
func stagesOf(def ruleset.Definition) *stages {
	def.Flags = slices.Clone(def.Flags)
	for i := range def.Flags {
		f := &def.Flags[i]
		if len(f.Variants) == 0 {
			f.Variants = stageVariants()
		}
		f.Off, f.Default = f.Otherwise, f.Otherwise
		f.Archived, f.Prerequisites, f.TierRequired = false, nil, ""
	}
	asked := def
	asked.Flags = slices.Clone(def.Flags)
	for i := range asked.Flags { // what a kill does is decided here
		asked.Flags[i].Killed, asked.Flags[i].Enabled = false, true
	}
	r, _ := ruleset.Compile(ruleset.ID{}, asked, nil) // what is wrong is asked of it by sound
	return &stages{def: def, revision: r}
}

// stageVariants are the variants of a staged flag.
func stageVariants() []ruleset.Variant {
	variants := make([]ruleset.Variant, len(ruleset.Stages))
	for i, s := range ruleset.Stages {
		value, _ := json.Marshal(s.String()) // a text always can be
		variants[i] = ruleset.Variant{Name: s.String(), Value: value}
	}
	return variants
}

// flag is the flag, and whether it is there.
func (s *stages) flag(key string) (ruleset.Flag, bool) {
	i := slices.IndexFunc(s.def.Flags, func(f ruleset.Flag) bool { return f.Key == key })
	if i < 0 {
		return ruleset.Flag{}, false
	}
	return s.def.Flags[i], true
}

// sound reports whether the flag can be decided.
func (s *stages) sound(key string) bool {
	flag, ok := s.flag(key)
	_, bad := s.revision.Malformed()[key]
	return ok && !bad && flag.Malformed == ""
}

// capped reports whether the flag steps everybody back.
func (s *stages) capped(key string) bool {
	flag, ok := s.flag(key)
	return ok && (flag.Killed || !flag.Enabled)
}

// free are the stages that rules, overrides and otherwise can give, if nothing caps them. One that is not there gives the
// original behaviour.
func (s *stages) free(key string) (set ruleset.StageSet) {
	flag, ok := s.flag(key)
	if !ok {
		return ruleset.StagesOf(ruleset.StageOff)
	}
	return reachable(flag, s.def.Overrides)
}

// ruled are the stages of those without an override.
func (s *stages) ruled(key string) ruleset.StageSet {
	flag, ok := s.flag(key)
	switch {
	case !ok:
		return ruleset.StagesOf(ruleset.StageOff)
	case s.capped(key):
		return cappedSet(ruled(flag))
	}
	return ruled(flag)
}

// can are the stages at which a tenant can be, whatever is known of it: its override's, or any that rules give.
func (s *stages) can(key, tenant string) ruleset.StageSet {
	for _, o := range s.def.Overrides {
		if stage, ok := ruleset.ParseStage(o.Variant); ok && o.Flag == key && o.Tenant == tenant {
			if s.capped(key) {
				stage = stage.Capped()
			}
			return ruleset.StagesOf(stage)
		}
	}
	return s.ruled(key)
}

// reach are the stages that somebody can have.
func (s *stages) reach(key string) ruleset.StageSet {
	if s.capped(key) {
		return cappedSet(s.free(key))
	}
	return s.free(key)
}

// of says at which stage of a flag tenants are, one after another.
func (s *stages) of(key string) func(tenant string) ruleset.Stage {
	if _, ok := s.flag(key); !ok {
		return func(string) ruleset.Stage { return ruleset.StageOff }
	}
	decider, capped := s.revision.Decider(key), s.capped(key)
	return func(tenant string) ruleset.Stage {
		stage, _ := ruleset.ParseStage(decider.Decide(&ruleset.Subject{Tenant: tenant}, time.Time{}).Variant)
		if capped {
			return stage.Capped()
		}
		return stage
	}
}

// reachable are the stages that a flag with these overrides can give: the same that instances go by, since what is not
// reachable for them they leave without marks.
func reachable(flag ruleset.Flag, overrides []ruleset.Override) ruleset.StageSet {
	set := ruled(flag)
	for _, o := range overrides {
		if stage, ok := ruleset.ParseStage(o.Variant); ok && o.Flag == flag.Key {
			set |= ruleset.StagesOf(stage)
		}
	}
	return set
}

// ruled are the stages that rules and otherwise can give. A share of nobody gives nothing, nor does what stands behind a
// rule for everybody.
func ruled(flag ruleset.Flag) (set ruleset.StageSet) {
	add := func(name string) {
		if stage, ok := ruleset.ParseStage(name); ok {
			set |= ruleset.StagesOf(stage)
		}
	}
	for _, rule := range flag.Rules {
		if p := rule.Percent; p != nil {
			if p.Share > 0 || p.Moving() || p.Calibrated != nil {
				add(p.Serve)
			}
			continue
		}
		if rule.Split != nil {
			for name := range rule.Split.Weights {
				add(name)
			}
			continue
		}
		if add(rule.Serve); rule.When == nil {
			return set
		}
	}
	add(cmp.Or(flag.Otherwise, ruleset.StageOff.String()))
	return set
}

// cappedSet are the stages as a kill leaves them.
func cappedSet(set ruleset.StageSet) (capped ruleset.StageSet) {
	for _, stage := range set.All() {
		capped |= ruleset.StagesOf(stage.Capped())
	}
	return capped
}

// authorities reports whether stages of a set have the old side as their authority, and whether some have the new one.
func authorities(set ruleset.StageSet) (old, fresh bool) {
	for _, stage := range set.All() {
		old, fresh = old || !stage.New(), fresh || stage.New()
	}
	return old, fresh
}

// moving reports whether both sides may be written for somebody.
func moving(set ruleset.StageSet) bool {
	return !set.Is(ruleset.StageOff) && !set.Is(ruleset.StageComplete)
}
