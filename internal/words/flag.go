package words

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/toprent/flags/ruleset"
)

// FlagIn says what a flag does in an environment, such as "On for 25 % of users in segment germany, otherwise off." Cases
// come in the order in which values are decided; shares that move are as they are now.
func FlagIn(flag ruleset.Flag, now time.Time, zone *time.Location) string {
	flag = flag.Filled()
	off := Variant(flag, flag.Off)
	switch {
	case flag.Archived:
		return "Archived: it is served to nobody, and what the code falls back to holds."
	case flag.Staged():
		return stages(flag, now, zone)
	case flag.Killed:
		return "Killed: " + off + " for everybody, without exception, until the kill is lifted."
	case flag.Malformed != "":
		return "It cannot be evaluated, so everybody gets its default: " + Variant(flag, flag.Default) + ", or, where a plan is needed, " + off + "."
	case !flag.Enabled:
		return "Disabled: " + off + " for everybody but those with an override."
	}
	return capital(state(flag, now, zone)) + needs(flag) + "."
}

// shownRules are how many rules, or needs, one sentence holds.
const shownRules = 4

// state is what the rules and the otherwise of an enabled flag come to.
func state(flag ruleset.Flag, now time.Time, zone *time.Location) string {
	var parts []string
	for _, rule := range flag.Rules {
		if nobody(rule) {
			continue
		}
		parts = append(parts, clause(flag, rule, now, zone))
		if everybody(rule, now) {
			if last := len(parts) - 1; last > 0 && rule.Split == nil {
				parts[last] = Variant(flag, serveOf(rule)) + " for everybody else"
			}
			return list(parts, shownRules, "; ", "; ")
		}
	}
	if len(parts) == 0 {
		return Variant(flag, flag.Otherwise) + " for everybody"
	}
	text := list(parts, shownRules, "; ", "; ")
	return text + ", otherwise " + Variant(flag, flag.Otherwise)
}

// clause is one rule as a part of the sentence.
func clause(flag ruleset.Flag, rule ruleset.Rule, now time.Time, zone *time.Location) string {
	where := where(rule.When, zone)
	switch p := rule.Percent; {
	case rule.Split != nil:
		return lower(splitWhere(*rule.Split, where))
	case p == nil:
		return Variant(flag, rule.Serve) + " for everybody" + where
	case !p.Moving():
		return fmt.Sprintf("%s for %s of %s", Variant(flag, p.Serve), Share(*p), Units(p.Unit)+where)
	default:
		return fmt.Sprintf("%s for %s", Variant(flag, p.Serve), movingNow(*p, where, now, zone))
	}
}

// movingNow says where a moving share is, and where it goes.
func movingNow(p ruleset.Percent, where string, now time.Time, zone *time.Location) string {
	share, units := ShareAt(p, now), Units(p.Unit)+where
	switch {
	case p.Start != nil && now.Before(*p.Start):
		return fmt.Sprintf("%s %% of %s (to %s %% from %s on)", share, units, p.To, moment(p.Start, zone))
	case p.End == nil || now.Before(*p.End):
		return fmt.Sprintf("%s %% of %s now (%s %% at %s)", share, units, p.To, moment(p.End, zone))
	}
	return fmt.Sprintf("%s %% of %s", share, units)
}

// ShareAt is the share that a percentage has at a time, to the thousandth of a percent.
func ShareAt(p ruleset.Percent, now time.Time) ruleset.Share {
	switch {
	case !p.Moving():
		return p.Share
	case p.Start == nil || p.End == nil || now.Before(*p.Start):
		return p.From
	case !now.Before(*p.End):
		return p.To
	}
	passed := float64(now.Sub(*p.Start)) / float64(p.End.Sub(*p.Start))
	return ruleset.Share(float64(p.From) + (float64(p.To)-float64(p.From))*passed)
}

// Variant is how a variant is called in a sentence: a boolean's empty one is off.
func Variant(flag ruleset.Flag, name string) string {
	if flag.Type == ruleset.Boolean || flag.Type == "" {
		switch name {
		case "":
			return "off"
		case "on", "off":
			return name
		}
	}
	if name == "" {
		return "the code’s fallback"
	}
	return "“" + name + "”"
}

// serveOf is the variant that a rule serves to whom it reaches; a split serves several.
func serveOf(rule ruleset.Rule) string {
	if rule.Percent != nil {
		return rule.Percent.Serve
	}
	return rule.Serve
}

func needs(flag ruleset.Flag) string {
	var all []string
	if flag.TierRequired != "" {
		all = append(all, "plan "+flag.TierRequired+" or higher")
	}
	for _, p := range flag.Prerequisites {
		all = append(all, p.Flag+" to be "+p.Variant)
	}
	if len(all) == 0 {
		return ""
	}
	return " (needs " + list(all, shownRules, ", ", " and ") + ")"
}

func nobody(rule ruleset.Rule) bool {
	p := rule.Percent
	return p != nil && (!p.Moving() && p.Share == 0 || p.Moving() && p.From == 0 && p.To == 0)
}

// everybody reports whether nobody is left for what follows the rule.
func everybody(rule ruleset.Rule, now time.Time) bool {
	if rule.When != nil {
		return false
	}
	p := rule.Percent
	if p == nil {
		return true
	}
	if !p.Moving() {
		return p.Share >= ruleset.Everyone
	}
	return p.To >= ruleset.Everyone && (p.From >= ruleset.Everyone || p.End != nil && !now.Before(*p.End))
}

func lower(phrase string) string {
	first, size := utf8.DecodeRuneInString(phrase)
	return string(unicode.ToLower(first)) + phrase[size:]
}
