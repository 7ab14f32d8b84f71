package words_test

import (
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func exactly(share ruleset.Share, threshold string) ruleset.Percent {
	return ruleset.Percent{Share: share, Serve: "on", Calibrated: &ruleset.Calibration{Threshold: threshold}}
}

func TestAnExactShareIsCalledExact(t *testing.T) {
	p := exactly(25_000, "")
	rule := ruleset.Rule{Percent: &p}
	if got, want := words.RuleIn(rule, time.UTC), "Exactly 25 % of users get on"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	flag := ruleset.Flag{Type: ruleset.Boolean, Enabled: true, Rules: []ruleset.Rule{rule}}
	if got, want := words.FlagIn(flag, time.Now(), time.UTC), "On for exactly 25 % of users, otherwise off."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAThresholdIsToldInPercentOfTheDraws(t *testing.T) {
	for want, p := range map[string]ruleset.Percent{
		"draws below 24.87 %":   exactly(25_000, "3faae8ea75a9d7ca"),
		"draws below 0.0004 %":  exactly(1, "00004cb5ecf0a96f"),
		"draws below 0.00001 %": exactly(1, "000001f79f4a1b51"),
		"all draws":             exactly(ruleset.Everyone, "ffffffffffffffff"),
		"no draws":              exactly(0, "0000000000000000"),
		"not counted yet":       exactly(25_000, ""),
	} {
		if got := words.Below(p); got != want {
			t.Errorf("%s: got %s, want %s", p.Calibrated.Threshold, got, want)
		}
	}
}
