package history

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// rollBack puts an environment, or one of its flags, as it was at the revision, or undoes what the revision alone did.
// What is published meanwhile is looked at first: nobody confirms what they have not seen.
func (h *history) rollBack(c *shell.Context) error {
	p, err := h.revision(c)
	if err != nil {
		return err
	}
	f, err := c.Form()
	if err != nil {
		return err
	}
	p.Form = f
	change, err := p.change(c, f)
	if err == nil && len(change.Edits) == 0 {
		return c.Done(nothing(change.Notes), "changes", p.Entry.Environment, p.Entry.Number)
	}
	if err == nil && f.Get("confirm") != "" && f.Get("head") != strconv.FormatInt(p.Head, 10) {
		change.Notes = append(change.Notes, fmt.Sprintf("revision %d was published while you were looking: this is what it does now", p.Head))
		f.Values.Del("confirm")
	}
	f.Set("head", strconv.FormatInt(p.Head, 10))
	var published []changes.Published
	if err == nil {
		published, err = c.Propose(f, p.what(f), change)
	}
	if status := p.refused(f, err); status != 0 {
		return c.Render(status, "history/one", p)
	}
	if err != nil {
		return err
	}
	return c.Done(fmt.Sprintf("%s: revision %d.", p.what(f), published[0].Number), "changes", p.Entry.Environment, published[0].Number)
}

// change is what the form asks for.
func (p revisionPage) change(c *shell.Context, f *shell.Form) (changes.Change, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	to, only := p.Entry.Number, changes.Scope{Flag: f.Get("flag")}
	if f.Get("only") == "change" {
		to, only = p.Entry.Number-1, changes.Scope{Revision: p.Entry.Number}
	}
	r, err := c.App.Changes.RollbackEdits(ctx, p.Entry.Environment, to, only)
	return changes.Change{Environment: p.Entry.Environment, Kind: changes.KindRollback, Reason: p.what(f), Edits: r.Edits, Notes: r.Notes}, err
}

// what says what is done, as the reason that is offered.
func (p revisionPage) what(f *shell.Form) string {
	switch {
	case f.Get("only") == "change":
		return fmt.Sprintf("Roll back revision %d alone", p.Entry.Number)
	case f.Get("flag") != "":
		return fmt.Sprintf("Roll back %s to revision %d", f.Get("flag"), p.Entry.Number)
	}
	return fmt.Sprintf("Roll back to revision %d", p.Entry.Number)
}

func nothing(notes []string) string {
	text := "Nothing was changed: everything is like that already."
	for _, note := range notes {
		text += " Note: " + note + "."
	}
	return text
}

// refused takes over why it cannot be done, and gives the status to show it with; 0: err says something else.
func (p revisionPage) refused(f *shell.Form, err error) int {
	var protected *changes.ProtectedError
	if conflict, overtaken := shell.Conflict(err); overtaken {
		f.Message = "What this revision did has been changed again since, so it cannot be undone alone:"
		for _, item := range conflict.Conflicts {
			f.Message += fmt.Sprintf("\n%s, at revision %d", item.Item, item.Version)
		}
		f.Message += "\nRoll back to an earlier revision, or change these things by hand."
		return http.StatusConflict
	}
	switch {
	case f.Unavailable(err):
		return http.StatusServiceUnavailable
	case f.Refused(err, func(ruleset.Problem) string { return "" }):
		if f.Get("confirm") == "back" {
			return http.StatusOK
		}
		return http.StatusUnprocessableEntity
	case errors.As(err, &protected):
		f.Message = protected.Error()
		return http.StatusConflict
	}
	return 0
}
