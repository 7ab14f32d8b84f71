// Package readiness says whether an entity is ready for its next stage, and why not yet. It does no I/O and reads no clock:
// the board, alerts and commands that are given the same facts give the same answer.
package readiness

import (
	"fmt"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Facts are what is known of an entity in one environment.
type Facts struct {
	Stages   ruleset.StageSet       // that can be served now
	Since    time.Time              // since when it is those; zero: not known
	Progress models.CutoverProgress // the zero value: nothing was ever copied
	Limits   models.CutoverLimits
	Told     Totals                  // what instances tell
	Agreed   models.CutoverAgreement // what was compared over the time that the limits name
	Waiting  []string                // instances that have not acknowledged the last change
}

// Check is one condition of the next step.
type Check struct {
	OK   bool
	What string // the condition
	Why  string // how it stands
}

// Verdict says whether an entity is ready for its next stage.
type Verdict struct {
	Next   ruleset.Stage // meaningless at the end
	End    bool          // there is no next stage
	Checks []Check
}

// Ready reports whether there is a next stage and nothing stands against it.
func (v Verdict) Ready() bool { return !v.End && v.Missing() == 0 }

// Missing is how many conditions are not met.
func (v Verdict) Missing() (n int) {
	for _, check := range v.Checks {
		if !check.OK {
			n++
		}
	}
	return n
}

// Of judges an entity. The next stage is the one after the earliest of its stages: whoever is behind goes first.
func Of(f Facts, now time.Time) Verdict {
	if f.Stages.Empty() {
		return Verdict{End: true}
	}
	at := f.Stages.Min()
	if at == ruleset.StageComplete {
		return Verdict{End: true}
	}
	v := Verdict{Next: at + 1, Checks: []Check{followed(f), working(f)}}
	if at != ruleset.StageOff {
		v.Checks = append(v.Checks, copied(f), verified(f))
	}
	if at.Compared() {
		v.Checks = append(v.Checks, agrees(f))
	}
	if at >= ruleset.StageShadow {
		v.Checks = append(v.Checks, lasted(f, now))
	}
	if at != ruleset.StageOff {
		v.Checks = append(v.Checks, repaired(f))
	}
	return v
}

// followed: two stages beside each other are safe, three are not.
func followed(f Facts) Check {
	c := Check{OK: len(f.Waiting) == 0, What: "Every instance follows the last change"}
	switch n := len(f.Waiting); {
	case n == 1:
		c.Why = "One has not acknowledged it yet: " + f.Waiting[0]
	case n > 1:
		c.Why = fmt.Sprintf("%d have not acknowledged it yet", n)
	case f.Told.Running == 0:
		c.Why = "No instance tells of this entity"
	default:
		c.Why = fmt.Sprintf("Acknowledged by %s", counted(int64(f.Told.Running), "instance"))
	}
	return c
}

func working(f Facts) Check {
	c := Check{OK: f.Told.Problem == "", What: "No instance has a problem", Why: "None tells of one"}
	if !c.OK {
		c.Why = f.Told.Problem
	}
	return c
}

func copied(f Facts) Check {
	p := f.Progress
	c := Check{What: "All rows are copied", OK: p.State == models.CutoverDone || p.State == models.CutoverVerifying}
	switch {
	case p.Error != "":
		c.OK, c.Why = false, p.Error
	case c.OK:
		c.Why = counted(p.Copied, "row") + " copied"
	case p.State == models.CutoverCopying && p.Total > 0:
		c.Why = fmt.Sprintf("%s of %s", thousands(p.Copied), counted(p.Total, "row"))
	case p.State == models.CutoverCopying:
		c.Why = counted(p.Copied, "row") + " so far"
	case p.State == models.CutoverWaiting:
		c.Why = "It begins once every instance writes both sides"
	default:
		c.Why = "It has not begun"
	}
	return c
}

func verified(f Facts) Check {
	c := Check{What: "A full verification has compared all rows", OK: f.Progress.State == models.CutoverDone && f.Progress.VerifiedAt != nil}
	switch {
	case c.OK:
		c.Why = counted(f.Progress.Compared, "row") + " compared, none different"
		if f.Progress.Different > 0 {
			c.Why = fmt.Sprintf("%s compared, %s different and mended", counted(f.Progress.Compared, "row"), thousands(f.Progress.Different))
		}
	case f.Progress.State == models.CutoverVerifying:
		c.Why = fmt.Sprintf("%s compared so far", counted(f.Progress.Compared, "row"))
	default:
		c.Why = "It comes after the copying"
	}
	return c
}

// agrees asks about the time that the limits name, whichever instances have come and gone meanwhile. With few comparisons,
// nothing is said: one that differs would be too many, and none that does would prove nothing.
func agrees(f Facts) Check {
	over, least := Over(f.Limits), max(1, f.Limits.Compared)
	agreement := Agreement(f.Agreed.Compared, f.Agreed.Different)
	enough := f.Agreed.Compared >= least
	c := Check{What: fmt.Sprintf("At least %s of comparisons agreed over the last %s", Parts(f.Limits.Agreement), over), OK: enough && agreement >= f.Limits.Agreement}
	switch {
	case f.Agreed.Compared == 0:
		c.Why = "Nothing was compared in that time"
	case !enough:
		c.Why = fmt.Sprintf("Only %s in that time: with fewer than %s nothing is said", counted(f.Agreed.Compared, "comparison"), thousands(least))
	default:
		c.Why = fmt.Sprintf("%s of %s", Parts(agreement), counted(f.Agreed.Compared, "comparison"))
	}
	return c
}

// Over is the time over which agreement is asked for, as it follows on "the last".
func Over(limits models.CutoverLimits) string { return strings.TrimPrefix(span(limits.Window()), "1 ") }

func lasted(f Facts, now time.Time) Check {
	long := time.Duration(f.Limits.Minutes) * time.Minute
	if long == 0 {
		return Check{OK: true, What: "It may be in this stage for as short a time as you like", Why: "No time is asked for"}
	}
	c := Check{What: "It has been in this stage for at least " + span(long), OK: !f.Since.IsZero() && now.Sub(f.Since) >= long}
	if f.Since.IsZero() {
		c.Why = "Since when is not known"
	} else {
		c.Why = span(now.Sub(f.Since)) + " so far"
	}
	return c
}

func repaired(f Facts) Check {
	c := Check{What: "No write waits for repair, and no key to be copied again", OK: f.Told.Queue == 0 && f.Told.Marked == 0, Why: "None does"}
	if !c.OK {
		c.Why = fmt.Sprintf("%s and %s", counted(f.Told.Queue, "write"), counted(f.Told.Marked, "marked key"))
	}
	return c
}
