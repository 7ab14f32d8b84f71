// Package review is the queue of flags that have outlived their use, and what people say about them: that a flag stays
// until a day, or that it is deprecated. Both are changes like all others, and what environments share about a flag.
package review

import (
	"net/url"
	"slices"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/internal/review"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the pages.
func Register(a *shell.App) {
	a.GET("/review", shell.Anywhere(access.Viewer), show)
	a.POST("/review", shell.Anywhere(access.Editor), keep)
	a.POST("/review/deprecate", shell.Anywhere(access.Editor), deprecate)
}

// pageSize is how many flags stand on a page.
const pageSize = 50

// query is what somebody asked of the queue. It stands in the page's address.
type query struct{ Reason, Owner, In, Show string }

// none is the choice of flags without an owner, kept that of flags that stay because somebody said so.
const (
	none = "-"
	kept = "kept"
)

// page is the queue as it is shown.
type page struct {
	shell.Page
	Query   query
	Rows    []row
	Pager   views.Pager
	Stale   int // all of them, unfiltered
	Kept    int
	Reasons []count
	Owners  []views.Choice
	In      []views.Choice
	MayEdit bool
	Scanned bool // code was ever scanned
	Form    *shell.Form
	At      string   // where the form posts to
	Unsaved []string // what was chosen, while the database cannot be reached
}

// count is a reason, with how many flags have it.
type count struct {
	Kind, Title, URL string
	Flags            int
}

// row is one flag.
type row struct {
	*review.Item
	Chosen  bool
	Archive []models.Environment // in which the person may archive it
}

// Titles of the reasons.
func titleOf(kind lifecycle.Kind) string {
	switch kind {
	case lifecycle.PastRemoval:
		return "Past its removal date"
	case lifecycle.AllOff:
		return "Off for everybody"
	case lifecycle.AllOn:
		return "On for everybody"
	case lifecycle.NotRead:
		return "Not read"
	}
	return "Not reviewed"
}

func (q query) admits(i *review.Item) bool {
	return (q.Reason == "" || i.Has(lifecycle.Kind(q.Reason))) &&
		(q.Owner == "" || q.Owner == i.Owner || q.Owner == none && i.Owner == "") &&
		(q.In == "" || i.Served(q.In))
}

func titled(p shell.Page, environment string) string {
	for _, e := range p.Environments {
		if e.Name == environment {
			return e.Title
		}
	}
	return ""
}

// Filtered reports whether the list may lack flags because of what was asked.
func (q query) Filtered() bool { return q.Reason != "" || q.Owner != "" || q.In != "" }

func (q query) address(path string) *url.URL {
	values := url.Values{}
	for name, value := range map[string]string{"reason": q.Reason, "owner": q.Owner, "in": q.In, "show": q.Show} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return &url.URL{Path: path, RawQuery: values.Encode()}
}

func show(c *shell.Context) error {
	p, err := open(c, nil)
	if err != nil {
		return err
	}
	return c.Render(200, "review/queue", p)
}

// open makes the page, with the form as it was sent; nil: it is new.
func open(c *shell.Context, form *shell.Form) (page, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	base, err := c.Page("Review", "review")
	if err != nil {
		return page{}, err
	}
	queue, err := c.App.Reviews.Queue(ctx, base.EnvironmentNames())
	if err != nil {
		return page{}, err
	}
	if form == nil {
		form = shell.NewForm()
	}
	get := func(name string) string { return strings.ToValidUTF8(strings.TrimSpace(c.Query(name)), "") }
	q := query{get("reason"), get("owner"), get("in"), get("show")}
	if !slices.Contains(lifecycle.Kinds(), lifecycle.Kind(q.Reason)) {
		q.Reason = ""
	}
	if titled(base, q.In) == "" {
		q.In = ""
	}
	p := page{Page: base, Query: q, Stale: len(queue.Stale), Kept: len(queue.Kept), MayEdit: c.Person.Highest() >= access.Editor, Form: form}
	all := queue.Stale
	if q.Show == kept {
		all = queue.Kept
	}
	path := c.App.Link("review")
	p.At = q.address(path).String()
	p.count(q, path, all)
	var hits []*review.Item
	for _, item := range all {
		if q.admits(item) {
			hits = append(hits, item)
		}
	}
	at := q.address(path)
	at.RawQuery = strings.TrimPrefix(at.RawQuery+"&page="+url.QueryEscape(c.Query("page")), "&")
	var from, to int
	p.Pager, from, to = views.PagerOf(at, len(hits), pageSize)
	for _, item := range hits[from:to] {
		p.Scanned = p.Scanned || item.Scanned
		p.Rows = append(p.Rows, row{item, slices.Contains(form.All("flag"), chosen(item.FeatureFlag)), archivable(c, base, item)})
	}
	return p, nil
}

// count fills in what can be chosen.
func (p *page) count(q query, path string, all []*review.Item) {
	by, owners := map[lifecycle.Kind]int{}, map[string]bool{}
	for _, item := range all {
		owners[item.Owner] = true
		for _, reason := range item.Reasons {
			by[reason.Kind]++
		}
	}
	for _, kind := range lifecycle.Kinds() {
		to := q
		to.Reason = string(kind)
		p.Reasons = append(p.Reasons, count{string(kind), titleOf(kind), to.address(path).String(), by[kind]})
	}
	p.Owners = []views.Choice{{Label: "All owners"}}
	names := make([]string, 0, len(owners))
	for owner := range owners {
		names = append(names, owner)
	}
	slices.Sort(names)
	for _, owner := range names {
		choice := views.Choice{Value: owner, Label: owner}
		if owner == "" {
			choice = views.Choice{Value: none, Label: "Without owner"}
		}
		p.Owners = append(p.Owners, choice)
	}
	p.In = []views.Choice{{Label: "Any environment"}}
	for _, e := range p.Environments {
		p.In = append(p.In, views.Choice{Value: e.Name, Label: e.Title})
	}
}

// archivable are the environments in which the person may archive the flag.
func archivable(c *shell.Context, p shell.Page, item *review.Item) (in []models.Environment) {
	for _, e := range p.Environments {
		if item.Served(e.Name) && c.Person.In(e.Name) >= access.Editor {
			in = append(in, e)
		}
	}
	return in
}
