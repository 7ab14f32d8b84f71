package directory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Attribute is the name of an attribute that people were seen with, and values that they often have.
type Attribute struct {
	Name   string
	Values []string // the most frequent first, at most 20
}

const (
	surveyValues = 1000        // distinct values of one attribute that are counted; more are no examples but people
	examples     = 20          // that are given
	surveyAfter  = time.Minute // a large directory is surveyed so often
	large        = 5000        // people
)

// Attributes gives the attributes that people were seen with, by name: what a rule could ask for.
func (s *Snapshot) Attributes() []Attribute { return s.attributes }

// survey counts which attributes there are. It goes through all people, so a large directory is not surveyed each time.
func (s *Snapshot) survey() {
	if len(s.People) >= large && time.Since(s.attributed) < surveyAfter {
		return
	}
	counts := map[string]map[string]int{}
	for _, person := range s.People {
		for _, a := range person.attributes {
			if counts[a.name] == nil {
				counts[a.name] = map[string]int{}
			}
			values, text := counts[a.name], textOf(a.value)
			if _, known := values[text]; known || len(values) < surveyValues {
				values[text]++
			}
		}
	}
	s.attributes, s.attributed = nil, time.Now()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		s.attributes = append(s.attributes, Attribute{name, mostFrequent(counts[name])})
	}
}

// mostFrequent leaves out what only one person has where there are many values: that is no example, it is the person.
func mostFrequent(counts map[string]int) []string {
	if len(counts) > examples {
		maps.DeleteFunc(counts, func(_ string, people int) bool { return people < 2 })
	}
	values := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b)) })
	return values[:min(len(values), examples)]
}
