package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// migration is the edit that creates a migration in stages, at off.
func migration(key string) changes.PutFlag {
	flag := ruleset.Flag{Key: key, Enabled: true, Off: "off", Otherwise: "off", Default: "off"}
	for _, stage := range ruleset.Stages {
		value, _ := json.Marshal(stage.String())
		flag.Variants = append(flag.Variants, ruleset.Variant{Name: stage.String(), Value: value})
	}
	return changes.PutFlag{About: &changes.FlagDocument{Key: key, Title: key, Kind: ruleset.Migration, Type: ruleset.String}, Flag: &flag}
}

// to is the edit that sets everybody's stage.
func (s *storage) to(key, stage string) changes.SetStage {
	s.t.Helper()
	return changes.SetStage{Flag: key, Stage: stage, Base: s.flagVersion(key)}
}

// gives is the edit that gives tenants stages by rules, and everybody else another.
func (s *storage) gives(key, otherwise string, rules ...ruleset.Rule) changes.SetStage {
	s.t.Helper()
	return changes.SetStage{Flag: key, Stage: otherwise, Rules: &rules, Base: s.flagVersion(key)}
}

func servesTenants(stage string, tenants ...string) ruleset.Rule {
	return ruleset.Rule{Name: stage, Serve: stage, When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: tenants}}
}

func forShare(stage string, share ruleset.Share) ruleset.Rule {
	return ruleset.Rule{Name: "some", Percent: &ruleset.Percent{Unit: "tenant", Serve: stage, Share: share}}
}

// forced makes the edit force its stages.
func forced(e changes.SetStage) changes.SetStage { e.Force = true; return e }

// syncs says that everything was copied and compared.
func (s *storage) syncs(key string) {
	s.t.Helper()
	row := s.progress(key)
	now := models.At(time.Now())
	row.State, row.VerifiedAt, row.UpdatedAt = models.CutoverDone, &now, now
	if wanted, err := s.store.PutCutoverProgress(s.t.Context(), row); err != nil || !wanted {
		s.t.Fatalf("%+v is wanted: %v, %v", row, wanted, err)
	}
}

func (s *storage) progress(key string) models.CutoverProgress {
	s.t.Helper()
	row, err := s.store.CutoverProgress(s.t.Context(), prod, key)
	if err != nil {
		s.t.Fatal(err)
	}
	return row
}

// reaches brings a new migration to a stage, one step after another.
func (s *storage) reaches(key, stage string) {
	s.t.Helper()
	s.publishes(migration(key))
	for _, next := range ruleset.Stages[1:] {
		if s.flag(key).Otherwise == stage {
			return
		}
		if next == ruleset.StageLive {
			s.syncs(key)
		}
		s.publishes(s.to(key, next.String()))
	}
}

// tells stores what an instance tells, so long ago.
func (s *storage) tells(instance, key string, revision int64, ago time.Duration) {
	s.t.Helper()
	err := s.store.TellCutover(s.t.Context(), models.CutoverInstance{Instance: instance, Environment: prod, Flag: key, Host: "web-1", Revision: revision,
		HeardAt: models.At(time.Now().Add(-ago)), Stats: "{}"})
	if err != nil {
		s.t.Fatal(err)
	}
}

// stops wants edits to be refused by a rule of migrations, and that nothing has changed.
func (s *storage) stops(rule string, edits ...changes.Edit) *changes.CutoverError {
	s.t.Helper()
	var refused *changes.CutoverError
	s.unchanged(func() {
		_, err := s.tries(edits...)
		refused = s.refusedBy(rule, err)
	})
	return refused
}

func (s *storage) refusedBy(rule string, err error) *changes.CutoverError {
	s.t.Helper()
	refused := wantError[*changes.CutoverError](s.t, err)
	wantError[*changes.RefusedError](s.t, err)
	if refused.Rule != rule || refused.Message == "" || refused.Environment != prod {
		s.t.Fatalf("refused by %q, want %q: %v", refused.Rule, rule, err)
	}
	return refused
}

