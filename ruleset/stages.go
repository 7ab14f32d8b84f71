package ruleset

// FlagStages says how far the entity of a migration flag is, as a revision has it.
type FlagStages struct {
	Reachable StageSet // what anybody can be served, kills and the like counted; empty if that cannot be told
	Killed    bool
	Enabled   bool
	Malformed bool // it has mistakes, so no tenant's stage can be trusted: use the last definition that had none
	Staged    bool // of type string; else it has two stages, off and complete
}

// Stages says how far the entity of a migration flag is; false if the key is that of no migration flag, or of one that is
// archived.
func (r *Revision) Stages(key string) (FlagStages, bool) {
	n, ok := r.node(key)
	if !ok || n.flag.source.Kind != Migration {
		return FlagStages{}, false
	}
	s := FlagStages{Killed: n.killed, Enabled: n.flag.source.Enabled, Malformed: n.untrusted(), Staged: n.flag.staged}
	if !s.Malformed {
		s.Reachable = n.reachable()
	}
	return s, true
}

// untrusted reports whether what a migration flag serves may lead requests of one tenant to different databases.
func (n *node) untrusted() bool { return n.malformed != "" || n.flag.flawed }

// reachable are the stages that a sound migration flag can serve here.
func (n *node) reachable() StageSet {
	f := n.flag
	switch {
	case n.capped != 0:
		var set StageSet
		for _, stage := range f.reachable().All() {
			set |= StagesOf(stage.Capped())
		}
		return set
	case n.killed:
		return StagesOf(StageOff)
	case !f.source.Enabled: // overrides hold all the same
		return f.overriddenTo() | StagesOf(StageOff)
	}
	return f.reachable()
}

// reachable are the stages that a migration flag serves where it is neither killed nor disabled.
func (f *flag) reachable() StageSet { return f.overriddenTo() | f.ruled() }

// ruled are those that it serves whoever has no override.
func (f *flag) ruled() (set StageSet) {
	for i := range f.rules {
		r := &f.rules[i]
		if p := r.percent; p != nil && p.share == 0 && !p.moving && !p.calibrated {
			continue // nobody
		}
		set |= f.stagesOf(r.serve)
		if r.when == nil && r.percent == nil && r.split == nil {
			return set // nobody is left
		}
	}
	return set | f.stagesOf(f.otherwise)
}

func (f *flag) overriddenTo() (set StageSet) {
	for _, o := range f.tenants {
		set |= f.stagesOf(o.variant)
	}
	return set
}

// stagesOf is the stage that a variant stands for, if there is one.
func (f *flag) stagesOf(v variantIndex) StageSet {
	switch {
	case v == noVariant:
		return 0
	case f.staged:
		return StagesOf(Stage(v)) // their order is that of the stages
	case f.variants[v].on:
		return StagesOf(StageComplete)
	}
	return StagesOf(StageOff)
}

// steppedBack is a value of a staged flag after a kill, or where it is disabled.
func (f *flag) steppedBack(c cell, reason Reason) cell {
	return f.cell(variantIndex(Stage(c.variant).Capped()), reason, 0)
}
