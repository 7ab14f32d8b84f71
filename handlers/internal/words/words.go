// Package words says in plain words what rules, conditions and variants do, for pages and feeds.
package words

import "github.com/toprent/flags/ruleset"

// Rule says what a rule does, such as "25 % of users in Germany get on".
func Rule(rule ruleset.Rule) string {
	if rule.Name != "" {
		return rule.Name
	}
	if rule.When != nil {
		return rule.When.String()
	}
	return "everybody"
}
