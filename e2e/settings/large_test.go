package settings

import (
	"fmt"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// A large configuration: what the pages are measured with.
const (
	largeFlags     = 1000 / fraction
	largeOverrides = 10000 / fraction // in production
	largeSegments  = 300 / fraction
	largePlans     = 12
	largeHistory   = 200 / fraction // revisions of production after the import
	largePeople    = 100_000 / fraction
	largeTenants   = 1000 / fraction
	largeChannels  = 20 / fraction
	largeInstances = 50 / fraction
	largeAccounts  = 200 / fraction // and as many API tokens
	largeUseDays   = 40             // of which it is known who had each flag on
)

// largeDocument is the configuration: the flags in three environments, the overrides in production.
func largeDocument() changes.Document {
	doc := changes.Document{}
	for n := range largeFlags {
		planned := time.Date(2027, time.Month(1+n%12), 1, 0, 0, 0, 0, time.UTC)
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: largeKey(n), Title: fmt.Sprintf("Flag %04d", n),
			Description: fmt.Sprintf("Shows another way to look at the rentals of part %d, with a map beside it", n%25), Purpose: "More bookings",
			Owner: fmt.Sprintf("team-%d", n%20), Category: fmt.Sprintf("part-%d", n%25), Lifecycle: []string{"", "active", "deprecated"}[n%3],
			Kind: ruleset.Kinds[n%4], Type: ruleset.Boolean, PlannedRemoval: &planned})
	}
	for i, name := range []string{"development", "staging", "production"} {
		doc.Environments = append(doc.Environments, changes.EnvironmentDocument{Name: name, Definition: largeDefinition(i), PlansGiven: true, SegmentsGiven: true})
	}
	addLargeEntities(&doc)
	production := &doc.Environments[2].Definition
	for n := range largeOverrides {
		override := ruleset.Override{Flag: largeKey(n % (largeFlags / 2)), Variant: "on", Reason: "pilot"}
		if n%4 == 0 {
			override.Tenant = fmt.Sprintf("t-%05d", n)
		} else {
			override.User = fmt.Sprintf("u-%05d", n)
		}
		production.Overrides = append(production.Overrides, override)
	}
	// Half of them are of one flag, which its page has to bear.
	for n := range production.Overrides[largeOverrides/2:] {
		production.Overrides[largeOverrides/2+n].Flag = largeKey(largeFlags / 2)
	}
	return doc
}

func largeKey(n int) string { return fmt.Sprintf("flag-%04d", n) }

// largeDefinition is one environment, each somewhat other than the next.
func largeDefinition(environment int) (def ruleset.Definition) {
	for n := range largePlans {
		def.Plans = append(def.Plans, ruleset.Plan{Key: fmt.Sprintf("plan-%d", n), Title: fmt.Sprintf("Plan %d", n), Rank: n * 10, Features: []string{largeKey(n), largeKey(n + 50)}})
	}
	for n := range largeSegments {
		def.Segments = append(def.Segments, ruleset.Segment{Key: fmt.Sprintf("segment-%d", n), Title: fmt.Sprintf("Segment %d", n),
			When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE", "AT", fmt.Sprint(n)}}})
	}
	for n := range largeFlags {
		flag := ruleset.Flag{Key: largeKey(n), Enabled: (n+environment)%4 != 0, ClientVisible: n%10 == 0, Killed: n%97 == 0}
		if ruleset.Kinds[n%4] == ruleset.Premium {
			flag.TierRequired = fmt.Sprintf("plan-%d", n%largePlans)
		}
		switch n % 3 {
		case 0:
			flag.Otherwise = "on"
		case 1:
			flag.Rules = []ruleset.Rule{
				{Name: "in some countries", When: &ruleset.Condition{Segment: fmt.Sprintf("segment-%d", n%largeSegments)}, Serve: "on"},
				{Name: "a quarter", Percent: &ruleset.Percent{Unit: "user", Serve: "on", Share: 25_000}}}
		}
		if n == largeFlags/2 { // the flag whose pages are measured
			flag.Rules = []ruleset.Rule{{Name: "exactly a quarter", When: &ruleset.Condition{Segment: "segment-7"}, Percent: largeQuarter()}}
		}
		def.Flags = append(def.Flags, flag)
	}
	return def
}

// largeQuarter is a share that was made exact for others than those who are there, so that pages count and find a drift.
func largeQuarter() *ruleset.Percent {
	return &ruleset.Percent{Serve: "on", Share: 25_000, Calibrated: &ruleset.Calibration{Threshold: "4100000000000000", Of: "user", Share: 25_000, Known: 100, In: 25,
		At: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)}}
}
