package catalog_test

import (
	"testing"
	"time"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

func TestHowFarAFlagIsOut(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)
	when := &ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}}
	share := func(s ruleset.Share) *ruleset.Percent { return &ruleset.Percent{Serve: "on", Share: s} }
	for name, c := range map[string]struct {
		flag *ruleset.Flag
		want catalog.Rollout
	}{
		"not here":                          {nil, catalog.Missing},
		"archived":                          {&ruleset.Flag{Archived: true, Enabled: true, Otherwise: "on"}, catalog.Archived},
		"killed, whatever else":             {&ruleset.Flag{Killed: true, Enabled: true, Otherwise: "on"}, catalog.Killed},
		"disabled":                          {&ruleset.Flag{Otherwise: "on"}, catalog.Off},
		"enabled for nobody":                {&ruleset.Flag{Enabled: true}, catalog.Off},
		"on for all":                        {&ruleset.Flag{Enabled: true, Otherwise: "on"}, catalog.Everyone},
		"a rule that serves all":            {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Serve: "on"}}}, catalog.Everyone},
		"a share of 100 %":                  {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: share(ruleset.Everyone)}}}, catalog.Everyone},
		"a share of 25 %":                   {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: share(25_000)}}}, catalog.Partial},
		"a share of nobody":                 {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: share(0)}}}, catalog.Off},
		"a country":                         {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{When: when, Serve: "on"}}}, catalog.Partial},
		"all but a country":                 {&ruleset.Flag{Enabled: true, Otherwise: "on", Rules: []ruleset.Rule{{When: when, Serve: "off"}}}, catalog.Partial},
		"off by the first rule":             {&ruleset.Flag{Enabled: true, Otherwise: "on", Rules: []ruleset.Rule{{Serve: "off"}}}, catalog.Off},
		"a split":                           {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Split: &ruleset.Split{}}}}, catalog.Partial},
		"a share that will grow":            {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", To: 100_000, Start: &later, End: &later}}}}, catalog.Scheduled},
		"a share that has begun to grow":    {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", To: 100_000, Start: &earlier, End: &later}}}}, catalog.Partial},
		"a share that has grown to all":     {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", To: 100_000, Start: &earlier, End: &earlier}}}}, catalog.Everyone},
		"some now, more later":              {&ruleset.Flag{Enabled: true, Rules: []ruleset.Rule{{When: when, Serve: "on"}, {Percent: &ruleset.Percent{Serve: "on", To: 1, Start: &later, End: &later}}}}, catalog.Partial},
		"a text that is the same for all":   {&ruleset.Flag{Enabled: true, Type: ruleset.String, Off: "a", Otherwise: "b"}, catalog.Everyone},
		"a text that is what off is anyway": {&ruleset.Flag{Enabled: true, Type: ruleset.String, Off: "a", Otherwise: "a"}, catalog.Off},
		"a migration that has not begun":    {&ruleset.Flag{Enabled: true, Kind: ruleset.Migration, Type: ruleset.String}, catalog.Off},
		"a migration under way":             {&ruleset.Flag{Enabled: true, Kind: ruleset.Migration, Type: ruleset.String, Off: "live", Otherwise: "live"}, catalog.Partial},
		"a migration ahead for some":        {&ruleset.Flag{Enabled: true, Kind: ruleset.Migration, Type: ruleset.String, Otherwise: "rampdown", Rules: []ruleset.Rule{{When: when, Serve: "complete"}}}, catalog.Partial},
		"a migration that is complete":      {&ruleset.Flag{Enabled: true, Kind: ruleset.Migration, Type: ruleset.String, Off: "complete", Otherwise: "complete"}, catalog.Everyone},
		"a migration that is disabled":      {&ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.String, Otherwise: "live"}, catalog.Partial},
	} {
		var flag *catalog.Flag
		if c.flag != nil {
			if c.flag.Type == "" {
				c.flag.Type = ruleset.Boolean
			}
			flag = &catalog.Flag{Flag: *c.flag}
		}
		if got := flag.Rollout(now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
