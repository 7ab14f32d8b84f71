package changes

import (
	"fmt"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// What can stand against a change of a migration's stages.
const (
	CutoverNew       = "new"       // a new migration flag begins with off
	CutoverSteps     = "steps"     // more than one stage at once
	CutoverBehind    = "behind"    // instances still follow an older revision
	CutoverNotSynced = "unsynced"  // the side to be read from does not have all rows yet
	CutoverNoReturn  = "no-return" // a kill would lead to a side that does not have all rows
	CutoverUnended   = "unended"   // it cannot be archived under way
)

// CutoverError says why a stage cannot be changed so now. It comes within a RefusedError: errors.As finds it.
type CutoverError struct {
	Environment string
	Flag        string
	Rule        string                   // one of those above
	Tenant      string                   // who would make the step; empty: others than those that are named
	From, To    ruleset.Stage            // the step, where it is about one
	Instances   []models.CutoverInstance // that are waited for
	Progress    models.CutoverProgress   // how far the copy is; the zero one if none has begun
	Message     string                   // what is wrong, and what to do, in plain words
}

func (e *CutoverError) Error() string { return fmt.Sprintf("flag %q: %s", e.Flag, e.Message) }

// As finds the CutoverError of a mistake that is one.
func (p Problem) As(target any) bool {
	into, ok := target.(**CutoverError)
	if ok && p.cutover != nil {
		*into = p.cutover
		return true
	}
	return false
}

// refuseCutover notes what stands against a stage.
func (d *draft) refuseCutover(e CutoverError) {
	e.Environment = d.environment.Name
	d.problems = append(d.problems, Problem{Environment: e.Environment, Problem: ruleset.Problem{Flag: e.Flag, Path: "stage", Message: e.Message}, cutover: &e})
}

// refusedCutover is the error of a change that only stages stand against; nil: nothing does.
func (d *draft) refusedCutover() error {
	if len(d.problems) > 0 {
		return &RefusedError{Problems: d.problems}
	}
	return nil
}

// waitsFor says which instances are behind, and what to do about them.
func waitsFor(behind []models.CutoverInstance, since int64) string {
	const shown = 5
	names := make([]string, 0, shown)
	for _, i := range behind[:min(shown, len(behind))] {
		names = append(names, fmt.Sprintf("%s on %s (at revision %d, last heard of %s UTC)", i.Instance, i.Host, i.Revision, i.HeardAt.UTC().Format("2 Jan 15:04:05")))
	}
	if more := len(behind) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("the last step was revision %d, and not every instance follows it yet: %s. Wait until they do; one that does not run any more has to be declared gone", since, strings.Join(names, ", "))
}

// stillCopying says how far the copy is that is waited for.
func stillCopying(p models.CutoverProgress) string {
	switch p.State {
	case models.CutoverWaiting:
		return "the copy waits until every instance writes both sides"
	case models.CutoverCopying:
		return fmt.Sprintf("rows are being copied (%d so far)", p.Copied)
	case models.CutoverVerifying:
		return fmt.Sprintf("rows are being compared (%d so far)", p.Compared)
	case models.CutoverFailed:
		return "the copy has failed: " + p.Error
	case models.CutoverDone:
		return "the copy is done, but not in this direction"
	}
	return "no copy has begun"
}
