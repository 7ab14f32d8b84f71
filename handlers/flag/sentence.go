package flag

import (
	"fmt"
	"time"

	"github.com/toprent/flags/handlers/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// sentence says in plain words who gets what of a flag in an environment. Plans and overrides are told apart from it.
func sentence(in *catalog.Environment, flag *catalog.Flag) string {
	gets := teller{in, flag}
	off := gets.variant(flag.Off)
	switch {
	case flag.Archived:
		return "Archived: it is served to nobody, and what the code falls back to holds."
	case flag.Killed:
		return "Killed: " + off + " for everybody, without exception, until the kill is lifted."
	case in.Revision().Malformed()[flag.Key] != "":
		return "It cannot be evaluated, so everybody gets its default: " + gets.variant(flag.Default) + ", or, where a plan is needed, " + off + "."
	case !flag.Enabled:
		return "Disabled: " + off + " for everybody but those with an override."
	}
	otherwise := gets.variant(flag.Otherwise)
	switch len(flag.Rules) {
	case 0:
		return capital(otherwise) + " for everybody."
	case 1:
		return gets.one(flag.Rules[0], otherwise)
	}
	return fmt.Sprintf("%d rules decide, the first that matches first; %s for those whom none of them reaches.", len(flag.Rules), otherwise)
}

// teller writes about one flag.
type teller struct {
	in   *catalog.Environment
	flag *catalog.Flag
}

// variant is what a variant is called in a sentence.
func (w teller) variant(name string) string {
	name = served(w.flag.Flag, name)
	if w.flag.Type == ruleset.Boolean && (name == "on" || name == "off") {
		return name
	}
	if name == "" {
		return "the code's fallback"
	}
	return "“" + name + "”"
}

// one tells of a single rule and of everybody else.
func (w teller) one(rule ruleset.Rule, otherwise string) string {
	who := w.who(rule.When)
	switch {
	case rule.Split != nil:
		if rule.When == nil {
			return fmt.Sprintf("Split among %d variants for everybody.", len(rule.Split.Weights))
		}
		return fmt.Sprintf("Split among %d variants for %s; %s for everybody else.", len(rule.Split.Weights), who, otherwise)
	case rule.Percent != nil:
		units := unitsOf(rule.Percent.Unit)
		among := units
		if rule.When != nil {
			among = units + " among " + who
		}
		if rule.When == nil && !rule.Percent.Moving() && rule.Percent.Share >= ruleset.Everyone {
			return capital(w.variant(rule.Percent.Serve)) + " for everybody."
		}
		return fmt.Sprintf("%s for %s of %s, %s for everybody else.", capital(w.variant(rule.Percent.Serve)), shareOf(rule.Percent, time.Now()), among, otherwise)
	case rule.When == nil:
		return capital(w.variant(rule.Serve)) + " for everybody."
	}
	return fmt.Sprintf("%s for %s, %s for everybody else.", capital(w.variant(rule.Serve)), who, otherwise)
}

// who is whom a condition lets through.
func (w teller) who(when *ruleset.Condition) string {
	if when == nil {
		return "everybody"
	}
	if when.Segment == "" {
		return "those who match the rule below"
	}
	if segment, ok := w.in.Segment(when.Segment); ok && segment.Title != "" {
		return "“" + segment.Title + "”"
	}
	return "the segment “" + when.Segment + "”"
}

func shareOf(p *ruleset.Percent, now time.Time) string {
	switch {
	case !p.Moving():
		return p.Share.String() + " %"
	case p.Start == nil || p.End == nil || now.Before(*p.Start):
		return "from " + p.From.String() + " % moving to " + p.To.String() + " %"
	case now.After(*p.End):
		return p.To.String() + " %"
	}
	return "a share that moves from " + p.From.String() + " to " + p.To.String() + " %"
}

func unitsOf(unit string) string {
	switch unit {
	case "", ruleset.AttributeUser:
		return "users"
	case ruleset.AttributeVisitor:
		return "visitors"
	case ruleset.AttributeTenant:
		return "tenants"
	}
	return "units of " + unit
}

func capital(text string) string {
	if text == "on" || text == "off" {
		return map[string]string{"on": "On", "off": "Off"}[text]
	}
	return text
}
