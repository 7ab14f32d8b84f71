package metrics

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/views"
)

// Span is so many days, today included.
type Span struct{ Days int }

// spans are those that can be chosen.
func spans() []Span { return []Span{{7}, {30}, {90}} }

// spanOf is the one that was asked for; 30 days if none of them was.
func spanOf(c *shell.Context) Span {
	days, _ := strconv.Atoi(c.Query("days"))
	for _, s := range spans() {
		if s.Days == days {
			return s
		}
	}
	return Span{30}
}

func (s Span) String() string { return fmt.Sprintf("%d days", s.Days) }

// since is a moment of the first day.
func (s Span) since() time.Time { return time.Now().UTC().AddDate(0, 0, 1-s.Days) }

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
