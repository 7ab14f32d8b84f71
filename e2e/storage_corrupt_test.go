package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// malformed compiles what is live and returns the keys of the flags that are set aside.
func (s *storage) malformed() map[string]bool {
	s.t.Helper()
	_, err := ruleset.Compile(s.head(prod), s.now(), nil)
	aside := map[string]bool{}
	if err != nil {
		for _, problem := range wantError[ruleset.Problems](s.t, err) {
			if problem.Flag != "" {
				aside[problem.Flag] = true
			}
		}
	}
	return aside
}

var corruptCases = map[string]func(*testing.T, *storage){
	"a corrupt row spoils its own flag only": func(t *testing.T, s *storage) {
		for _, corruption := range []string{
			`rollout_strategy = '{broken'`, `rollout_strategy = '[] []'`, `rollout_strategy = ''`, `rollout_strategy = '[{"serve": "on", "wehn": {"segment": "pilots"}}]'`,
			`rollout_strategy = '[{"percent": {"serve": "on", "share": 101}}]'`, `variants = '7'`, `prerequisites = '[{"flag": 1}]'`,
			`otherwise_variant = 'gone'`,
		} {
			name := fmt.Sprintf("flag-%d", s.head(prod).Number)
			s.publishes(newFlag(name), newFlag(name+"-beside"))
			if err := s.executes("UPDATE feature_flag_environments SET " + corruption +
				" WHERE feature_id = (SELECT id FROM feature_flags WHERE name = '" + name + "')"); err != nil {
				t.Fatal(err)
			}
			if aside := s.malformed(); !aside[name] || aside[name+"-beside"] {
				t.Errorf("%s: set aside are %v", corruption, aside)
			}
			// What is stored already stops nobody, and the change that mends it least of all.
			s.publishes(newFlag(name + "-after"))
			mended := *newFlag(name).Flag
			s.publishes(changes.PutFlag{Flag: &mended, Base: s.flagVersion(name)})
			if aside := s.malformed(); len(aside) != 0 {
				t.Errorf("%s: once mended, set aside are %v", corruption, aside)
			}
		}
	},
	"a flag that is put must be right, even if it was wrong before": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		if err := s.executes("UPDATE feature_flag_environments SET otherwise_variant = 'gone'"); err != nil {
			t.Fatal(err)
		}
		flag := s.flag("a")
		flag.ClientVisible = true
		_, err := s.tries(changes.PutFlag{Flag: &flag, Base: 1})
		wantError[*changes.RefusedError](t, err)
		s.publishes(changes.ArchiveFlag{Key: "a", Base: 1})
	},
	"a corrupt segment spoils the flags that use it only": func(t *testing.T, s *storage) {
		user := newFlag("user")
		user.Flag.Rules = []ruleset.Rule{{Serve: "on", When: &ruleset.Condition{Segment: "pilots"}}}
		s.publishes(user, newFlag("other"),
			changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: ruleset.Condition{Attribute: "x", Operator: ruleset.Exists}}})
		if err := s.executes(`UPDATE segments SET condition = '{"attribute": 5}'`); err != nil {
			t.Fatal(err)
		}
		revision, err := ruleset.Compile(s.head(prod), s.now(), nil)
		wantError[ruleset.Problems](t, err)
		values := revision.Evaluate(ruleset.Subject{}, time.Now())
		if values.On("user") || !values.On("other") {
			t.Errorf("user %v, other %v", values.On("user"), values.On("other"))
		}
		s.publishes(newFlag("after"))
	},
	"a corrupt override spoils no other flag": func(t *testing.T, s *storage) {
		text := newFlag("text")
		text.About.Type = ruleset.String
		text.Flag = &ruleset.Flag{Key: "text", Enabled: true, Off: "a", Otherwise: "a", Default: "a", Variants: []ruleset.Variant{{Name: "a", Value: json.RawMessage(`"x"`)}}}
		s.publishes(text, newFlag("other"), changes.PutOverride{Override: ruleset.Override{Flag: "text", User: "u-1", Variant: "a"}})
		if err := s.executes(`UPDATE feature_flag_overrides SET variant = 'gone'`); err != nil {
			t.Fatal(err)
		}
		if aside := s.malformed(); aside["other"] {
			t.Errorf("set aside are %v", aside)
		}
		s.publishes(newFlag("after"))
	},
}

