package requests

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// onePage is a request, with what it would do now.
type onePage struct {
	shell.Page
	Request       changes.Request
	In            models.Environment
	Steps         []step
	Conflicts     []views.Conflict
	MoreConflicts int    // that are not shown
	Seen          string // the versions that the conflicts show
	Problems      []string
	Counted       []models.ChangeRequestEvent // approvals that count
	Own           bool                        // the person has written at it
	Agreed        bool                        // the person has approved it
	Moved         bool                        // a form came from an earlier round
	Form          *shell.Form
	Impact        *shell.Impact      // of the next step, as it is now; nil: it cannot be applied
	Sent          *shell.Impact      // as it was counted when the request was written; nil: not counted
	Look          *shell.PreviewLink // shows the next step in one's own browser; nil: there is no site here that does
	Windows       []window
	Late          string
	Whole         string // the address at which all lines of the steps that wait are shown; empty: they are

	raw []changes.Conflict
}

// step is one of the things that the request does.
type step struct {
	changes.Step
	Lines []string // what it would do now; of one that was applied, what it did
	Then  []then   // what its flags do afterwards
}

// then is what a flag does after a step.
type then struct{ Key, Says string }

// shownLines is how much of a step, shownConflicts of what stands against it, and shownEvents of what happened is shown:
// an import may touch everything, and nobody reads so much on one page.
const (
	shownLines     = 200
	shownConflicts = 20
	shownEvents    = 100
)

// lines are those of a step that are shown, with what leads to the others.
func (p *onePage) lines(c *shell.Context, all []string) []string {
	if len(all) <= shownLines || c.Query("show") == "all" { // whoever approves may read every line of it
		return all
	}
	p.Whole = c.App.Link("requests", p.Request.Environment, p.Request.ID) + "?show=all"
	return few(all)
}

// few are the first lines, and how many more there are.
func few(lines []string) []string {
	if len(lines) <= shownLines {
		return lines
	}
	return append(slices.Clone(lines[:shownLines]), fmt.Sprintf("and %d more", len(lines)-shownLines))
}

// Talk is what happened last, the oldest first.
func (p onePage) Talk() []models.ChangeRequestEvent {
	return p.Request.Events[p.Earlier():]
}

// Earlier is how much happened before that.
func (p onePage) Earlier() int { return max(0, len(p.Request.Events)-shownEvents) }

// shownThen is of how many flags it is told what they do afterwards.
const shownThen = 5

func thenOf(changed []changes.ItemChange, zone *time.Location) (all []then) {
	for _, change := range changed {
		if flag, ok := change.Is.(ruleset.Flag); ok && len(all) < shownThen {
			all = append(all, then{flag.Key, words.FlagIn(flag, time.Now(), zone)})
		}
	}
	return all
}

// Made is the revision that the step has made; 0: none.
func (s step) Made() int64 {
	if s.Revision == nil {
		return 0
	}
	return *s.Revision
}

// read gives the request that the path names. One of another environment is not there.
func read(ctx context.Context, c *shell.Context) (changes.Request, error) {
	missing := shell.NotFound("There is no change request %q in this environment.", c.Param("id"))
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return changes.Request{}, missing
	}
	row, err := c.App.Store.ChangeRequest(ctx, id)
	if shell.IsMissing(err) || err == nil && row.Environment != c.Param("env") {
		return changes.Request{}, missing
	}
	if err != nil {
		return changes.Request{}, err
	}
	return c.App.Changes.ReadRequest(ctx, id)
}

func one(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	r, err := read(ctx, c)
	if err != nil {
		return err
	}
	return render(ctx, c, http.StatusOK, r, shell.NewForm(), false)
}

// render shows a request as it is now, with a form that was not taken.
func render(ctx context.Context, c *shell.Context, status int, r changes.Request, form *shell.Form, moved bool) error {
	page, err := c.Page(r.Title, "requests")
	if err != nil {
		return err
	}
	p := onePage{Page: page, Request: r, Form: form, Moved: moved, Own: r.WrittenBy(c.Actor()), Late: changes.LateRule}
	if p.In, err = c.App.Store.Environment(ctx, r.Environment); err != nil {
		return err
	}
	if p.Counted, err = c.App.Changes.Counted(ctx, r); err != nil {
		return err
	}
	for _, e := range r.Approvals() {
		p.Agreed = p.Agreed || e.PersonID == c.Person.ID
	}
	if err := p.look(ctx, c); err != nil {
		return err
	}
	if err := p.remember(ctx, c); err != nil {
		return err
	}
	p.Windows = windowsOf(r.Recurrence)
	return c.Render(status, "requests/one", p)
}

