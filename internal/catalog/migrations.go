package catalog

import "github.com/toprent/flags/ruleset"

// Migrations are the environment's migration flags, compiled without all others. What they serve is what [Environment.Revision]
// says, which takes much longer to make where there are many flags.
func (e *Environment) Migrations() *ruleset.Revision {
	e.moving.Do(func() {
		e.migrations, _ = ruleset.Compile(e.ID(), e.migrating(), nil) // what is wrong with them is told by Problems
	})
	return e.migrations
}

// migrating is what decides migration flags: themselves, and the flags that they follow, though none should.
func (e *Environment) migrating() ruleset.Definition {
	var def ruleset.Definition
	taken := map[string]bool{}
	var take func(f *Flag)
	take = func(f *Flag) {
		if taken[f.Key] {
			return
		}
		taken[f.Key] = true
		def.Flags = append(def.Flags, f.Flag)
		for _, o := range f.Overrides {
			def.Overrides = append(def.Overrides, o.Override)
		}
		for _, required := range f.Prerequisites {
			if followed, ok := e.Flag(required.Flag); ok {
				take(followed)
			}
		}
	}
	for _, f := range e.Flags {
		if f.Kind == ruleset.Migration {
			take(f)
		}
	}
	for _, s := range e.Segments {
		def.Segments = append(def.Segments, s.Segment)
	}
	for _, p := range e.Plans {
		def.Plans = append(def.Plans, p.Plan)
	}
	return def
}
