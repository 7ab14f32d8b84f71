package words

import (
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Maintenance says what a value of the maintenance flag does, such as “the whole site is closed from 1 Jun 2026, 12:00 UTC
// to 13:00, announced from 11:00; sessions at work go on for 5m; “New tyres””.
func Maintenance(m ruleset.Maintenance, zone *time.Location) string {
	if !m.On {
		return "nothing is closed"
	}
	what := "the whole site is closed"
	switch len(m.Paths) {
	case 0:
	case 1:
		what = m.Paths[0] + " is closed"
	default:
		what = list(m.Paths, 4, ", ", " and ") + " are closed"
	}
	var b strings.Builder
	b.WriteString(what)
	if m.Start != nil {
		b.WriteString(" from " + moment(m.Start, zone))
	}
	if m.End != nil {
		b.WriteString(" to " + moment(m.End, zone))
	} else {
		b.WriteString(" until it is ended")
	}
	if m.Announce != nil {
		b.WriteString(", announced from " + moment(m.Announce, zone))
	}
	if m.Drain > 0 {
		drain, _ := m.Drain.MarshalText() // which has no error
		b.WriteString("; sessions at work go on for " + string(drain))
	}
	if m.Message != "" {
		b.WriteString("; “" + short(strings.Join(strings.Fields(m.Message), " ")) + "”")
	}
	return b.String()
}

// variantValue is a variant's value in a line: of the maintenance flag in words, of others as it is written.
func (d *differ) variantValue(v ruleset.Variant) string {
	if d.key == ruleset.MaintenanceKey {
		if m, err := ruleset.ParseMaintenance(v.Value); err == nil {
			return Maintenance(m, d.zone)
		}
	}
	return cut(string(v.Value), shownValue)
}
