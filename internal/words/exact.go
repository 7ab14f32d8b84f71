package words

import (
	"strconv"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// Share is a fixed share: "25 %", or "exactly 25 %" of those who were seen.
func Share(p ruleset.Percent) string {
	if p.Calibrated != nil {
		return "exactly " + p.Share.String() + " %"
	}
	return p.Share.String() + " %"
}

// Below says who is in an exact share: "draws below 24.87 %".
func Below(p ruleset.Percent) string {
	switch {
	case p.Calibrated == nil || p.Calibrated.Asks():
		return "not counted yet"
	case p.Share >= ruleset.Everyone:
		return "all draws"
	case p.Share == 0:
		return "no draws"
	}
	return "draws below " + Percent(p.Calibrated.Percent())
}

// Percent writes a number of percent with at most two decimals, or as many as it takes to say more than 0.
func Percent(percent float64) string {
	for decimals := 2; decimals < 5; decimals++ {
		if text := trimmed(percent, decimals); text != "0" {
			return text + " %"
		}
	}
	return trimmed(percent, 5) + " %"
}

func trimmed(number float64, decimals int) string {
	text := strconv.FormatFloat(number, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
