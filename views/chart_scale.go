package views

import (
	"math"
	"strconv"
	"strings"
)

// scale is an axis from 0 to Top with a few round numbers on it.
type scale struct{ top, step float64 }

// scaleOf is a scale on which so much fits, with three to six numbers. Counts are whole; shares end at 1.
func scaleOf(largest float64, share bool) scale {
	if !(largest > 0) || math.IsInf(largest, 0) {
		if share {
			return scale{1, 0.25}
		}
		return scale{1, 1}
	}
	if share && largest > 0.5 {
		return scale{1, 0.25}
	}
	step := niceStep(largest / 4)
	if !share {
		step = max(1, step)
	}
	return scale{step * math.Ceil(largest/step*(1-1e-9)), step}
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below so much.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, times := range []float64{1, 2, 5} {
		if times*power >= least*(1-1e-9) {
			return times * power
		}
	}
	return 10 * power
}

// ticks are the numbers on the axis, from 0.
func (s scale) ticks() (values []float64) {
	n := int(math.Round(s.top / s.step))
	for i := range n + 1 {
		values = append(values, float64(i)*s.step)
	}
	return values
}

// label writes a number on the axis: 25 %, 1,200, 45k, 1.5M.
func (s scale) label(v float64, share bool) string {
	if share {
		return decimal(v*100) + " %"
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e4, "k"}} {
		if s.top >= unit.size && v > 0 {
			if unit.name == "k" {
				unit.size = 1e3
			}
			return decimal(v/unit.size) + unit.name
		}
	}
	return Thousands(int64(math.Round(v)))
}

// decimal writes a number with as many places as it needs, three at most.
func decimal(v float64) string {
	text := strconv.FormatFloat(v, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
