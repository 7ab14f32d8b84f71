package words_test

import (
	"slices"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func TestWhatIsNewSaysWhatItDoes(t *testing.T) {
	june := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	july := june.AddDate(0, 1, 0)
	german := country("DE")
	rule := func(p ruleset.Percent) ruleset.Flag {
		p.Unit, p.Serve = "user", "on"
		return ruleset.Flag{Key: "a", Type: ruleset.Boolean, Enabled: true, Otherwise: "off", Off: "off", Rules: []ruleset.Rule{{When: &german, Percent: &p}}}
	}
	for name, c := range map[string]struct{ got, want []string }{
		"a share": {words.NewFlag(rule(ruleset.Percent{Share: 25 * ruleset.Everyone / 100}), time.UTC),
			[]string{`new, on for 25 % of users where country is DE, otherwise off`}},
		"a share that moves": {words.NewFlag(rule(ruleset.Percent{From: 0, To: ruleset.Everyone / 2, Start: &june, End: &july}), time.UTC),
			[]string{`new, on for 0 % of users where country is DE (to 50 % from 1 Jun 2026, 12:00 UTC on), otherwise off`}},
		"texts": {words.NewFlag(ruleset.Flag{Key: "a", Type: ruleset.String, Enabled: true, Otherwise: "b", Off: "c", Default: "c"}, time.UTC),
			[]string{"new, “b” for everybody"}},
		"a disabled one": {words.NewFlag(ruleset.Flag{Key: "a", Type: ruleset.Boolean}, time.UTC),
			[]string{"new, disabled: off for everybody but those with an override"}},
		"a segment":             {words.NewSegment(ruleset.Segment{Key: "german", When: german}, time.UTC), []string{"new, everybody where country is DE"}},
		"a plan":                {words.NewPlan(ruleset.Plan{Key: "pro", Rank: 20, Features: []string{"a", "b"}}), []string{"new, rank 20", "features: a, b"}},
		"an override":           {words.NewOverride(ruleset.Override{Variant: "on"}, time.UTC), []string{"new, on"}},
		"an override that ends": {words.NewOverride(ruleset.Override{Variant: "on", Expires: &june}, time.UTC), []string{"new, on, expires 1 Jun 2026, 12:00 UTC"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}
