package flagfile

import (
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// flag is a flag of a file: its global part, what is given for all environments, and its entries.
type flag struct {
	document changes.FlagDocument
	node     *node
	common   shareable
	entries  []flagEntry
}

// shareable are the parts of a flag that may stand once for all its environments, or inside one.
type shareable struct {
	variants      []ruleset.Variant
	tierRequired  string
	clientVisible bool
	archived      bool
}

// flagEntry is what a flag says for one environment.
type flagEntry struct {
	environment string
	node        *node
	pos         Position // of the environment's name
	flag        ruleset.Flag
}

var shareableFields = []string{"variants", "tier_required", "client_visible", "archived"}

var globalFields = []string{"key", "title", "description", "purpose", "owner", "category", "lifecycle", "keep_until", "kind", "type",
	"salt", "planned_removal", "environments"}

var entryFields = []string{"enabled", "killed", "off", "otherwise", "default", "prerequisites", "rules"}

// aFlag is what messages call a flag.
const aFlag = "a flag"

func (f fields) readFlags() []*flag {
	var out []*flag
	seen := map[string]*node{}
	for _, n := range f.list("flags") {
		if flag, ok := f.readFlag(n); ok && f.first(seen, "flag", flag.document.Key, n) {
			out = append(out, flag)
		}
	}
	return out
}

func (p place) readFlag(n *node) (*flag, bool) {
	f, ok := p.fields(n, aFlag, append(globalFields, shareableFields...)...)
	if !ok {
		return nil, false
	}
	key, ok := p.key(n, "flag")
	f.place = p.named("flag", key)
	out := &flag{node: n, document: f.readGlobal(key), common: f.readShareable(shareable{})}
	environments := f.value("environments")
	if environments == nil || !f.mapping(environments, "environments") {
		return out, ok
	}
	for _, e := range environments.entries {
		if f.environmentName(e.key, e.pos) {
			entry := flagEntry{environment: e.key, node: e.value, pos: e.pos}
			entry.flag = f.readEntry(e.value, out)
			out.entries = append(out.entries, entry)
		}
	}
	return out, ok
}

// lifecycle reads how far a flag has come. Active is what a flag is that says nothing.
func (f fields) lifecycle() string {
	if n := f.value("lifecycle"); n != nil && n.kind == text && n.text == "" {
		return ""
	}
	if state := f.word("lifecycle", models.Lifecycles()); state != models.LifecycleActive {
		return state
	}
	return ""
}

func (f fields) readGlobal(key string) changes.FlagDocument {
	d := changes.FlagDocument{
		Key: key, Title: f.text("title"), Description: f.text("description"), Purpose: f.text("purpose"),
		Owner: f.text("owner"), Category: f.text("category"), Lifecycle: f.lifecycle(), Salt: f.text("salt"),
		Kind:           ruleset.Kind(f.word("kind", words(ruleset.Kinds))),
		Type:           ruleset.Type(f.word("type", words(ruleset.Types))),
		PlannedRemoval: f.date("planned_removal"), KeepUntil: f.date("keep_until"),
	}
	if d.Title == "" {
		d.Title = key
	}
	for _, required := range []struct {
		name, help string
		say        func(name, help string)
	}{
		{"purpose", "say what the flag is for", f.wanting},
		{"planned_removal", "give the date by which the flag is to be gone, such as 2027-01-31", f.wanting},
		{"kind", "release, premium, experiment, operational or migration", f.missing},
		{"type", "boolean, string, number or json", f.missing},
	} {
		if n := f.value(required.name); n == nil || n.kind == text && n.text == "" {
			required.say(required.name, required.help)
		}
	}
	return d
}

// readShareable reads what may stand in a flag or in one of its entries, where it replaces what the flag gives.
func (f fields) readShareable(s shareable) shareable {
	if n := f.value("variants"); n != nil && f.mapping(n, "variants") {
		s.variants = nil
		for _, e := range n.entries {
			s.variants = append(s.variants, ruleset.Variant{Name: e.key, Value: f.toJSON(e.value)})
		}
	}
	if f.value("tier_required") != nil {
		s.tierRequired = f.text("tier_required")
	}
	if visible, given := f.boolean("client_visible"); given {
		s.clientVisible = visible
	}
	if archived, given := f.boolean("archived"); given {
		s.archived = archived
	}
	return s
}

// in is the flag with nothing set in an environment: disabled there. It is what a flag without an entry for an
// environment is, and what an entry begins with.
func (f *flag) in(s shareable) ruleset.Flag {
	out := ruleset.Flag{
		Key: f.document.Key, Kind: f.document.Kind, Type: f.document.Type, Salt: f.document.Salt,
		Variants: s.variants, TierRequired: s.tierRequired, ClientVisible: s.clientVisible, Archived: s.archived,
	}
	if f.document.Type == ruleset.Boolean {
		out.Off, out.Otherwise, out.Default = "off", "off", "off"
	}
	return out.Filled()
}

// implied is what the flag is in an environment for which it has no entry: off, which is the first variant, of a
// boolean flag the first that is false. ok is false if its variants are not given for all environments.
func (f *flag) implied() (out ruleset.Flag, ok bool) {
	out = f.in(f.common)
	isBoolean := f.document.Type == ruleset.Boolean
	for _, v := range out.Variants {
		if !isBoolean || string(v.Value) == "false" {
			out.Off, out.Otherwise, out.Default = v.Name, v.Name, v.Name
			return out, true
		}
	}
	return out, isBoolean
}

func (p place) readEntry(n *node, of *flag) ruleset.Flag {
	if n.kind == null {
		return of.in(of.common)
	}
	f, ok := p.fields(n, "an environment of a flag", append(entryFields, shareableFields...)...)
	if !ok {
		return of.in(of.common)
	}
	out := of.in(f.readShareable(of.common))
	out.Enabled, _ = f.boolean("enabled")
	out.Killed, _ = f.boolean("killed")
	for name, variant := range map[string]*string{"off": &out.Off, "otherwise": &out.Otherwise, "default": &out.Default} {
		if f.value(name) != nil {
			*variant = f.variant(name)
		}
	}
	present := out.Filled()
	f.refuseFree("off", out.Off, present.Off)
	f.refuseFree("default", out.Default, present.Default)
	out = present
	for _, item := range f.list("prerequisites") {
		out.Prerequisites = append(out.Prerequisites, p.readPrerequisite(item))
	}
	for i, item := range f.list("rules") {
		out.Rules = append(out.Rules, p.readRule(item, i))
	}
	return out
}

// refuseFree refuses a variant of a migration flag that is not free to be another than the present stage.
func (f fields) refuseFree(name, given, present string) {
	if n := f.value(name); n != nil && given != present {
		f.spoil(n, "%s of a migration flag is always the present stage, which is what otherwise says (%s): leave it out", name, present)
	}
}
