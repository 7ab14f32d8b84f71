package settings

import (
	"context"
	"errors"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// drafts are the change requests, as previews show them: what each would make of its environment with its next step,
// compiled over what is newest.
type drafts struct{ app *shell.App }

// Draft compiles a request. What has ended, or could not be applied as it stands, is no draft.
func (d drafts) Draft(ctx context.Context, id int64) (*ruleset.Revision, error) {
	request, err := d.app.Changes.ReadRequest(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil, middleware.ErrNoDraft
	}
	if err != nil {
		return nil, err
	}
	waiting := request.Waiting()
	if request.Done() || len(waiting) == 0 {
		return nil, middleware.ErrNoDraft
	}
	previews, err := d.app.Changes.Preview(ctx, []changes.Change{{Environment: request.Environment, Author: request.Author, Edits: waiting[0].Edits}})
	if err != nil {
		return nil, err
	}
	if len(previews[0].Conflicts)+len(previews[0].Problems) > 0 {
		return nil, middleware.ErrNoDraft
	}
	in, err := d.app.Catalog.Environment(ctx, request.Environment)
	if err != nil {
		return nil, err
	}
	draft, _ := in.Draft(previews[0].After)
	return draft, nil
}
