package words

import (
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// NewFlag says of a flag that is new in an environment what it does there from now on, and of the maintenance flag what
// that closes. A share that moves is told with both its ends.
func NewFlag(is ruleset.Flag, zone *time.Location) []string {
	if is.Key == ruleset.MaintenanceKey && len(is.Rules) > 0 {
		return append([]string{"new"}, closed(is, zone)...)
	}
	return []string{"new, " + strings.TrimSuffix(lower(FlagIn(is, time.Time{}, zone)), ".")}
}

// closed is what the first rule of the maintenance flag closes, and for whom.
func closed(is ruleset.Flag, zone *time.Location) (said []string) {
	for _, v := range is.Variants {
		if m, err := ruleset.ParseMaintenance(v.Value); err == nil && m.On && v.Name == is.Rules[0].Serve {
			said = append(said, Maintenance(m, zone)+", for "+who(is.Rules[0].When, zone))
		}
	}
	return said
}

// NewSegment says who is in a segment that is new.
func NewSegment(is ruleset.Segment, zone *time.Location) []string {
	return []string{"new, " + who(&is.When, zone)}
}

// NewPlan says where a plan that is new stands, and what it includes.
func NewPlan(is ruleset.Plan) []string {
	d := differ{}
	d.add("new, rank %d", is.Rank)
	d.addNames("features: %s", is.Features)
	return d.lines
}

// NewOverride says what an override that is new serves, and for how long if it ends.
func NewOverride(is ruleset.Override, zone *time.Location) []string {
	said := "new, " + is.Variant
	if is.Expires != nil {
		said += ", expires " + expiry(is.Expires, zone)
	}
	return []string{said}
}
