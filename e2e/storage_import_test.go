package e2e

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/ruleset"
)

// document is a configuration of two environments.
func document() changes.Document {
	definition := func(enabled bool) ruleset.Definition {
		return ruleset.Definition{
			Plans:    []ruleset.Plan{{Key: "free", Title: "Free"}, {Key: "pro", Title: "Pro", Rank: 10, Features: []string{"branding"}}},
			Segments: []ruleset.Segment{{Key: "pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"acme"}}}},
			Flags: []ruleset.Flag{
				{Key: "reports", TierRequired: "pro", Enabled: enabled, Otherwise: "off", Off: "off", Default: "off",
					Rules: []ruleset.Rule{{Name: "pilots", When: &ruleset.Condition{Segment: "pilots"}, Serve: "on"}}},
				{Key: "maintenance", Enabled: enabled, Otherwise: "on", Off: "off", Default: "off", Killed: true},
			},
			Overrides: []ruleset.Override{{Flag: "reports", User: "u-1", Variant: "off", Reason: "asked", Expires: at(1)}},
		}
	}
	return changes.Document{
		Flags: []changes.FlagDocument{
			{Key: "reports", Title: "Reports", Owner: "ann", Kind: ruleset.Premium, Type: ruleset.Boolean, Salt: "s1", PlannedRemoval: at(3)},
			{Key: "maintenance", Kind: ruleset.Operational, Type: ruleset.Boolean},
		},
		Environments: []changes.EnvironmentDocument{
			{Name: "staging", Definition: definition(true), PlansGiven: true, SegmentsGiven: true},
			{Name: prod, Definition: definition(false), PlansGiven: true, SegmentsGiven: true},
		},
	}
}

var importCases = map[string]func(*testing.T, *storage){
	"an import publishes once per environment": func(t *testing.T, s *storage) {
		imported := s.imports(document())
		for _, environment := range imported.Environments {
			if environment.Number != 1 || !environment.New || environment.ID != s.head(environment.Environment) {
				t.Errorf("%+v", environment)
			}
		}
		wantEqual(t, "development", s.head("development").Number, int64(0))
		if flag := s.flag("reports"); flag.Salt != "s1" || flag.Kind != ruleset.Premium || flag.Enabled {
			t.Errorf("%+v", flag)
		}
		if flag := s.flag("maintenance"); flag.Salt == "" || !flag.Killed {
			t.Errorf("%+v", flag)
		}
	},
	"a flag that only one environment has stays there alone, through a file too": func(t *testing.T, s *storage) {
		s.imports(document())
		s.publishes(newFlag("only-here"))
		var file bytes.Buffer
		if err := flagfile.Write(&file, s.exports()); err != nil {
			t.Fatal(err)
		}
		read, err := flagfile.Read("flags.yaml", file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, environment := range s.imports(read.Document).Environments {
			if environment.New || len(environment.Changes) != 0 {
				t.Errorf("%+v\n%s", environment, &file)
			}
		}
	},
	"importing an export changes nothing": func(t *testing.T, s *storage) {
		s.imports(document())
		s.publishes(newFlag("base"), everything())
		doc := s.exports()
		imported := s.imports(doc)
		for _, environment := range imported.Environments {
			if environment.New || len(environment.Changes) != 0 {
				t.Errorf("%+v", environment)
			}
		}
		if len(imported.Flags) != 0 {
			t.Errorf("%v", imported.Flags)
		}
		wantEqual(t, "the export after it", s.exports(), doc)
	},
	"an export moves to another database whole": func(t *testing.T, s *storage) {
		s.imports(document())
		s.kills("reports")
		doc := s.exports()
		other := newStorage(t, openSQLite(t))
		other.imports(doc)
		wantEqual(t, "the other's export", other.exports(), doc)
	},
	"a mistake in the second environment stops the first": func(t *testing.T, s *storage) {
		doc := document()
		doc.Environments[1].Definition.Flags[0].Otherwise = "maybe"
		doc.Environments[1].Definition.Overrides[0] = ruleset.Override{Flag: "maintenance", Tenant: "acme", Variant: "perhaps"}
		_, err := s.changes.Import(t.Context(), doc, changes.ImportOptions{Author: "ann"})
		refused := wantError[*changes.RefusedError](t, err)
		var overrides []int
		for _, problem := range refused.Problems {
			if problem.Environment != prod {
				t.Errorf("%v", problem)
			}
			overrides = append(overrides, problem.Override)
		}
		slices.Sort(overrides)
		wantEqual(t, "which overrides are wrong", overrides, []int{0, 1})
		wantEqual(t, "staging", s.head("staging").Number, int64(0))
		wantEqual(t, "flags", s.count("feature_flags"), 0)
	},
	"all mistakes of the document are reported": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		doc := document()
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: "a", Kind: ruleset.Premium, Type: ruleset.Boolean},
			changes.FlagDocument{Key: "BAD", Kind: "odd", Type: "strange"}, doc.Flags[0])
		doc.Environments[0].Definition.Flags = append(doc.Environments[0].Definition.Flags, ruleset.Flag{Key: "BAD", Kind: "odd", Type: "strange"})
		doc.Environments[0].Definition.Flags[0].TierRequired = "platinum"
		doc.Environments[1].Definition.Segments[0].When.Operator = "resembles"
		doc.Environments[1].Definition.Overrides = append(doc.Environments[1].Definition.Overrides, doc.Environments[1].Definition.Overrides[0])
		doc.Environments = append(doc.Environments, changes.EnvironmentDocument{Name: "nowhere"})
		_, err := s.changes.Import(t.Context(), doc, changes.ImportOptions{Author: "ann"})
		text := wantError[*changes.RefusedError](t, err).Error()
		if n := strings.Count(text, "\"BAD\", kind"); n != 1 {
			t.Errorf("one mistake is reported %d times", n)
		}
		for _, want := range []string{`flag "a", kind`, `flag "BAD": a key`, `flag "BAD", kind`, `flag "reports": is in the file twice`,
			"platinum", "resembles", "override 2", "nowhere"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is missing in:\n%s", want, text)
			}
		}
	},
	"a dry run says what would change and writes nothing": func(t *testing.T, s *storage) {
		s.imports(document())
		before := s.exports()
		doc := document()
		doc.Flags[0].Owner = "bob"
		production := &doc.Environments[1].Definition
		production.Flags[0].Enabled = true
		production.Plans[1].Rank = 20
		production.Overrides[0].Variant = "on"
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: "new", Kind: ruleset.Release, Type: ruleset.Boolean})
		production.Flags = append(production.Flags, ruleset.Flag{Key: "new", Off: "off", Otherwise: "off", Default: "off"})
		dry, err := s.changes.Import(t.Context(), doc, changes.ImportOptions{Author: "ann", DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "flags", dry.Flags, []string{`flag "reports": owner "bob", was "ann"`, `flag "new": made, a boolean release flag`})
		wantEqual(t, "staging", dry.Environments[0].Changes, []string(nil))
		wantEqual(t, "production", dry.Environments[1].Changes, []string{`plan "pro": rank 20, was 10`, `flag "new": new, disabled: off for everybody but those with an override`,
			`flag "reports": enabled yes, was no`, `override of flag "reports" for user "u-1": variant "on", was "off"`})
		wantEqual(t, "what is stored", s.exports(), before)

		wet := s.imports(doc)
		for i := range wet.Environments {
			if !reflect.DeepEqual(wet.Environments[i].Changes, dry.Environments[i].Changes) || wet.Environments[i].New != dry.Environments[i].New {
				t.Errorf("the dry run said %+v, the import %+v", dry.Environments[i], wet.Environments[i])
			}
		}
	},
	"an import removes nothing": func(t *testing.T, s *storage) {
		s.imports(document())
		s.publishes(newFlag("mine"), changes.PutPlan{Plan: ruleset.Plan{Key: "vip", Rank: 99}},
			changes.PutOverride{Override: ruleset.Override{Flag: "mine", Tenant: "acme", Variant: "off"}})
		doc := document()
		doc.Environments[1].Definition = ruleset.Definition{}
		published := s.imports(doc)
		if published.Environments[1].New {
			t.Errorf("%+v", published)
		}
	},
	"sections that are not given stay": func(t *testing.T, s *storage) {
		s.imports(document())
		doc := document()
		production := &doc.Environments[1]
		production.PlansGiven, production.SegmentsGiven = false, false
		production.Definition.Plans, production.Definition.Segments = []ruleset.Plan{{Key: "pro", Rank: 77}}, nil
		if imported := s.imports(doc); imported.Environments[1].New {
			t.Errorf("%+v", imported)
		}
	},
}
