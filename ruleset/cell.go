package ruleset

// cell is one decided value: four bytes, so that a hundred flags fit into a few cache lines.
type cell struct {
	variant variantIndex
	reason  Reason
	rule    uint8 // place of the rule (of the prerequisite, if that was the reason), from 1; 0: none
	bits    uint8
}

const (
	bitOn         uint8 = 1 << iota // the value is boolean true
	bitUpgradable                   // excluded by the plan, and an upgrade would turn it on
)

func (f *flag) cell(v variantIndex, reason Reason, rule uint8) cell {
	c := cell{variant: v, reason: reason, rule: rule}
	if v != noVariant && f.variants[v].on {
		c.bits = bitOn
	}
	return c
}
