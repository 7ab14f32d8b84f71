package subjects

import (
	"context"
	"errors"
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
)

// unsavedPage keeps what was typed while the database is away: even the page that the form stood on cannot be made then.
type unsavedPage struct {
	shell.Page
	Form   *shell.Form
	Action string
	Fields []typed
}

// typed is one field as it was sent. Those that nobody typed are kept out of sight.
type typed struct {
	Name, Label, Value string
	Hidden             bool
}

// fieldsOfForms are all that the area's forms have, in their order.
func fieldsOfForms() []typed {
	return []typed{
		{Name: "base", Hidden: true}, {Name: "back", Hidden: true}, {Name: "existing", Hidden: true}, {Name: "zone", Hidden: true}, {Name: "expires.was", Hidden: true},
		{Name: "kind", Label: "For"}, {Name: "id", Label: "Id"}, {Name: "ids", Label: "Ids"},
		{Name: "variant", Label: "Gets"}, {Name: "reason", Label: "Reason"}, {Name: "expires", Label: "Expires"},
	}
}

// unsaved answers a form whose page could not be made. Errors that are not about the database are handed back.
func unsaved(c *shell.Context, err error) error {
	if !errors.Is(err, changes.ErrUnavailable) && !models.Unavailable(err) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	form, formErr := c.Form()
	if formErr != nil {
		return formErr
	}
	c.App.Log.Error("a form could not be saved, since the database cannot be reached", "path", c.Request.URL.Path, "error", err)
	page := unsavedPage{Page: c.Bare("This was not saved"), Form: form, Action: c.Request.URL.EscapedPath()}
	for _, f := range fieldsOfForms() {
		if f.Value = form.Values.Get(f.Name); f.Value != "" {
			page.Fields = append(page.Fields, f)
		}
	}
	c.Header("Retry-After", "10")
	return c.Render(http.StatusServiceUnavailable, "subjects/unsaved", page)
}
