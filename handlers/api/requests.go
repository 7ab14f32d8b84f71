package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
)

// Request is a change request.
type Request struct {
	ID        int64     `json:"id"`
	Title     string    `json:"title"`
	Reason    string    `json:"reason,omitempty"`
	Status    string    `json:"status"` // draft, review, approved, scheduled, applied, rejected or withdrawn
	Round     int64     `json:"round"`
	Author    string    `json:"author"`
	Required  int       `json:"required"`            // approvals that it takes; of a draft: not known yet
	Approvals *int      `json:"approvals,omitempty"` // those that count now; in a list: left out
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	URL       string    `json:"url"`
	Steps     []Step    `json:"steps,omitempty"` // in a list: left out
}

// Step is one of the things that a request does.
type Step struct {
	At       *time.Time `json:"at,omitempty"`
	Status   string     `json:"status"` // waiting, applied, skipped or failed
	Revision *int64     `json:"revision,omitempty"`
	Changes  []string   `json:"changes,omitempty"` // of one that waits: what it would do now
}

// Requests are those of an environment that are open, newest first.
type Requests struct {
	Environment string    `json:"environment"`
	Requests    []Request `json:"requests"`
}

// requestsAtMost is how many requests are given.
const requestsAtMost = 100

func requests(c *shell.Context) (any, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	environment, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return nil, err
	}
	open := []string{changes.Draft, changes.InReview, changes.Approved, changes.Scheduled}
	rows, _, err := c.App.Store.ChangeRequests(ctx, models.RequestFilter{Environments: []string{environment.Name}, Statuses: open}, 0, requestsAtMost)
	if err != nil {
		return nil, err
	}
	out := Requests{environment.Name, make([]Request, len(rows))}
	for i, row := range rows {
		out.Requests[i] = tell(c, row)
	}
	return out, nil
}

func request(c *shell.Context) (any, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	missing := shell.NotFound("There is no change request %q in this environment.", c.Param("id"))
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return nil, missing
	}
	row, err := c.App.Store.ChangeRequest(ctx, id)
	if shell.IsMissing(err) || err == nil && row.Environment != c.Param("env") {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	r, err := c.App.Changes.ReadRequest(ctx, id)
	if err != nil {
		return nil, err
	}
	counted, err := c.App.Changes.Counted(ctx, r)
	if err != nil {
		return nil, err
	}
	out, n := tell(c, r.ChangeRequest), len(counted)
	out.Approvals = &n
	var waiting [][]changes.Edit
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, Step{At: s.At.Optional(), Status: s.Status, Revision: s.Revision})
		if s.Status == models.StepWaiting {
			waiting = append(waiting, s.Edits)
		}
	}
	if r.Done() || len(waiting) == 0 {
		return out, nil
	}
	previews, err := c.App.Changes.PreviewSteps(ctx, r.Environment, r.Author, waiting)
	for i, preview := range previews {
		out.Steps[len(r.Steps)-len(waiting)+i].Changes = preview.Lines
	}
	return out, err
}

func tell(c *shell.Context, row models.ChangeRequest) Request {
	return Request{ID: row.ID, Title: row.Title, Reason: row.Reason, Status: row.Status, Round: row.Round, Author: row.Author, Required: row.Required,
		CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time, URL: c.App.Link("requests", row.Environment, row.ID)}
}

// refuseToApprove says that an approval is a person's look: what holds a token cannot have looked.
func refuseToApprove(c *shell.Context) (any, error) {
	return nil, shell.Refused(http.StatusForbidden, "A token does not approve", "A person has to look at the request and approve it on its page: "+c.App.Link("requests", c.Param("env"), c.Param("id"))+".")
}
