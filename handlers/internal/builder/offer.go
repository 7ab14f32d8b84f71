package builder

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// reserved are the attributes that every subject has.
var reserved = [...]string{ruleset.AttributeUser, ruleset.AttributeVisitor, ruleset.AttributeTenant, ruleset.AttributePlan, ruleset.AttributePlanRank, ruleset.AttributeNow}

// Units are the attributes that a percentage or a split can be counted by, beside users, visitors and tenants.
func (b *Builder) Units() []string {
	return slices.DeleteFunc(slices.Clone(b.Attributes), func(name string) bool { return slices.Contains(reserved[:], name) })
}

// Operators are those to choose from.
func (n *Node) Operators() []Option {
	options := make([]Option, 0, len(ruleset.Operators)+1)
	if !slices.Contains(ruleset.Operators, ruleset.Operator(n.Operator)) && n.Operator != "" {
		options = append(options, Option{n.Operator, n.Operator + " (unknown)"})
	}
	for _, operator := range ruleset.Operators {
		options = append(options, Option{string(operator), words.Operator(operator)})
	}
	return options
}

// Rows is how high the field for values is.
func (n *Node) Rows() int { return min(8, 1+strings.Count(n.Values, "\n")) }

// Gone reports whether the flag has the variant no more.
func (w *Weight) Gone() bool { return w.gone }

// Seconds reports whether the times say more than minutes.
func (r *Rule) Seconds() bool { return strings.Count(r.Start+r.End, ":") > 2 }

// BlankRule is what a script adds.
func (b *Builder) BlankRule() *Rule {
	r := b.newRule()
	r.Path, r.Number, r.Words = "rules.new", len(b.Rules)+1, "Everybody gets nothing yet"
	r.When.number(r.Path + ".when")
	r.weigh()
	return r
}

// BlankComparison is what a script adds.
func (b *Builder) BlankComparison() *Node {
	return b.blank(&Node{Form: Is, Operator: string(ruleset.In)})
}

// BlankSegment is what a script adds.
func (b *Builder) BlankSegment() *Node { return b.blank(&Node{Form: Segment}) }

// BlankGroup is what a script adds.
func (b *Builder) BlankGroup() *Node {
	return b.blank(&Node{Form: Any, Children: []*Node{b.BlankComparison()}})
}

func (b *Builder) blank(n *Node) *Node {
	n.builder = b
	n.number("new")
	return n
}

// KnownValues are the attributes with values that people often have.
func (b *Builder) KnownValues() []directory.Attribute {
	return slices.DeleteFunc(slices.Clone(b.Seen), func(a directory.Attribute) bool { return len(a.Values) == 0 })
}

// Often are values that people often have for the attribute that is compared.
func (n *Node) Often() []string {
	for _, attribute := range n.builder.Seen {
		if attribute.Name == n.Attribute {
			return attribute.Values[:min(shownValues, len(attribute.Values))]
		}
	}
	return nil
}

// shownValues is how many of them stand beside a condition.
const shownValues = 8

// SegmentsOf are an environment's segments, to choose from; the one named is left out, since none may use itself.
func SegmentsOf(environment *catalog.Environment, except string) []Option {
	var options []Option
	for _, s := range environment.Segments {
		if s.Key == except {
			continue
		}
		label := s.Key
		if s.Title != "" {
			label = s.Title + " (" + s.Key + ")"
		}
		options = append(options, Option{s.Key, label})
	}
	return options
}

// Offer adds the attributes that people were seen with in an environment. While those are not known, it does without.
func (b *Builder) Offer(ctx context.Context, people *directory.Directory, environment string) {
	snapshot, err := people.Snapshot(ctx, environment)
	if err != nil {
		return
	}
	b.Seen = snapshot.Attributes()
	for _, attribute := range b.Seen {
		if !slices.Contains(b.Attributes, attribute.Name) {
			b.Attributes = append(b.Attributes, attribute.Name)
		}
	}
}

// AttributesOf are the attributes that every subject has, and those that an environment's rules and segments read.
func AttributesOf(environment *catalog.Environment) []string {
	seen := map[string]bool{}
	for _, f := range environment.Flags {
		for _, rule := range f.Rules {
			collect(rule.When, seen, 0)
			if rule.Percent != nil {
				seen[rule.Percent.Unit] = true
			}
			if rule.Split != nil {
				seen[rule.Split.Unit] = true
			}
		}
	}
	for _, s := range environment.Segments {
		collect(&s.When, seen, 0)
	}
	delete(seen, "")
	for _, name := range reserved {
		delete(seen, name)
	}
	return append(slices.Clone(reserved[:]), slices.Sorted(maps.Keys(seen))...)
}

func collect(c *ruleset.Condition, seen map[string]bool, depth int) {
	if c == nil || depth > ruleset.MaxDepth {
		return
	}
	seen[c.Attribute] = true
	collect(c.Not, seen, depth+1)
	for _, list := range [][]ruleset.Condition{c.All, c.Any} {
		for i := range list {
			collect(&list[i], seen, depth+1)
		}
	}
}
