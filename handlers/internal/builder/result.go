package builder

import (
	"fmt"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// Result reads what was typed as rules. What cannot be read is refused beside its field.
func (b *Builder) Result() (rules []ruleset.Rule, otherwise string) {
	for _, r := range b.Rules {
		rules = append(rules, r.result())
	}
	return rules, b.Otherwise
}

// Condition reads what was typed as a segment's condition.
func (b *Builder) Condition() ruleset.Condition {
	when := b.When.root()
	if when == nil {
		b.refuse("when", "Add at least one condition: it says who is in the segment.")
		return ruleset.Condition{}
	}
	return *when
}

// Over says that more was posted than rules may have; empty if not.
func (b *Builder) Over() string {
	if !b.over {
		return ""
	}
	return fmt.Sprintf("This is more than a flag can hold: at most %d rules and %d conditions, nested at most %d levels deep. What is above that was left out below.",
		ruleset.MaxRules, ruleset.MaxConditions, ruleset.MaxDepth)
}

const (
	chooseVariant = "Choose a variant."
	writeShare    = "Write a number from 0 to 100, with at most three decimals."
	writeWeight   = "Write a number up to 1000000, with at most three decimals, or nothing."
	writeTime     = "Choose a date and a time."
)

func (r *Rule) result() ruleset.Rule {
	rule := ruleset.Rule{Name: r.Name, When: r.When.root(), Seed: r.Seed}
	if r.Action != Split && r.Serve == "" {
		r.refuse("serve", chooseVariant)
	}
	switch r.Action {
	case Percent:
		rule.Percent = &ruleset.Percent{Unit: r.Unit, Serve: r.Serve, Share: r.share("share", r.Share)}
		if r.Exact { // frozen where it is published; a form cannot say how
			rule.Percent.Calibrated = &ruleset.Calibration{}
		}
	case Moving:
		rule.Percent = &ruleset.Percent{Unit: r.Unit, Serve: r.Serve, From: r.share("from", r.From), To: r.share("to", r.To),
			Start: r.time("start", r.Start, r.StartWas), End: r.time("end", r.End, r.EndWas)}
	case Split:
		rule.Split = &ruleset.Split{Unit: r.Unit, Weights: r.weights()}
	default:
		rule.Serve = r.Serve
	}
	return rule
}

func (r *Rule) refuse(field, message string) { r.builder.refuse(r.Path+"."+field, message) }

func (r *Rule) share(field, text string) ruleset.Share {
	share, err := ruleset.ParseShare(strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(text, ",", "."), "%")))
	if err != nil {
		r.refuse(field, writeShare)
	}
	return share
}

// time reads a time in the reader's zone. One that nobody has touched stays exactly as it was.
func (r *Rule) time(field, text, was string) *time.Time {
	at, ok := shell.ReadTime(text, was, r.builder.Zone)
	if !ok {
		r.refuse(field, writeTime)
		return nil
	}
	return &at
}

func (r *Rule) weights() map[string]ruleset.Weight {
	weights := map[string]ruleset.Weight{}
	for _, w := range r.Weights {
		text := strings.TrimSpace(strings.ReplaceAll(w.Text, ",", "."))
		if text == "" || text == "0" {
			continue
		}
		weight, err := ruleset.ParseWeight(text)
		if err != nil {
			r.refuse("weights."+w.Variant, writeWeight)
			continue
		}
		weights[w.Variant] = weight
	}
	if len(weights) == 0 {
		r.refuse("weights", "Give at least one variant a weight.")
	}
	return weights
}

// root reads the conditions of a rule; nil if there are none.
func (n *Node) root() *ruleset.Condition {
	if len(n.Children) == 0 {
		return nil
	}
	if n.standsForChild() {
		only := n.Children[0].condition()
		return &only
	}
	when := n.condition()
	return &when
}

// standsForChild reports whether the group is there only so that a second condition could be added.
func (n *Node) standsForChild() bool {
	return n.Bare && n.Form == All && len(n.Children) == 1
}

func (n *Node) condition() ruleset.Condition {
	if n.Group() && len(n.Children) == 0 {
		n.builder.refuse(n.Path+".form", "Add a condition to this group, or remove it.")
	}
	switch n.Form {
	case All:
		return ruleset.Condition{All: n.conditions()}
	case Any:
		return ruleset.Condition{Any: n.conditions()}
	case Not:
		children := n.conditions()
		if len(children) == 1 {
			return ruleset.Condition{Not: &children[0]}
		}
		return ruleset.Condition{Not: &ruleset.Condition{Any: children}}
	case Segment:
		if n.Segment == "" {
			n.builder.refuse(n.Path+".segment", "Choose a segment.")
		}
		return ruleset.Condition{Segment: n.Segment}
	}
	return n.comparison()
}

func (n *Node) conditions() []ruleset.Condition {
	list := make([]ruleset.Condition, len(n.Children))
	for i, child := range n.Children {
		list[i] = child.condition()
	}
	return list
}

func (n *Node) comparison() ruleset.Condition {
	c := ruleset.Condition{Attribute: n.Attribute, Operator: ruleset.Operator(n.Operator), Values: splitValues(n.Values)}
	if c.Attribute == "" {
		n.builder.refuse(n.Path+".attribute", "Name the attribute to look at, such as country.")
	}
	switch c.Operator {
	case ruleset.Exists:
		c.Values = nil // there may be some left from another operator
		return c
	case ruleset.Before, ruleset.After:
		for i, value := range c.Values {
			c.Values[i] = timeValue(value, n.builder.Zone)
		}
	}
	if len(c.Values) == 0 {
		n.builder.refuse(n.Path+".values", "Write at least one value.")
	}
	return c
}
