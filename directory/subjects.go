package directory

import (
	"iter"

	"github.com/toprent/flags/ruleset"
)

// Subjects gives those whose units are counted where a share of a unit is to be exact: everybody who was seen and, for the
// unit tenant, the tenants of which no person was. A tenant with people is asked about with each of them, since conditions
// look at people's attributes too. One subject is used again for the next.
func (s *Snapshot) Subjects(unit string) iter.Seq[*ruleset.Subject] {
	return func(yield func(*ruleset.Subject) bool) {
		var subject ruleset.Subject
		tenants := unit == ruleset.AttributeTenant
		peopled := map[string]bool{}
		last := ""
		for _, person := range s.People {
			person.Fill(&subject)
			if !yield(&subject) {
				return
			}
			if tenants && person.Tenant != last { // people of one tenant often follow one another
				last = person.Tenant
				peopled[last] = true
			}
		}
		if !tenants {
			return
		}
		for _, tenant := range s.Tenants {
			if peopled[tenant.ID] {
				continue
			}
			if tenant.Fill(&subject); !yield(&subject) {
				return
			}
		}
	}
}
