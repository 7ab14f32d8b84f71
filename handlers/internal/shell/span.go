package shell

import (
	"fmt"
	"strconv"
)

// Span is how many days a page looks back.
type Span struct{ Days int }

// Spans are those that can be chosen.
func Spans() []Span { return []Span{{7}, {30}, {90}} }

// SpanOf is the one that was asked for; 30 days if none of them was.
func SpanOf(c *Context) Span {
	days, _ := strconv.Atoi(c.Query("days"))
	for _, s := range Spans() {
		if s.Days == days {
			return s
		}
	}
	return Span{30}
}

func (s Span) String() string { return fmt.Sprintf("%d days", s.Days) }
