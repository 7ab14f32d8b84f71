package flagfile

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// read reads a file that must have no mistakes.
func read(t testing.TB, name, data string) changes.Document {
	t.Helper()
	f, err := Read(name, []byte(data))
	if err != nil {
		t.Fatalf("Read(%s):\n%v\n%s", name, err, data)
	}
	return f.Document
}

func exampleData(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func example(t testing.TB) changes.Document {
	t.Helper()
	return read(t, "example.yaml", string(exampleData(t)))
}

func TestTheExampleIsReadAsItIsMeant(t *testing.T) {
	d := example(t)
	if len(d.Environments) != 1 || d.Environments[0].Name != "production" {
		t.Fatalf("environments: %+v", d.Environments)
	}
	production := d.Environments[0]
	if !production.PlansGiven || !production.SegmentsGiven {
		t.Error("plans and segments at the top hold for production")
	}
	removal := time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC)
	wantGlobal := changes.FlagDocument{Key: "advanced-reports", Title: "Advanced reports",
		Description: "Reports with charts and export", Purpose: "Sell the Pro plan", Owner: "reports-team",
		Category: "reports", Kind: ruleset.Premium, Type: ruleset.Boolean, PlannedRemoval: &removal}
	if !reflect.DeepEqual(d.Flags[0], wantGlobal) {
		t.Errorf("global part:\n got %+v\nwant %+v", d.Flags[0], wantGlobal)
	}
	if got := d.Flags[1].Title; got != "checkout-button" {
		t.Errorf("a title that is left out is %q, want the key", got)
	}
	expires := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	want := ruleset.Definition{
		Plans: []ruleset.Plan{{Key: "free", Title: "Free"}, {Key: "pro", Title: "Pro", Rank: 10, Features: []string{"custom-branding"}}},
		Segments: []ruleset.Segment{{Key: "pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In,
			Values: ruleset.Texts{"acme", "globex"}}}},
		Flags: []ruleset.Flag{{
			Key: "advanced-reports", Kind: ruleset.Premium, Type: ruleset.Boolean, TierRequired: "pro", ClientVisible: true,
			Enabled: true, Off: "off", Otherwise: "off", Default: "off",
			Prerequisites: []ruleset.Prerequisite{{Flag: "reports", Variant: "on"}},
			Rules: []ruleset.Rule{
				{Name: "pilots", When: &ruleset.Condition{Segment: "pilots"}, Serve: "on"},
				{Name: "a quarter of Germany", When: &ruleset.Condition{All: []ruleset.Condition{
					{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE", "NO"}},
					{Not: &ruleset.Condition{Attribute: "email", Operator: ruleset.EndsWith, Values: ruleset.Texts{"@toprent.app"}}},
				}}, Percent: &ruleset.Percent{Unit: "user", Share: 25_000, Serve: "on"}},
			},
		}, {
			Key: "checkout-button", Kind: ruleset.Experiment, Type: ruleset.String, Enabled: true,
			Variants: []ruleset.Variant{{Name: "control", Value: []byte(`"Book"`)}, {Name: "a", Value: []byte(`"Book now"`)},
				{Name: "b", Value: []byte(`"Reserve"`)}},
			Off: "control", Otherwise: "control", Default: "control",
			Rules: []ruleset.Rule{{Split: &ruleset.Split{Unit: "user", Weights: map[string]ruleset.Weight{
				"control": 34_000, "a": 33_000, "b": 33_000}}}},
		}},
		Overrides: []ruleset.Override{
			{Flag: "advanced-reports", User: "u-17", Variant: "on", Reason: "pilot interview"},
			{Flag: "advanced-reports", Tenant: "acme", Variant: "off", Reason: "opted out", Expires: &expires},
		},
	}
	if !reflect.DeepEqual(production.Definition, want) {
		t.Errorf("production:\n got %+v\nwant %+v", production.Definition, want)
	}
}

// flagsFile is a file with one flag of the least that a flag must say, and more fields.
func flagsFile(more string) string {
	return "version: 1\nflags:\n  - key: x\n    purpose: p\n    planned_removal: 2027-05-01\n    kind: release\n" + more
}

func TestAFlagWithoutAnEntryForAMentionedEnvironmentIsOffThere(t *testing.T) {
	d := read(t, "f.yaml", flagsFile(`    type: string
    client_visible: true
    variants: {blue: a, red: b}
    environments:
      production: {enabled: true, off: red, otherwise: red, default: red}
environments: {staging: {}}
`))
	if len(d.Environments) != 2 || d.Environments[0].Name != "staging" {
		t.Fatalf("want staging before production: %+v", d.Environments)
	}
	f := d.Environments[0].Definition.Flags[0]
	if f.Enabled || f.Off != "blue" || f.Otherwise != "blue" || f.Default != "blue" || !f.ClientVisible {
		t.Errorf("in staging: %+v, want it disabled, with the first variant", f)
	}
}

