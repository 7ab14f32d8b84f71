package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// requires is the edit that makes a flag require another, against what is live.
func (s *storage) requires(key, required string) changes.PutFlag {
	s.t.Helper()
	flag := s.flag(key)
	flag.Prerequisites = []ruleset.Prerequisite{{Flag: required, Variant: "on"}}
	return changes.PutFlag{Flag: &flag, Base: s.flagVersion(key)}
}

// doorCases try every way in which something can be changed.
var doorCases = map[string]func(*testing.T, *storage){
	"a flag that another one requires is archived by no door": func(t *testing.T, s *storage) {
		s.publishes(newFlag("needs"))
		s.publishes(newFlag("base"))
		s.publishes(s.requires("needs", "base"))
		s.publishesIn("staging", changes.PutFlag{Flag: &ruleset.Flag{Key: "base", Archived: true, Off: "off", Otherwise: "off"}})
		archive := changes.ArchiveFlag{Key: "base", Base: s.flagVersion("base")}
		refused := func(door string, err error) {
			t.Helper()
			if got := wantError[*changes.RefusedError](t, err); !strings.Contains(got.Error(), "it cannot be archived while other flags require it: needs") {
				t.Errorf("%s: %v", door, err)
			}
		}
		s.unchanged(func() {
			_, err := s.tries(archive)
			refused("publish", err)
			_, err = s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "x", Steps: []changes.Planned{{Edits: []changes.Edit{archive}}}}, true)
			refused("request", err)
			_, err = s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "x", Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{archive}}}}, true)
			refused("schedule", err)
			rollback, err := s.changes.RollbackEdits(t.Context(), prod, 1, changes.Scope{Flag: "base"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Kind: changes.KindRollback, Edits: rollback.Edits})
			refused("roll back", err)
			promotion, err := s.changes.PromotionEdits(t.Context(), "base", "staging", prod, changes.PromotionOptions{})
			if err != nil || len(promotion.Mistakes) > 0 {
				t.Fatal(promotion.Mistakes, err)
			}
			_, err = s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Kind: changes.KindPromote, Edits: promotion.Edits})
			refused("promotion", err)
		})
		// What was fine when it was asked for is looked at again when it is applied.
		s.publishes(newFlag("later"), newFlag("other"))
		ready := s.asks(changes.ArchiveFlag{Key: "later", Base: s.flagVersion("later")})
		s.publishes(s.requires("other", "later"))
		_, err := s.changes.Apply(t.Context(), ready.ID, ready.Round, abe)
		if got := wantError[*changes.RefusedError](t, err); !strings.Contains(got.Error(), "other flags require it: other") {
			t.Error(err)
		}
	},
	"a roll back and a promotion that were approved before a kill do not lift it": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(s.enables("a", false))
		s.publishesIn("staging", changes.PutFlag{Flag: &ruleset.Flag{Key: "a", Enabled: true, Off: "off", Otherwise: "on", Default: "off"}})
		s.protects(1)
		rollback, err := s.changes.RollbackEdits(t.Context(), prod, 1, changes.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		promotion, err := s.changes.PromotionEdits(t.Context(), "a", "staging", prod, changes.PromotionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ready := map[string]changes.Request{}
		for kind, edits := range map[string][]changes.Edit{changes.KindRollback: rollback.Edits, changes.KindPromote: promotion.Edits} {
			ready[kind] = s.approves(s.plans(changes.Content{Kind: kind, Steps: []changes.Planned{{Edits: edits}}}), abe)
		}
		s.kills("a")
		for kind, r := range ready {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			wantError[*changes.ConflictError](t, err)
			if !s.flag("a").Killed {
				t.Errorf("%s has undone the kill", kind)
			}
		}
	},
	"no change of rules passes for what needs no approval": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		for _, kind := range []string{"kill", "import", "copy", "lift", "recall", "anything"} {
			s.unchanged(func() {
				if _, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Kind: kind, Edits: []changes.Edit{s.enables("a", false)}}); err == nil {
					t.Errorf("a change of the kind %q is published", kind)
				}
			})
		}
	},
	"an environment that is made with approvals keeps them, and its approvals are lowered on record": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.kills("a")
		ctx := audit.From(t.Context(), audit.Origin{Source: audit.Page, Address: "192.0.2.7", Actor: "Ann", ActorID: ann.ID})
		if _, err := s.changes.AddEnvironment(ctx, changes.NewEnvironment{Name: "live", Title: "Live", Protected: true, Approvals: 2, From: prod, Author: "Ann"}); err != nil {
			t.Fatal(err)
		}
		row, err := s.store.Environment(t.Context(), "live")
		if err != nil || !row.TakesRequests() || row.Approvals != 2 || row.Head != 1 {
			t.Fatalf("%+v, %v", row, err)
		}
		_, err = s.changes.Lift(t.Context(), "live", "a", "ann", "mine")
		wantError[*changes.ProtectedError](t, err)
		if err := s.changes.EditEnvironment(ctx, changes.EnvironmentEdit{Name: "live", Title: "Live", Protected: true, Author: "Ann", Base: row.Version}); err != nil {
			t.Fatal(err)
		}
		entry := s.audited("environment-edited", "live")
		if entry.ActorID != ann.ID || entry.Address != "192.0.2.7" || !strings.Contains(fmt.Sprint(entry.Items), "approvals:2") || !strings.Contains(fmt.Sprint(entry.Items), "approvals:0") {
			t.Errorf("%+v", entry)
		}
	},
	"the audit says of requests, kills and imports who, from where and by which request": func(t *testing.T, s *storage) {
		doc := s.exports()
		s.publishes(newFlag("a"))
		s.protects(1)
		as := func(who changes.Actor) context.Context {
			return audit.From(t.Context(), audit.Origin{Source: audit.Page, Address: "192.0.2." + fmt.Sprint(len(who.Name)), Agent: who.Name + "'s browser", Actor: who.Name, ActorID: who.ID})
		}
		r, err := s.changes.Request(as(ann), prod, ann, changes.Content{Reason: "now", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}}, true)
		if err == nil {
			_, err = s.changes.Approve(as(abe), r.ID, r.Round, abe, "fine")
		}
		if err == nil {
			_, err = s.changes.Apply(as(eve), r.ID, r.Round, eve)
		}
		if err == nil {
			_, err = s.changes.KillBy(as(abe), prod, "a", abe, "it burns")
		}
		if err == nil {
			doc.Flags = append(doc.Flags, changes.FlagDocument{Key: "b", Kind: ruleset.Release, Type: ruleset.Boolean})
			doc.Environments = []changes.EnvironmentDocument{{Name: "staging", Definition: ruleset.Definition{Flags: []ruleset.Flag{{Key: "b", Enabled: true, Off: "off", Otherwise: "on", Default: "off"}}}}}
			_, err = s.changes.Import(as(eve), doc, changes.ImportOptions{Author: eve.Name, AuthorID: eve.ID})
		}
		if err != nil {
			t.Fatal(err)
		}
		for action, want := range map[string]struct {
			by, agent   changes.Actor
			environment string
			asked       bool
		}{"request-created": {ann, ann, prod, true}, "request-sent": {ann, ann, prod, true}, "request-approved": {abe, abe, prod, true}, "request-applied": {eve, eve, prod, true},
			"publish": {ann, eve, prod, true}, "kill": {abe, abe, prod, false}, "import": {eve, eve, "staging", false}} {
			entry := s.audited(action, want.environment)
			request := ""
			if want.asked {
				request = fmt.Sprint(r.ID)
			}
			if entry.Actor != want.by.Name || entry.ActorID != want.by.ID || entry.Agent != want.agent.Name+"'s browser" || !strings.HasPrefix(entry.Address, "192.0.2.") || entry.Source != audit.Page || entry.Request != request {
				t.Errorf("%s: by %q (%s) from %q, request %q", action, entry.Actor, entry.ActorID, entry.Agent, entry.Request)
			}
		}
	},
}

// audited is the newest entry of an action in an environment.
func (s *storage) audited(action, environment string) audit.Stored {
	s.t.Helper()
	all, err := audit.New(s.store, audit.Options{}).Entries(s.t.Context(), models.AuditFilter{Chain: audit.Configuration, Action: action, Environment: environment}, 1)
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%s in %s: %d entries, %v", action, environment, len(all), err)
	}
	return all[0]
}
