package ruleset

// Reachable gives a flag's definition and the variants that somebody could be served, in their stored order: at some time,
// with some attributes. It is false for a key that is no flag here.
func (r *Revision) Reachable(key string) (flag Flag, variants []Variant, ok bool) {
	n, ok := r.node(key)
	if !ok {
		return Flag{}, nil, false
	}
	reached := n.variantsReached()
	for i := range n.flag.variants {
		if v := &n.flag.variants[i]; reached[variantIndex(i)] {
			variants = append(variants, Variant{Name: v.name, Value: v.raw})
		}
	}
	return n.flag.source, variants, true
}

// variantsReached goes through the cases in which a flag is decided, as decide does, and notes what each could serve.
func (n *node) variantsReached() map[variantIndex]bool {
	f, reached := n.flag, map[variantIndex]bool{}
	if f.staged {
		for _, stage := range n.reachable().All() {
			reached[variantIndex(stage)] = true // their order is that of the stages
		}
		return reached
	}
	if n.killed {
		reached[f.off] = true
		return reached
	}
	if f.gate != nil || n.guard != nil {
		reached[f.off] = true
	}
	if n.malformed != "" {
		reached[f.fallback] = true
		return reached
	}
	for _, overrides := range []map[string]override{f.users, f.tenants} {
		for _, o := range overrides {
			reached[o.variant] = true
		}
	}
	if !f.source.Enabled {
		reached[f.off] = true
		return reached
	}
	if len(n.requires) > 0 {
		reached[f.off] = true
	}
	for i := range f.rules {
		rule := &f.rules[i]
		if rule.split == nil {
			reached[rule.serve] = true
		} else {
			for _, part := range rule.split.ranges {
				reached[part.variant] = true
			}
		}
		if rule.when == nil && rule.percent == nil {
			return reached // nothing is left for what follows
		}
	}
	reached[f.otherwise] = true
	return reached
}
