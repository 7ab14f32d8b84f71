package e2e

import (
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// back is a step back of a tenant, or of everybody.
func back(key, tenant string) changes.StepBack {
	return changes.StepBack{Environment: prod, Flag: key, Tenant: tenant, Author: "cutover", Reason: "agreement fell"}
}

func (s *storage) stepsBack(step changes.StepBack) changes.Published {
	s.t.Helper()
	published, err := s.changes.StepBack(s.t.Context(), step)
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

// cannotReturn wants that nothing leads back to the old side: no kill, no disabling and no automatic step.
func (s *storage) cannotReturn(key string) {
	s.t.Helper()
	effect, err := s.changes.KillWould(s.t.Context(), prod, key)
	if err != nil || !strings.Contains(effect.Refused, "Step back to rampdown") {
		s.t.Errorf("what a kill would do: %+v, %v", effect, err)
	}
	s.stops(changes.CutoverNoReturn, changes.SetEnabled{Key: key})
	s.stops(changes.CutoverNoReturn, s.enables(key, false))
	s.unchanged(func() {
		_, err := s.changes.Kill(s.t.Context(), prod, key, "ann", "it hurts")
		s.refusedBy(changes.CutoverNoReturn, err)
		for _, tenant := range []string{"", "acme"} {
			_, err := s.changes.StepBack(s.t.Context(), back(key, tenant))
			s.refusedBy(changes.CutoverNoReturn, err)
		}
	})
}

var stepBackCases = map[string]func(*testing.T, *storage){
	"a kill is refused in complete, and until the old side has all rows again": func(t *testing.T, s *storage) {
		s.reaches("clients", "complete")
		s.cannotReturn("clients")
		s.publishes(s.to("clients", "rampdown"))
		for _, state := range []string{models.CutoverWaiting, models.CutoverCopying, models.CutoverVerifying, models.CutoverFailed} {
			row := s.progress("clients")
			row.State = state
			if _, err := s.store.PutCutoverProgress(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			s.cannotReturn("clients")
		}
		s.syncs("clients")
		s.kills("clients")
	},
	"a kill is refused while one tenant is at complete": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		s.publishes(tenantOverride("clients", "acme", "complete", 0))
		_, err := s.changes.Kill(t.Context(), prod, "clients", "ann", "it hurts")
		s.refusedBy(changes.CutoverNoReturn, err)
		if effect, err := s.changes.KillWould(t.Context(), prod, "clients"); err != nil || len(effect.Lines) != 2 || effect.Refused == "" {
			t.Errorf("%+v, %v", effect, err)
		}
	},
	"a kill says what it will do, and waits for nobody": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		s.publishes(s.gives("clients", "rampdown", servesTenants("live", "acme")))
		effect, err := s.changes.KillWould(t.Context(), prod, "clients")
		if err != nil || effect.Refused != "" {
			t.Fatalf("%+v, %v", effect, err)
		}
		contains(t, effect.Lines, "tenants in live and rampdown go back to shadow: the old database answers again; both stay written")
		s.tells("i-1", "clients", 1, 0)
		s.protects(1)
		contains(t, s.kills("clients").Changes, "go back to shadow")
		if f := s.flag("clients"); !f.Killed || f.Otherwise != "rampdown" {
			t.Errorf("it is %+v", f)
		}
		if again, err := s.changes.KillWould(t.Context(), prod, "clients"); err != nil || len(again.Lines) != 1 || !strings.Contains(again.Lines[0], "stay there") {
			t.Errorf("killed again: %+v, %v", again, err)
		}
	},
	"a kill works in every stage before, and on settings that cannot be read": func(t *testing.T, s *storage) {
		for _, stage := range []string{"off", "dualwrite", "shadow"} {
			s.reaches("at-"+stage, stage)
			s.kills("at-" + stage)
		}
		s.reaches("clients", "shadow")
		s.writes("UPDATE feature_flag_environments SET rollout_strategy = 'nonsense' WHERE to_revision IS NULL")
		s.kills("clients")
		s.reaches("bookings", "complete")
		s.writes("UPDATE feature_flag_environments SET variants = 'nonsense' WHERE to_revision IS NULL")
		_, err := s.changes.Kill(t.Context(), prod, "bookings", "ann", "it hurts")
		if err == nil {
			t.Error("it was in complete, and is killed")
		}
	},
	"a kill says for other flags nothing new": func(t *testing.T, s *storage) {
		s.publishes(newFlag("other"))
		if effect, err := s.changes.KillWould(t.Context(), prod, "other"); err != nil || effect.Refused != "" || len(effect.Lines) != 0 {
			t.Errorf("%+v, %v", effect, err)
		}
		_, err := s.changes.KillWould(t.Context(), prod, "none")
		wantIs(t, err, changes.ErrNoFlag)
	},
	"a lift leads everybody to where they were, if both sides are equal": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		s.kills("clients")
		row := s.progress("clients")
		row.State = models.CutoverFailed
		if _, err := s.store.PutCutoverProgress(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		s.unchanged(func() {
			_, err := s.changes.Lift(t.Context(), prod, "clients", "ann", "it is mended")
			s.refusedBy(changes.CutoverNotSynced, err)
		})
		s.stops(changes.CutoverNotSynced, changes.LiftFlag{Key: "clients", Base: s.flagVersion("clients")})
		s.syncs("clients")
		s.tells("i-1", "clients", 1, 0)
		s.unchanged(func() {
			_, err := s.changes.Lift(t.Context(), prod, "clients", "ann", "it is mended")
			s.refusedBy(changes.CutoverBehind, err)
		})
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.lifts("clients")
	},
	"nothing reaches complete while it is killed": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		s.kills("clients")
		s.stops(changes.CutoverNoReturn, forced(s.to("clients", "complete")))
		s.stops(changes.CutoverNoReturn, tenantOverride("clients", "acme", "complete", 0))
		s.publishes(s.to("clients", "live"))
		s.lifts("clients")
		s.stops(changes.CutoverSteps, s.to("clients", "complete"))
	},
	"shadow leads to rampdown only for those who were there": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		s.syncs("clients")
		s.stops(changes.CutoverSteps, s.to("clients", "rampdown"))
		s.publishes(s.to("clients", "live"))
		s.publishes(s.to("clients", "rampdown"))
		s.publishes(s.to("clients", "shadow")) // the way back is short
		s.stops(changes.CutoverSteps, s.to("clients", "rampdown"))
	},
	"one tenant steps back, and returns": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		s.tells("i-1", "clients", 1, 0) // it waits for nobody
		published := s.stepsBack(back("clients", "acme"))
		contains(t, published.Changes, "acme goes from rampdown to shadow")
		if again := s.stepsBack(back("clients", "acme")); again.New {
			t.Error("it stepped back twice")
		}
		revision, err := s.store.Revision(t.Context(), prod, published.Number)
		if err != nil || revision.Kind != "step-back" || revision.Author != "cutover" {
			t.Errorf("%+v, %v", revision, err)
		}
		def := s.now()
		if len(def.Overrides) != 1 || def.Overrides[0].Variant != "shadow" || def.Overrides[0].Reason != "agreement fell" {
			t.Errorf("the overrides are %+v", def.Overrides)
		}
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.publishes(changes.RemoveOverride{Flag: "clients", Tenant: "acme", Base: published.Number})
	},
	"a tenant steps back from what its plan gives it, and returns": func(t *testing.T, s *storage) {
		s.reaches("clients", "rampdown")
		pro := ruleset.Rule{Serve: "live", When: &ruleset.Condition{Attribute: "plan", Operator: ruleset.In, Values: ruleset.Texts{"pro"}}}
		s.publishes(changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 2}}, s.gives("clients", "rampdown", pro))
		published := s.stepsBack(back("clients", "acme"))
		contains(t, published.Changes, "acme goes from rampdown to shadow")
		if again := s.stepsBack(back("clients", "acme")); again.New {
			t.Error("it stepped back twice")
		}
		s.publishes(changes.RemoveOverride{Flag: "clients", Tenant: "acme", Base: published.Number})
		s.stops(changes.CutoverSteps, tenantOverride("clients", "acme", "dualwrite", 0))
		// By its id alone nobody can tell that the plan has it on the new side.
		s.publishes(s.gives("clients", "shadow", pro))
		if published = s.stepsBack(back("clients", "acme")); !published.New {
			t.Error("it did not step back")
		}
		s.publishes(s.gives("clients", "live"))
	},
	"an override of a tenant gives way to a step back": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		s.syncs("clients")
		s.publishes(tenantOverride("clients", "acme", "live", 0))
		s.stepsBack(back("clients", "acme"))
		if published := s.stepsBack(back("clients", "bolt")); published.New {
			t.Error("who was at shadow stepped back")
		}
		if def := s.now(); len(def.Overrides) != 1 || def.Overrides[0].Variant != "shadow" {
			t.Errorf("the overrides are %+v", def.Overrides)
		}
	},
	"everybody steps back at once in a protected environment, and somebody looks at it afterwards": func(t *testing.T, s *storage) {
		s.reaches("clients", "live")
		s.protects(2)
		s.stepsBack(back("clients", "acme"))
		published := s.stepsBack(back("clients", ""))
		if !s.flag("clients").Killed {
			t.Error("it is not killed")
		}
		waiting, total, err := s.store.Emergencies(t.Context(), []string{prod}, "clients", 10)
		if err != nil || total != 2 || waiting[0].Revision != published.Number || waiting[0].Author != "cutover" {
			t.Errorf("%d wait: %+v, %v", total, waiting, err)
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, abe, "seen"); err != nil {
			t.Error(err)
		}
		if again := s.stepsBack(back("clients", "")); again.New {
			t.Error("it stepped back twice")
		}
		_, err = s.tries(s.to("clients", "shadow"))
		wantError[*changes.ProtectedError](t, err)
	},
	"only migrations in stages step back": func(t *testing.T, s *storage) {
		s.publishes(newFlag("other"))
		for _, tenant := range []string{"", "acme"} {
			_, err := s.changes.StepBack(t.Context(), back("other", tenant))
			wantError[*changes.RefusedError](t, err)
			_, err = s.changes.StepBack(t.Context(), back("none", tenant))
			wantIs(t, err, changes.ErrNoFlag)
		}
		without := back("other", "")
		without.Reason = ""
		if _, err := s.changes.StepBack(t.Context(), without); err == nil {
			t.Error("it took no reason")
		}
	},
	"a change may kill, but never calls itself a step back": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		_, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Reason: "a test", Kind: "step-back", Edits: []changes.Edit{s.to("clients", "dualwrite")}})
		wantError[*changes.RefusedError](t, err)
		if at := s.flag("clients").Otherwise; at != ruleset.StageShadow.String() {
			t.Errorf("it is at %s", at)
		}
	},
}
