package history

import (
	"net/http"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// flagPage is the history of one flag across environments.
type flagPage struct {
	shell.FlagHead
	Entries []entry
	Pager   views.Pager
	Atom    string
}

// Key is the flag's.
func (p flagPage) Key() string { return p.About.Name }

// flag shows what became of a flag in every environment that the person may see.
func (h *history) flag(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	head, err := c.FlagPage("history")
	if err != nil {
		return err
	}
	p := flagPage{FlagHead: head, Atom: c.App.Link("changes.atom") + "?flag=" + head.About.Name}
	filter := models.HistoryFilter{Flag: head.About.Name}
	for _, environment := range head.Environments {
		filter.Environments = append(filter.Environments, environment.Name)
	}
	rows, total, err := c.App.Store.History(ctx, filter, (pageOf(c)-1)*pageSize, pageSize)
	if err != nil {
		return err
	}
	var from int
	if p.Pager, from, _ = views.PagerOf(c.Request.URL, total, pageSize); from != (pageOf(c)-1)*pageSize { // beyond the end
		if rows, _, err = c.App.Store.History(ctx, filter, from, pageSize); err != nil {
			return err
		}
	}
	lines, err := h.words.Describe(ctx, rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		p.Entries = append(p.Entries, entry{row, head.TitleOf(row.Environment), lines[row.ID()]})
	}
	return c.Render(http.StatusOK, "history/flag", p)
}

// pageOf is which page of a list is asked for, from 1.
func pageOf(c *shell.Context) int {
	number, err := strconv.Atoi(c.Query("page"))
	if err != nil || number < 1 || number > 1<<30 {
		return 1
	}
	return number
}