// remember says what the steps that were applied have made different.
func (p *onePage) remember(ctx context.Context, c *shell.Context) error {
	var made []models.Revision
	for _, s := range p.Steps[:min(len(p.Steps), remembered)] {
		if s.Made() == 0 {
			continue
		}
		revision, err := c.App.Store.Revision(ctx, p.Request.Environment, s.Made())
		if err != nil {
			return err
		}
		made = append(made, revision)
	}
	if len(made) == 0 {
		return nil
	}
	lines, err := changes.NewHistory(c.App.Store).Describe(ctx, made)
	if err != nil {
		return err
	}
	for i := range p.Steps {
		for _, revision := range made {
			if p.Steps[i].Made() == revision.Number {
				p.Steps[i].Lines = lines[revision.ID()]
			}
		}
	}
	return nil
}

// remembered is of how many steps it is said what they did; the revisions of all have it.
const remembered = 20

// look finds out what the steps that wait would do now, and what stands against them.
func (p *onePage) look(ctx context.Context, c *shell.Context) error {
	var waiting [][]changes.Edit
	for _, s := range p.Request.Steps {
		p.Steps = append(p.Steps, step{Step: s})
		if s.Status == models.StepWaiting {
			waiting = append(waiting, s.Edits)
		}
	}
	if len(waiting) == 0 || p.Request.Done() {
		return nil
	}
	previews, err := c.App.Changes.PreviewSteps(ctx, p.Request.Environment, p.Request.Author, waiting)
	if err != nil {
		return err
	}
	var conflicts []changes.Conflict
	against, said := map[changes.Item]bool{}, map[string]bool{}
	done := len(p.Request.Steps) - len(waiting)
	for i, preview := range previews {
		p.Steps[done+i].Lines, p.Steps[done+i].Then = p.lines(c, preview.Lines), thenOf(preview.Changed, c.Zone())
		for _, conflict := range preview.Conflicts {
			if !against[conflict.Item] {
				against[conflict.Item] = true
				conflicts = append(conflicts, conflict)
			}
		}
		for _, problem := range preview.Problems {
			if text := problem.Error(); !said[text] {
				said[text] = true
				p.Problems = append(p.Problems, text)
			}
		}
	}
	if len(conflicts) == 0 && previews[0].Reaches() {
		if p.Impact, err = c.ImpactOfChange(ctx, previews[0]); err != nil {
			return err
		}
	}
	p.Sent = c.StoredImpact(p.Request.Environment, p.In.Title, p.Request.Impact)
	if len(conflicts) == 0 && p.MayEdit() && c.App.PreviewsIn(p.Request.Environment) {
		link, err := c.PreviewLink(p.Request.Environment, middleware.Previewed{Draft: p.Request.ID}, time.Hour)
		if err != nil {
			return err
		}
		p.Look = &link
	}
	p.raw, p.Problems = conflicts, few(p.Problems)
	p.Conflicts, p.Seen = compare(conflicts[:min(len(conflicts), shownConflicts)], waiting, c.Zone()), changes.SignConflicts(conflicts)
	p.MoreConflicts = len(conflicts) - len(p.Conflicts)
	return nil
}

// Says is how far the request is.
func (p onePage) Says() string { return statusOf(p.Request.Status) }

// State is how that looks.
func (p onePage) State() string { return stateOf(p.Request.Status) }

// Event says what happened.
func (p onePage) Event(e models.ChangeRequestEvent) string { return eventOf(e) }

// Takes is how many approvals the request takes, or would take if it were sent now.
func (p onePage) Takes() int {
	if p.Request.Status != changes.Draft {
		return p.Request.Required
	}
	if p.In.TakesRequests() {
		return p.In.Approvals
	}
	return 0
}

// MayEdit reports whether the person may write at the request.
func (p onePage) MayEdit() bool {
	return !p.Request.Done() && p.Person.In(p.Request.Environment) >= access.Editor
}

// MayApprove reports whether the person's approval would count.
func (p onePage) MayApprove() bool {
	open := p.Request.Status == changes.InReview || p.Lacks()
	return open && !p.Own && !p.Agreed && p.Person.In(p.Request.Environment) >= access.Approver
}

// Lacks reports whether the request was approved, and an approval counts no more.
func (p onePage) Lacks() bool { return p.Request.Lacks(len(p.Counted)) }

// MayReject reports whether the person may end the request against its author's will.
func (p onePage) MayReject() bool {
	return !p.Request.Done() && p.Request.Status != changes.Draft && !p.Own && p.Person.In(p.Request.Environment) >= access.Approver
}

// MayApply reports whether the request can be applied by hand now.
func (p onePage) MayApply() bool {
	return p.MayEdit() && p.Request.Status == changes.Approved && !p.Lacks() && len(p.Conflicts) == 0 && len(p.Problems) == 0
}

// Revision is the newest that the request has made; 0: none yet.
func (p onePage) Revision() (newest int64) {
	for _, s := range p.Request.Steps {
		if s.Revision != nil {
			newest = *s.Revision
		}
	}
	return newest
}

// Old reports whether an approval was of what the request was before it was edited, or its giver is no approver any more.
func (p onePage) Old(e models.ChangeRequestEvent) bool {
	return e.Kind == changes.EventApproved && !slices.ContainsFunc(p.Counted, func(counted models.ChangeRequestEvent) bool { return counted.ID == e.ID })
}
