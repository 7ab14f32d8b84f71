package shell

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/models"
)

// ErrAnswered says that the request is answered already: with the page that shows what would be done, or with the change
// request that was made of it. A handler returns it as it is.
var ErrAnswered = errors.New("the request is answered already")

// reviewPage shows what a form would do, before it does it.
type reviewPage struct {
	Page
	Action string
	Fields []keptField // of the form, to be sent again
	Parts  []reviewPart
	Reason string
	Ask    bool // something has to be approved
	Now    bool // something is published at once
}

// reviewPart is what would be done in one environment.
type reviewPart struct {
	Environment models.Environment
	Ask         bool // it has to be approved
	Lines       []string
	Impact      *Impact
	Notes       []string // what is to be known of it
}

// reviewFields are what the page itself asks for; everything else is the form's.
func reviewFields() []string { return []string{"confirm", "reason", "at", "zone"} }

// Publish is Propose for a change of one environment.
func (c *Context) Publish(f *Form, change changes.Change) (changes.Published, error) {
	published, err := c.Propose(f, "", change)
	if err != nil {
		return changes.Published{}, err
	}
	return published[0], nil
}

// Propose is how every form that changes an environment does so. First it shows what would become different, and for
// whom; when the form comes back from there, it does it: at once where that may be, and as a change request, under that
// title, where it has to be approved. A form that has shown it already says so with the field "confirm". It returns what
// was published, or ErrAnswered, or what stands against it: conflicts and mistakes are errors before anything is shown,
// so that the form is shown again with them. Authors are set here; a reason that was typed takes the place of the
// change's.
func (c *Context) Propose(f *Form, title string, all ...changes.Change) ([]changes.Published, error) {
	for i := range all {
		all[i].Author = c.Person.Author()
		if f.Get("reason") != "" {
			all[i].Reason = f.Get("reason")
		}
		var err error
		if all[i], err = c.Calibrated(all[i]); err != nil {
			return nil, err
		}
	}
	do := changes.Proposal{By: c.Actor(), Changes: all, Title: title}
	switch f.Get("confirm") {
	case "yes":
	case "draft":
		do.Draft = true
	case "at":
		f.Require("Say when.", "at")
		if do.At = f.Time("at"); !f.OK() {
			return nil, &changes.RefusedError{}
		}
	case "back":
		return nil, &changes.RefusedError{} // the form is shown again, and nothing is wrong with it
	default:
		if err := c.review(f, do); err != nil {
			return nil, err
		}
	}
	return c.propose(do)
}

// Actor is who is asking.
func (c *Context) Actor() changes.Actor {
	return changes.Actor{ID: c.Person.ID, Name: c.Person.Author()}
}

// propose does it.
func (c *Context) propose(do changes.Proposal) ([]changes.Published, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := c.keepImpacts(ctx, do.Changes); err != nil {
		return nil, err
	}
	done, err := c.App.Changes.Propose(ctx, do)
	if err != nil {
		return nil, err
	}
	switch len(done.Requests) {
	case 0:
		return done.Published, nil
	case 1:
		r := done.Requests[0]
		err = c.Done(Made(r), "requests", r.Environment, r.ID)
	default:
		err = c.Done(fmt.Sprintf("%d change requests are made.", len(done.Requests)), "requests")
	}
	return nil, cmp.Or(err, ErrAnswered)
}

// Made says how far a request is that was just made.
func Made(r changes.Request) string {
	says := map[changes.Status]string{
		changes.Draft: "is kept as a draft", changes.InReview: "is sent for review",
		changes.Approved: "needs no approval: apply it when you are ready", changes.Scheduled: "is scheduled",
	}
	return fmt.Sprintf("Change request %d %s.", r.ID, says[r.Status])
}

