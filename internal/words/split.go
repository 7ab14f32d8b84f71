package words

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// Part is one variant of a split.
type Part struct {
	Variant string
	Weight  ruleset.Weight
	Total   uint64 // of all weights
}

// Parts are the variants of a split, the heaviest first.
func Parts(split ruleset.Split) []Part {
	var total uint64
	for _, weight := range split.Weights {
		total += uint64(weight)
	}
	parts := make([]Part, 0, len(split.Weights))
	for variant, weight := range split.Weights {
		parts = append(parts, Part{variant, weight, total})
	}
	slices.SortFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), strings.Compare(a.Variant, b.Variant))
	})
	return parts
}

// Percent is the part's share of the whole, with at most two decimals.
func (p Part) Percent() string {
	if p.Total == 0 {
		return "0 %"
	}
	text := fmt.Sprintf("%.2f", 100*float64(p.Weight)/float64(p.Total))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}
