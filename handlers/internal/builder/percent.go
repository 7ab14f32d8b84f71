package builder

import (
	"fmt"
	"strings"
)

// percentOf writes a part of a whole in percent, with at most two decimals.
func percentOf(part, whole uint64) string {
	text := fmt.Sprintf("%.2f", 100*float64(part)/float64(whole))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}
