package flagfile

import (
	"errors"
	"slices"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// compile reports the mistakes that show only when each environment's definition is compiled. What the file names
// but does not define may be in the database, so it is assumed to be there and as it has to be; and what follows from
// a mistake already reported is left out.
func (f *File) compile(c *contents, mistakes *Mistakes) {
	unreadable := map[string]bool{}
	for _, flag := range c.flags {
		unreadable[flag.document.Key] = flag.unreadable()
	}
	for _, env := range f.Document.Environments {
		from := f.environments[env.Name]
		_, err := ruleset.Compile(ruleset.ID{Environment: env.Name}, complete(env, from, unreadable), nil)
		var problems ruleset.Problems
		if err != nil && !errors.As(err, &problems) {
			*mistakes = append(*mistakes, Mistake{f.name, from.pos, err.Error()})
		}
		for _, p := range problems {
			// What stands nowhere in the file was assumed.
			if t := from.find(p); t.pos != (Position{}) && !t.doubtful() {
				*mistakes = append(*mistakes, Mistake{f.name, t.pos, p.Error()})
			}
		}
	}
}

// unreadable reports whether so much of a flag is wrong that compiling it could only confuse.
func (f *flag) unreadable() bool {
	if f.document.Kind == "" || f.document.Type == "" || f.variantsFaulty(f.node) {
		return true
	}
	return slices.ContainsFunc(f.entries, func(e flagEntry) bool { return f.variantsFaulty(e.node) })
}

func (f *flag) variantsFaulty(n *node) bool {
	variants := n.get("variants")
	return variants != nil && variants.faulty()
}

// complete is an environment's definition with all that it refers to.
func complete(env changes.EnvironmentDocument, from *sources, unreadable map[string]bool) ruleset.Definition {
	def := ruleset.Definition{
		Plans:     slices.Clone(env.Definition.Plans),
		Segments:  slices.Clone(env.Definition.Segments),
		Overrides: env.Definition.Overrides,
	}
	for i, s := range def.Segments {
		if from.segments[s.Key].faulty() {
			def.Segments[i].When = anybody
		}
	}
	for _, flag := range env.Definition.Flags {
		if unreadable[flag.Key] {
			continue
		}
		if flag.Salt == "" {
			flag.Salt = flag.Key // chosen at creation
		}
		def.Flags = append(def.Flags, flag)
	}
	a := assumptions{def: &def, plans: map[string]bool{}, segments: map[string]bool{}, flags: map[string]int{}}
	a.assume()
	return def
}

// anybody stands for a condition that is not known. Any flag may ask for the tenant, even one of a migration.
var anybody = ruleset.Condition{Attribute: ruleset.AttributeTenant, Operator: ruleset.Exists}

// assumptions add to a definition what it refers to. Keys that nothing can have are not added, so that Compile
// reports them.
type assumptions struct {
	def             *ruleset.Definition
	plans, segments map[string]bool
	flags           map[string]int // place in def.Flags of an assumed flag; -1: defined
}

func (a *assumptions) assume() {
	for _, p := range a.def.Plans {
		a.plans[p.Key] = true
	}
	for _, s := range a.def.Segments {
		a.segments[s.Key] = true
	}
	for _, f := range a.def.Flags {
		a.flags[f.Key] = -1
	}
	for _, s := range slices.Clone(a.def.Segments) {
		a.condition(&s.When)
	}
	for _, f := range slices.Clone(a.def.Flags) {
		a.ofFlag(f)
	}
	for _, o := range a.def.Overrides {
		a.flag(o.Flag, o.Variant)
	}
}

func (a *assumptions) ofFlag(f ruleset.Flag) {
	if key := f.TierRequired; ruleset.ValidKey(key) && !a.plans[key] {
		a.plans[key] = true
		a.def.Plans = append(a.def.Plans, ruleset.Plan{Key: key})
	}
	for _, p := range f.Prerequisites {
		a.flag(p.Flag, p.Variant)
	}
	for _, r := range f.Rules {
		if r.When != nil {
			a.condition(r.When)
		}
	}
}

func (a *assumptions) condition(c *ruleset.Condition) {
	if key := c.Segment; ruleset.ValidKey(key) && !a.segments[key] {
		a.segments[key] = true
		a.def.Segments = append(a.def.Segments, ruleset.Segment{Key: key, When: anybody})
	}
	if c.Not != nil {
		a.condition(c.Not)
	}
	for _, children := range [][]ruleset.Condition{c.All, c.Any} {
		for i := range children {
			a.condition(&children[i])
		}
	}
}

// flag assumes a flag with a variant.
func (a *assumptions) flag(key, variant string) {
	i, known := a.flags[key]
	if !ruleset.ValidKey(key) || known && i < 0 {
		return
	}
	if !known {
		i = len(a.def.Flags)
		a.flags[key] = i
		a.def.Flags = append(a.def.Flags, ruleset.Flag{Key: key, Kind: ruleset.Operational, Type: ruleset.String, Salt: key})
	}
	f := &a.def.Flags[i]
	if !ruleset.ValidVariant(variant) || slices.ContainsFunc(f.Variants, func(v ruleset.Variant) bool { return v.Name == variant }) {
		return
	}
	if len(f.Variants) == ruleset.MaxVariants {
		return
	}
	f.Variants = append(f.Variants, ruleset.Variant{Name: variant, Value: []byte(`""`)})
	f.Off, f.Otherwise, f.Default = f.Variants[0].Name, f.Variants[0].Name, f.Variants[0].Name
}
