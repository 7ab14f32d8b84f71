package directory

import (
	"slices"

	"github.com/toprent/flags/ruleset"
)

// part is how many subjects are gone through one after another: fewer are not worth a goroutine of their own.
const part = 20_000

// Subjects gives those whose units are counted where a share of a unit is to be exact: everybody who was seen and, for the
// unit tenant, the tenants of which no person was. A tenant with people is asked about with each of them, since conditions
// look at people's attributes too.
func (s *Snapshot) Subjects(unit string) (crowd ruleset.Crowd) {
	for people := range slices.Chunk(s.People, part) {
		crowd = append(crowd, func(yield func(*ruleset.Subject) bool) { fill(people, nil, yield) })
	}
	if unit == ruleset.AttributeTenant {
		crowd = append(crowd, func(yield func(*ruleset.Subject) bool) { fill(s.Tenants, s.peopled(), yield) })
	}
	return crowd
}

// fill gives one after another, in one subject, but for some.
func fill(all []*Seen, but map[string]bool, yield func(*ruleset.Subject) bool) {
	var subject ruleset.Subject
	for _, seen := range all {
		if but[seen.ID] {
			continue
		}
		if seen.Fill(&subject); !yield(&subject) {
			return
		}
	}
}

// peopled are the tenants of which a person was seen.
func (s *Snapshot) peopled() map[string]bool {
	peopled, last := map[string]bool{}, ""
	for _, person := range s.People {
		if person.Tenant != last { // people of one tenant often follow one another
			last = person.Tenant
			peopled[last] = true
		}
	}
	return peopled
}
