package requests

import (
	"net/http"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
)

// emergencyPage is what nobody had to approve, such as a kill, for somebody else to look at.
type emergencyPage struct {
	shell.Page
	Emergency models.Emergency
	Revision  models.Revision
	In        models.Environment
	Form      *shell.Form
	MayReview bool
	Own       bool // the person did it
}

func emergency(c *shell.Context) error { return renderEmergency(c, http.StatusOK, shell.NewForm()) }

func review(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	number, err := revisionOf(c)
	if err != nil {
		return err
	}
	form.Require("Say in a few words what you found.", "note")
	if !form.OK() {
		return renderEmergency(c, http.StatusUnprocessableEntity, form)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	err = c.App.Changes.ReviewEmergency(ctx, c.Param("env"), number, c.Actor(), form.Get("note"))
	message, now := shell.NotNow(err)
	switch {
	case now:
		form.Message = message
		return renderEmergency(c, http.StatusConflict, form)
	case shell.IsMissing(err):
		return shell.NotFound("Revision %d of this environment is no emergency that has to be looked at.", number)
	case form.Refused(err, shell.Nowhere):
		return renderEmergency(c, http.StatusUnprocessableEntity, form)
	case err != nil:
		return err
	}
	c.App.Log.Info("an emergency was reviewed", "environment", c.Param("env"), "revision", number, "by", c.Person.Author())
	return c.Done("It is noted that you have looked at it.", "requests")
}

func revisionOf(c *shell.Context) (int64, error) {
	number, err := strconv.ParseInt(c.Param("revision"), 10, 64)
	if err != nil || number < 1 {
		return 0, shell.NotFound("There is no revision %q in this environment.", c.Param("revision"))
	}
	return number, nil
}

func renderEmergency(c *shell.Context, status int, form *shell.Form) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	number, err := revisionOf(c)
	if err != nil {
		return err
	}
	page, err := c.Page("Look at an emergency", "requests")
	if err != nil {
		return err
	}
	p := emergencyPage{Page: page, Form: form}
	if p.Emergency, err = c.App.Store.Emergency(ctx, c.Param("env"), number); shell.IsMissing(err) {
		return shell.NotFound("Revision %d of this environment is no emergency that has to be looked at.", number)
	}
	if err == nil {
		p.Revision, err = c.App.Store.Revision(ctx, c.Param("env"), number)
	}
	if err == nil {
		p.In, err = c.App.Store.Environment(ctx, c.Param("env"))
	}
	if err != nil {
		return err
	}
	p.Own = p.Emergency.AuthorID == c.Person.ID && p.In.TakesRequests()
	p.MayReview = c.Person.In(p.In.Name) >= access.Approver && p.Emergency.ReviewedAt == nil && !p.Own
	return c.Render(status, "requests/emergency", p)
}
