package directory

import (
	"iter"
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
		crowd = append(crowd, func(attributes []string) iter.Seq[*ruleset.Subject] { return filled(people, attributes) })
	}
	if unit == ruleset.AttributeTenant {
		crowd = append(crowd, func(attributes []string) iter.Seq[*ruleset.Subject] { return filled(s.unpeopled(), attributes) })
	}
	return crowd
}

// filled gives one after another, in one subject.
func filled(all []*Seen, attributes []string) iter.Seq[*ruleset.Subject] {
	return func(yield func(*ruleset.Subject) bool) {
		var subject ruleset.Subject
		for _, seen := range all {
			if seen.Fill(&subject, attributes); !yield(&subject) {
				return
			}
		}
	}
}

// unpeopled are the tenants of which no person was seen.
func (s *Snapshot) unpeopled() []*Seen {
	peopled, last := map[string]bool{}, ""
	for _, person := range s.People {
		if person.Tenant != last { // people of one tenant often follow one another
			last = person.Tenant
			peopled[last] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Tenants), func(tenant *Seen) bool { return peopled[tenant.ID] })
}
