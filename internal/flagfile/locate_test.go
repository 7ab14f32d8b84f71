package flagfile

import (
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

func exampleFile(t *testing.T) *File {
	t.Helper()
	f, err := Read("example.yaml", exampleData(t))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAProblemFoundAtImportHasALine(t *testing.T) {
	f := exampleFile(t)
	reports := func(path string) ruleset.Problem { return ruleset.Problem{Flag: "advanced-reports", Path: path} }
	button := func(path string) ruleset.Problem { return ruleset.Problem{Flag: "checkout-button", Path: path} }
	lines := strings.Split(string(exampleData(t)), "\n")
	for _, c := range []struct {
		problem ruleset.Problem
		line    int
		want    string // what stands there
	}{
		{reports(""), 8, "key: advanced-reports"},
		{reports("tier_required"), 16, "pro"},
		{reports("enabled"), 21, "true"},
		{reports("prerequisites[0].flag"), 25, "reports, variant"},
		{reports("rules[0].when.segment"), 27, "pilots}"},
		{reports("rules[1].when.all[1].not.values[0]"), 29, `"@toprent.app"`},
		{reports("rules[1].percent.share"), 30, "25"},
		{reports("rules[1].percent.unknown"), 30, "{unit: user, share"}, // as far as the file goes
		{reports("rules[7]"), 27, "- {name: pilots"},
		{button("variants[2].name"), 36, "b: "},
		{button("variants[2].value"), 36, `"Reserve"`},
		{button("rules[0].split.weights.b"), 38, "33}"},
		{ruleset.Problem{Segment: "pilots", Path: "when.values[1]"}, 6, "globex"},
		{ruleset.Problem{Plan: "pro", Path: "features[0]"}, 4, "custom-branding"},
		{ruleset.Problem{Override: 2, Flag: "advanced-reports", Path: "expires_at"}, 41, "2027-01-01"},
		{ruleset.Problem{}, 20, "production:"},
	} {
		got := f.Locate("production", c.problem)
		if got.Line != c.line || !strings.HasPrefix(lines[got.Line-1][got.Column-1:], c.want) {
			t.Errorf("%+v: %v, want %q in line %d", c.problem, got, c.want, c.line)
		}
	}
	for _, p := range []ruleset.Problem{{Override: 3}, {Flag: "elsewhere"}, {Plan: "elsewhere"}, {Segment: "elsewhere", Path: "when"}} {
		if got := f.Locate("production", p); got != (Position{}) {
			t.Errorf("%+v, which is not in the file: %v", p, got)
		}
	}
	if got := f.Locate("moon", reports("")); got != (Position{}) {
		t.Errorf("in an environment that the file does not mention: %v", got)
	}
	if got := f.Locate("", reports("salt")); got != (Position{8, 5}) {
		t.Errorf("in the part of a flag that all environments share: %v", got)
	}
}

func TestProblemsAreExplainedInTheOrderOfTheFile(t *testing.T) {
	got := exampleFile(t).Explain([]changes.Problem{
		{Environment: "production", Problem: ruleset.Problem{Flag: "advanced-reports", Path: "tier_required", Message: "there is no plan"}},
		{Environment: "production", Problem: ruleset.Problem{Plan: "pro", Message: "is in use"}},
		{Environment: "production", Problem: ruleset.Problem{Flag: "elsewhere", Message: "loses its plan"}},
	}).Error()
	want := `example.yaml: production: flag "elsewhere": loses its plan
example.yaml:4:5: plan "pro": is in use
example.yaml:16:20: flag "advanced-reports", tier_required: there is no plan`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestKeysWithDotsAreFound(t *testing.T) {
	n := &node{kind: mapping, entries: []entry{{"v1", Position{}, &node{pos: Position{1, 1}}}, {"v1.2", Position{}, &node{pos: Position{2, 2}}}}}
	if got := follow(n, "v1.2"); got.pos != (Position{2, 2}) || !got.whole {
		t.Errorf("v1.2 is at %v", got.pos)
	}
}
