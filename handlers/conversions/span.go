package conversions

import (
	"fmt"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
)

// Span is how far back prompts count.
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