func contains(t *testing.T, lines []string, want string) {
	t.Helper()
	for _, line := range lines {
		if strings.Contains(line, want) {
			return
		}
	}
	t.Errorf("none of %q holds %q", lines, want)
}

func tenantOverride(key, tenant, stage string, base int64) changes.PutOverride {
	return changes.PutOverride{Override: ruleset.Override{Flag: key, Tenant: tenant, Variant: stage}, Base: base}
}

var cutoverCases = map[string]func(*testing.T, *storage){
	"a migration goes through all stages, forward and back": func(t *testing.T, s *storage) {
		s.reaches("clients", "complete")
		if p := s.progress("clients"); p.State != models.CutoverAbandoned || p.Direction != models.CutoverBackward {
			t.Errorf("in complete it is %+v", p)
		}
		s.publishes(s.to("clients", "rampdown"))
		p := s.progress("clients")
		if p.State != models.CutoverWaiting || p.Direction != models.CutoverBackward || p.SinceRevision != s.head(prod).Number || p.VerifiedAt != nil {
			t.Errorf("leaving complete it is %+v", p)
		}
		s.publishes(s.to("clients", "live"))
		s.stops(changes.CutoverNotSynced, s.to("clients", "shadow"))
		s.syncs("clients")
		for _, stage := range []string{"shadow", "dualwrite", "off"} {
			s.publishes(s.to("clients", stage))
		}
		if p := s.progress("clients"); p.State != models.CutoverAbandoned || p.Direction != models.CutoverForward {
			t.Errorf("in off it is %+v", p)
		}
		s.publishes(s.to("clients", "dualwrite"))
		if p := s.progress("clients"); p.State != models.CutoverWaiting || p.Direction != models.CutoverForward || p.SinceRevision != s.head(prod).Number {
			t.Errorf("leaving off it is %+v", p)
		}
		contains(t, s.publishes(s.to("clients", "shadow")).Changes, `flag "clients": everybody goes from dualwrite to shadow`)
	},
	"off and default of a migration are always its present stage": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		if f := s.flag("clients"); f.Off != "shadow" || f.Default != "shadow" || f.Otherwise != "shadow" {
			t.Errorf("it is %+v", f)
		}
	},
	"nobody goes two stages at once, whichever way it comes": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		s.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme").When}})
		s.stops(changes.CutoverSteps, s.to("clients", "live"))
		refused := s.stops(changes.CutoverSteps, s.gives("clients", "dualwrite", servesTenants("live", "acme")))
		if refused.Tenant != "acme" || refused.From != ruleset.StageDualWrite || refused.To != ruleset.StageLive || !strings.Contains(refused.Message, "go to shadow first") {
			t.Errorf("it says %+v", refused)
		}
		s.stops(changes.CutoverSteps, s.gives("clients", "dualwrite", forShare("live", 1)))
		s.stops(changes.CutoverSteps, s.gives("clients", "dualwrite", ruleset.Rule{Serve: "rampdown", When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.StartsWith, Values: ruleset.Texts{"a"}}}))
		s.stops(changes.CutoverSteps, tenantOverride("clients", "acme", "live", 0))
		// A segment that is moved under a rule moves those who are in it.
		s.publishes(s.gives("clients", "dualwrite", ruleset.Rule{Serve: "shadow", When: &ruleset.Condition{Segment: "pilots"}}))
		s.publishes(s.gives("clients", "off", ruleset.Rule{Serve: "shadow", When: &ruleset.Condition{Segment: "pilots"}}))
		wider := changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme", "bolt").When}, Base: s.version(changes.Item{Kind: changes.ItemSegment, Key: "pilots"})}
		if refused := s.stops(changes.CutoverSteps, wider); refused.Tenant != "bolt" {
			t.Errorf("it says %+v", refused)
		}
		narrower := wider
		narrower.Segment.When = *servesTenants("", "nobody").When
		s.stops(changes.CutoverSteps, narrower)
	},
	"a share and a pattern of tenants step together, however far others are": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		s.publishes(s.gives("clients", "dualwrite", servesTenants("shadow", "acme")))
		s.syncs("clients")
		s.publishes(s.gives("clients", "dualwrite", servesTenants("live", "acme")))
		s.publishes(s.gives("clients", "off", servesTenants("live", "acme"), forShare("dualwrite", 10_000)))
		s.publishes(s.gives("clients", "off", servesTenants("live", "acme"), forShare("dualwrite", 20_000)))
		s.publishes(s.gives("clients", "dualwrite", servesTenants("live", "acme"), forShare("shadow", 20_000)))
		s.stops(changes.CutoverSteps, s.gives("clients", "off", servesTenants("live", "acme"), forShare("shadow", 10_000)))
		s.stops(changes.CutoverSteps, s.gives("clients", "dualwrite")) // acme would fall from live
	},
	"a rule that reads what may change at any moment gives neighbours only": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		pro := ruleset.Rule{Serve: "shadow", When: &ruleset.Condition{Attribute: "plan", Operator: ruleset.In, Values: ruleset.Texts{"pro"}}}
		s.publishes(changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 2}}, s.gives("clients", "dualwrite", pro))
		// Who is on the plan today may be off it tomorrow, so nobody's stage is known.
		if _, err := s.tries(s.gives("clients", "off", pro)); err == nil {
			t.Error("tenants on two plans are two stages apart")
		}
		s.publishes(s.gives("clients", "shadow"))
	},
	"a forced step takes a reason, and is told of": func(t *testing.T, s *storage) {
		s.reaches("clients", "off")
		edit := forced(s.to("clients", "shadow"))
		_, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Edits: []changes.Edit{edit}})
		wantError[*changes.RefusedError](t, err)
		contains(t, s.publishes(edit).Changes, "forced, although everybody")
		contains(t, s.audited("publish", prod).Lines, "forced, although everybody")
		// Forcing is a word of the change: it lets a tenant's override go further too.
		s.publishes(forced(changes.SetStage{Flag: "clients", Base: s.flagVersion("clients")}), tenantOverride("clients", "acme", "off", 0))
	},
	"nobody reads from a side that does not have all rows, and forcing does not change that": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		for _, state := range []string{models.CutoverWaiting, models.CutoverCopying, models.CutoverVerifying, models.CutoverFailed} {
			row := s.progress("clients")
			row.State = state
			if _, err := s.store.PutCutoverProgress(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			s.stops(changes.CutoverNotSynced, s.to("clients", "live"))
			s.stops(changes.CutoverNotSynced, forced(s.to("clients", "complete")))
			s.stops(changes.CutoverNotSynced, tenantOverride("clients", "acme", "live", 0))
		}
		s.syncs("clients")
		s.publishes(s.to("clients", "live"))
	},
	"nobody goes back to an abandoned side, even by force": func(t *testing.T, s *storage) {
		s.reaches("clients", "complete")
		for _, stage := range []string{"off", "dualwrite", "shadow"} {
			s.stops(changes.CutoverNotSynced, forced(s.to("clients", stage)))
		}
		s.stops(changes.CutoverNotSynced, forced(changes.SetStage{Flag: "clients", Base: s.flagVersion("clients")}), tenantOverride("clients", "acme", "shadow", 0))
	},
	"what nobody can be served keeps no side from being abandoned": func(t *testing.T, s *storage) {
		for key, hidden := range map[string]func(key string) changes.SetStage{
			"nobodys-share": func(key string) changes.SetStage { return s.gives(key, "complete", forShare("rampdown", 0)) },
			"behind-a-rule": func(key string) changes.SetStage {
				return s.gives(key, "rampdown", ruleset.Rule{Name: "all", Serve: "complete"})
			},
		} {
			s.reaches(key, "rampdown")
			s.publishes(hidden(key))
			if p := s.progress(key); p.State != models.CutoverAbandoned || p.Direction != models.CutoverBackward {
				t.Errorf("%s: everybody is in complete, and it is %+v", key, p)
			}
			s.cannotReturn(key)
			s.publishes(s.gives(key, "rampdown"))
			if p := s.progress(key); p.State != models.CutoverWaiting || p.Direction != models.CutoverBackward || p.SinceRevision != s.head(prod).Number {
				t.Errorf("%s: leaving complete it is %+v", key, p)
			}
			s.stops(changes.CutoverNotSynced, s.to(key, "shadow"))
		}
		s.publishes(migration("rooms"))
		s.publishes(s.gives("rooms", "off", forShare("dualwrite", 0)))
		if p, err := s.store.CutoverProgress(t.Context(), prod, "rooms"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("nobody writes both sides, and it is %+v, %v", p, err)
		}
		s.publishes(s.gives("rooms", "off", forShare("dualwrite", 10_000)))
		if p := s.progress("rooms"); p.State != models.CutoverWaiting || p.SinceRevision != s.head(prod).Number {
			t.Errorf("leaving off it is %+v", p)
		}
		unsaid := migration("keys")
		unsaid.Flag.Otherwise, unsaid.Flag.Off, unsaid.Flag.Default = "", "", ""
		s.publishes(unsaid)
		if p, err := s.store.CutoverProgress(t.Context(), prod, "keys"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("what is not said is off, and it is %+v, %v", p, err)
		}
	},
	"nobody is moved while settings cannot be read, to be found there when they are mended": func(t *testing.T, s *storage) {
		s.reaches("clients", "complete")
		s.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme").When}})
		s.publishes(s.gives("clients", "complete", ruleset.Rule{Serve: "rampdown", When: &ruleset.Condition{Segment: "pilots"}}))
		whole := s.flag("clients")
		whole.Killed = false
		s.publishes(s.gives("clients", "complete", ruleset.Rule{Serve: "complete", When: &ruleset.Condition{Segment: "pilots"}}))
		s.publishes(changes.PutFlag{Flag: &whole, Base: s.flagVersion("clients")})
		s.writes("UPDATE feature_flag_environments SET rollout_strategy = 'nonsense' WHERE to_revision IS NULL")
		wider := changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme", "bolt").When}, Base: s.version(changes.Item{Kind: changes.ItemSegment, Key: "pilots"})}
		for _, edit := range []changes.Edit{tenantOverride("clients", "acme", "off", 0), wider} {
			s.unchanged(func() {
				_, err := s.tries(edit)
				if refused := wantError[*changes.RefusedError](t, err); !strings.Contains(refused.Error(), "mend the settings first") {
					t.Errorf("%v", err)
				}
			})
		}
		if effect, err := s.changes.KillWould(t.Context(), prod, "clients"); err != nil || effect.Refused == "" {
			t.Errorf("%+v, %v", effect, err)
		} else {
			contains(t, effect.Lines, "its settings cannot be read")
		}
		s.publishes(newFlag("other"), changes.PutFlag{Flag: &whole, Base: s.flagVersion("clients")})
	},
	"an archived migration takes no settings that instances could not follow": func(t *testing.T, s *storage) {
		s.publishes(migration("clients"))
		s.publishes(changes.ArchiveFlag{Key: "clients", Base: s.flagVersion("clients")})
		flag := s.flag("clients")
		flag.Rules = []ruleset.Rule{{Serve: "complete", When: &ruleset.Condition{Attribute: "user", Operator: ruleset.In, Values: ruleset.Texts{"u-ann"}}}}
		s.unchanged(func() {
			_, err := s.tries(changes.PutFlag{Flag: &flag, Base: s.flagVersion("clients")})
			wantError[*changes.RefusedError](t, err)
		})
	},
	"a copy that is not wanted any more cannot say that it is done": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		stale := s.progress("clients")
		s.publishes(s.to("clients", "off"))
		s.publishes(s.to("clients", "dualwrite"))
		stale.State = models.CutoverDone
		if wanted, err := s.store.PutCutoverProgress(t.Context(), stale); err != nil || wanted {
			t.Errorf("it is wanted: %v, %v", wanted, err)
		}
		if p := s.progress("clients"); p.State != models.CutoverWaiting {
			t.Errorf("it is %+v", p)
		}
	},
	"a step waits for instances that are silent, until somebody says that they are gone": func(t *testing.T, s *storage) {
		s.reaches("clients", "off")
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.tells("i-2", "clients", s.head(prod).Number, time.Hour)
		s.publishes(s.to("clients", "dualwrite"))
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		refused := s.stops(changes.CutoverBehind, s.to("clients", "shadow"))
		if len(refused.Instances) != 1 || refused.Instances[0].Instance != "i-2" || !strings.Contains(refused.Message, "declared gone") {
			t.Errorf("it says %+v", refused)
		}
		s.stops(changes.CutoverBehind, tenantOverride("clients", "acme", "off", 0))
		s.stops(changes.CutoverBehind, forced(s.to("clients", "shadow")))
		if err := s.changes.InstanceGone(t.Context(), prod, "i-1", ann, "it was stopped"); err == nil {
			t.Error("one that told just now is said to be gone")
		}
		if err := s.changes.InstanceGone(t.Context(), prod, "i-3", ann, "it was stopped"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("one that there is not: %v", err)
		}
		if err := s.changes.InstanceGone(t.Context(), prod, "i-2", ann, "the machine burnt down"); err != nil {
			t.Fatal(err)
		}
		if e := s.audited("instance-gone", prod); e.Reason != "the machine burnt down" {
			t.Errorf("the audit has %+v", e)
		}
		s.publishes(s.to("clients", "shadow"))
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.tells("i-2", "clients", 1, 0) // it was only cut off
		s.stops(changes.CutoverBehind, s.to("clients", "dualwrite"))
	},
	"what changes no stage waits for nobody": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		s.tells("i-1", "clients", 1, time.Hour)
		s.publishes(newFlag("other"))
		flag := s.flag("clients")
		flag.ClientVisible = true
		s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion("clients")})
		s.publishes(changes.PutFlag{About: &changes.FlagDocument{Key: "clients", Title: "Clients"}, AboutBase: 1})
	},
	"a step by an override or a segment is waited for as one of the flag itself": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		s.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme").When}})
		s.publishes(s.gives("clients", "dualwrite", ruleset.Rule{Serve: "shadow", When: &ruleset.Condition{Segment: "pilots"}}))
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.publishes(tenantOverride("clients", "bolt", "shadow", 0))
		s.stops(changes.CutoverBehind, s.gives("clients", "shadow"))
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.publishes(changes.RemoveOverride{Flag: "clients", Tenant: "bolt", Base: s.head(prod).Number})
		s.stops(changes.CutoverBehind, s.gives("clients", "shadow"))
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		s.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", "acme", "corp").When}, Base: s.version(changes.Item{Kind: changes.ItemSegment, Key: "pilots"})})
		s.stops(changes.CutoverBehind, s.gives("clients", "shadow"))
	},
	"of two who step at once, one waits": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		var all sync.WaitGroup
		errs := make([]error, 2)
		for i, tenant := range []string{"acme", "bolt"} {
			all.Go(func() {
				_, errs[i] = s.changes.Publish(context.Background(), changes.Change{Environment: prod, Author: "ann", Reason: "a race", Edits: []changes.Edit{tenantOverride("clients", tenant, "shadow", 0)}})
			})
		}
		all.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v and %v", errs[0], errs[1])
		}
		s.refusedBy(changes.CutoverBehind, errors.Join(errs...))
		// Two that begin from the same settings conflict, as everywhere.
		s.tells("i-1", "clients", s.head(prod).Number, 0)
		one, other := s.to("clients", "shadow"), s.to("clients", "off")
		s.publishes(one)
		_, err := s.tries(other)
		wantError[*changes.ConflictError](t, err)
	},
	"a new migration begins with off": func(t *testing.T, s *storage) {
		s.publishes(newFlag("first"))
		for _, stage := range []string{"dualwrite", "live", "complete"} {
			edit := migration("clients")
			edit.Flag.Otherwise = stage
			s.stops(changes.CutoverNew, edit)
			edit.Flag.Enabled = false
			if _, err := s.tries(edit); err == nil {
				t.Errorf("disabled, it begins with %s", stage)
			}
		}
		edit := migration("clients")
		edit.Flag.Rules = []ruleset.Rule{servesTenants("dualwrite", "acme")}
		s.stops(changes.CutoverNew, edit)
	},
	"an import makes no step that nobody could make, but fills what is empty": func(t *testing.T, s *storage) {
		file := func(stage string) changes.Document {
			edit := migration("clients")
			edit.Flag.Otherwise, edit.Flag.Off, edit.Flag.Default = stage, stage, stage
			return changes.Document{Flags: []changes.FlagDocument{*edit.About}, Environments: []changes.EnvironmentDocument{{Name: prod, Definition: ruleset.Definition{Flags: []ruleset.Flag{*edit.Flag}}}}}
		}
		s.imports(file("live"))
		if p := s.progress("clients"); p.State != models.CutoverWaiting || p.Direction != models.CutoverBackward || p.SinceRevision != 1 {
			t.Errorf("filled, it is %+v", p)
		}
		s.unchanged(func() {
			_, err := s.changes.Import(t.Context(), file("shadow"), changes.ImportOptions{Author: "ann"})
			s.refusedBy(changes.CutoverNotSynced, err)
			_, err = s.changes.Import(t.Context(), file("off"), changes.ImportOptions{Author: "ann", DryRun: true})
			wantError[*changes.RefusedError](t, err)
		})
		s.syncs("clients")
		s.imports(file("shadow"))
		s.unchanged(func() { s.imports(s.exports()) })
	},
	"an environment that is copied begins where the other is": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		if _, err := s.changes.AddEnvironment(t.Context(), changes.NewEnvironment{Name: "copy", Title: "Copy", From: prod, Author: "ann"}); err != nil {
			t.Fatal(err)
		}
		if p, err := s.store.CutoverProgress(t.Context(), "copy", "clients"); err != nil || p.State != models.CutoverWaiting || p.Direction != models.CutoverForward {
			t.Errorf("%+v, %v", p, err)
		}
	},
	"rolling back goes no further than a step": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		then := s.head(prod).Number
		s.publishes(s.to("clients", "shadow"))
		s.syncs("clients")
		s.publishes(s.to("clients", "live"))
		further, err := s.changes.RollbackEdits(t.Context(), prod, then, changes.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		s.stops(changes.CutoverSteps, further.Edits...)
		s.rollsBack(then+1, changes.Scope{})
		if f := s.flag("clients"); f.Otherwise != "shadow" {
			t.Errorf("it is at %s", f.Otherwise)
		}
	},
	"promoting goes no further than a step": func(t *testing.T, s *storage) {
		s.publishesIn("staging", newFlag("first"), migration("clients"))
		s.publishesIn("staging", changes.SetStage{Flag: "clients", Stage: "dualwrite", Base: 1})
		s.stops(changes.CutoverNew, s.promotes("clients", changes.PromotionOptions{}).Edits...)
		edit := migration("clients")
		edit.About = nil
		s.publishes(edit)
		s.publishesIn("staging", changes.SetStage{Flag: "clients", Stage: "shadow", Base: 2})
		s.stops(changes.CutoverSteps, s.promotes("clients", changes.PromotionOptions{}).Edits...)
	},
	"what is asked for is looked at again when it is applied": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		s.protects(1)
		_, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "a test", Steps: []changes.Planned{{Edits: []changes.Edit{s.to("clients", "live")}}}}, true)
		s.refusedBy(changes.CutoverNotSynced, err)
		s.syncs("clients")
		r := s.approves(s.asks(s.gives("clients", "shadow", servesTenants("live", "acme"))), abe)
		row := s.progress("clients")
		row.State = models.CutoverFailed
		if _, err := s.store.PutCutoverProgress(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, abe)
			s.refusedBy(changes.CutoverNotSynced, err)
		})
	},
	"a schedule of steps is planned ahead, and each is looked at when its time comes": func(t *testing.T, s *storage) {
		s.reaches("clients", "dualwrite")
		base := s.flagVersion("clients")
		step := func(stage string, after time.Duration) changes.Planned {
			return changes.Planned{At: in(after), Edits: []changes.Edit{changes.SetStage{Flag: "clients", Stage: stage, Base: base}}}
		}
		_, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "a test", Steps: []changes.Planned{step("shadow", time.Hour), step("rampdown", 2*time.Hour)}}, true)
		s.refusedBy(changes.CutoverSteps, err)
		r := s.plans(changes.Content{Steps: []changes.Planned{step("shadow", time.Hour), step("live", 2*time.Hour)}})
		s.passes(r, 61*time.Minute)
		s.runsDue()
		if at := s.flag("clients").Otherwise; at != "shadow" {
			t.Fatalf("after the first step it is at %s: %+v", at, s.request(r.ID).Events)
		}
		s.passes(s.request(r.ID), 61*time.Minute)
		s.unchanged(func() { s.runsDue() })
		if r = s.request(r.ID); r.Status != changes.Draft || !strings.Contains(r.Events[len(r.Events)-1].Text, "does not have all rows") {
			t.Errorf("not yet copied, it is %s: %+v", r.Status, r.Events)
		}
	},
	"a migration is archived at its end, or where it began, and not under way": func(t *testing.T, s *storage) {
		archive := func() changes.ArchiveFlag { return changes.ArchiveFlag{Key: "clients", Base: s.flagVersion("clients")} }
		s.reaches("clients", "rampdown")
		s.stops(changes.CutoverUnended, archive())
		s.publishes(tenantOverride("clients", "acme", "live", 0))
		s.publishes(s.to("clients", "complete"))
		s.stops(changes.CutoverUnended, archive()) // acme is still at live
		s.publishes(tenantOverride("clients", "acme", "rampdown", s.head(prod).Number-1))
		s.publishes(changes.RemoveOverride{Flag: "clients", Tenant: "acme", Base: s.head(prod).Number})
		_, err := s.tries(archive())
		if refused := wantError[*changes.RefusedError](t, err); !strings.Contains(refused.Error(), "30 days") {
			t.Errorf("on the first day: %v", err)
		}
		s.writes("UPDATE cutover_progress SET updated_at = ?", models.At(time.Now().AddDate(0, 0, -31)))
		s.publishes(archive())
		s.publishes(migration("bookings"))
		s.publishes(changes.ArchiveFlag{Key: "bookings", Base: s.flagVersion("bookings")})
	},
	"settings that cannot be read are mended from the last that could be": func(t *testing.T, s *storage) {
		s.reaches("clients", "shadow")
		s.writes("UPDATE feature_flag_environments SET rollout_strategy = 'nonsense' WHERE to_revision IS NULL")
		whole := migration("clients")
		whole.About, whole.Base = nil, s.flagVersion("clients")
		whole.Flag.Otherwise = "off" // dualwrite is the last that could be read
		s.publishes(whole)
		s.writes("UPDATE feature_flag_environments SET rollout_strategy = 'nonsense' WHERE feature_id = (SELECT id FROM feature_flags WHERE name = 'clients')")
		whole.Base, whole.Flag.Otherwise = s.flagVersion("clients"), "complete"
		s.unchanged(func() {
			if _, err := s.tries(whole); err == nil {
				t.Error("from nowhere to complete")
			}
		})
	},
	"two stages have no rules of many": func(t *testing.T, s *storage) {
		flag := newFlag("copied")
		flag.About.Kind = ruleset.Migration
		s.publishes(flag)
		s.kills("copied")
		s.lifts("copied")
		effect, err := s.changes.KillWould(t.Context(), prod, "copied")
		if err != nil || effect.Refused != "" || len(effect.Lines) != 1 {
			t.Errorf("%+v, %v", effect, err)
		}
		_, err = s.tries(changes.SetStage{Flag: "copied", Stage: "live", Base: s.flagVersion("copied")})
		wantError[*changes.RefusedError](t, err)
	},
	"limits are kept, and told to the audit": func(t *testing.T, s *storage) {
		s.publishes(migration("clients"), newFlag("other"))
		limits, err := s.store.CutoverLimits(t.Context(), prod, "clients")
		if err != nil || limits != models.DefaultCutoverLimits(prod, "clients") {
			t.Fatalf("%+v, %v", limits, err)
		}
		limits.Agreement, limits.StepBack, limits.Rate, limits.Paused = 990_000, true, 500, true
		for range 2 {
			if err := s.changes.SetCutoverLimits(t.Context(), limits, ann, "gently"); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := s.store.CutoverLimitsOf(t.Context(), prod)
		if got := stored["clients"]; err != nil || !got.StepBack || !got.Paused || got.Rate != 500 || got.ChangedBy != "Ann" || s.count("cutover_limits") != 1 {
			t.Errorf("%+v, %v", stored, err)
		}
		if e := s.audited("cutover-limits", prod); e.Reason != "gently" || len(e.Items) != 1 {
			t.Errorf("the audit has %+v", e)
		}
		limits.Agreement = 1_000_001
		wantError[*changes.RefusedError](t, s.changes.SetCutoverLimits(t.Context(), limits, ann, ""))
		limits = models.DefaultCutoverLimits(prod, "other")
		wantError[*changes.RefusedError](t, s.changes.SetCutoverLimits(t.Context(), limits, ann, ""))
		limits.Flag = "none"
		wantIs(t, s.changes.SetCutoverLimits(t.Context(), limits, ann, ""), changes.ErrNoFlag)
	},
	"instances that ended are forgotten after a while, and those that fell silent are not": func(t *testing.T, s *storage) {
		s.publishes(migration("clients"))
		s.tells("silent", "clients", 1, 48*time.Hour)
		long := models.At(time.Now().Add(-47 * time.Hour))
		if err := s.store.TellCutover(t.Context(), models.CutoverInstance{Instance: "ended", Environment: prod, Flag: "clients", Revision: 1, HeardAt: long, EndedAt: &long, Stats: "{}"}); err != nil {
			t.Fatal(err)
		}
		if err := s.store.TellCutover(t.Context()); err != nil {
			t.Errorf("of nothing: %v", err)
		}
		if err := s.store.ForgetCutoverInstances(t.Context(), 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		rows, err := s.store.CutoverInstances(t.Context(), prod, time.Time{})
		if err != nil || len(rows) != 1 || rows[0].Instance != "silent" || !rows[0].Runs() {
			t.Errorf("%+v, %v", rows, err)
		}
		if rows, err = s.store.CutoverInstances(t.Context(), prod, time.Now().Add(-time.Hour)); err != nil || len(rows) != 0 {
			t.Errorf("heard of within an hour: %+v, %v", rows, err)
		}
	},
	"fifty migrations step at once, with ten thousand tenants": func(_ *testing.T, s *storage) { s.stepsFifty() },
}

// stepsFifty brings the same ten thousand tenants to the next stage of fifty entities at once, and gives how long that took.
func (s *storage) stepsFifty() time.Duration {
	s.t.Helper()
	var made, stepped []changes.Edit
	for n := range 50 {
		made = append(made, migration(fmt.Sprintf("entity-%d", n)))
	}
	s.publishes(made...)
	tenants := make([]string, 10_000)
	for n := range tenants {
		tenants[n] = fmt.Sprintf("tenant-%d", n)
	}
	s.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: *servesTenants("", tenants...).When}})
	for n := range 50 {
		stepped = append(stepped, s.gives(fmt.Sprintf("entity-%d", n), "off", ruleset.Rule{Serve: "dualwrite", When: &ruleset.Condition{Segment: "pilots"}}))
	}
	began := time.Now()
	published := s.publishes(stepped...)
	took := time.Since(began)
	contains(s.t, published.Changes, "and 9997 more tenants go from off to dualwrite")
	return took
}

func TestFiftyMigrationsStepWithinTheirBudget(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *models.Store{"SQLite": openSQLite, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) {
			took := newStorage(t, open(t)).stepsFifty()
			if t.Logf("it took %s", took); took > 10*time.Second {
				t.Error("that is too long")
			}
		})
	}
}
