package requests

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/internal/steps"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// editPage is the form of what a request says, and of when it is applied.
type editPage struct {
	shell.Page
	Request changes.Request
	Form    *shell.Form
	Steps   []step
	Flag    string // of which a step can be added; empty: of none
	Does    []views.Choice
	Fresh   bool // nothing was typed yet
}

// Name is the field of the n-th step that waits, counted from 1.
func (editPage) Name(what string, i int) string { return fieldOf(what, i) }

func fieldOf(what string, i int) string { return what + strconv.Itoa(i+1) }

func edit(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	r, err := read(ctx, c)
	if err != nil {
		return err
	}
	if r.Done() {
		return shell.Refused(http.StatusConflict, "This request is not open any more", "What was applied, rejected or withdrawn stays as it is. Make a new one.")
	}
	form := c.NewForm("title", r.Title, "reason", r.Reason, "round", strconv.FormatInt(r.Round, 10))
	for i, s := range r.Waiting() {
		form.SetTime(fieldOf("at", i), s.At.Optional())
	}
	return renderEdit(ctx, c, http.StatusOK, r, form)
}

func renderEdit(ctx context.Context, c *shell.Context, status int, r changes.Request, form *shell.Form) error {
	page, err := c.Page("Edit "+r.Title, "requests")
	if err != nil {
		return err
	}
	looked := onePage{Request: r}
	if err := looked.look(ctx, c); err != nil {
		return err
	}
	p := editPage{Page: page, Request: r, Form: form}
	for _, s := range looked.Steps {
		if s.Status == models.StepWaiting && r.Recurrence == nil {
			p.Steps = append(p.Steps, s)
		}
	}
	if flag, _, ok := flagOf(c, r); ok {
		p.Flag, p.Does = flag.Key, steps.Choices(flag)
	}
	return c.Render(status, "requests/edit", p)
}

// flagOf is the one flag that the steps which wait are about, as they leave it, and the version that they start from;
// false if they are about something else too.
func flagOf(c *shell.Context, r changes.Request) (flag ruleset.Flag, base int64, ok bool) {
	in, err := c.Environment()
	if err != nil || r.Recurrence != nil {
		return flag, 0, false
	}
	for _, s := range r.Waiting() {
		for _, edit := range s.Edits {
			item := changes.ItemOf(edit)
			known, there := in.Flag(item.Key)
			if item.Kind != changes.ItemFlag || !there || flag.Key != "" && flag.Key != item.Key {
				return flag, 0, false
			}
			if flag.Key == "" {
				flag, base = known.Flag, known.Version
			}
			switch e := edit.(type) {
			case changes.PutFlag:
				flag, base = *e.Flag, e.Base
			case changes.SetEnabled:
				flag.Enabled = e.Enabled
			default:
				return flag, 0, false
			}
		}
	}
	return flag, base, flag.Key != ""
}

func save(c *shell.Context) error {
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
		round = -1
	}
	if round != r.Round {
		return render(ctx, c, http.StatusConflict, r, form, true)
	}
	content := retimed(c, form, r)
	if !form.OK() {
		return renderEdit(ctx, c, http.StatusUnprocessableEntity, r, form)
	}
	content, err = c.Counted(ctx, r.Environment, content)
	var revised changes.Request
	if err == nil {
		revised, err = c.App.Changes.Revise(ctx, r.ID, round, c.Actor(), content, form.Get("do") != "draft")
	}
	if err != nil {
		return again(ctx, c, r, form, err)
	}
	return c.Done("Saved. "+shell.Made(revised), "requests", r.Environment, r.ID)
}

// again shows the form with what stands against it.
func again(ctx context.Context, c *shell.Context, r changes.Request, form *shell.Form, err error) error {
	if message, now := shell.NotNow(err); now {
		form.Message = message
		return renderEdit(ctx, c, http.StatusConflict, r, form)
	}
	if form.Refused(err, func(p ruleset.Problem) string {
		if p.Path == "title" || p.Path == "reason" {
			return p.Path
		}
		return ""
	}) {
		return renderEdit(ctx, c, http.StatusUnprocessableEntity, r, form)
	}
	if _, moved := shell.Conflict(err); moved { // of the request, or of what it is about: its page shows both
		now, err := c.App.Changes.ReadRequest(ctx, r.ID)
		if err != nil {
			return err
		}
		return render(ctx, c, http.StatusConflict, now, form, now.Round != r.Round)
	}
	return err
}

// retimed is the content as the form would have it: words and times, steps left out and one added. What the steps do is
// never read from the form.
func retimed(c *shell.Context, form *shell.Form, r changes.Request) changes.Content {
	content := r.Content()
	content.Title, content.Reason = form.Get("title"), form.Get("reason")
	form.Require("Say in a few words why.", "reason")
	if r.Recurrence != nil {
		return content
	}
	var kept []changes.Planned
	for i, s := range content.Steps {
		if form.On(fieldOf("remove", i)) {
			continue
		}
		s.At = form.Time(fieldOf("at", i))
		kept = append(kept, s)
	}
	content.Steps = kept
	if form.Get("new_at") != "" || form.Get("new_share") != "" {
		add(c, form, r, &content)
	}
	return content
}

// add puts one more step behind those that there are.
func add(c *shell.Context, form *shell.Form, r changes.Request, content *changes.Content) {
	flag, base, ok := flagOf(c, r)
	if !ok {
		form.Refuse("new_at", "A step can be added only where all steps are about one flag.")
		return
	}
	rule := -1
	if places := steps.Shares(flag); len(places) > 0 {
		rule = places[0]
	}
	form.Require("Say when.", "new_at")
	at := form.Time("new_at")
	edit, wrong := steps.Edit(&flag, base, form.Get("new_do"), form.Get("new_share"), rule)
	if wrong != "" {
		form.Refuse("new_share", wrong)
		return
	}
	content.Steps = append(content.Steps, changes.Planned{At: at, Edits: []changes.Edit{edit}})
	for i, s := range content.Steps {
		if s.At == nil {
			form.Refuse(fieldOf("at", i), fmt.Sprintf("Say when step %d is applied: of several steps, each has a time.", i+1))
		}
	}
}
