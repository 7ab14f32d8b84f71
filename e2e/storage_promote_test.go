package e2e

import (
	"errors"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// publishesIn makes edits in an environment, which must succeed.
func (s *storage) publishesIn(environment string, edits ...changes.Edit) {
	s.t.Helper()
	if _, err := s.changes.Publish(s.t.Context(), changes.Change{Environment: environment, Author: "ann", Reason: "a test", Edits: edits}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *storage) promotes(key string, options changes.PromotionOptions) changes.Promotion {
	s.t.Helper()
	p, err := s.changes.PromotionEdits(s.t.Context(), key, "staging", prod, options)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// home is a flag that is decided with two segments and a plan.
func home() []changes.Edit {
	flag := newFlag("home")
	flag.Flag.TierRequired = "pro"
	flag.Flag.Rules = []ruleset.Rule{{Serve: "on", When: &ruleset.Condition{Not: &ruleset.Condition{Segment: "outer"}}}}
	is := func(country string) ruleset.Condition {
		return ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{country}}
	}
	return []changes.Edit{flag, changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 2}}, changes.PutSegment{Segment: ruleset.Segment{Key: "inner", When: is("DE")}},
		changes.PutSegment{Segment: ruleset.Segment{Key: "outer", When: ruleset.Condition{Any: []ruleset.Condition{{Segment: "inner"}, is("FR")}}}},
		changes.PutSegment{Segment: ruleset.Segment{Key: "unused", When: is("IT")}},
		changes.PutOverride{Override: ruleset.Override{Flag: "home", User: "u-1", Variant: "on"}}}
}

var promotionCases = map[string]func(*testing.T, *storage){
	"a flag is promoted with what it lacks, and without overrides": func(t *testing.T, s *storage) {
		s.publishesIn("staging", home()...)
		p := s.promotes("home", changes.PromotionOptions{})
		if p.To != nil || len(p.Needs) != 3 || p.Overrides != 1 || len(p.Mistakes) != 0 {
			t.Errorf("it is %+v", p)
		}
		for i, key := range []string{"inner", "outer", "pro"} {
			if need := p.Needs[i]; need.Item.Key != key || !need.Missing || need.Differs {
				t.Errorf("it needs %+v", need)
			}
		}
		s.publishes(p.Edits...)
		def := s.now()
		if len(def.Segments) != 2 || len(def.Plans) != 1 || len(def.Overrides) != 0 || len(def.Flags) != 1 {
			t.Errorf("production is %+v", def)
		}
		if again := s.promotes("home", changes.PromotionOptions{}); len(again.Edits) != 0 {
			t.Errorf("promoted again, it changes %v", again.Edits)
		}
		s.publishes(s.promotes("home", changes.PromotionOptions{Overrides: true}).Edits...)
		wantEqual(t, "the overrides", s.now().Overrides, []ruleset.Override{{Flag: "home", User: "u-1", Variant: "on"}})
	},
	"what differs comes along only if asked for": func(t *testing.T, s *storage) {
		s.publishesIn("staging", home()...)
		s.publishes(changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 7}}, changes.PutSegment{Segment: ruleset.Segment{Key: "inner", When: ruleset.Condition{Attribute: "x", Operator: ruleset.Exists}}})
		p := s.promotes("home", changes.PromotionOptions{})
		if p.Needs[0].Missing || !p.Needs[0].Differs || !p.Needs[1].Missing || !p.Needs[2].Differs || len(p.Edits) != 2 {
			t.Errorf("it needs %+v, and changes %v", p.Needs, p.Edits)
		}
		s.publishes(s.promotes("home", changes.PromotionOptions{Bring: func(n changes.Need) bool { return n.Item.Key != "pro" }}).Edits...)
		if def := s.now(); def.Plans[0].Rank != 7 || def.Segments[0].When.Attribute != "country" {
			t.Errorf("production is %+v", def)
		}
	},
	"a kill is never promoted, nor lifted by it": func(t *testing.T, s *storage) {
		s.publishesIn("staging", newFlag("a"), newFlag("b"))
		if _, err := s.changes.Kill(t.Context(), "staging", "a", "ann", "it hurts"); err != nil {
			t.Fatal(err)
		}
		p := s.promotes("a", changes.PromotionOptions{})
		wantSays(t, p.Notes, "is killed in staging; that is not carried over")
		s.publishes(append(p.Edits, s.promotes("b", changes.PromotionOptions{}).Edits...)...)
		if s.flag("a").Killed {
			t.Error("the kill is carried over")
		}
		s.kills("b")
		b := *newFlag("b").Flag
		b.Enabled = false
		s.publishesIn("staging", changes.PutFlag{Flag: &b, Base: 1})
		s.publishes(s.promotes("b", changes.PromotionOptions{}).Edits...)
		if flag := s.flag("b"); !flag.Killed || flag.Enabled {
			t.Errorf("it is %+v", flag)
		}
	},
	"what the flag requires is named if the target lacks it": func(t *testing.T, s *storage) {
		home := newFlag("home")
		home.Flag.Prerequisites = []ruleset.Prerequisite{{Flag: "base", Variant: "on"}}
		s.publishesIn("staging", newFlag("base"), home)
		p := s.promotes("home", changes.PromotionOptions{})
		wantSays(t, p.Mistakes, `requires flag "base", which production does not have`)
		if len(p.Edits) != 0 {
			t.Errorf("it changes %v all the same", p.Edits)
		}
		s.publishes(s.promotes("base", changes.PromotionOptions{}).Edits...)
		s.publishes(s.promotes("home", changes.PromotionOptions{}).Edits...)
		s.flag("home")
	},
	"a target that has moved on conflicts": func(t *testing.T, s *storage) {
		s.publishesIn("staging", newFlag("a"))
		p := s.promotes("a", changes.PromotionOptions{})
		a := *newFlag("a").Flag
		a.Enabled = false
		s.publishes(changes.PutFlag{Flag: &a})
		_, err := s.tries(p.Edits...)
		wantError[*changes.ConflictError](t, err)
	},
	"a promotion that makes no sense is refused": func(t *testing.T, s *storage) {
		s.publishesIn("staging", newFlag("a"))
		_, err := s.changes.PromotionEdits(t.Context(), "nope", "staging", prod, changes.PromotionOptions{})
		if !errors.Is(err, changes.ErrNoFlag) {
			t.Errorf("a flag that is not there: %v", err)
		}
		_, err = s.changes.PromotionEdits(t.Context(), "a", prod, prod, changes.PromotionOptions{})
		wantError[*changes.RefusedError](t, err)
		_, err = s.changes.PromotionEdits(t.Context(), "a", "staging", "nowhere", changes.PromotionOptions{})
		if err == nil {
			t.Error("an environment that is not there is promoted to")
		}
		if err := s.executes("UPDATE feature_flag_environments SET variants = '7'"); err != nil {
			t.Fatal(err)
		}
		// What one instance has looked at it remembers for that revision; another one looks anew.
		_, err = changes.New(s.store).PromotionEdits(t.Context(), "a", "staging", prod, changes.PromotionOptions{})
		wantError[*changes.RefusedError](t, err)
	},
}
