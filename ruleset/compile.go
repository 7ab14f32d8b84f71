package ruleset

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// Compile checks a definition and makes the revision that is evaluated. The error, if any, is [Problems]: every
// mistake at once. The revision is usable all the same: a flag with a mistake is set aside and served by its default
// (Error), so that one bad row takes nothing else with it. Who publishes refuses on any error; who reads what is
// stored logs it and goes on.
//
// What is the same as in previous (nil at first) is shared with it.
func Compile(id ID, def Definition, previous *Revision) (*Revision, error) {
	c := &compiler{definition: &def, segments: map[string]*segment{}}
	if previous != nil {
		c.previous = previous
		c.attributes = slices.Clip(previous.attributes)
	}
	c.compilePlans()
	c.compileSegments()
	c.compileFlags()
	nodes := c.nodes()
	c.checkPrerequisites(nodes)
	r := &Revision{id: id, definition: def, plans: c.plans, segments: c.segments, compiled: c.byKey, attributes: c.attributes}
	r.assemble(nodes, c.hiddenGates())
	if len(c.problems) > 0 {
		return r, c.problems
	}
	return r, nil
}

// compiler holds what one call of Compile has made so far.
type compiler struct {
	definition *Definition
	previous   *Revision
	problems   Problems

	plans      *plans
	segments   map[string]*segment
	attributes []string         // those that rules read; a place once given stays, so that compiled flags can be shared
	flags      []*flag          // in the definition's order, archived ones left out
	byKey      map[string]*flag // archived ones too
}

func (c *compiler) report(p Problem, format string, args ...any) {
	p.Message = fmt.Sprintf(format, args...)
	c.problems = append(c.problems, p)
}

func (c *compiler) compilePlans() {
	if c.previous != nil && !c.previous.plans.flawed && reflect.DeepEqual(c.previous.plans.source, c.definition.Plans) {
		c.plans = c.previous.plans
		return
	}
	c.plans = &plans{byKey: map[string]Plan{}}
	for _, plan := range c.definition.Plans {
		_, twice := c.plans.byKey[plan.Key]
		switch {
		case !ValidKey(plan.Key):
			c.report(Problem{Plan: plan.Key}, "%s", keyHelp)
		case twice:
			c.report(Problem{Plan: plan.Key}, "is defined twice: remove one")
		default:
			c.plans.byKey[plan.Key] = plan
		}
	}
	c.plans.source = c.definition.Plans
	c.checkFeatures()
	c.plans.flawed = len(c.problems) > 0
}

const keyHelp = "a key must match ^[a-z0-9][a-z0-9._-]{0,127}$: lower-case letters, digits, dots, dashes and underscores"

func (c *compiler) checkFeatures() {
	for _, plan := range c.definition.Plans {
		seen := map[string]bool{}
		for i, feature := range plan.Features {
			at := Problem{Plan: plan.Key, Path: fmt.Sprintf("features[%d]", i)}
			switch {
			case !ValidKey(feature):
				c.report(at, "%q is no flag's key: %s", feature, keyHelp)
			case seen[feature]:
				c.report(at, "%q is listed twice: remove one", feature)
			}
			seen[feature] = true
		}
	}
}

func (c *compiler) compileFlags() {
	overrides := c.overridesByFlag()
	c.byKey = map[string]*flag{}
	for i := range c.definition.Flags {
		source := &c.definition.Flags[i]
		if _, twice := c.byKey[source.Key]; twice {
			c.report(Problem{Flag: source.Key}, "is defined twice: remove one")
			continue
		}
		f := c.compileFlag(source, overrides[source.Key])
		c.byKey[source.Key] = f
		if !source.Archived {
			c.flags = append(c.flags, f)
		}
	}
}

// compileFlag compiles one flag, or takes the one of the previous revision where nothing about it has changed.
func (c *compiler) compileFlag(source *Flag, overrides []indexedOverride) *flag {
	own := make([]Override, len(overrides))
	for i, o := range overrides {
		own[i] = o.Override
	}
	if f := c.shared(source, own); f != nil {
		return f
	}
	before := len(c.problems)
	fc := &flagCompiler{compiler: c, source: source, flag: &flag{source: *source, overrides: own, plans: c.plans, staged: source.Staged(), identity: unitHash(source.Key)}}
	fc.compile()
	fc.setAside(before)
	fc.compileOverrides(overrides)
	fc.checkMigration(overrides)
	if fc.flag.staged { // without one of its overrides too, a tenant would be in a stage that it is not in
		fc.setAside(before)
	}
	return fc.flag
}

// setAside makes a flag malformed that has mistakes, which are those since before.
func (c *flagCompiler) setAside(before int) {
	if len(c.problems) > before && c.flag.malformed == "" {
		c.flag.malformed = c.problems[before].Message
	}
}

// shared gives the previous revision's flag if it is the same in everything it depends on. Malformed ones are
// compiled again, so that their mistakes are reported again.
func (c *compiler) shared(source *Flag, overrides []Override) *flag {
	if c.previous == nil {
		return nil
	}
	f := c.previous.compiled[source.Key]
	if f == nil || f.malformed != "" || f.flawed || f.plans != c.plans {
		return nil
	}
	for _, s := range f.segments {
		if c.segments[s.source.Key] != s {
			return nil
		}
	}
	was, is := f.source, *source
	was.Killed, is.Killed = false, false // not compiled into the flag
	if !reflect.DeepEqual(was, is) || !sameOverrides(f.overrides, overrides) {
		return nil
	}
	return f
}

func sameOverrides(a, b []Override) bool {
	return slices.EqualFunc(a, b, func(x, y Override) bool {
		if (x.Expires == nil) != (y.Expires == nil) || x.Expires != nil && !x.Expires.Equal(*y.Expires) {
			return false
		}
		x.Expires, y.Expires = nil, nil
		return x == y
	})
}

// nodes are the live flags in the order of their keys.
func (c *compiler) nodes() []node {
	killed := c.definition.killed()
	nodes := make([]node, len(c.flags))
	for i, f := range c.flags {
		nodes[i] = node{flag: f, killed: killed[f.source.Key], malformed: f.malformed}
	}
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.flag.source.Key, b.flag.source.Key) })
	return nodes
}

// hiddenGates are the gates of keys that are no flags here (archived, or only listed by a plan), so that a caller's
// fallback cannot beat a plan.
func (c *compiler) hiddenGates() []*gate {
	var gates []*gate
	seen := map[string]bool{}
	add := func(key string, g *gate) {
		if g != nil && !seen[key] {
			seen[key] = true
			gates = append(gates, g)
		}
	}
	for key, f := range c.byKey {
		if f.source.Archived {
			add(key, f.gate)
		}
	}
	for _, plan := range c.definition.Plans {
		for _, feature := range plan.Features {
			if c.byKey[feature] == nil {
				add(feature, c.plans.gateOf(feature, Release, ""))
			}
		}
	}
	slices.SortFunc(gates, func(a, b *gate) int { return cmp.Compare(a.key, b.key) })
	return gates
}
