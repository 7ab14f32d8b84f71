// Package adoption counts who has which flags on. What is so now is decided for everybody in the directory, so it is exact;
// what was so on past days is counted once an hour, by one of the instances, and stored. Only people who were signed in and
// tenants are counted: of anonymous visitors it is known what they were shown, not what they would be.
package adoption

import (
	"strconv"

	"github.com/toprent/flags/ruleset"
)

// On reports whether what a flag serves counts as having it: true of a boolean flag, and of any other a variant that is not
// the one for off.
func On(flag *ruleset.Flag, d ruleset.Detail) bool {
	switch {
	case flag.Type == ruleset.Boolean:
		return d.Value == true
	case flag.Staged():
		return d.Variant != "" && d.Variant != ruleset.StageOff.String()
	}
	return d.Variant != "" && d.Variant != flag.Off
}

// Tally is how many of those who are known have a flag on.
type Tally struct{ Has, Known int64 }

func (t *Tally) add(on bool) {
	t.Known++
	if on {
		t.Has++
	}
}

// Share is the part of those known who have it, from 0 to 1.
func (t Tally) Share() float64 {
	if t.Known == 0 {
		return 0
	}
	return float64(t.Has) / float64(t.Known)
}

// Percent writes the share for people: 61.2 %. All and none are said only of all and none.
func (t Tally) Percent() string {
	switch share := 100 * t.Share(); {
	case t.Known == 0:
		return "–"
	case t.Has == 0 || t.Has == t.Known:
		return strconv.Itoa(int(share)) + " %"
	default:
		return strconv.FormatFloat(min(max(share, 0.1), 99.9), 'f', 1, 64) + " %"
	}
}
