package requests

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
)

// acting is a form about a request on its way: what was asked, of which request, and against which round.
type acting struct {
	*shell.Context
	ctx     context.Context
	form    *shell.Form
	request changes.Request
	round   int64
}

// act reads a form about a request, and lets do do what it asks. What cannot be done as things are is shown on the
// request's page, as it is now.
func act(c *shell.Context, do func(acting) error) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	r, err := read(ctx, c)
	if err != nil {
		return err
	}
	round, err := strconv.ParseInt(form.Get("round"), 10, 64)
	if err != nil {
		round = -1 // of no round: whoever leaves it out learns what there is
	}
	a := acting{c, ctx, form, r, round}
	if err = do(a); err == nil {
		return nil
	}
	return a.failed(err)
}

// failed shows the request with what stands against the form; what is no answer to it is returned.
func (a acting) failed(err error) error {
	status, moved := http.StatusUnprocessableEntity, false
	conflict, is := shell.Conflict(err)
	message, now := shell.NotNow(err)
	switch {
	case is && conflict.Conflicts[0].Item.Kind == changes.ItemRequest:
		status, moved = http.StatusConflict, true
	case is:
		status = http.StatusConflict
		a.form.Message = "Somebody has changed the same in the meantime, so nothing was applied. Both versions are below."
	case now:
		status, a.form.Message = http.StatusConflict, message
	case a.form.Refused(err, shell.Nowhere):
	case !a.form.OK():
	default:
		return err
	}
	r, err := a.App.Changes.ReadRequest(a.ctx, a.request.ID)
	if err != nil {
		return err
	}
	return render(a.ctx, a.Context, status, r, a.form, moved)
}

// errRefused says that the form says what is wrong with it.
var errRefused = fmt.Errorf("the form is refused")

func (a acting) done(notice string) error {
	return a.Done(notice, "requests", a.request.Environment, a.request.ID)
}

func send(c *shell.Context) error {
	return act(c, func(a acting) error {
		r, err := a.App.Changes.Send(a.ctx, a.request.ID, a.round, a.Actor())
		if err != nil {
			return err
		}
		return a.done(shell.Made(r))
	})
}

func approve(c *shell.Context) error {
	return act(c, func(a acting) error {
		r, err := a.App.Changes.Approve(a.ctx, a.request.ID, a.round, a.Actor(), a.form.Get("comment"))
		if err != nil {
			return err
		}
		a.App.Log.Info("a change request was approved", "request", r.ID, "environment", r.Environment, "by", a.Person.Author())
		switch r.Status {
		case changes.Approved:
			return a.done("Approved. It has all the approvals that it takes: it can be applied now.")
		case changes.Scheduled:
			return a.done("Approved. It has all the approvals that it takes, and is applied when its time comes.")
		}
		return a.done("Approved. It takes more approvals than yours.")
	})
}

func reject(c *shell.Context) error {
	return act(c, func(a acting) error {
		a.form.Require("Say why: its author has to know what to change.", "why")
		if !a.form.OK() {
			return errRefused
		}
		if _, err := a.App.Changes.Reject(a.ctx, a.request.ID, a.round, a.Actor(), a.form.Get("why")); err != nil {
			return err
		}
		return a.done("Rejected. Nothing was changed.")
	})
}

func withdraw(c *shell.Context) error {
	return act(c, func(a acting) error {
		if _, err := a.App.Changes.Withdraw(a.ctx, a.request.ID, a.round, a.Actor(), a.form.Get("why")); err != nil {
			return err
		}
		return a.done("Withdrawn. What it has done already stays.")
	})
}

func apply(c *shell.Context) error {
	return act(c, func(a acting) error {
		published, err := a.App.Changes.Apply(a.ctx, a.request.ID, a.round, a.Actor())
		if err != nil {
			return err
		}
		if !published.New {
			return a.done("Applied. Everything was so already, so there is no new revision.")
		}
		a.App.Log.Info("a change request was applied", "request", a.request.ID, "environment", a.request.Environment, "revision", published.Number, "by", a.Person.Author())
		return a.done(fmt.Sprintf("Applied: it is revision %d now.", published.Number))
	})
}

func comment(c *shell.Context) error {
	return act(c, func(a acting) error {
		a.form.Require("Write something.", "text")
		if !a.form.OK() {
			return errRefused
		}
		if err := a.App.Changes.Comment(a.ctx, a.request.ID, a.Actor(), a.form.Get("text")); err != nil {
			return err
		}
		return a.done("Your comment is there.")
	})
}

// rebase keeps the change on top of what others have made of the same items: of the versions that were looked at, no
// others.
func rebase(c *shell.Context) error {
	return act(c, func(a acting) error {
		if a.request.Round != a.round {
			return &changes.ConflictError{Conflicts: []changes.Conflict{{Item: changes.Item{Kind: changes.ItemRequest}}}}
		}
		conflicts, err := conflictsOf(a.ctx, c, a.request)
		if err != nil {
			return err
		}
		if changes.SignConflicts(conflicts) != a.form.Values.Get("seen") {
			a.form.Message = "It was changed once more since this page was shown. Look at both versions again."
			return &changes.ConflictError{Conflicts: []changes.Conflict{{Item: changes.Item{Kind: changes.ItemRequest}}}}
		}
		content := a.request.Content()
		content.OnTopOf(conflicts)
		if content, err = a.Counted(a.ctx, a.request.Environment, content); err != nil {
			return err
		}
		r, err := a.App.Changes.Revise(a.ctx, a.request.ID, a.round, a.Actor(), content, a.request.Status != changes.Draft)
		if err != nil {
			return err
		}
		return a.done("The change stands on top of theirs now. " + shell.Made(r))
	})
}

func conflictsOf(ctx context.Context, c *shell.Context, r changes.Request) (conflicts []changes.Conflict, err error) {
	p := onePage{Request: r}
	err = p.look(ctx, c)
	return p.raw, err
}
