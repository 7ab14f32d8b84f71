package words

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Side is one thing about an item, as it was and as it is.
type Side struct {
	Name    string
	Was, Is string // lines
	Differs bool
}

// Sides are all things that are said about an item (a ruleset.Flag, Segment, Plan or Override; nil: it is not there)
// before and after a change, beside each other.
func Sides(was, is any, zone *time.Location) []Side {
	before, after := facts(was, zone), facts(is, zone)
	like := after
	if like == nil {
		like = before
	}
	var sides []Side
	for i := range like {
		side := Side{Name: like[i].name}
		if before != nil {
			side.Was = before[i].text
		}
		if after != nil {
			side.Is = after[i].text
		}
		if side.Differs = side.Was != side.Is; side.Differs || side.Was != "" {
			sides = append(sides, side)
		}
	}
	return sides
}

// Differing are the sides of which one is other than the other.
func Differing(sides []Side) []Side {
	return slices.DeleteFunc(sides, func(s Side) bool { return !s.Differs })
}

type fact struct{ name, text string }

// facts are always the same things in the same order for one kind of item; none for nothing.
func facts(content any, zone *time.Location) []fact {
	switch content := content.(type) {
	case ruleset.Flag:
		return flagFacts(content, zone)
	case ruleset.Segment:
		return []fact{{"Title", content.Title}, {"Who", capital(condition(&content.When, zone, 0))}}
	case ruleset.Plan:
		return []fact{{"Title", content.Title}, {"Rank", fmt.Sprint(content.Rank)}, {"Features", strings.Join(content.Features, "\n")}}
	case ruleset.Override:
		return []fact{{"Gets", variant(content.Variant)}, {"Reason", content.Reason}, {"Expires", expiry(content.Expires, zone)}}
	}
	return nil
}

func flagFacts(flag ruleset.Flag, zone *time.Location) []fact {
	flag = flag.Filled()
	var variants, requires, rules []string
	for _, v := range flag.Variants {
		variants = append(variants, v.Name+": "+short(string(v.Value)))
	}
	for _, p := range flag.Prerequisites {
		requires = append(requires, p.Flag+" to be “"+p.Variant+"”")
	}
	for i, rule := range flag.Rules {
		text := fmt.Sprintf("%d. ", i+1)
		if rule.Name != "" {
			text += "“" + rule.Name + "”: "
		}
		rules = append(rules, text+RuleIn(rule, zone))
	}
	if flag.Malformed != "" {
		rules = append(rules, "It cannot be read: "+flag.Malformed)
	}
	return []fact{{"Enabled", Plain(flag.Enabled)}, {"Killed", Plain(flag.Killed)}, {"Archived", Plain(flag.Archived)}, {"Client-visible", Plain(flag.ClientVisible)},
		{"Plan required", flag.TierRequired}, {"Variants", strings.Join(variants, "\n")}, {"Off", offOf(flag)}, {"Otherwise", Variant(flag, flag.Otherwise)},
		{"Default", defaultOf(flag)}, {"Requires", strings.Join(requires, "\n")}, {"Rules", strings.Join(rules, "\n")}}
}
