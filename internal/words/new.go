package words

import (
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// NewFlag says of a flag that is new in an environment what it does there from now on, and of the maintenance flag what
// that closes. Whoever approves it has nothing to compare it with, so what waits behind a switch that is off is told too,
// and every value that it can serve. A share that moves is told with both its ends.
func NewFlag(is ruleset.Flag, zone *time.Location) []string {
	if said := closed(is, zone); len(said) > 0 {
		return append([]string{"new"}, said...)
	}
	d := differ{zone: zone, key: is.Key}
	d.add("new, %s", phrase(FlagIn(is, time.Time{}, zone)))
	d.waits(is)
	d.longer(is)
	if !is.Staged() {
		d.values(is)
	}
	if is.ClientVisible {
		d.add("client-visible")
	}
	return d.lines
}

// values tells each value that a flag can serve, and which stands in for the others.
func (d *differ) values(is ruleset.Flag) {
	for _, v := range is.Variants {
		d.add("variant “%s”: %s", v.Name, d.variantValue(v))
	}
	is = is.Filled()
	if off, otherwise := Variant(is, is.Off), Variant(is, is.Default); len(is.Variants) > 0 && (off != "off" || otherwise != "off") {
		d.add("off is %s, default is %s", off, otherwise)
	}
}

// phrase is a sentence as a part of another.
func phrase(sentence string) string { return strings.TrimSuffix(lower(sentence), ".") }

// waits tells what a flag that is off begins to do when it is switched on, if that is anything.
func (d *differ) waits(is ruleset.Flag) {
	filled := is.Filled()
	if is.Staged() || is.Malformed != "" || is.Enabled && !is.Killed && !is.Archived {
		return
	}
	if len(is.Rules)+len(is.Prerequisites) == 0 && is.TierRequired == "" && filled.Otherwise == filled.Off {
		return
	}
	on := is
	on.Enabled, on.Killed, on.Archived = true, false, false
	d.add("once it is switched on: %s", phrase(FlagIn(on, time.Time{}, d.zone)))
}

// longer tells on lines of their own what one sentence does not hold: each of many rules, both ends of a share that moves,
// each of many values, and each of many flags that it requires.
func (d *differ) longer(is ruleset.Flag) {
	moving := slices.ContainsFunc(is.Rules, func(r ruleset.Rule) bool { return r.Percent != nil && r.Percent.Moving() })
	for i, rule := range is.Rules {
		if moving || leavesOut(len(is.Rules), shownRules) {
			d.add("%s: %s", called(rule, i), lower(RuleIn(rule, d.zone)))
		}
		d.inFull("condition of "+called(rule, i), rule.When, 0)
	}
	if leavesOut(len(is.Prerequisites), shownRules-1) { // beside the plan
		d.prerequisites(nil, is.Prerequisites)
	}
}

// closed is what the one rule of the maintenance flag closes, and for whom; nothing if the flag does anything else too.
func closed(is ruleset.Flag, zone *time.Location) (said []string) {
	if is.Key != ruleset.MaintenanceKey || len(is.Rules) != 1 || !is.Enabled || is.Killed || is.Archived || is.TierRequired != "" || len(is.Prerequisites) > 0 {
		return nil
	}
	for _, v := range is.Variants {
		m, err := ruleset.ParseMaintenance(v.Value)
		switch {
		case err != nil || !m.On:
		case v.Name == is.Rules[0].Serve:
			said = append(said, Maintenance(m, zone)+", for "+who(is.Rules[0].When, zone))
		case v.Name == is.Otherwise || v.Name == is.Off || v.Name == is.Default:
			return nil
		}
	}
	return said
}

// NewSegment says who is in a segment that is new.
func NewSegment(is ruleset.Segment, zone *time.Location) []string {
	d := differ{zone: zone}
	d.add("new, %s", who(&is.When, zone))
	d.inFull("condition", &is.When, 0)
	return d.lines
}

// NewPlan says where a plan that is new stands, and what it includes.
func NewPlan(is ruleset.Plan) []string {
	d := differ{}
	d.add("new, rank %d", is.Rank)
	d.addNames("features: %s", is.Features)
	return d.lines
}

// NewOverride says what an override that is new serves, and for how long if it ends, and why.
func NewOverride(is ruleset.Override, zone *time.Location) []string {
	said := "new, " + is.Variant
	if is.Expires != nil {
		said += ", expires " + expiry(is.Expires, zone)
	}
	if is.Reason != "" {
		said += ", reason " + Plain(short(is.Reason))
	}
	return []string{said}
}
