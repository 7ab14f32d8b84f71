// Package builder turns rules and conditions into the fields of a form and back, without loss: what was read from a form
// that was written from rules is those rules; of an exact share it is the question, since its threshold is nobody's to type. Whatever was typed stays as it was typed until it is read as rules, so a
// form that is refused is shown again with all of it. Names of fields come from outside: they are never listed, only
// asked for one by one, within the limits of package ruleset.
package builder

import (
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/ruleset"
)

// Builder is what somebody has typed into a rule builder, and what the builder offers to choose from.
type Builder struct {
	Rules     []*Rule
	Otherwise string
	When      *Node // of a segment; nil for the rules of a flag

	Variants   []string          // of the flag, in stored order
	Segments   []Option          // of the environment
	Attributes []string          // known ones, offered while typing
	Zone       *time.Location    // in which times are typed; named in the form
	In         string            // the environment, for links to its segments; empty: there are none
	Errors     map[string]string // by field

	Seen []directory.Attribute // what people were seen with

	nodes int  // conditions read so far
	over  bool // there was more than the limits allow
}

// Option is something to choose.
type Option struct{ Value, Label string }

// Rule is one rule as it is typed.
type Rule struct {
	Path   string // of its fields: rules.0
	Number int    // from 1
	Name   string
	When   *Node  // always a group; without conditions everybody matches
	Action string // serve, percent, moving or split
	Serve  string
	Unit   string
	Share  string
	Exact  bool // exactly this share of those who were seen
	From   string
	To     string
	Start  string
	End    string
	Seed   string

	StartWas, EndWas string // the same times to the nanosecond, which a field cannot hold

	Weights []*Weight
	Words   string   // what it does
	Advice  []string // why it may reach nobody
	Focus   bool     // this is where somebody was
	builder *Builder
}

// What a rule does.
const (
	Serve   = "serve"
	Percent = "percent"
	Moving  = "moving"
	Split   = "split"
)

// Weight is what a split gives one variant.
type Weight struct {
	Variant, Text string
	Percent       string // of all
	Share         int    // of a thousand, for a bar
	gone          bool
}

// Node is one condition as it is typed: a group of others, a segment, or a comparison.
type Node struct {
	Path      string // of its fields: rules.0.when.1
	Form      string // all, any, not, segment or is
	Bare      bool   // a root that stands for its only child
	Children  []*Node
	Segment   string
	Attribute string
	Operator  string
	Values    string // one a line
	Focus     bool
	builder   *Builder
}

// Forms of conditions.
const (
	All     = "all"
	Any     = "any"
	Not     = "not"
	Segment = "segment"
	Is      = "is"
)

// Group reports whether the condition is made of others.
func (n *Node) Group() bool { return n.Form == All || n.Form == Any || n.Form == Not }

// Error is what is wrong with one of the condition's fields.
func (n *Node) Error(field string) string { return n.builder.Errors[n.Path+"."+field] }

// Builder is what the condition's fields offer.
func (n *Node) Builder() *Builder { return n.builder }

// Error is what is wrong with one of the rule's fields.
func (r *Rule) Error(field string) string { return r.builder.Errors[r.Path+"."+field] }

// Builder is what the rule's fields offer.
func (r *Rule) Builder() *Builder { return r.builder }

// Variants are those to choose from: the flag's, and the chosen one even if it is gone.
func (r *Rule) Variants() []string { return withChosen(r.builder.Variants, r.Serve) }

// Otherwises are the variants to choose from where nothing matches.
func (b *Builder) Otherwises() []string { return withChosen(b.Variants, b.Otherwise) }

// SegmentOptions are those to choose from: the environment's, and the chosen one even if it is gone.
func (n *Node) SegmentOptions() []Option {
	for _, option := range n.builder.Segments {
		if option.Value == n.Segment || n.Segment == "" {
			return n.builder.Segments
		}
	}
	if n.Segment == "" {
		return nil
	}
	return append([]Option{{n.Segment, n.Segment + " (not here)"}}, n.builder.Segments...)
}

func withChosen(variants []string, chosen string) []string {
	for _, variant := range variants {
		if variant == chosen || chosen == "" {
			return variants
		}
	}
	if chosen == "" {
		return variants
	}
	return append([]string{chosen}, variants...)
}

// New is a builder that offers what an environment has.
func New(variants []string, segments []Option, attributes []string, zone *time.Location) *Builder {
	return &Builder{Variants: variants, Segments: segments, Attributes: attributes, Zone: zone, Errors: map[string]string{}}
}

// Variants are the names of a flag's variants; a boolean's are on and off, a staged one's the stages.
func Variants(flag ruleset.Flag) []string {
	variants := flag.AllVariants()
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.Name
	}
	return names
}

// refuse says what is wrong with a field; the first word stands.
func (b *Builder) refuse(field, message string) {
	if _, already := b.Errors[field]; !already {
		b.Errors[field] = message
	}
}
