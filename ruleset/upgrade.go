package ruleset

// upgradable reports whether the flag would be on if the subject upgraded: everything is decided anew with the plan
// that an upgrade would sell, the flag's prerequisites and rules that read the plan included, so that nobody is sold
// what they would not get. Where no plan includes the flag, the subject would buy it as an add-on. A flag whose type
// is not boolean is on if it serves another variant than off.
func (e *evaluation) upgradable(n *node) bool {
	if to := n.flag.gate.upgrade(e.plan); to != "" {
		defer e.assumePlan(e.plan)
		e.assumePlan(to)
		if to != e.upgradedTo {
			e.upgradedTo, e.upgradedCells = to, nil
		}
		e.upgraded = true
		defer func() { e.upgraded = false }()
	}
	c := e.decideAdmitted(n)
	if n.flag.source.Type == Boolean {
		return c.bits&bitOn != 0
	}
	return c.reason != Error && c.variant != n.flag.off && c.variant != noVariant
}

func (e *evaluation) assumePlan(plan string) {
	e.plan = plan
	e.setID(slotPlan, plan)
}

// decideUpgraded decides a prerequisite for the upgraded subject. It remembers, since many flags may require it.
func (e *evaluation) decideUpgraded(i int32) cell {
	c, known := e.upgradedCells[i]
	if !known {
		c = e.decide(&e.revision.nodes[i])
		if e.upgradedCells == nil {
			e.upgradedCells = map[int32]cell{}
		}
		e.upgradedCells[i] = c
	}
	return c
}
