package words

import (
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// StageMove is somebody going from one stage of a migration to another.
type StageMove struct {
	Tenant   string // empty: those that nothing names
	Everyone bool   // all of those
	Alone    bool   // and there are no others
	From, To ruleset.Stage
}

// tenantsNamed is how many tenants a sentence names.
const tenantsNamed = 3

// StageMoves says who goes from which stage to which: “acme goes from shadow to live”.
func StageMoves(moves []StageMove) (lines []string) {
	type step struct{ from, to ruleset.Stage }
	var order []step
	tenants := map[step][]string{}
	others := slices.ContainsFunc(moves, func(m StageMove) bool { return m.Tenant != "" })
	for _, m := range moves {
		at := step{m.From, m.To}
		switch {
		case m.Tenant != "":
			if tenants[at] == nil {
				order = append(order, at)
			}
			tenants[at] = append(tenants[at], m.Tenant)
		case m.Everyone && m.Alone && !others:
			lines = append(lines, fmt.Sprintf("everybody goes from %s to %s", m.From, m.To))
		case m.Everyone:
			lines = append(lines, fmt.Sprintf("everybody else goes from %s to %s", m.From, m.To))
		default:
			lines = append(lines, fmt.Sprintf("some of those that are not named go from %s to %s", m.From, m.To))
		}
	}
	var named []string
	for _, at := range order {
		named = append(named, fmt.Sprintf("%s from %s to %s", tenantsGo(tenants[at]), at.from, at.to))
	}
	return append(named, lines...)
}

// tenantsGo names tenants, at most three of them.
func tenantsGo(tenants []string) string {
	switch more := len(tenants) - tenantsNamed; {
	case len(tenants) == 1:
		return tenants[0] + " goes"
	case more > 0:
		return fmt.Sprintf("%s and %d more tenants go", strings.Join(tenants[:tenantsNamed], ", "), more)
	}
	return And(tenants) + " go"
}
