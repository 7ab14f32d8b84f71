package words

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// ConditionIn says what a condition asks, such as "country is DE or FR".
func ConditionIn(c ruleset.Condition, zone *time.Location) string { return condition(&c, zone, 0) }

// where is the part of a sentence that says to whom a rule is limited.
func where(c *ruleset.Condition, zone *time.Location) string {
	switch {
	case c == nil:
		return ""
	case c.Segment != "":
		return " in segment " + c.Segment
	}
	return " where " + condition(c, zone, 0)
}

// who is the subject of a sentence about one rule.
func who(c *ruleset.Condition, zone *time.Location) string { return "everybody" + where(c, zone) }

// condition is a condition within depth others. What nobody could read in a line is said to be nested.
func condition(c *ruleset.Condition, zone *time.Location, depth int) string {
	if depth > ruleset.MaxDepth {
		return "more"
	}
	switch {
	case c.All != nil:
		return joined(c.All, " and ", zone, depth)
	case c.Any != nil:
		return joined(c.Any, " or ", zone, depth)
	case c.Not != nil:
		return negated(c.Not, zone, depth)
	case c.Segment != "":
		return "they are in segment " + c.Segment
	}
	return comparison(c, zone)
}

func joined(all []ruleset.Condition, word string, zone *time.Location, depth int) string {
	if len(all) == 0 {
		return "nothing is asked yet"
	}
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = condition(&all[i], zone, depth+1)
		if len(all) > 1 && (len(all[i].All) > 1 || len(all[i].Any) > 1) {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return list(parts, shownParts, word, word)
}

func negated(c *ruleset.Condition, zone *time.Location, depth int) string {
	switch {
	case c.Segment != "":
		return "they are not in segment " + c.Segment
	case c.Operator == ruleset.Exists:
		return Attribute(c.Attribute) + " is not known"
	}
	return "not (" + condition(c, zone, depth+1) + ")"
}

func comparison(c *ruleset.Condition, zone *time.Location) string {
	attribute := Attribute(c.Attribute)
	if attribute == "" {
		attribute = "something"
	}
	if c.Operator == ruleset.Exists {
		return attribute + " is known"
	}
	values := make([]string, len(c.Values))
	for i, value := range c.Values {
		values[i] = valueOf(c.Operator, value, zone)
	}
	text := list(values, shownParts, ", ", " or ")
	if len(values) == 0 {
		text = "…"
	}
	verb := Operator(c.Operator)
	switch c.Operator {
	case ruleset.In:
		verb = "is"
	case ruleset.NotIn:
		verb = "is not"
	}
	return attribute + " " + verb + " " + text
}

// Attribute is how an attribute is called.
func Attribute(name string) string {
	switch name {
	case ruleset.AttributePlanRank:
		return "the plan's rank"
	case ruleset.AttributeNow:
		return "the time"
	}
	return name
}

// Operator is how an operator is called where it is chosen.
func Operator(o ruleset.Operator) string {
	switch o {
	case ruleset.In:
		return "is one of"
	case ruleset.NotIn:
		return "is none of"
	case ruleset.Contains:
		return "contains"
	case ruleset.StartsWith:
		return "starts with"
	case ruleset.EndsWith:
		return "ends with"
	case ruleset.Matches:
		return "matches the pattern"
	case ruleset.Greater:
		return "is greater than"
	case ruleset.GreaterEqual:
		return "is at least"
	case ruleset.Less:
		return "is less than"
	case ruleset.LessEqual:
		return "is at most"
	case ruleset.Before:
		return "is before"
	case ruleset.After:
		return "is after"
	case ruleset.SemverEqual:
		return "is version"
	case ruleset.SemverGreater:
		return "is a version above"
	case ruleset.SemverAtLeast:
		return "is at least version"
	case ruleset.SemverLess:
		return "is a version below"
	case ruleset.SemverAtMost:
		return "is at most version"
	case ruleset.InCIDR:
		return "is in the network"
	case ruleset.Exists:
		return "is known"
	}
	return string(o)
}

// valueOf writes a value so that its ends can be seen.
func valueOf(o ruleset.Operator, value string, zone *time.Location) string {
	if o == ruleset.Before || o == ruleset.After {
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return moment(&at, zone)
		}
	}
	if runes := []rune(value); len(runes) > 60 {
		return fmt.Sprintf("%q…", string(runes[:60]))
	}
	if value == "" || strings.ContainsAny(value, " ,\"\t\r\n") || !printable(value) {
		return strconv.Quote(value)
	}
	return value
}

func printable(value string) bool {
	for _, r := range value {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