// review shows what would be done, and returns ErrAnswered; nil if that is nothing, which needs no look.
func (c *Context) review(f *Form, do changes.Proposal) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	previews, err := c.App.Changes.Preview(ctx, do.Changes)
	if err == nil {
		err = standsAgainst(previews)
	}
	if err != nil {
		return err
	}
	page := reviewPage{Action: c.Request.URL.EscapedPath(), Reason: do.Changes[0].Reason, Fields: f.kept(reviewFields()...)}
	for i, preview := range previews {
		if len(preview.Lines) == 0 {
			continue
		}
		part := reviewPart{Environment: preview.Environment, Lines: preview.Lines, Notes: do.Changes[i].Notes, Ask: preview.Environment.TakesRequests() && preview.Reaches()}
		if preview.Reaches() {
			if part.Impact, err = c.ImpactOfChange(ctx, preview); err != nil {
				return err
			}
			part.Impact.Form, part.Impact.Suffix = true, "-"+preview.Environment.Name
		}
		page.Parts = append(page.Parts, part)
		page.Ask, page.Now = page.Ask || part.Ask, page.Now || !part.Ask
	}
	if len(page.Parts) == 0 {
		return nil
	}
	if page.Page, err = c.Page(cmp.Or(do.Title, "Look at the change"), "flags"); err != nil {
		return err
	}
	page.Zone = f.zone() // of the times that the form has, and of the one that this page asks for
	return cmp.Or(c.Render(http.StatusOK, "shell/review", page), ErrAnswered)
}

// ImpactOfChange is ImpactOf for a change that is not published.
func (c *Context) ImpactOfChange(ctx context.Context, preview changes.Preview) (*Impact, error) {
	return c.impactOf(ctx, preview, impact.Patience)
}

// impactOf counts whom a change reaches that is not published.
func (c *Context) impactOf(ctx context.Context, preview changes.Preview, wait time.Duration) (*Impact, error) {
	in, err := c.App.Catalog.Environment(ctx, preview.Environment.Name)
	if err != nil {
		return nil, err
	}
	after, _ := in.Draft(preview.After)
	return c.ImpactWithin(wait, in.Title, in.Revision(), after), nil
}

// keepImpacts keeps with each change whom it reaches, as it is when it is made. What cannot be counted soon is not kept:
// nobody waits for it any longer.
func (c *Context) keepImpacts(ctx context.Context, all []changes.Change) error {
	previews, err := c.App.Changes.Preview(ctx, all)
	if err != nil {
		return err
	}
	for i, preview := range previews {
		if !preview.Reaches() || len(preview.Conflicts) > 0 {
			continue
		}
		counted, err := c.impactOf(ctx, preview, lastPatience)
		if err != nil {
			return err
		}
		if counted.Impact != nil {
			kept, err := json.Marshal(counted.Impact)
			if err != nil {
				return err
			}
			all[i].Impact = string(kept)
		}
	}
	return nil
}

// Counted is a request's content with exact shares filled in, and with whom its first step reaches.
func (c *Context) Counted(ctx context.Context, environment string, content changes.Content) (changes.Content, error) {
	for i, step := range content.Steps {
		change, err := c.Calibrated(changes.Change{Environment: environment, Author: c.Person.Author(), Edits: step.Edits})
		if err != nil {
			return content, err
		}
		if i == 0 {
			all := []changes.Change{change}
			if err := c.keepImpacts(ctx, all); err != nil {
				return content, err
			}
			content.Impact = all[0].Impact
		}
		content.Steps[i].Edits = change.Edits
	}
	return content, nil
}

// lastPatience is how long a change waits until it is counted whom it reaches, for that to be kept with it.
const lastPatience = 5 * time.Second

// standsAgainst is what keeps a change from being published.
func standsAgainst(previews []changes.Preview) error {
	var problems []changes.Problem
	for _, preview := range previews {
		if len(preview.Conflicts) > 0 {
			return &changes.ConflictError{Environment: preview.Environment.Name, Conflicts: preview.Conflicts}
		}
		problems = append(problems, preview.Problems...)
	}
	if len(problems) > 0 {
		return &changes.RefusedError{Problems: problems}
	}
	return nil
}

// Approvals says how many approvals a change of the environment takes.
func (p reviewPart) Approvals() string { return changes.Approvals(p.Environment.Approvals) }

// Titles are the environments in which something has to be approved.
func (p reviewPage) Titles() string {
	var titles []string
	for _, part := range p.Parts {
		if part.Ask {
			titles = append(titles, part.Environment.Title)
		}
	}
	return strings.Join(titles, " and ")
}
