package words

import (
	"strings"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func TestWhoGoesFromWhichStageToWhich(t *testing.T) {
	step := func(who string) StageMove {
		return StageMove{Tenant: who, From: ruleset.StageShadow, To: ruleset.StageLive}
	}
	others := StageMove{From: ruleset.StageOff, To: ruleset.StageDualWrite}
	everyone, alone := others, others
	everyone.Everyone, alone.Everyone, alone.Alone = true, true, true
	for want, moves := range map[string][]StageMove{
		"acme goes from shadow to live":                                           {step("acme")},
		"acme and bolt go from shadow to live":                                    {step("acme"), step("bolt")},
		"a, b, c and 2 more tenants go from shadow to live":                       {step("a"), step("b"), step("c"), step("d"), step("e")},
		"everybody goes from off to dualwrite":                                    {alone},
		"everybody else goes from off to dualwrite":                               {everyone},
		"some of those that are not named go from off to dualwrite":               {others},
		"acme goes from shadow to live;everybody else goes from off to dualwrite": {alone, step("acme")},
	} {
		if got := strings.Join(StageMoves(moves), ";"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if lines := StageMoves(nil); len(lines) > 0 {
		t.Errorf("nobody goes: %q", lines)
	}
}
