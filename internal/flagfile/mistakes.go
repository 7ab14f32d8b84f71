package flagfile

import (
	"fmt"
	"slices"
	"strings"
)

// Mistake is one mistake in a file.
type Mistake struct {
	File string
	Position
	Message string
}

// Error gives "flags.yaml:12:9: message"; without a place, "flags.yaml: message".
func (m Mistake) Error() string {
	if m.Line == 0 {
		return m.File + ": " + m.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
}

// Mistakes are all the mistakes of a file, in the order of their places.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each mistake as an error of its own.
func (ms Mistakes) Unwrap() []error {
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = m
	}
	return errs
}

// tidy sorts mistakes by place and leaves out repetitions: what stands once for all environments is checked in each.
func (ms Mistakes) tidy() Mistakes {
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		switch {
		case a.before(b.Position):
			return -1
		case b.before(a.Position):
			return 1
		}
		return 0
	})
	seen := map[Mistake]bool{}
	return slices.DeleteFunc(ms, func(m Mistake) bool {
		repeated := seen[m]
		seen[m] = true
		return repeated
	})
}

// err is the mistakes as an error, or nil if there are none.
func (ms Mistakes) err() error {
	if len(ms) == 0 {
		return nil
	}
	return ms.tidy()
}

// suggestion is `; did you mean "x"?` for the known word closest to one that was written, or nothing if none is close.
func suggestion(written string, known []string) string {
	best, least := "", min(2, len(written)/3)+1
	for _, word := range known {
		if d := distance(written, word, least); d < least {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the number of letters to insert, remove, replace or swap with their neighbour to turn a into b (the
// restricted Damerau-Levenshtein distance), or enough if it is not below that.
func distance(a, b string, enough int) int {
	if len(a)-len(b) >= enough || len(b)-len(a) >= enough {
		return enough
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], enough)
}
