package history

import (
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// tenantPage is what became of a tenant.
type tenantPage struct {
	shell.Page
	ID     string
	Events []tenantEvent
	Pager  views.Pager
}

type tenantEvent struct {
	models.TenantEvent
	Where string // the environment's title
}

// tenant shows overrides of a tenant and of its people, its plans and its add-ons over time.
func (h *history) tenant(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	id := c.Query("id")
	if id == "" || len(id) > ruleset.MaxID || !shell.Storable(id) {
		return shell.NotFound("Say which tenant: its id is missing, or mistyped.")
	}
	base, err := c.Page("History of "+id, "plans")
	if err != nil {
		return err
	}
	p := tenantPage{Page: base, ID: id}
	offset := (pageOf(c) - 1) * pageSize
	events, total, err := c.App.Store.TenantHistory(ctx, id, offset, pageSize)
	if err != nil {
		return err
	}
	var from int
	if p.Pager, from, _ = views.PagerOf(c.Request.URL, total, pageSize); from != offset { // beyond the end
		if events, _, err = c.App.Store.TenantHistory(ctx, id, from, pageSize); err != nil {
			return err
		}
	}
	for _, event := range events {
		p.Events = append(p.Events, tenantEvent{event, base.TitleOf(event.Environment)})
	}
	return c.Render(http.StatusOK, "history/tenant", p)
}
