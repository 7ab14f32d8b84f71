package environments

import (
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// recallPage asks whether what is published is to apply now.
type recallPage struct {
	shell.Page
	Form *shell.Form
	In   models.Environment
}

func askRecall(c *shell.Context) error { return renderRecall(c, http.StatusOK, shell.NewForm()) }

func recall(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	form.Require("Say in a few words why. It stands in the history.", "reason")
	if !form.OK() {
		return renderRecall(c, http.StatusUnprocessableEntity, form)
	}
	_, err = c.Publish(form, changes.Change{Environment: c.Param("env"), Edits: []changes.Edit{changes.Recall{}}})
	if err != nil {
		switch {
		case form.Unavailable(err):
			return renderRecall(c, http.StatusServiceUnavailable, form)
		case form.Refused(err, func(problem ruleset.Problem) string { return problem.Path }):
			return renderRecall(c, http.StatusUnprocessableEntity, form)
		}
		return err
	}
	return c.Done("What is published applies now: sessions move up on their next page.", "environments")
}

func renderRecall(c *shell.Context, status int, form *shell.Form) error {
	if status == http.StatusServiceUnavailable {
		return c.Render(status, "environments/recall", recallPage{c.Offline("Apply now", "environments"), form, models.Environment{Name: c.Param("env"), Title: c.Param("env")}})
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Apply now", "environments")
	if err != nil {
		return err
	}
	in, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return err
	}
	return c.Render(status, "environments/recall", recallPage{page, form, in})
}