func TestAnEnvironmentsOwnPlansReplaceThoseForAll(t *testing.T) {
	d := read(t, "f.yaml", `version: 1
plans: [{key: free, rank: 0}]
environments:
  development: {plans: [{key: trial, rank: 5}]}
  staging: {plans: []}
  production: {segments: []}
`)
	got := map[string]string{}
	for _, e := range d.Environments {
		for _, p := range e.Definition.Plans {
			got[e.Name] += p.Key
		}
		if !e.PlansGiven || e.SegmentsGiven != (e.Name == "production") {
			t.Errorf("%s: plans given %v, segments given %v", e.Name, e.PlansGiven, e.SegmentsGiven)
		}
	}
	if want := map[string]string{"development": "trial", "production": "free"}; !reflect.DeepEqual(got, want) {
		t.Errorf("plans: %v, want %v", got, want)
	}
}

func TestJSONAndYAMLAreOneSchema(t *testing.T) {
	d := example(t)
	var asJSON bytes.Buffer
	if err := WriteJSON(&asJSON, d); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"flags.json", "flags.yaml", "-"} {
		if got := read(t, name, asJSON.String()); !reflect.DeepEqual(got, d) {
			t.Errorf("%s: not the same document:\n%s", name, asJSON.String())
		}
	}
}

func TestScalarsMeanWhatTheyLookLike(t *testing.T) {
	for _, c := range []struct{ written, want string }{
		{`on`, `"on"`}, {`off`, `"off"`}, {`yes`, `"yes"`}, {`NO`, `"NO"`}, {`true`, `true`}, {`False`, `false`},
		{`5`, `5`}, {`5.0`, `5.0`}, {`007`, `7`}, {`0x1F`, `31`}, {`0o17`, `15`}, {`.5`, `0.5`}, {`-.5e3`, `-0.5e3`}, {`5.`, `5.0`},
		{`+12345678901234567890123`, `12345678901234567890123`}, {`1_000`, `"1_000"`}, {`~`, `null`}, {``, `null`},
		{`2027-05-01`, `"2027-05-01"`}, {`"5"`, `"5"`}, {`'it''s'`, `"it's"`}, {`"\u00e9\U0001F600"`, `"é😀"`}, {`"\ud83d\ude00"`, `"😀"`},
		{`{z: 1, a: [x, {b: on}]}`, `{"z":1,"a":["x",{"b":"on"}]}`}, {"|\n          two\n          lines\n", `"two\nlines\n"`},
	} {
		d := read(t, "f.yaml", flagsFile("    type: json\n    variants:\n      v: "+c.written+"\n      w: 0\n    environments:\n      production: {off: w, otherwise: v, default: v}\n"))
		if got := string(d.Environments[0].Definition.Flags[0].Variants[0].Value); got != c.want {
			t.Errorf("%s: %s, want %s", c.written, got, c.want)
		}
	}
}

func TestANumberIsTextOnlyWhereItCanBeWrittenInOneWay(t *testing.T) {
	values := func(list string) (ruleset.Texts, error) {
		f, err := Read("f.yaml", []byte("version: 1\nenvironments: {production: {}}\nsegments: [{key: s, when: {attribute: a, operator: in, values: ["+list+"]}}]"))
		if err != nil {
			return nil, err
		}
		return f.Document.Environments[0].Definition.Segments[0].When.Values, nil
	}
	got, err := values(`5, -0.25, 12345678901234567890123, true, NO, "1.10", '007', 0`)
	want := ruleset.Texts{"5", "-0.25", "12345678901234567890123", "true", "NO", "1.10", "007", "0"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, unclear := range []string{"1.10", "007", "5.0", "1e3", "0x1F", "+5", "-0", ".5", ".inf"} {
		if _, err := values(unclear); err == nil || !strings.Contains(err.Error(), "quote it if it is text") {
			t.Errorf("%s: %v, want to be asked for quotes", unclear, err)
		}
	}
}

func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	read(t, "f.yaml", "\ufeffversion: 1\nenvironments: {production: {}}\n")
	read(t, "f.json", "\ufeff{\"version\": 1, \"environments\": {\"production\": {}}}")
}
