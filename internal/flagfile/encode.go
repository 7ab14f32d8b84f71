package flagfile

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// encode is the opposite of reading the schema: a document as nodes.
func encode(d changes.Document) (*node, error) {
	var err error
	root := builder{&node{kind: mapping, block: true}, &err}
	e := &encoder{builder: root, flags: d.Flags, environments: slices.Clone(d.Environments), mentioned: map[string]bool{}}
	slices.SortStableFunc(e.environments, func(a, b changes.EnvironmentDocument) int {
		return compareEnvironments(a.Name, b.Name)
	})
	e.set("version", &node{kind: number, text: "1"})
	plans, segments := e.common()
	if plans {
		e.plans(e.builder, e.environments[0])
	}
	if segments {
		e.segments(e.builder, e.environments[0])
	}
	flags, overrides := e.encodeFlags(), e.encodeOverrides()
	e.encodeEnvironments(!plans, !segments)
	if len(flags) > 0 {
		e.set("flags", &node{kind: list, items: flags, block: true})
	}
	if len(overrides) > 0 {
		e.set("overrides", &node{kind: list, items: overrides, block: true})
	}
	return root.node, err
}

type encoder struct {
	builder
	flags        []changes.FlagDocument
	environments []changes.EnvironmentDocument
	mentioned    map[string]bool // by a flag's entry or an override
}

// common reports whether plans and segments are the same in all environments.
func (e *encoder) common() (plans, segments bool) {
	if len(e.environments) == 0 {
		return false, false
	}
	plans, segments = true, true
	first := e.environments[0]
	for _, env := range e.environments {
		plans = plans && env.PlansGiven && sameList(env.Definition.Plans, first.Definition.Plans)
		segments = segments && env.SegmentsGiven && sameList(env.Definition.Segments, first.Definition.Segments)
	}
	return plans, segments
}

func sameList[T any](a, b []T) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

func (e *encoder) plans(b builder, env changes.EnvironmentDocument) {
	out := &node{kind: list, block: true}
	for _, p := range env.Definition.Plans {
		plan := b.sub()
		plan.text("key", p.Key)
		plan.text("title", p.Title)
		plan.set("rank", &node{kind: number, text: strconv.Itoa(p.Rank)})
		plan.list("features", b.strings(p.Features).items)
		out.items = append(out.items, plan.node)
	}
	b.set("plans", out)
}

func (e *encoder) segments(b builder, env changes.EnvironmentDocument) {
	out := &node{kind: list, block: true}
	for _, s := range env.Definition.Segments {
		segment := b.sub()
		segment.text("key", s.Key)
		segment.text("title", s.Title)
		segment.set("when", b.condition(&s.When))
		out.items = append(out.items, segment.node)
	}
	b.set("segments", out)
}

// encodeEnvironments writes what is given for one environment alone, and names those not mentioned otherwise.
func (e *encoder) encodeEnvironments(plans, segments bool) {
	all := e.sub()
	all.node.block = true
	for _, env := range e.environments {
		own := e.sub()
		if plans && env.PlansGiven {
			e.plans(own, env)
		}
		if segments && env.SegmentsGiven {
			e.segments(own, env)
		}
		own.node.block = len(own.node.entries) > 0
		if own.node.block || !e.mentioned[env.Name] {
			all.set(env.Name, own.node)
		}
	}
	if len(all.node.entries) > 0 {
		e.set("environments", all.node)
	}
}

func (e *encoder) encodeFlags() []*node {
	definitions := map[string]map[string]*ruleset.Flag{}
	for _, env := range e.environments {
		for i := range env.Definition.Flags {
			f := env.Definition.Flags[i].Filled()
			if definitions[f.Key] == nil {
				definitions[f.Key] = map[string]*ruleset.Flag{}
			}
			definitions[f.Key][env.Name] = &f
		}
	}
	var out []*node
	for _, d := range e.flags {
		out = append(out, e.encodeFlag(d, definitions[d.Key]))
	}
	return out
}

