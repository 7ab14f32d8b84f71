package readiness

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parts writes parts of a million as percent: 999900 is 99.99 %.
func Parts(parts int64) string {
	text := strconv.FormatFloat(float64(parts)/10_000, 'f', 4, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}

// span is how long something lasts, in the two largest units.
func span(d time.Duration) string {
	switch minutes := int64(d / time.Minute); {
	case minutes < 1:
		return "less than a minute"
	case minutes < 60:
		return counted(minutes, "minute")
	case minutes < 48*60 && minutes%60 == 0:
		return counted(minutes/60, "hour")
	case minutes < 48*60:
		return fmt.Sprintf("%s and %s", counted(minutes/60, "hour"), counted(minutes%60, "minute"))
	default:
		return counted(minutes/(24*60), "day")
	}
}

func counted(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
