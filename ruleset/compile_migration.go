package ruleset

import (
	"fmt"
	"slices"
	"strings"
)

// MayReadForMigration reports whether a migration flag's rules may ask for an attribute: what is the same in all requests
// of a tenant at one moment. Those are its id, its plan, and what the host names tenant.something.
func MayReadForMigration(attribute string) bool {
	switch attribute {
	case AttributeTenant, AttributePlan, AttributePlanRank:
		return true
	}
	return strings.HasPrefix(attribute, "tenant.") && len(attribute) > len("tenant.")
}

const mayRead = "ask for tenant, plan, plan.rank or an attribute whose name begins with “tenant.” instead"

// checkMigration refuses what could lead two requests of one tenant to different databases, or move a tenant without
// anybody's doing. A staged flag with such a mistake is set aside. Another one goes on as it is stored, since its mistakes
// may be older than these rules, and to serve something else now would move its data.
func (c *flagCompiler) checkMigration(overrides []indexedOverride) {
	s := c.source
	if s.Kind != Migration || s.Archived || s.Malformed != "" {
		return
	}
	before := len(c.problems)
	c.checkForm()
	c.checkPlanFree()
	if len(s.Prerequisites) > 0 {
		c.report(c.at("prerequisites"), "a migration flag follows no other flag, which would move data when it changes: remove its prerequisites")
	}
	for _, o := range overrides {
		c.checkMigrationOverride(o)
	}
	changing := c.checkMigrationRules()
	c.checkNeighbours(changing)
	c.flag.flawed = c.flag.flawed || len(c.problems) > before
}

// checkForm knows two forms: staged, and boolean.
func (c *flagCompiler) checkForm() {
	switch {
	case c.source.Staged() && !haveStages(c.flag.variants):
		c.report(c.at("variants"), "the variants of a staged migration flag are %s, in this order, each with its name as its value: leave variants out, and it has them", StagesOf(Stages...))
	case !c.source.Staged() && c.source.Type != Boolean:
		c.report(c.at("type"), "a migration flag is of type string (it has the stages %s) or boolean (off and on, where the host copies the data itself): make a new flag of one of these", StagesOf(Stages...))
	}
}

// checkPlanFree refuses plan gates: data must not move with what a tenant buys.
func (c *flagCompiler) checkPlanFree() {
	if c.source.TierRequired != "" {
		c.report(c.at("tier_required"), "a migration flag needs no plan, since data must not move with what a tenant buys: leave tier_required empty")
	}
	for _, plan := range c.definition.Plans {
		if slices.Contains(plan.Features, c.source.Key) {
			c.report(c.at(""), "plan %q lists it among its features, but data must not move with what a tenant buys: take it out of the plan", plan.Key)
		}
	}
}

func (c *flagCompiler) checkMigrationOverride(o indexedOverride) {
	at := Problem{Flag: o.Flag, Override: o.index + 1}
	if o.User != "" {
		c.report(at, "a migration flag has no overrides of users, since all of a tenant must meet the same database: override the tenant")
	}
	if o.Expires != nil {
		c.report(at, "an override of a migration flag never expires, since that would move the tenant by itself: leave the expiry out, and remove the override when it is time")
	}
}

// changing is a rule of a migration flag that asks for what may change at any moment.
type changing struct {
	rule      int
	attribute string
}

// checkMigrationRules checks what rules count and ask for. It gives the first that asks for anything but the tenant's id.
func (c *flagCompiler) checkMigrationRules() *changing {
	var first *changing
	for i := range c.flag.rules {
		source, r := &c.source.Rules[i], &c.flag.rules[i]
		c.rule = source.Name
		if source.Split != nil {
			c.report(c.at("rules[%d].split", i), "a migration flag has no splits: serve one stage, or a stage to a share of tenants")
		}
		if p := source.Percent; p != nil {
			c.checkMigrationPercent(p, fmt.Sprintf("rules[%d].percent", i))
		}
		if r.when == nil {
			continue
		}
		if attribute := c.checkMigrationCondition(r.when, fmt.Sprintf("rules[%d].when", i)); attribute != "" && first == nil {
			first = &changing{i, attribute}
		}
	}
	c.rule = ""
	return first
}

func (c *flagCompiler) checkMigrationPercent(p *Percent, path string) {
	if p.Moving() {
		c.report(c.at("%s", path), "a migration flag's share does not move by itself, since somebody has to look after each step: give a fixed share, and raise it")
	}
	if p.Unit != AttributeTenant {
		c.report(c.at("%s.unit", path), "counts %q, but all of a tenant must meet the same database: count tenants (unit: tenant)", p.CountedBy())
	}
}

// checkMigrationCondition refuses what may differ between two requests of a tenant. It gives the first attribute that is
// allowed, but may change at any moment.
func (c *flagCompiler) checkMigrationCondition(when *condition, path string) (changes string) {
	note := func(attribute string) {
		if changes == "" && attribute != AttributeTenant && MayReadForMigration(attribute) {
			changes = attribute
		}
	}
	switch when.form {
	case inSegment:
		for _, attribute := range when.segment.condition.attributes(nil) {
			if note(attribute); !MayReadForMigration(attribute) {
				c.report(c.at("%s.segment", path), "segment %q asks for %q, which may differ between two requests of a tenant: name a segment that asks for tenant, plan, plan.rank and “tenant.” attributes only",
					when.segment.source.Key, attribute)
			}
		}
	case comparison:
		attribute := when.source.Attribute
		if note(attribute); attribute != "" && !MayReadForMigration(attribute) {
			c.report(c.at("%s.attribute", path), "%q may differ between two requests of a tenant, which must meet the same database: %s", attribute, mayRead)
		}
	}
	for i := range when.children {
		inner := path + ".not"
		switch when.form {
		case all:
			inner = fmt.Sprintf("%s.all[%d]", path, i)
		case anyOf:
			inner = fmt.Sprintf("%s.any[%d]", path, i)
		}
		note(c.checkMigrationCondition(&when.children[i], inner))
	}
	return changes
}

// attributes appends the names of the attributes that a condition asks for, each once.
func (c *condition) attributes(names []string) []string {
	switch {
	case c.form == inSegment:
		names = c.segment.condition.attributes(names)
	case c.form == comparison && c.source.Attribute != "" && !slices.Contains(names, c.source.Attribute):
		names = append(names, c.source.Attribute)
	}
	for i := range c.children {
		names = c.children[i].attributes(names)
	}
	return names
}

// checkNeighbours: a tenant whose plan changes goes from any stage to any other, at once and while requests are under way.
// Who has an override stays where that says, so that a tenant can be stepped back from what a plan gives it.
func (c *flagCompiler) checkNeighbours(reads *changing) {
	if reads == nil || !haveStages(c.flag.variants) {
		return
	}
	reachable := c.flag.ruled()
	if reachable.Empty() || reachable.Max()-reachable.Min() <= 1 {
		return
	}
	at := c.at("rules[%d].when", reads.rule)
	at.Rule = c.source.Rules[reads.rule].Name
	c.report(at, "asks for %q, which may change at any moment, so a tenant may come from any stage to any other: serve two stages at most, that follow one another, or ask for the tenant alone; now it serves %s",
		reads.attribute, reachable)
}
