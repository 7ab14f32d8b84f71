package subjects

import (
	"strings"

	"github.com/toprent/flags/directory"
)

// search finds a text, whatever its case, in what is known of somebody. It is a text and no pattern: nothing in it has
// another meaning.
type search string

func searchFor(text string) search { return search(strings.ToLower(strings.TrimSpace(text))) }

func (s search) in(texts ...string) bool {
	for _, text := range texts {
		if strings.Contains(strings.ToLower(text), string(s)) {
			return true
		}
	}
	return s == ""
}

func (s search) matches(seen *directory.Seen) bool { return seen.Mentions(string(s)) }
