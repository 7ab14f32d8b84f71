package builder

import (
	"slices"
	"strconv"
	"strings"

	"github.com/toprent/flags/ruleset"
)

// Do changes what is in the form without reading it: "add-rule", "add-condition:rules.0.when", "up:rules.2" and so on,
// as the buttons of the form say. What does not fit the form does nothing.
func (b *Builder) Do(what string) {
	verb, path, _ := strings.Cut(what, ":")
	switch {
	case verb == "add-rule" && len(b.Rules) < ruleset.MaxRules:
		r := b.newRule()
		r.Focus = true
		b.Rules = append(b.Rules, r)
	case strings.Count(path, ".") == 1 && strings.HasPrefix(path, "rules."):
		b.doRule(verb, indexOf(path))
	default:
		b.doCondition(verb, path)
	}
	b.number()
}

// indexOf is the number at the end of a path; -1 if there is none.
func indexOf(path string) int {
	i, err := strconv.Atoi(path[strings.LastIndexByte(path, '.')+1:])
	if err != nil {
		return -1
	}
	return i
}

func (b *Builder) doRule(verb string, i int) {
	if i < 0 || i >= len(b.Rules) {
		return
	}
	switch verb {
	case "remove":
		b.Rules = slices.Delete(b.Rules, i, i+1)
		if len(b.Rules) > 0 {
			b.Rules[min(i, len(b.Rules)-1)].Focus = true
		}
	case "duplicate":
		if len(b.Rules) < ruleset.MaxRules {
			b.Rules = slices.Insert(b.Rules, i+1, b.Rules[i].copy())
			b.Rules[i+1].Focus = true
		}
	case "up":
		b.swap(i, i-1)
	case "down":
		b.swap(i, i+1)
	}
}

func (b *Builder) swap(i, j int) {
	if j >= 0 && j < len(b.Rules) {
		b.Rules[i], b.Rules[j] = b.Rules[j], b.Rules[i]
		i = j
	}
	b.Rules[i].Focus = true
}

func (r *Rule) copy() *Rule {
	c := *r
	c.When = r.When.copy()
	c.Weights = nil
	for _, w := range r.Weights {
		weight := *w
		c.Weights = append(c.Weights, &weight)
	}
	return &c
}

func (n *Node) copy() *Node {
	c := *n
	c.Children = nil
	for _, child := range n.Children {
		c.Children = append(c.Children, child.copy())
	}
	return &c
}

func (b *Builder) doCondition(verb, path string) {
	switch verb {
	case "add-condition":
		b.add(path, &Node{Form: Is, Operator: string(ruleset.In)})
	case "add-segment":
		b.add(path, &Node{Form: Segment})
	case "add-group":
		b.add(path, &Node{Form: Any, Children: []*Node{{Form: Is, Operator: string(ruleset.In), builder: b}}})
	case "remove", "duplicate":
		at := strings.LastIndexByte(path, '.')
		if at < 0 {
			return
		}
		group, i := b.find(path[:at]), indexOf(path)
		if group == nil || i < 0 || i >= len(group.Children) {
			return
		}
		if verb == "duplicate" {
			group.Children = slices.Insert(group.Children, i+1, group.Children[i].copy())
			group.Children[i+1].Focus = true
			return
		}
		group.Children = slices.Delete(group.Children, i, i+1)
		group.Focus = true
	}
}

func (b *Builder) add(path string, n *Node) {
	if group := b.find(path); group != nil && group.Group() && strings.Count(path, ".") < ruleset.MaxDepth+2 {
		n.builder, n.Focus = b, true
		group.Children = append(group.Children, n)
	}
}

// find gives the condition at a path.
func (b *Builder) find(path string) *Node {
	parts := strings.Split(path, ".")
	node := b.When
	if len(parts) >= 3 && parts[0] == "rules" && parts[2] == "when" {
		i, err := strconv.Atoi(parts[1])
		if err != nil || i < 0 || i >= len(b.Rules) {
			return nil
		}
		node, parts = b.Rules[i].When, parts[2:]
	}
	if node == nil || parts[0] != "when" {
		return nil
	}
	for _, part := range parts[1:] {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(node.Children) {
			return nil
		}
		node = node.Children[i]
	}
	return node
}
