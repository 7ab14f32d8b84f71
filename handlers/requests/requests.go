// Package requests are the pages about change requests: what waits for whom, what each would do, the conversation about
// it, and what people do with it. Nothing here decides whether something may be done; package changes does, and says why
// not.
package requests

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the pages.
func Register(a *shell.App) {
	viewer, editor, approver := shell.InEnvironment(access.Viewer), shell.InEnvironment(access.Editor), shell.InEnvironment(access.Approver)
	a.GET("/requests", shell.Anywhere(access.Viewer), list)
	a.GET("/requests/:env/:id", viewer, one)
	a.POST("/requests/:env/:id/send", editor, send)
	a.POST("/requests/:env/:id/approve", approver, approve)
	a.POST("/requests/:env/:id/reject", approver, reject)
	a.POST("/requests/:env/:id/withdraw", editor, withdraw)
	a.POST("/requests/:env/:id/apply", editor, apply)
	a.POST("/requests/:env/:id/comment", editor, comment)
	a.POST("/requests/:env/:id/rebase", editor, rebase)
	a.GET("/requests/:env/:id/edit", editor, edit)
	a.POST("/requests/:env/:id/edit", editor, save)
	a.GET("/emergencies/:env/:revision", viewer, emergency)
	a.POST("/emergencies/:env/:revision", approver, review)
}

// pageSize is how many requests stand on a page.
const pageSize = 30

// listPage are the requests that somebody may see.
type listPage struct {
	shell.Page
	Tab         string // mine, open, scheduled or done
	Tabs        []tab
	In, Author  string
	Rows        []row
	Pager       views.Pager
	InChoices   []views.Choice
	Authors     []views.Choice
	Emergencies []models.Emergency // the newest kills that somebody has to look at
	Kills       int                // how many there are
}

// shownKills is how many of them are listed.
const shownKills = 10

// More is how many kills are not listed.
func (p listPage) More() int { return p.Kills - len(p.Emergencies) }

type tab struct{ Name, Title, URL string }

// row is a request in a list.
type row struct {
	models.ChangeRequest
	Where string
	Next  *models.Time // when it does something by itself; nil: it does not
}

// Says is how far the request is.
func (r row) Says() string { return statusOf(r.Status) }

// State is how that looks.
func (r row) State() string { return stateOf(r.Status) }

// Filtered reports whether the list may lack requests because of what was asked.
func (p listPage) Filtered() bool { return p.In != "" || p.Author != "" }

func statusesOf(tab string) []string {
	switch tab {
	case "scheduled":
		return []string{changes.Scheduled}
	case "done":
		return []string{changes.Applied, changes.Rejected, changes.Withdrawn}
	}
	return []string{changes.Draft, changes.InReview, changes.Approved}
}

func list(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Requests", "requests")
	if err != nil {
		return err
	}
	p := listPage{Page: page, Tab: c.Query("show"), In: c.Query("in")}
	if author := c.Query("author"); shell.Storable(author) {
		p.Author = author
	}
	environments, err := p.where()
	if err != nil {
		return err
	}
	p.tabs(c)
	if err := p.read(ctx, c, environments); err != nil {
		return err
	}
	if err := p.authors(ctx, c); err != nil {
		return err
	}
	p.Emergencies, p.Kills, err = c.App.Store.Emergencies(ctx, environments, "", shownKills)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "requests/list", p)
}

// where are the environments that are asked for: never more than the person may see.
func (p *listPage) where() (names []string, err error) {
	p.InChoices = []views.Choice{{Label: "All environments"}}
	for _, environment := range p.Environments {
		if p.In == "" || p.In == environment.Name {
			names = append(names, environment.Name)
		}
		p.InChoices = append(p.InChoices, views.Choice{Value: environment.Name, Label: environment.Title})
	}
	if len(names) == 0 {
		return nil, shell.NotFound("There is no environment %q.", p.In)
	}
	return names, nil
}

// tabs are what can be looked at; whoever approves nowhere is waited for nowhere.
func (p *listPage) tabs(c *shell.Context) {
	all := []tab{{"mine", "Waiting for me", ""}, {"open", "Open", ""}, {"scheduled", "Scheduled", ""}, {"done", "Done", ""}}
	if c.Person.Highest() < access.Approver {
		all = all[1:]
	}
	if !slices.ContainsFunc(all, func(t tab) bool { return t.Name == p.Tab }) {
		p.Tab = "open"
		if p.Waiting > 0 {
			p.Tab = "mine"
		}
	}
	for _, t := range all {
		query := c.Request.URL.Query()
		query.Del("page")
		query.Set("show", t.Name)
		t.URL = c.App.Link("requests") + "?" + query.Encode()
		p.Tabs = append(p.Tabs, t)
	}
}

func (p *listPage) read(ctx context.Context, c *shell.Context, environments []string) error {
	number, _ := strconv.Atoi(c.Query("page"))
	from := (min(max(number, 1), 1<<20) - 1) * pageSize
	find := func(from int) ([]models.ChangeRequest, int, error) {
		if p.Tab == "mine" {
			approves := slices.DeleteFunc(slices.Clone(environments), func(name string) bool { return c.Person.In(name) < access.Approver })
			return c.App.Store.RequestsToApprove(ctx, approves, c.Person.ID, from, pageSize)
		}
		return c.App.Store.ChangeRequests(ctx, models.RequestFilter{Environments: environments, Statuses: statusesOf(p.Tab), Author: p.Author}, from, pageSize)
	}
	rows, total, err := find(from)
	if err != nil {
		return err
	}
	pager, begin, _ := views.PagerOf(c.Request.URL, total, pageSize)
	if begin != from { // beyond the end
		if rows, _, err = find(begin); err != nil {
			return err
		}
	}
	p.Pager = pager
	return p.fill(ctx, c, rows)
}

// fill adds when the requests do something by themselves.
func (p *listPage) fill(ctx context.Context, c *shell.Context, rows []models.ChangeRequest) error {
	ids := make([]int64, len(rows))
	titles := map[string]string{}
	for i, r := range rows {
		ids[i] = r.ID
	}
	for _, environment := range p.Environments {
		titles[environment.Name] = environment.Title
	}
	steps, err := c.App.Store.WaitingTimes(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		entry := row{ChangeRequest: r, Where: titles[r.Environment]}
		if at, ok := steps[r.ID]; ok && r.EndedAt == nil {
			entry.Next = &at
		}
		p.Rows = append(p.Rows, entry)
	}
	return nil
}

// authors are those who have made requests, to choose from.
func (p *listPage) authors(ctx context.Context, c *shell.Context) error {
	var seen []string
	for _, environment := range p.Environments {
		seen = append(seen, environment.Name)
	}
	names, err := c.App.Store.RequestAuthors(ctx, seen)
	if err != nil {
		return err
	}
	p.Authors = []views.Choice{{Label: "Everybody"}}
	ids := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Or(cmp.Compare(names[a], names[b]), cmp.Compare(a, b)) })
	for _, id := range ids {
		p.Authors = append(p.Authors, views.Choice{Value: id, Label: names[id]})
	}
	return nil
}
