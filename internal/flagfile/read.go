// Package flagfile reads and writes the flags file: a whole configuration as people keep it in a repository, in YAML
// or JSON, with one schema for both. Reading reports every mistake at once, each with its line and column, or gives a
// document in which the file by itself has none; it never panics, and it reads nothing but the bytes it is given.
// What is written reads back as the same document, and writing that gives the same bytes.
package flagfile

import (
	"strings"
	"unicode/utf8"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// File is a flags file without mistakes of its own. What it names but does not define (a plan, a segment or a flag
// that only the database has) is still to be checked against the database; Locate and Explain then give mistakes
// found there their lines.
type File struct {
	Document changes.Document
	Warnings Mistakes // what keeps nobody from importing the file, but should be mended: a flag without a purpose, say

	name         string
	environments map[string]*sources
}

// Read reads a file, in JSON if its name ends in .json or it is JSON, else in YAML. The name stands in messages.
// The error, if any, is [Mistakes]: all that can be found in the file alone.
func Read(name string, data []byte) (*File, error) {
	root, f := parse(name, data)
	if f != nil {
		return nil, Mistakes{{name, f.pos, f.message}}
	}
	var mistakes, warnings Mistakes
	p := place{mistakes: &mistakes, warnings: &warnings, file: name}
	if root.kind == null {
		p.report(Position{}, "the file is empty: a flags file begins with version: 1")
		return nil, mistakes
	}
	p.checkStrings(root)
	contents := p.readFile(root)
	if n := len(contents.mentioned()); n > maxEnvs {
		p.report(root.pos, "the file mentions %d environments: at most %d are allowed", n, maxEnvs)
		return nil, mistakes.err()
	}
	file := contents.assemble(name)
	file.Warnings = warnings.tidy()
	file.compile(contents, &mistakes)
	if err := mistakes.err(); err != nil {
		return nil, err
	}
	return file, nil
}

// checkStrings refuses text that a database cannot keep.
func (p place) checkStrings(n *node) {
	if unstorable(n.text) {
		p.spoil(n, "text must be valid Unicode without U+0000")
	}
	for _, e := range n.entries {
		if unstorable(e.key) {
			p.report(e.pos, "keys must be valid Unicode without U+0000")
		}
		p.checkStrings(e.value)
	}
	for _, item := range n.items {
		p.checkStrings(item)
	}
}

func unstorable(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

// contents are the sections of a file as they stand in it.
type contents struct {
	common       settings // for all environments
	environments []environment
	flags        []*flag
	overrides    []override
}

func (p place) readFile(root *node) *contents {
	c := &contents{}
	f, ok := p.fields(root, "the file", "version", "plans", "segments", "environments", "flags", "overrides")
	if !ok {
		return c
	}
	f.readVersion()
	c.common = f.readSettings()
	c.environments = f.readEnvironments()
	c.flags = f.readFlags()
	for _, n := range f.list("overrides") {
		if o, ok := p.readOverride(n); ok {
			c.overrides = append(c.overrides, o)
		}
	}
	if len(c.mentioned()) == 0 && len(*p.mistakes) == 0 {
		p.report(root.pos, "the file mentions no environment: name those it is for, as in environments: {production: {}}")
	}
	return c
}

func (f fields) readVersion() {
	n := f.value("version")
	if n == nil {
		f.missing("version", "a flags file begins with version: 1")
		return
	}
	if n.kind != number || n.text != "1" {
		f.spoil(n, "version must be 1, the only one there is")
	}
}

// settings are the plans and segments given for all environments, or inside one.
type settings struct {
	plansGiven, segmentsGiven bool
	plans                     []ruleset.Plan
	segments                  []ruleset.Segment
	planNodes, segmentNodes   map[string]*node
}

// readSettings reads the fields plans and segments. A list that is empty is given all the same.
func (f fields) readSettings() settings {
	s := settings{
		plansGiven: f.value("plans") != nil, segmentsGiven: f.value("segments") != nil,
		planNodes: map[string]*node{}, segmentNodes: map[string]*node{},
	}
	for _, n := range f.list("plans") {
		if plan, ok := f.place.readPlan(n); ok && f.first(s.planNodes, "plan", plan.Key, n) {
			s.plans = append(s.plans, plan)
		}
	}
	for _, n := range f.list("segments") {
		if segment, ok := f.place.readSegment(n); ok && f.first(s.segmentNodes, "segment", segment.Key, n) {
			s.segments = append(s.segments, segment)
		}
	}
	return s
}

// first reports whether a key is met for the first time, and notes where.
func (p place) first(seen map[string]*node, what, key string, n *node) bool {
	if before := seen[key]; before != nil {
		p.report(n.pos, "%s %q is defined twice; the first is in line %d", what, key, before.pos.Line)
		return false
	}
	seen[key] = n
	return true
}

// key reads the key that names a plan, a segment or a flag.
func (p place) key(n *node, what string) (string, bool) {
	f := fields{p, n}
	if f.value("key") == nil {
		f.missing("key", "it names the "+what)
		return "", false
	}
	key, at := f.text("key"), n.get("key")
	if at.spoilt {
		return "", false
	}
	if !ruleset.ValidKey(key) {
		f.spoil(at, "the key %q of a %s must be of at most 128 lower-case letters, digits, dots, dashes and underscores, and begin with a letter or a digit", key, what)
		return "", false
	}
	return key, true
}

func (p place) readPlan(n *node) (ruleset.Plan, bool) {
	f, ok := p.fields(n, "a plan", "key", "title", "rank", "features")
	if !ok {
		return ruleset.Plan{}, false
	}
	key, ok := p.key(n, "plan")
	f.place = p.named("plan", key)
	if f.value("rank") == nil {
		f.missing("rank", "of two plans, the higher rank includes what the lower does")
	}
	plan := ruleset.Plan{Key: key, Title: f.text("title"), Rank: f.whole("rank")}
	for _, item := range f.list("features") {
		feature, problem := item.asText()
		if problem != "" {
			f.spoil(item, "a feature %s", problem)
		}
		plan.Features = append(plan.Features, feature)
	}
	return plan, ok
}

func (p place) readSegment(n *node) (ruleset.Segment, bool) {
	f, ok := p.fields(n, "a segment", "key", "title", "when")
	if !ok {
		return ruleset.Segment{}, false
	}
	key, ok := p.key(n, "segment")
	f.place = p.named("segment", key)
	segment := ruleset.Segment{Key: key, Title: f.text("title")}
	when := f.value("when")
	if when == nil {
		f.missing("when", "the condition that makes the segment")
		return segment, ok
	}
	segment.When = f.readCondition(when)
	return segment, ok
}

// environment is an environment with what is given for it alone.
type environment struct {
	name string
	node *node
	pos  Position
	settings
}

func (f fields) readEnvironments() []environment {
	n := f.value("environments")
	if n == nil || !f.mapping(n, "environments") {
		return nil
	}
	var out []environment
	for _, e := range n.entries {
		p := f.in("environment %q", e.key)
		if !p.environmentName(e.key, e.pos) {
			continue
		}
		env := environment{name: e.key, node: e.value, pos: e.pos}
		if e.value.kind != null {
			if fields, ok := p.fields(e.value, "an environment", "plans", "segments"); ok {
				env.settings = fields.readSettings()
			}
		}
		out = append(out, env)
	}
	return out
}

func (p place) environmentName(name string, at Position) bool {
	if ruleset.ValidKey(name) {
		return true
	}
	p.report(at, "%q is no environment; use development, staging or production", name)
	return false
}
