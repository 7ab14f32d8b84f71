package words_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func TestAMigrationSaysWhereItStandsAndWhereAKillLeadsTo(t *testing.T) {
	acme := ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: []string{"acme"}}
	staged := func(present string, change func(*ruleset.Flag)) ruleset.Flag {
		f := ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.String, Enabled: true, Otherwise: present,
			Rules: []ruleset.Rule{{When: &acme, Serve: "rampdown"}, {Percent: &ruleset.Percent{Unit: "tenant", Share: 10_000, Serve: "live"}}}}
		change(&f)
		return f
	}
	for _, test := range []struct {
		flag ruleset.Flag
		want string
	}{
		{staged("shadow", func(*ruleset.Flag) {}), "“rampdown” for everybody where tenant is acme; “live” for 10 % of tenants, otherwise “shadow”."},
		{staged("shadow", func(f *ruleset.Flag) { f.Killed = true }),
			"Killed: it steps back to “shadow”, where the original counts and both sides are written: “shadow” for everybody where tenant is acme; “shadow” for 10 % of tenants, otherwise “shadow”, until the kill is lifted."},
		{staged("dualwrite", func(f *ruleset.Flag) { f.Enabled, f.Rules = false, nil }), "Disabled: it is not past “shadow”, so the original counts as before: “dualwrite” for everybody."},
		{staged("complete", func(f *ruleset.Flag) { f.Killed, f.Rules = true, nil }),
			"Killed: “complete” cannot step back, every other stage steps back to “shadow” at most: “complete” for everybody, until the kill is lifted."},
		{staged("", func(f *ruleset.Flag) { f.Rules = nil }), "“off” for everybody."},
		{staged("live", func(f *ruleset.Flag) { f.Malformed = "torn" }), "It cannot be evaluated, so none of its stages is trusted: each tenant stays in the last one that could be."},
		{ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.Boolean, Killed: true}, "Killed: off for everybody, without exception, until the kill is lifted."},
	} {
		if got := words.FlagIn(test.flag, time.Now(), time.UTC); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// Off and default only follow the stage, and variants that are left out are the stages.
func TestAStepOfAMigrationIsOneDifference(t *testing.T) {
	was := ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.String, Otherwise: "off"}
	is := was.Filled()
	if lines := words.FlagDiff(was, is, time.UTC); len(lines) != 0 {
		t.Errorf("spelt out, it differs: %q", lines)
	}
	is.Otherwise = "dualwrite"
	if lines := words.FlagDiff(was, is, time.UTC); !slices.Equal(lines, []string{`otherwise "dualwrite", was "off"`}) {
		t.Errorf("told %q", lines)
	}
	differing := words.Differing(words.Sides(was, is, time.UTC))
	if len(differing) != 1 || differing[0].Name != "Otherwise" {
		t.Errorf("beside each other: %+v", differing)
	}
	for _, side := range words.Sides(was, is, time.UTC) {
		if side.Name == "Variants" && strings.Count(side.Is, "\n") != 5 {
			t.Errorf("the variants are %q", side.Is)
		}
	}
}
