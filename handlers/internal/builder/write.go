package builder

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// SetRules fills the builder with rules that exist.
func (b *Builder) SetRules(rules []ruleset.Rule, otherwise string) {
	b.Otherwise = otherwise
	b.Rules = nil
	for _, rule := range rules {
		b.Rules = append(b.Rules, b.ruleOf(rule))
	}
	b.number()
}

// SetWhen fills the builder with a segment's condition.
func (b *Builder) SetWhen(when ruleset.Condition) {
	b.When = b.rootOf(&when)
	b.number()
}

func (b *Builder) ruleOf(rule ruleset.Rule) *Rule {
	r := b.newRule()
	r.Name, r.Serve, r.Seed = rule.Name, rule.Serve, rule.Seed
	r.When = b.rootOf(rule.When)
	switch p := rule.Percent; {
	case p != nil:
		r.Action, r.Serve, r.Unit = Percent, p.Serve, p.Unit
		if p.Moving() {
			r.Action, r.From, r.To = Moving, p.From.String(), p.To.String()
			r.Start, r.StartWas = b.timeText(p.Start)
			r.End, r.EndWas = b.timeText(p.End)
		} else {
			r.Share, r.Exact = p.Share.String(), p.Calibrated != nil
		}
	case rule.Split != nil:
		r.Action, r.Unit = Split, rule.Split.Unit
		r.setWeights(rule.Split.Weights)
	}
	return r
}

func (b *Builder) timeText(at *time.Time) (shown, was string) {
	if at == nil {
		return "", ""
	}
	return shell.LocalTime(at, b.Zone), at.UTC().Format(time.RFC3339Nano)
}

// newRule is what is added: nothing is served yet, so that nobody gets what was not chosen.
func (b *Builder) newRule() *Rule {
	r := &Rule{Action: Serve, When: &Node{Form: All, Bare: true, builder: b}, builder: b}
	for _, variant := range b.Variants {
		r.Weights = append(r.Weights, &Weight{Variant: variant})
	}
	return r
}

func (r *Rule) setWeights(weights map[string]ruleset.Weight) {
	for _, variant := range slices.Sorted(maps.Keys(weights)) {
		if !slices.ContainsFunc(r.Weights, func(w *Weight) bool { return w.Variant == variant }) {
			r.Weights = append(r.Weights, &Weight{Variant: variant, gone: true})
		}
	}
	for _, w := range r.Weights {
		if weight, ok := weights[w.Variant]; ok {
			w.Text = weight.String()
		}
	}
}

// rootOf makes the group that a rule's or a segment's conditions stand in.
func (b *Builder) rootOf(when *ruleset.Condition) *Node {
	root := &Node{Form: All, Bare: true, builder: b}
	switch {
	case when == nil:
		return root
	case when.All != nil || when.Any != nil || when.Not != nil:
		return b.nodeOf(when)
	}
	root.Children = []*Node{b.nodeOf(when)}
	return root
}

func (b *Builder) nodeOf(c *ruleset.Condition) *Node {
	n := &Node{builder: b}
	switch {
	case c.All != nil:
		n.Form, n.Children = All, b.nodesOf(c.All)
	case c.Any != nil:
		n.Form, n.Children = Any, b.nodesOf(c.Any)
	case c.Not != nil && len(c.Not.Any) > 1:
		n.Form, n.Children = Not, b.nodesOf(c.Not.Any)
	case c.Not != nil:
		n.Form, n.Children = Not, []*Node{b.nodeOf(c.Not)}
	case c.Segment != "":
		n.Form, n.Segment = Segment, c.Segment
	default:
		n.Form, n.Attribute, n.Operator, n.Values = Is, c.Attribute, string(c.Operator), joinValues(c.Values)
	}
	return n
}

func (b *Builder) nodesOf(list []ruleset.Condition) []*Node {
	nodes := make([]*Node, len(list))
	for i := range list {
		nodes[i] = b.nodeOf(&list[i])
	}
	return nodes
}

// number gives every rule and condition its place, by which its fields are named.
func (b *Builder) number() {
	for i, r := range b.Rules {
		r.Path, r.Number = fmt.Sprintf("rules.%d", i), i+1
		r.When.number(r.Path + ".when")
		r.weigh()
	}
	if b.When != nil {
		b.When.number("when")
	}
}

func (n *Node) number(path string) {
	n.Path = path
	for i, child := range n.Children {
		child.number(fmt.Sprintf("%s.%d", path, i))
	}
}

// weigh computes the parts of a split.
func (r *Rule) weigh() {
	var total uint64
	weights := make([]uint64, len(r.Weights))
	for i, w := range r.Weights {
		if weight, err := ruleset.ParseWeight(w.Text); err == nil {
			weights[i] = uint64(weight)
			total += uint64(weight)
		}
	}
	for i, w := range r.Weights {
		w.Percent, w.Share = "0 %", 0
		if total > 0 {
			w.Percent, w.Share = percentOf(weights[i], total), int(weights[i]*1000/total)
		}
	}
}
