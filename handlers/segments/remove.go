package segments

import (
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// removePage asks once more, or says why not.
type removePage struct {
	shell.Page
	Form *shell.Form
	Key  string
	Uses []use
}

func openRemove(c *shell.Context) (*removePage, int64, error) {
	edit, _, version, err := open(c)
	if err != nil {
		return nil, 0, err
	}
	return &removePage{Page: edit.Page, Key: edit.Key, Uses: edit.Uses}, version, nil
}

func askRemove(c *shell.Context) error {
	p, version, err := openRemove(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("base", strconv.FormatInt(version, 10))
	return c.Render(http.StatusOK, "segments/remove", p)
}

func remove(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, _, err := openRemove(c)
	if err != nil {
		return err
	}
	p.Form = form
	base, err := strconv.ParseInt(form.Get("base"), 10, 64)
	if err != nil {
		return shell.Refused(http.StatusBadRequest, "This form is not complete", "Open the page again and try once more.")
	}
	if len(p.Uses) > 0 {
		return c.Render(http.StatusUnprocessableEntity, "segments/remove", p)
	}
	_, err = c.Publish(form, changes.Change{Environment: p.Environment, Edits: []changes.Edit{changes.RemoveSegment{Key: p.Key, Base: base}}})
	if conflict, is := shell.Conflict(err); is {
		form.Set("base", strconv.FormatInt(conflict.Conflicts[0].Version, 10))
		form.Message = "Somebody else changed the segment in the meantime. Look at it again before you remove it."
		return c.Render(http.StatusConflict, "segments/remove", p)
	}
	if form.Refused(err, func(ruleset.Problem) string { return "" }) {
		return c.Render(http.StatusUnprocessableEntity, "segments/remove", p)
	}
	if form.Unavailable(err) {
		return c.Render(http.StatusServiceUnavailable, "segments/remove", p)
	}
	if err != nil {
		return err
	}
	return c.Done("Removed the segment "+p.Key+".", "segments", p.Environment)
}
