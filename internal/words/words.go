// Package words says in plain words what rules, conditions and whole flags do, for people who decide about flags: on pages,
// in lists and in feeds. What it says is complete for what fits a line; longer lists end in how many more there are.
// Times are in the reader's zone.
package words

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/toprent/flags/ruleset"
)

// RuleIn says what a rule does, such as "25 % of users where country is DE get on".
func RuleIn(rule ruleset.Rule, zone *time.Location) string {
	where := where(rule.When, zone)
	switch {
	case rule.Percent != nil:
		return capital(percentWhere(*rule.Percent, where, zone))
	case rule.Split != nil:
		return capital(splitWhere(*rule.Split, where))
	case rule.Serve == "":
		return capital(who(rule.When, zone) + " gets nothing yet")
	}
	return capital(who(rule.When, zone) + " gets " + rule.Serve)
}

func percentWhere(p ruleset.Percent, where string, zone *time.Location) string {
	serve := p.Serve
	if serve == "" {
		serve = "nothing yet"
	}
	if p.Moving() {
		return fmt.Sprintf("%s get %s", moving(p, where, zone), serve)
	}
	if p.Share == 0 {
		return fmt.Sprintf("nobody (0 %% of %s) gets %s", Units(p.Unit)+where, serve)
	}
	return fmt.Sprintf("%s of %s get %s", Share(p), Units(p.Unit)+where, serve)
}

// moving says how a share moves with time.
func moving(p ruleset.Percent, where string, zone *time.Location) string {
	verb := "growing"
	if p.To < p.From {
		verb = "falling"
	}
	return fmt.Sprintf("%s %% of %s, %s steadily from %s to %s %% at %s,", p.From, Units(p.Unit)+where, verb, moment(p.Start, zone), p.To, moment(p.End, zone))
}

func splitWhere(s ruleset.Split, where string) string {
	if len(s.Weights) == 0 {
		return Units(s.Unit) + where + " are split, between no variants yet"
	}
	parts := make([]string, 0, len(s.Weights))
	for _, part := range Parts(s) {
		parts = append(parts, fmt.Sprintf("%s get %s", part.Percent(), part.Variant))
	}
	return Units(s.Unit) + where + " are split: " + list(parts, 6, ", ", ", ")
}

// Units is how a rollout's unit is called, where there are many of it.
func Units(unit string) string {
	switch unit {
	case "", ruleset.AttributeUser:
		return "users"
	case ruleset.AttributeVisitor:
		return "visitors"
	case ruleset.AttributeTenant:
		return "tenants"
	}
	return "values of " + unit
}

// moment is a time for people, with its zone.
func moment(t *time.Time, zone *time.Location) string {
	if t == nil {
		return "a time to be set"
	}
	return t.In(zone).Format("2 Jan 2006, 15:04 MST")
}

// capital makes a sentence of a phrase.
func capital(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	return string(unicode.ToUpper(first)) + phrase[size:]
}

// And names all of a list: “a, b and c”.
func And(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// shownParts are how many values, or parts of a condition, stand in one line.
const shownParts = 6

// leavesOut reports whether list says of so many parts only how many more there are.
func leavesOut(parts, limit int) bool { return parts-limit > 1 }

// list joins what fits a line, and says how many more there are.
func list(parts []string, limit int, between, last string) string {
	if more := len(parts) - limit; leavesOut(len(parts), limit) {
		return strings.Join(parts[:limit], between) + fmt.Sprintf(" and %d more", more)
	}
	if len(parts) < 2 {
		return strings.Join(parts, between)
	}
	return strings.Join(parts[:len(parts)-1], between) + last + parts[len(parts)-1]
}
