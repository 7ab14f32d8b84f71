// Package history shows what was published: who changed what, when and why, in every environment that somebody may see,
// for people as pages and for machines as Atom and JSON feeds. What it shows never changes.
package history

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the history to the pages. Every address of a list has a feed beside it.
func Register(a *shell.App) {
	h := &history{words: changes.NewHistory(a.Store)}
	anywhere, there := shell.Anywhere(access.Viewer), shell.InEnvironment(access.Viewer)
	a.GET("/changes", anywhere, h.list)
	a.Feed("/changes.atom", anywhere, h.atom)
	a.Feed("/changes.json", anywhere, h.json)
	a.GET("/changes/:env", there, h.list)
	a.Feed("/changes/:env/feed.atom", there, h.atom)
	a.Feed("/changes/:env/feed.json", there, h.json)
	a.GET("/changes/:env/:revision", there, h.one)
	a.POST("/changes/:env/:revision/rollback", shell.InEnvironment(access.Editor), h.rollBack)
	a.GET("/flags/:key/history", anywhere, h.flag)
	a.GET("/tenant/history", shell.Everywhere(access.Viewer), h.tenant)
}

// pageSize is how many revisions stand on a page, and in a feed.
const pageSize = 30

// history is the area.
type history struct{ words *changes.History }

// page is a list of revisions.
type page struct {
	shell.Page
	Filter  models.HistoryFilter
	In      string // the environment that is looked at; empty: all
	Entries []entry
	Pager   views.Pager

	InChoices, Kinds []views.Choice
	Atom, JSON       string // addresses of the feeds
}

// Filtered reports whether the list may lack revisions because of what was asked.
func (p page) Filtered() bool {
	return p.Filter.Author != "" || p.Filter.Flag != "" || p.Filter.Kind != ""
}

// entry is one revision.
type entry struct {
	models.Revision
	Where string // the environment's title
	Lines []string
}

// shown is how many lines of an entry stand in a list before the rest is folded away.
const shown = 8

// First are the lines that are shown at once.
func (e entry) First() []line { return linesOf(e.Lines[:min(shown, len(e.Lines))]) }

// Rest are the others.
func (e entry) Rest() []line { return linesOf(e.Lines[min(shown, len(e.Lines)):]) }

// find reads the revisions that the request asks for.
func (h *history) find(c *shell.Context) (page, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	base, err := c.Page("Changes", "changes")
	if err != nil {
		return page{}, err
	}
	p := page{Page: base, Filter: filterOf(c.Request.URL.Query())}
	if err := p.where(c); err != nil {
		return page{}, err
	}
	number := pageOf(c)
	rows, total, err := c.App.Store.History(ctx, p.Filter, (number-1)*pageSize, pageSize)
	if err != nil {
		return page{}, err
	}
	var from int
	if p.Pager, from, _ = views.PagerOf(c.Request.URL, total, pageSize); from != (number-1)*pageSize { // beyond the end
		if rows, _, err = c.App.Store.History(ctx, p.Filter, from, pageSize); err != nil {
			return page{}, err
		}
	}
	lines, err := h.words.Describe(ctx, rows)
	if err != nil {
		return page{}, err
	}
	for _, row := range rows {
		p.Entries = append(p.Entries, entry{row, p.TitleOf(row.Environment), lines[row.ID()]})
	}
	return p, nil
}

// maxText is how long a text to look for may be, in bytes: as long as a subject's id and more.
const maxText = 300

// filterOf reads what the form asks for.
func filterOf(query url.Values) models.HistoryFilter {
	get := func(name string) string {
		text := strings.ReplaceAll(strings.TrimSpace(query.Get(name)), "\x00", "")
		return strings.ToValidUTF8(text[:min(len(text), maxText)], "") // what no database could compare
	}
	return models.HistoryFilter{Flag: get("flag"), Author: get("author"), Kind: get("kind")}
}

// where restricts the list to the environment that is asked for, and always to those that the person may see.
func (p *page) where(c *shell.Context) error {
	p.In = c.Param("env")
	if p.In == "" {
		p.In = c.Query("in")
	}
	for _, environment := range p.Environments {
		if p.In == "" || p.In == environment.Name {
			p.Filter.Environments = append(p.Filter.Environments, environment.Name)
		}
		p.InChoices = append(p.InChoices, views.Choice{Value: environment.Name, Label: environment.Title})
	}
	if len(p.Filter.Environments) == 0 {
		return shell.NotFound("There is no environment %q.", p.In)
	}
	p.InChoices = slices.Insert(p.InChoices, 0, views.Choice{Label: "All environments"})
	p.Kinds = []views.Choice{{Label: "All kinds"}}
	for _, kind := range changes.Kinds() {
		p.Kinds = append(p.Kinds, views.Choice{Value: kind, Label: words.Deed(kind)})
	}
	p.Atom, p.JSON = feedAddress(c, p, "atom"), feedAddress(c, p, "json")
	return nil
}

// feedAddress is where the list stands as a feed.
func feedAddress(c *shell.Context, p *page, kind string) string {
	at := c.App.Link("changes." + kind)
	if p.In != "" {
		at = c.App.Link("changes", p.In, "feed."+kind)
	}
	values := url.Values{}
	for name, value := range map[string]string{"flag": p.Filter.Flag, "author": p.Filter.Author, "kind": p.Filter.Kind} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) > 0 {
		at += "?" + values.Encode()
	}
	return at
}

func (h *history) list(c *shell.Context) error {
	p, err := h.find(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "history/list", p)
}

// WhereTitle is how the environment that is looked at is called.
func (p page) WhereTitle() string { return p.TitleOf(p.In) }
