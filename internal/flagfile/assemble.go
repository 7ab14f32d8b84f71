package flagfile

import (
	"cmp"
	"slices"

	"github.com/toprent/flags/changes"
)

// mentioned are the environments that a file is for, with the places that first name them.
func (c *contents) mentioned() map[string]Position {
	out := map[string]Position{}
	mention := func(name string, pos Position) {
		if first, ok := out[name]; !ok || pos.before(first) {
			out[name] = pos
		}
	}
	for _, e := range c.environments {
		mention(e.name, e.pos)
	}
	for _, f := range c.flags {
		for _, e := range f.entries {
			mention(e.environment, e.pos)
		}
	}
	for _, o := range c.overrides {
		mention(o.environment, o.node.pos)
	}
	return out
}

// compareEnvironments orders environments as changes travel through them, others by name behind.
func compareEnvironments(a, b string) int {
	stages := []string{"development", "staging", "production"}
	stage := func(name string) int {
		if i := slices.Index(stages, name); i >= 0 {
			return i
		}
		return len(stages)
	}
	return cmp.Or(cmp.Compare(stage(a), stage(b)), cmp.Compare(a, b))
}

// assemble puts what a file says together for each environment.
func (c *contents) assemble(name string) *File {
	file := &File{name: name, environments: map[string]*sources{}}
	global := &sources{flags: map[string]flagSource{}}
	for _, f := range c.flags {
		file.Document.Flags = append(file.Document.Flags, f.document)
		global.flags[f.document.Key] = flagSource{flag: f.node}
	}
	file.environments[""] = global
	mentioned := c.mentioned()
	names := make([]string, 0, len(mentioned))
	for name := range mentioned {
		names = append(names, name)
	}
	slices.SortFunc(names, compareEnvironments)
	for _, name := range names {
		from := &sources{pos: mentioned[name], flags: map[string]flagSource{}}
		file.environments[name] = from
		file.Document.Environments = append(file.Document.Environments, c.environment(name, from))
	}
	return file
}

// environment is what a file says about one environment; it notes where each part comes from.
func (c *contents) environment(name string, from *sources) changes.EnvironmentDocument {
	out := changes.EnvironmentDocument{Name: name}
	s := c.settingsOf(name)
	out.PlansGiven, out.SegmentsGiven = s.plansGiven, s.segmentsGiven
	out.Definition.Plans, out.Definition.Segments = s.plans, s.segments
	from.plans, from.segments = s.planNodes, s.segmentNodes
	for _, f := range c.flags {
		source := flagSource{flag: f.node}
		definition, ok := f.implied()
		for _, e := range f.entries {
			if e.environment == name {
				definition, ok, source.entry = e.flag, true, e.node
			}
		}
		from.flags[f.document.Key] = source
		if ok {
			out.Definition.Flags = append(out.Definition.Flags, definition)
		}
	}
	for _, o := range c.overrides {
		if o.environment == name {
			out.Definition.Overrides = append(out.Definition.Overrides, o.Override)
			from.overrides = append(from.overrides, o.node)
		}
	}
	return out
}

// settingsOf are an environment's plans and segments: its own where they are given, else those for all.
func (c *contents) settingsOf(name string) settings {
	s := c.common
	for _, e := range c.environments {
		if e.name != name {
			continue
		}
		if e.plansGiven {
			s.plansGiven, s.plans, s.planNodes = true, e.plans, e.planNodes
		}
		if e.segmentsGiven {
			s.segmentsGiven, s.segments, s.segmentNodes = true, e.segments, e.segmentNodes
		}
	}
	return s
}
