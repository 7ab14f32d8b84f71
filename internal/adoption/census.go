package adoption

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Census is who has a flag on at a moment: all who are known, by plan, by tenant and by variant. It must not be changed.
type Census struct {
	People, Tenants Tally
	Plans           []Plan    // by the plans' ranks, those that are no plans behind, who has none last
	Variants        []Variant // in the flag's order; those who get none last, if there are any
	ByTenant        []Tenant  // those with most people first
	ByVisitor       bool      // the flag can depend on the browser, which nobody is counted with
}

// Plan is those with a plan, as they were seen last.
type Plan struct {
	Key, Title      string // both empty: no plan is known
	People, Tenants Tally
}

// Variant is who gets a variant.
type Variant struct {
	Name            string // empty: none, so the fallback in the code
	People, Tenants int64
}

// Tenant is a tenant with its people.
type Tenant struct {
	ID     string
	Plan   string // the tenant's own, as it was seen last; empty: unknown
	Seen   bool   // the tenant itself is known, not only people of it
	On     bool   // it has the flag on by itself, without a user
	People Tally
}

// count goes through everybody.
type count struct {
	flag    *catalog.Flag
	decider *ruleset.Decider
	now     time.Time

	attributes []string // that the decider reads
	subject    ruleset.Subject

	variants map[string]*Variant
	plans    map[string]*Plan
	tenants  map[string]*Tenant
}

// Count decides a flag for everybody who was seen.
func Count(environment *catalog.Environment, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) *Census {
	c := &count{flag: flag, decider: environment.Revision().Decider(flag.Key), now: now,
		variants: map[string]*Variant{}, plans: map[string]*Plan{}, tenants: make(map[string]*Tenant, len(seen.Tenants))}
	c.attributes = c.decider.Attributes()
	census := &Census{ByVisitor: c.decider.ByVisitor()}
	for _, s := range seen.Tenants {
		on, variant := c.decide(s)
		census.Tenants.add(on)
		variant.Tenants++
		c.plan(s.Plan).Tenants.add(on)
		c.tenants[s.ID] = &Tenant{ID: s.ID, Plan: s.Plan, Seen: true, On: on}
	}
	for _, s := range seen.People {
		on, variant := c.decide(s)
		census.People.add(on)
		variant.People++
		c.plan(s.Plan).People.add(on)
		if s.Tenant != "" {
			c.tenant(s.Tenant).People.add(on)
		}
	}
	census.Plans, census.Variants, census.ByTenant = c.sortedPlans(environment), c.sortedVariants(), c.sortedTenants()
	return census
}

func (c *count) decide(s *directory.Seen) (on bool, variant *Variant) {
	s.Fill(&c.subject, c.attributes)
	d := c.decider.Decide(&c.subject, c.now)
	variant = c.variants[d.Variant]
	if variant == nil {
		variant = &Variant{Name: d.Variant}
		c.variants[d.Variant] = variant
	}
	return On(&c.flag.Flag, d), variant
}

func (c *count) plan(key string) *Plan {
	plan := c.plans[key]
	if plan == nil {
		plan = &Plan{Key: key, Title: key}
		c.plans[key] = plan
	}
	return plan
}

func (c *count) tenant(id string) *Tenant {
	tenant := c.tenants[id]
	if tenant == nil {
		tenant = &Tenant{ID: id}
		c.tenants[id] = tenant
	}
	return tenant
}

// sortedPlans puts the environment's plans first, whether or not anybody has them.
func (c *count) sortedPlans(environment *catalog.Environment) (plans []Plan) {
	for _, known := range environment.Plans {
		plan := *c.plan(known.Key)
		plan.Title = cmp.Or(known.Title, known.Key)
		plans = append(plans, plan)
		delete(c.plans, known.Key)
	}
	var others []Plan
	for _, plan := range c.plans {
		others = append(others, *plan)
	}
	slices.SortFunc(others, func(a, b Plan) int {
		if (a.Key == "") != (b.Key == "") {
			return cmp.Compare(b.Key, a.Key)
		}
		return cmp.Compare(a.Key, b.Key)
	})
	return append(plans, others...)
}

func (c *count) sortedVariants() (variants []Variant) {
	for _, v := range c.flag.AllVariants() {
		if counted := c.variants[v.Name]; counted != nil {
			variants = append(variants, *counted)
			delete(c.variants, v.Name)
		} else {
			variants = append(variants, Variant{Name: v.Name})
		}
	}
	var others []Variant
	for _, counted := range c.variants {
		others = append(others, *counted)
	}
	slices.SortFunc(others, func(a, b Variant) int { return cmp.Compare(b.Name, a.Name) })
	return append(variants, others...)
}

func (c *count) sortedTenants() []Tenant {
	tenants := make([]Tenant, 0, len(c.tenants))
	for _, tenant := range c.tenants {
		tenants = append(tenants, *tenant)
	}
	slices.SortFunc(tenants, func(a, b Tenant) int {
		return cmp.Or(cmp.Compare(b.People.Known, a.People.Known), strings.Compare(a.ID, b.ID))
	})
	return tenants
}

// PeopleWith is how many of all people get a variant.
func (c *Census) PeopleWith(v Variant) Tally { return Tally{v.People, c.People.Known} }

// TenantsWith is how many of all tenants get a variant.
func (c *Census) TenantsWith(v Variant) Tally { return Tally{v.Tenants, c.Tenants.Known} }
