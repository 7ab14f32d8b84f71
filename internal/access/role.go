// Package access decides who may do what: people, their roles in each environment, and, where the pages stand alone,
// their accounts, sessions and tokens.
package access

import (
	"fmt"
	"strings"
)

// Role is what somebody may do in an environment. Each role may do what the ones before it may.
type Role int

const (
	None     Role = iota // may see nothing
	Viewer               // may look at everything
	Editor               // may change flags, segments, plans and overrides
	Approver             // may kill, lift and recall, and approve what others ask for
	Admin                // may manage environments, people, tokens and alerts
)

var roleNames = []string{"none", "viewer", "editor", "approver", "admin"}

// Roles are all roles that somebody can be given, in the order of what they may do.
var Roles = []Role{Viewer, Editor, Approver, Admin}

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	for i, known := range roleNames {
		if name == known && i > 0 {
			return Role(i), nil
		}
	}
	return None, fmt.Errorf("%q is no role: use one of %s", name, strings.Join(roleNames[1:], ", "))
}

func (r Role) String() string {
	if r < None || r > Admin {
		return "none"
	}
	return roleNames[r]
}

// Everywhere stands for all environments, those to come included, where roles are given by environment.
const Everywhere = "*"

// Person is who is asking: a host's signed-in person, a local account, or an API token on somebody's behalf.
type Person struct {
	ID    string          // never changes; stands in the history where there is no e-mail address
	Name  string          // for people; may be empty
	Email string          // may be empty
	Roles map[string]Role // by environment; Everywhere for all

	// Tenant is the tenant whose plan this person may look at, as its own admin; empty: none.
	Tenant string

	// Token is the id of the API token that asks on the person's behalf; empty: the person is there in person.
	Token string
}

// In is the person's role in an environment.
func (p Person) In(environment string) Role {
	return max(p.Roles[environment], p.Roles[Everywhere])
}

// Highest is the highest role that the person has anywhere.
func (p Person) Highest() Role {
	highest := None
	for _, role := range p.Roles {
		highest = max(highest, role)
	}
	return highest
}

// Author is the name under which the person's changes stand in the history. A host that knows e-mail addresses makes
// sure that they are the person's own.
func (p Person) Author() string {
	if p.Email != "" {
		return p.Email
	}
	return p.ID
}

// Title is how pages call the person.
func (p Person) Title() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Author()
}
