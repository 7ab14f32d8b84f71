//go:build !race

package middleware_test

import (
	"math"
	"testing"
)

// A page with a hundred flags may cost this many times what it costs without: 10 kB from html/template.
var budgets = map[string]struct {
	bare string
	most float64
}{
	"returning":   {"bare", 1.10},
	"first visit": {"bare first", 1.30},
}

func TestAPageWithFlagsStaysWithinItsBudget(t *testing.T) {
	all := rivals(t, pages["template"](), inProcess)
	for kind, budget := range budgets {
		ratio := math.Inf(1)
		for try := 0; try < 4 && ratio > budget.most; try++ { // a busy machine can spoil one measurement
			ratio = min(ratio, compare(41, all[kind], all[budget.bare]))
		}
		if ratio > budget.most {
			t.Errorf("%s: %.2f times the bare page, at most %.2f are allowed", kind, ratio, budget.most)
		}
		t.Logf("%s: %.3f times the bare page", kind, ratio)
	}
}
