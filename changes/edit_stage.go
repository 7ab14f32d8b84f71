package changes

import "github.com/toprent/flags/ruleset"

// SetStage sets who is at which stage of a migration, and leaves everything else about the flag as it is.
type SetStage struct {
	Flag  string
	Stage string          // of everybody to whom no rule and no override gives another; empty: stays as it is
	Rules *[]ruleset.Rule // who has another; nil: they stay as they are

	// Force lets stages of the flag go further than to the next in this change, by this edit or by another. It takes a
	// reason, and lifts nothing else: nobody comes to read from a side that does not have all rows.
	Force bool

	Base int64 // the version of the flag's settings
}

func (e SetStage) apply(d *draft) {
	at := d.flagVersion(e.Flag)
	global, ok := d.about.flag(e.Flag)
	switch {
	case at.Theirs == nil && e.Base == 0:
		d.refuse(ruleset.Problem{Flag: e.Flag, Message: "there is no such flag in this environment"})
		return
	case !ok || !staged(global.Kind, global.Type):
		d.refuse(ruleset.Problem{Flag: e.Flag, Message: "it has no stages: those are for migration flags whose values are texts"})
		return
	case !d.isAt(at, e.Base):
		return
	}
	row, _ := d.flags.get(e.Flag)
	flag := row.Flag(global)
	if e.Stage != "" {
		if _, ok := ruleset.ParseStage(e.Stage); !ok {
			d.refuse(ruleset.Problem{Flag: e.Flag, Path: "otherwise", Message: "there is no stage “" + e.Stage + "”: use one of " + stageNames()})
			return
		}
		flag.Otherwise = e.Stage
	}
	if e.Rules != nil {
		flag.Rules = *e.Rules
	}
	if e.Force {
		d.force(e.Flag)
	}
	if e.Stage != "" || e.Rules != nil {
		d.putFlag(flag, flag.Killed)
	}
}

// force lets the stages of a flag go further than to the next.
func (d *draft) force(flag string) {
	if d.cutover.forced == nil {
		d.cutover.forced = map[string]bool{}
	}
	d.cutover.forced[flag] = true
}

func (e SetStage) item() Item              { return Item{Kind: ItemFlag, Key: e.Flag} }
func (e SetStage) rebased(base int64) Edit { e.Base = base; return e }

func stageNames() string { return ruleset.StagesOf(ruleset.Stages...).String() }
