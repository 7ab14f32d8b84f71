package subjects

import (
	"net/http"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/views"
)

// seenPage lists the people or the tenants that were seen in an environment.
type seenPage struct {
	shell.Page
	Counting   bool
	Kind       string
	Query      string
	Total      int // people or tenants, all of them
	Rows       []seenRow
	Pager      views.Pager
	Visitors   []directory.Day
	VisitorSum int64
}

// seenRow is one of them with what is kept about them.
type seenRow struct {
	*directory.Seen
	Known []knownAttribute
}

type knownAttribute struct{ Name, Value string }

func listSeen(c *shell.Context) error {
	page := seenPage{}
	environment, err := c.Environment()
	if err != nil {
		return err
	}
	if page.Page, err = c.Page("Directory", "subjects"); err != nil {
		return err
	}
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), environment.Name)
	if err != nil {
		return err
	}
	query := c.Request.URL.Query()
	page.Counting, page.Kind, page.Query = seen.Counting, kindOf(query), query.Get("q")
	all := seen.People
	if page.Kind == "tenants" {
		all = seen.Tenants
	}
	page.Total = len(all)
	if text := searchFor(page.Query); text != "" {
		var fits []*directory.Seen
		for _, s := range all {
			if text.matches(s) {
				fits = append(fits, s)
			}
		}
		all = fits
	}
	pager, from, to := views.PagerOf(c.Request.URL, len(all), pageSize)
	page.Pager = pager
	for _, s := range all[from:to] {
		page.Rows = append(page.Rows, seenRow{s, known(s)})
	}
	page.Visitors, page.VisitorSum = visitors(seen, time.Now())
	return c.Render(http.StatusOK, "subjects/seen", page)
}

func known(s *directory.Seen) []knownAttribute {
	var all []knownAttribute
	for name, value := range s.Attributes {
		all = append(all, knownAttribute{name, value})
	}
	return all
}
