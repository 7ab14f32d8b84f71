package catalog

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

func TestMigrationFlagsServeTheSameWithoutAllOthers(t *testing.T) {
	moves := func(key string, flag ruleset.Flag) *Flag {
		flag.Key, flag.Kind, flag.Enabled, flag.Salt = key, ruleset.Migration, true, key
		if flag.Type == "" {
			flag.Type = ruleset.String
		}
		return &Flag{Flag: flag.Filled()}
	}
	e := &Environment{last: &atomic.Pointer[ruleset.Revision]{}, Flags: []*Flag{
		moves("bookings", ruleset.Flag{Otherwise: "dualwrite", Rules: []ruleset.Rule{{Serve: "shadow", When: &ruleset.Condition{Segment: "pilots"}}}}),
		moves("clients", ruleset.Flag{Otherwise: "shadow", Rules: []ruleset.Rule{{Percent: &ruleset.Percent{Unit: ruleset.AttributeTenant, Serve: "live", Share: 50_000}}}}),
		moves("follows", ruleset.Flag{Type: ruleset.Boolean, Otherwise: "on", Prerequisites: []ruleset.Prerequisite{{Flag: "look", Variant: "on"}}}),
		{Flag: ruleset.Flag{Key: "look", Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: true, Otherwise: "on"}},
		moves("wrong", ruleset.Flag{Otherwise: "nowhere"}),
	}, Segments: []*Segment{{Segment: ruleset.Segment{Key: "pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"t-1", "t-2"}}}}}}
	e.Flags[0].Overrides = []*Override{{Override: ruleset.Override{Flag: "bookings", Tenant: "t-3", Variant: "off"}}}
	whole, alone, now := e.Revision(), e.Migrations(), time.Now()
	for _, flag := range e.Flags {
		if flag.Kind != ruleset.Migration {
			continue
		}
		was, _ := whole.Stages(flag.Key)
		if is, _ := alone.Stages(flag.Key); is != was {
			t.Errorf("%s serves the stages %+v alone, %+v among all", flag.Key, is, was)
		}
		for _, tenant := range []string{"", "t-1", "t-2", "t-3", "t-4", "t-5", "t-6"} {
			subject := ruleset.Subject{Tenant: tenant}
			if is, was := alone.Decide(flag.Key, subject, now), whole.Decide(flag.Key, subject, now); is.Variant != was.Variant || is.Reason != was.Reason || is.RuleIndex != was.RuleIndex {
				t.Errorf("%s gives tenant %q %+v alone, %+v among all", flag.Key, tenant, is, was)
			}
		}
	}
}