var schemaCases = map[string]func(*testing.T, *storage){
	"the database refuses what must never be": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u-1", Variant: "on"}})
		id := "(SELECT id FROM feature_flags)"
		for what, statement := range map[string]string{
			"two live rows of a flag":          "INSERT INTO feature_flag_environments (feature_id, environment, from_revision) VALUES (" + id + ", 'production', 1)",
			"a row that ends before it begins": "UPDATE feature_flag_environments SET to_revision = 1",
			"a row of no revision":             "UPDATE feature_flag_environments SET from_revision = 99",
			"an override for nobody":           "UPDATE feature_flag_overrides SET user_id = NULL",
			"an override for two":              "UPDATE feature_flag_overrides SET org_id = 'acme'",
			"an override of nothing":           "UPDATE feature_flag_overrides SET is_enabled = NULL",
			"an override of two things":        "UPDATE feature_flag_overrides SET variant = 'on'",
			"an id that is too long":           "UPDATE feature_flag_overrides SET user_id = '" + string(make257()) + "'",
			"a second override of one":         "INSERT INTO feature_flag_overrides SELECT '00000000-0000-0000-0000-000000000000', feature_id, environment, user_id, org_id, is_enabled, variant, override_reason, expires_at, created_by, created_at, from_revision, to_revision FROM feature_flag_overrides",
			"a key twice":                      "INSERT INTO feature_flags (id, name, kind, type, salt, created_at, updated_at) SELECT '00000000-0000-0000-0000-000000000000', name, kind, type, salt, created_at, updated_at FROM feature_flags",
			"a bad key":                        "INSERT INTO feature_flags (id, name, kind, type, salt, created_at, updated_at) SELECT '00000000-0000-0000-0000-000000000000', 'A b', kind, type, salt, created_at, updated_at FROM feature_flags",
			"a floor above the head":           "UPDATE environments SET floor = 2 WHERE name = 'production'",
			"a head without a digest":          "UPDATE environments SET head = 1 WHERE name = 'staging'",
			"a revision by nobody":             "UPDATE revisions SET author = ''",
			"a time that is none":              "UPDATE revisions SET published_at = 'soon'",
		} {
			if s.executes(statement) == nil {
				t.Errorf("allowed: %s", what)
			}
		}
	},
	"the environments are there": func(t *testing.T, s *storage) {
		environments, err := s.store.Environments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, environment := range environments {
			names = append(names, fmt.Sprint(environment.Name, " ", environment.Protected))
		}
		wantEqual(t, "environments", names, []string{"development false", "staging false", "production true"})
	},
}

func make257() []byte {
	long := make([]byte, 257)
	for i := range long {
		long[i] = 'x'
	}
	return long
}

var subjectCases = map[string]func(*testing.T, *storage){
	"a tenant's plan is the last that it was given": func(t *testing.T, s *storage) {
		_, err := s.store.TenantPlan(t.Context(), "acme")
		wantIs(t, err, models.ErrNotFound)
		for _, plan := range []string{"free", "pro", "free"} {
			if err := s.store.SetTenantPlan(t.Context(), "acme", plan, "ann"); err != nil {
				t.Fatal(err)
			}
			if got, err := s.store.TenantPlan(t.Context(), "acme"); err != nil || got != plan {
				t.Errorf("got %q, %v, want %q", got, err, plan)
			}
		}
		wantEqual(t, "history", s.count("tenant_plans"), 3)
		wantEqual(t, "revisions", s.count("revisions"), 0)
	},
	"add-ons come and go, and their history stays": func(t *testing.T, s *storage) {
		s.publishes(newFlag("b"), newFlag("a"))
		wantIs(t, s.store.AddAddOn(t.Context(), "acme", "unknown", "ann"), models.ErrNotFound)
		wantIs(t, s.store.EndAddOn(t.Context(), "acme", "a", "ann"), models.ErrNotFound)
		for _, feature := range []string{"b", "a", "a"} {
			if err := s.store.AddAddOn(t.Context(), "acme", feature, "ann"); err != nil {
				t.Fatal(err)
			}
		}
		s.wantAddOns("acme", "a", "b")
		if err := s.store.EndAddOn(t.Context(), "acme", "a", "bob"); err != nil {
			t.Fatal(err)
		}
		s.wantAddOns("acme", "b")
		if err := s.store.AddAddOn(t.Context(), "acme", "a", "ann"); err != nil {
			t.Fatal(err)
		}
		s.wantAddOns("acme", "a", "b")
		s.wantAddOns("globex")
		wantEqual(t, "history", s.count("tenant_addons"), 3)
	},
}

func (s *storage) wantAddOns(tenant string, want ...string) {
	s.t.Helper()
	got, err := s.store.TenantAddOns(s.t.Context(), tenant)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("add-ons of %s: %v, %v, want %v", tenant, got, err, want)
	}
}
