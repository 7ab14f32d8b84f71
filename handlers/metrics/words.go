package metrics

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/views"
)

// since is a moment of the first day of a span, today included.
func since(s shell.Span) time.Time { return time.Now().UTC().AddDate(0, 0, 1-s.Days) }

// Short writes a number for people: to two digits, and with thousands apart.
func (listPage) Short(n float64) string {
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64), ".")
	if parsed, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = views.Thousands(parsed)
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
