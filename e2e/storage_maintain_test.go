package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// maintains turns maintenance on, which must succeed.
func (s *storage) maintains(m changes.Maintenance) changes.Published {
	s.t.Helper()
	published, err := s.triesToMaintain(m)
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

func (s *storage) triesToMaintain(m changes.Maintenance) (changes.Published, error) {
	m.Environment, m.By, m.Reason = prod, ann, "new tyres"
	return s.changes.Maintain(s.t.Context(), m)
}

func (s *storage) ends() (changes.Published, error) {
	return s.changes.EndMaintenance(s.t.Context(), prod, "", abe, "they are on")
}

// maintenanceFor is what a tenant gets of maintenance.
func (s *storage) maintenanceFor(tenant string) ruleset.Maintenance {
	s.t.Helper()
	revision, err := ruleset.Compile(s.head(prod), s.now(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var value map[string]any
	values := revision.Evaluate(ruleset.Subject{Tenant: tenant}, time.Now())
	if !values.Decode(ruleset.MaintenanceKey, &value) {
		s.t.Fatal("there is no maintenance flag")
	}
	flag := s.flag(ruleset.MaintenanceKey)
	for _, v := range flag.Variants {
		if v.Name == values.Variant(ruleset.MaintenanceKey) {
			m, err := ruleset.ParseMaintenance(v.Value)
			if err != nil {
				s.t.Fatal(err)
			}
			return m
		}
	}
	return ruleset.Maintenance{}
}

var maintainCases = map[string]func(*testing.T, *storage){
	"maintenance makes its flag, begins now, and ends": func(t *testing.T, s *storage) {
		before := time.Now().Add(-2 * time.Second)
		published := s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "New tyres", Drain: ruleset.Span(5 * time.Minute)}})
		m := s.maintenanceFor("acme")
		if !published.New || !m.On || m.Message != "New tyres" || m.Start == nil || m.Start.Before(before) || m.Start.After(time.Now().Add(2*time.Second)) {
			t.Fatalf("%+v, %+v", published, m)
		}
		flag := s.flag(ruleset.MaintenanceKey)
		if flag.Kind != ruleset.Operational || flag.Type != ruleset.JSON || flag.ClientVisible {
			t.Errorf("%+v", flag)
		}
		wantSays(t, published.Changes, `flag "maintenance": new`)
		again := s.maintains(changes.Maintenance{Value: m, Base: s.flagVersion(ruleset.MaintenanceKey)})
		if again.New {
			t.Errorf("the same again publishes %+v", again)
		}
		ended, err := s.ends()
		if err != nil || !ended.New || s.maintenanceFor("acme").On {
			t.Errorf("%+v, %v", ended, err)
		}
		if once, err := s.ends(); err != nil || once.New {
			t.Errorf("ended twice: %+v, %v", once, err)
		}
		if revision, err := s.store.Revision(t.Context(), prod, ended.Number); err != nil || revision.Kind != "maintenance-end" || revision.Author != abe.Name {
			t.Errorf("%+v, %v", revision, err)
		}
	},
	"maintenance of a tenant leaves the others": func(t *testing.T, s *storage) {
		s.maintains(changes.Maintenance{Tenants: []string{"acme", "initech"}})
		if !s.maintenanceFor("acme").On || s.maintenanceFor("globex").On {
			t.Error("not for acme alone")
		}
		s.maintains(changes.Maintenance{Tenants: []string{"globex"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		if s.maintenanceFor("acme").On || !s.maintenanceFor("globex").On {
			t.Error("not for globex alone")
		}
	},
	"maintenance waits for no approval, and somebody else looks at it": func(t *testing.T, s *storage) {
		s.protects(1)
		published := s.maintains(changes.Maintenance{})
		open, _, err := s.store.Emergencies(t.Context(), []string{prod}, "", 10)
		if err != nil || len(open) != 1 || open[0].Kind != "maintenance" || open[0].Flag != ruleset.MaintenanceKey || open[0].Revision != published.Number {
			t.Fatalf("%+v, %v", open, err)
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, ann, "fine"); err == nil {
			t.Error("who turned it on has looked at it alone")
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, abe, "fine"); err != nil {
			t.Error(err)
		}
		if _, err := s.ends(); err != nil {
			t.Errorf("it cannot be ended at once: %v", err)
		}
		if s.maintenanceFor("acme").On {
			t.Error("it is not ended")
		}
	},
	"what was approved is not ended without approval, but by a kill": func(t *testing.T, s *storage) {
		s.maintains(changes.Maintenance{})
		s.protects(1)
		flag := s.flag(ruleset.MaintenanceKey)
		flag.ClientVisible = true
		s.applies(s.approves(s.asks(changes.PutFlag{Flag: &flag, Base: s.flagVersion(ruleset.MaintenanceKey)}), abe))
		_, err := s.ends()
		wantError[*changes.ProtectedError](t, err)
		if !s.maintenanceFor("acme").On {
			t.Fatal("it is ended all the same")
		}
		s.kills(ruleset.MaintenanceKey)
		if s.maintenanceFor("acme").On {
			t.Error("a kill does not open the site")
		}
		_, err = s.triesToMaintain(changes.Maintenance{Base: s.flagVersion(ruleset.MaintenanceKey)})
		wantSaysError(t, err, "it is killed")
	},
	"maintenance changes nothing else of its flag, nor of another": func(t *testing.T, s *storage) {
		put := newMaintenance()
		put.Flag.Variants = append(put.Flag.Variants, ruleset.Variant{Name: "night", Value: []byte(`{"on":true,"message":"At night"}`)})
		put.Flag.Rules = []ruleset.Rule{{Name: "acme sleeps", When: tenantIs("acme"), Serve: "night"}}
		s.publishes(put, newFlag("other"))
		s.protects(1)
		before, other := s.flag(ruleset.MaintenanceKey), s.flag("other")
		s.maintains(changes.Maintenance{Tenants: []string{"globex"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		during := s.flag(ruleset.MaintenanceKey)
		wantEqual(t, "the rules behind", during.Rules[1:], before.Rules)
		if s.maintenanceFor("acme").Message != "At night" || !s.maintenanceFor("globex").On {
			t.Error("its own rules do not hold any more")
		}
		if _, err := s.ends(); err != nil {
			t.Fatal(err)
		}
		after := s.flag(ruleset.MaintenanceKey)
		wantEqual(t, "the flag afterwards", after, before)
		wantEqual(t, "another flag", s.flag("other"), other)
	},
	"ending what came over an approved maintenance gives that back": func(t *testing.T, s *storage) {
		put := newMaintenance()
		put.Flag.Variants[1].Value = []byte(`{"on":true,"message":"Tonight","start":"2037-04-01T22:00:00Z"}`)
		put.Flag.Rules = []ruleset.Rule{{Name: changes.MaintenanceRule, When: tenantIs("acme"), Serve: changes.MaintenanceVariant}}
		put.Flag.Enabled = false
		s.publishes(put)
		s.protects(1)
		approved := s.flag(ruleset.MaintenanceKey)
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "Now"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "Still"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		if m := s.maintenanceFor("globex"); m.Message != "Still" {
			t.Fatalf("%+v", m)
		}
		ended, err := s.ends()
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the flag afterwards", s.flag(ruleset.MaintenanceKey), approved)
		if revision, err := s.store.Revision(t.Context(), prod, ended.Number); err != nil || revision.Kind != "maintenance-end" {
			t.Errorf("%+v, %v", revision, err)
		}
		_, err = s.ends()
		wantError[*changes.ProtectedError](t, err)
	},
	"where nothing is approved, one end ends it, whatever else was changed of its flag": func(t *testing.T, s *storage) {
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "first"}})
		flag := s.flag(ruleset.MaintenanceKey)
		flag.Rules = append(flag.Rules, ruleset.Rule{Name: "nobody", When: tenantIs("initech"), Serve: "off"})
		s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion(ruleset.MaintenanceKey)})
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "second"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		if _, err := s.ends(); err != nil || s.maintenanceFor("acme").On {
			t.Errorf("%+v, %v", s.maintenanceFor("acme"), err)
		}
		wantEqual(t, "its own rules", s.flag(ruleset.MaintenanceKey).Rules, flag.Rules[1:])

		// What was ended does not come back with the next one, and what was made by hand does.
		s.maintains(changes.Maintenance{Base: s.flagVersion(ruleset.MaintenanceKey)})
		if _, err := s.ends(); err != nil || s.maintenanceFor("acme").On {
			t.Errorf("the first is back: %+v, %v", s.maintenanceFor("acme"), err)
		}
		flag = s.flag(ruleset.MaintenanceKey)
		flag.Rules = append([]ruleset.Rule{{Name: changes.MaintenanceRule, When: tenantIs("acme"), Serve: changes.MaintenanceVariant}}, flag.Rules...)
		s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion(ruleset.MaintenanceKey)})
		byHand := s.flag(ruleset.MaintenanceKey)
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "third"}, Base: s.flagVersion(ruleset.MaintenanceKey)})
		if _, err := s.ends(); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the flag afterwards", s.flag(ruleset.MaintenanceKey), byHand)
	},
	"maintenance is no side door": func(t *testing.T, s *storage) {
		release := newFlag("release")
		texts := newMaintenance()
		texts.About.Key, texts.Flag.Key, texts.About.Type = "texts", "texts", ruleset.String
		texts.Flag.Variants = []ruleset.Variant{{Name: "off", Value: []byte(`"off"`)}, {Name: "on", Value: []byte(`"on"`)}}
		changed := func(key string, change func(*ruleset.Flag)) changes.PutFlag {
			put := newMaintenance()
			put.About.Key, put.Flag.Key = key, key
			change(put.Flag)
			return put
		}
		s.publishes(release, texts,
			changed("otherwise", func(f *ruleset.Flag) { f.Otherwise = "on" }),
			changed("by-rule", func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{{When: tenantIs("acme"), Serve: "on"}} }),
			changed("by-percent", func(f *ruleset.Flag) {
				f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Share: 1, Serve: "on"}}}
			}),
			changed("by-split", func(f *ruleset.Flag) {
				f.Rules = []ruleset.Rule{{Split: &ruleset.Split{Weights: map[string]ruleset.Weight{"on": 50_000, "off": 50_000}}}}
			}),
			changed("disabled", func(f *ruleset.Flag) {
				f.Enabled, f.Rules = false, []ruleset.Rule{{When: tenantIs("acme"), Serve: "off"}}
			}),
			changed("stopped", func(f *ruleset.Flag) {
				f.Variants = append(f.Variants, ruleset.Variant{Name: "night", Value: []byte(`{"on":true}`)})
				f.Enabled, f.Otherwise = false, "night"
			}),
			changed("needs", func(f *ruleset.Flag) { f.Prerequisites = []ruleset.Prerequisite{{Flag: "release", Variant: "on"}} }),
			changed("overridden", func(*ruleset.Flag) {}),
			changed("archived", func(f *ruleset.Flag) { f.Archived = true }),
			changes.PutOverride{Override: ruleset.Override{Flag: "overridden", User: "u-ann", Variant: "on"}},
		)
		s.protects(1)
		head := s.head(prod)
		for key, want := range map[string]string{
			"release": "operational flag of type json", "texts": "operational flag of type json", "otherwise": "serve “on”", "by-rule": "serve “on”", "by-percent": "serve “on”",
			"by-split": "serve “on”", "disabled": "disabled", "stopped": "disabled", "needs": "another flag", "overridden": "serve “on”", "archived": "archived", "No Key": "a key must match",
		} {
			base := s.flagVersion(key)
			_, err := s.triesToMaintain(changes.Maintenance{Flag: key, Base: base})
			wantSaysError(t, err, want)
		}
		if s.head(prod) != head {
			t.Error("something was published")
		}
		for _, kind := range []string{"maintenance", "maintenance-end"} {
			_, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: "ann", Kind: kind, Edits: []changes.Edit{changes.SetEnabled{Key: "release"}}})
			wantError[*changes.RefusedError](t, err)
		}
	},
	"maintenance that makes no sense is refused by its fields": func(t *testing.T, s *storage) {
		past := time.Now().Add(-time.Hour)
		before := past.Add(-time.Hour)
		_, err := s.triesToMaintain(changes.Maintenance{Value: ruleset.Maintenance{Start: &before, End: &past}})
		wantSaysError(t, err, "past already")
		for field, m := range map[string]changes.Maintenance{
			"end":   {Value: ruleset.Maintenance{End: &past}},
			"paths": {Value: ruleset.Maintenance{Paths: []string{"clients"}}},
			"drain": {Value: ruleset.Maintenance{Drain: -1}},
		} {
			_, err := s.triesToMaintain(m)
			refused := wantError[*changes.RefusedError](t, err)
			if refused.Problems[0].Path != field {
				t.Errorf("%s: %+v", field, refused.Problems)
			}
		}
		_, err = s.changes.Maintain(t.Context(), changes.Maintenance{Environment: "nowhere", By: ann, Reason: "x"})
		if !errors.Is(err, service.ErrNoEnvironment) {
			t.Error(err)
		}
		if _, err := s.changes.Maintain(t.Context(), changes.Maintenance{Environment: prod, By: ann}); err == nil {
			t.Error("without a reason")
		}
		if flags, err := s.store.FlagsByKey(t.Context()); err != nil || len(flags) != 0 {
			t.Errorf("a flag was made: %v %v", flags, err)
		}
		if _, err := s.ends(); !errors.Is(err, changes.ErrNoFlag) {
			t.Error(err)
		}
	},
	"two who turn maintenance on at once are told of each other": func(t *testing.T, s *storage) {
		s.maintains(changes.Maintenance{Value: ruleset.Maintenance{Message: "first"}})
		_, err := s.triesToMaintain(changes.Maintenance{Value: ruleset.Maintenance{Message: "second"}})
		wantError[*changes.ConflictError](t, err)
		if got := s.maintenanceFor("acme").Message; got != "first" {
			t.Errorf("the message is %q", got)
		}
	},
}

// newMaintenance is the edit that makes a maintenance flag by hand.
func newMaintenance() changes.PutFlag {
	return changes.PutFlag{
		About: &changes.FlagDocument{Key: ruleset.MaintenanceKey, Kind: ruleset.Operational, Type: ruleset.JSON},
		Flag: &ruleset.Flag{Key: ruleset.MaintenanceKey, Enabled: true, Off: "off", Otherwise: "off", Default: "off",
			Variants: []ruleset.Variant{{Name: "off", Value: []byte(`{}`)}, {Name: "on", Value: []byte(`{"on":true}`)}}},
	}
}

func tenantIs(id string) *ruleset.Condition {
	return &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{id}}
}

func wantSaysError(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("%v does not say %q", err, words)
	}
}