func (e *encoder) encodeFlag(d changes.FlagDocument, in map[string]*ruleset.Flag) *node {
	b := e.sub()
	b.node.block = true
	b.text("key", d.Key)
	if d.Title != d.Key {
		b.text("title", d.Title)
	}
	b.text("description", d.Description)
	b.text("purpose", d.Purpose)
	b.text("owner", d.Owner)
	b.text("category", d.Category)
	b.text("kind", string(d.Kind))
	b.text("type", string(d.Type))
	b.text("lifecycle", d.Lifecycle)
	b.date("planned_removal", d.PlannedRemoval)
	b.date("keep_until", d.KeepUntil)
	b.text("salt", d.Salt)
	f := &flag{document: d, common: shared(in)}
	if f.common.variants == nil {
		f.common.variants = f.unsaid().variants
	}
	b.shareable(f.unsaid(), f.common)
	entries := e.sub()
	entries.node.block = true
	for _, env := range e.environments {
		definition := in[env.Name]
		if definition == nil {
			continue
		}
		if implied, ok := f.implied(); ok && sameEntry(b, f, implied, *definition) {
			continue
		}
		e.mentioned[env.Name] = true
		entries.set(env.Name, entryNode(e.builder, *definition, f))
	}
	if len(entries.node.entries) > 0 {
		b.set("environments", entries.node)
	}
	return b.node
}

// unsaid are the parts of a flag that hold where the file says nothing of them.
func (f *flag) unsaid() (s shareable) {
	if global := (ruleset.Flag{Kind: f.document.Kind, Type: f.document.Type}); global.Staged() {
		s.variants = global.AllVariants()
	}
	return s
}

// shared are the parts of a flag that are the same in all its environments. The others are left empty.
func shared(in map[string]*ruleset.Flag) shareable {
	var all []shareable
	for _, f := range in {
		all = append(all, shareableOf(*f))
	}
	if len(all) == 0 {
		return shareable{}
	}
	out := all[0]
	for _, s := range all {
		if !sameVariants(s.variants, all[0].variants) {
			out.variants = nil
		}
		if s.tierRequired != all[0].tierRequired {
			out.tierRequired = ""
		}
		out.clientVisible = out.clientVisible && s.clientVisible
		out.archived = out.archived && s.archived
	}
	return out
}

func shareableOf(f ruleset.Flag) shareable {
	return shareable{f.Variants, f.TierRequired, f.ClientVisible, f.Archived}
}

// shareable writes those parts that differ from what holds without them.
func (b builder) shareable(without, s shareable) {
	if !sameVariants(s.variants, without.variants) {
		variants := b.sub()
		for _, v := range s.variants {
			variants.set(v.Name, b.value(v))
		}
		b.set("variants", variants.node)
	}
	if s.tierRequired != without.tierRequired {
		b.text("tier_required", s.tierRequired)
	}
	if s.clientVisible != without.clientVisible {
		b.boolean("client_visible", s.clientVisible)
	}
	if s.archived != without.archived {
		b.boolean("archived", s.archived)
	}
}

// valueDepth is the level at which an entry's variants have their values.
const valueDepth = 7

func (b builder) value(v ruleset.Variant) *node {
	n, f := parseJSONAt(v.Value, valueDepth)
	if f != nil {
		if *b.err == nil {
			*b.err = fmt.Errorf("variant %q: its value is %s", v.Name, f.message)
		}
		return &node{}
	}
	n.keepLast()
	return n
}

// keepLast leaves each key once in all objects, with the last of its values, as encoding/json reads them.
func (n *node) keepLast() {
	last := map[string]int{}
	for i, e := range n.entries {
		last[e.key] = i
		e.value.keepLast()
	}
	if len(last) < len(n.entries) {
		var kept []entry
		for i, e := range n.entries {
			if last[e.key] == i {
				kept = append(kept, e)
			}
		}
		n.entries = kept
	}
	for _, item := range n.items {
		item.keepLast()
	}
}

func (e *encoder) encodeOverrides() []*node {
	var out []*node
	for _, env := range e.environments {
		for _, o := range env.Definition.Overrides {
			e.mentioned[env.Name] = true
			b := e.sub()
			b.text("flag", o.Flag)
			b.text("environment", env.Name)
			b.text("user", o.User)
			b.text("tenant", o.Tenant)
			b.text("variant", o.Variant)
			b.text("reason", o.Reason)
			b.instant("expires_at", o.Expires)
			out = append(out, b.node)
		}
	}
	return out
}
