package ruleset

// indexedOverride is an override with its place in the definition, for reports.
type indexedOverride struct {
	Override
	index int
}

// overridesByFlag groups the overrides by flag, and reports those of no flag.
func (c *compiler) overridesByFlag() map[string][]indexedOverride {
	count := make(map[string]int, len(c.definition.Flags)) // by flag, so that the many of one are not moved as they grow
	for i := range c.definition.Flags {
		count[c.definition.Flags[i].Key] = 0
	}
	for i := range c.definition.Overrides {
		if n, known := count[c.definition.Overrides[i].Flag]; known {
			count[c.definition.Overrides[i].Flag] = n + 1
		}
	}
	byFlag := map[string][]indexedOverride{}
	for i, o := range c.definition.Overrides {
		n, known := count[o.Flag]
		if !known {
			c.report(Problem{Flag: o.Flag, Override: i + 1}, "there is no such flag in this environment")
			continue
		}
		if byFlag[o.Flag] == nil {
			byFlag[o.Flag] = make([]indexedOverride, 0, n)
		}
		byFlag[o.Flag] = append(byFlag[o.Flag], indexedOverride{o, i})
	}
	return byFlag
}

// compileOverrides leaves out those with mistakes, and reports them.
func (c *flagCompiler) compileOverrides(overrides []indexedOverride) {
	f := c.flag
	f.users, f.tenants = map[string]override{}, map[string]override{}
	for _, o := range overrides {
		byID, id := f.users, o.User
		if o.Tenant != "" {
			byID, id = f.tenants, o.Tenant
		}
		compiled := override{variant: f.variantNamed(o.Variant), expires: o.Expires}
		f.timed = f.timed || o.Expires != nil
		_, twice := byID[id]
		at := Problem{Flag: o.Flag, Override: o.index + 1}
		reported := len(c.problems)
		switch {
		case (o.User == "") == (o.Tenant == ""):
			c.report(at, "an override is for exactly one of user and tenant")
		case len(id) > MaxID:
			c.report(at, "the id is %d bytes long: at most %d are allowed", len(id), MaxID)
		case twice:
			c.report(at, "%s has two overrides of this flag: remove one", id)
		case compiled.variant == noVariant && f.malformed == "":
			c.report(at, "there is no variant %q: %s", o.Variant, c.variantNames())
		}
		if len(c.problems) > reported || compiled.variant == noVariant {
			f.flawed = true
			continue
		}
		byID[id] = compiled
	}
}
