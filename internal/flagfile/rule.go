package flagfile

import (
	"github.com/toprent/flags/ruleset"
)

func (p place) readRule(n *node, index int) ruleset.Rule {
	f, ok := p.fields(n, "a rule", "name", "when", "serve", "percent", "split", "seed")
	if !ok {
		return ruleset.Rule{}
	}
	rule := ruleset.Rule{Name: f.text("name"), Seed: f.text("seed")}
	if rule.Name != "" {
		f.place = p.in("rule %q", rule.Name)
	} else {
		f.place = p.in("rules[%d]", index)
	}
	rule.Serve = f.variant("serve")
	if when := f.value("when"); when != nil {
		condition := f.readCondition(when)
		rule.When = &condition
	}
	if percent := f.value("percent"); percent != nil {
		rule.Percent = f.readPercent(percent)
	}
	if split := f.value("split"); split != nil {
		rule.Split = f.readSplit(split)
	}
	return rule
}

func (p place) readPercent(n *node) *ruleset.Percent {
	f, ok := p.fields(n, "a percentage", "unit", "share", "serve", "from", "to", "start", "end", "calibrated")
	if !ok {
		return &ruleset.Percent{}
	}
	percent := &ruleset.Percent{Unit: f.text("unit"), Serve: f.variant("serve"), Start: f.instant("start"), End: f.instant("end")}
	var fixed, from, to bool
	percent.Share, fixed = f.share("share")
	percent.From, from = f.share("from")
	percent.To, to = f.share("to")
	switch moves := from || to || f.value("start") != nil || f.value("end") != nil; {
	case moves && fixed:
		f.spoil(n, "a percentage has either a share, or from, to, start and end")
	case moves && !(from && to):
		f.missing("from or to", "a percentage that moves needs from, to, start and end")
	case !moves && !fixed:
		f.missing("share", "give a number of percent, or from, to, start and end")
	}
	if calibrated := f.value("calibrated"); calibrated != nil {
		percent.Calibrated = f.readCalibration(calibrated)
	}
	return percent
}

// readCalibration reads a threshold as it was exported. A file cannot ask for one: nobody is counted when it is imported.
func (p place) readCalibration(n *node) *ruleset.Calibration {
	f, ok := p.fields(n, "calibrated", "threshold", "of", "share", "known", "in", "at")
	if !ok {
		return &ruleset.Calibration{}
	}
	if f.value("threshold") == nil {
		f.missing("threshold", "only a calibration that was exported can stand in a file; on the settings pages, those seen are counted")
	}
	c := &ruleset.Calibration{Threshold: f.text("threshold"), Of: f.text("of"), Known: f.whole("known"), In: f.whole("in")}
	c.Share, _ = f.share("share")
	if at := f.instant("at"); at != nil {
		c.At = *at
	}
	return c
}

func (p place) readSplit(n *node) *ruleset.Split {
	f, ok := p.fields(n, "a split", "unit", "weights")
	if !ok {
		return &ruleset.Split{}
	}
	split := &ruleset.Split{Unit: f.text("unit")}
	weights := f.value("weights")
	if weights == nil || !p.mapping(weights, "weights") {
		return split
	}
	split.Weights = map[string]ruleset.Weight{}
	for _, e := range weights.entries {
		split.Weights[e.key] = p.readWeight(e.value)
	}
	return split
}

func (p place) readWeight(n *node) ruleset.Weight {
	if n.kind != number {
		p.spoil(n, "a weight must be a number, but is %s", n.kind)
		return 0
	}
	weight, err := ruleset.ParseWeight(n.text)
	if err != nil {
		p.spoil(n, "%v", err)
	}
	return weight
}

func (p place) readPrerequisite(n *node) ruleset.Prerequisite {
	f, ok := p.fields(n, "a prerequisite", "flag", "variant")
	if !ok {
		return ruleset.Prerequisite{}
	}
	for _, name := range []string{"flag", "variant"} {
		if f.value(name) == nil {
			f.missing(name, "a prerequisite names a flag and the variant that it must serve")
		}
	}
	return ruleset.Prerequisite{Flag: f.text("flag"), Variant: f.variant("variant")}
}
