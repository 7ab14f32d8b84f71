package adoption

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/views"
)

// overviewPage lists every flag with how it is adopted.
type overviewPage struct {
	shell.Page
	Query   string
	Sort    string // as the address has it
	Columns []column
	Total   int // flags, those that the search does not find too
	Rows    []*figure
	Pager   views.Pager
	Counted views.Moment // when adoption was counted last
	Nobody  bool         // there was nobody to count
	CSV     string
}

// column is one that the list can be sorted by.
type column struct {
	ID, Title, Group string // Group stands above it, if not empty
	Number           bool
	URL, Sorted      string
	compare          func(a, b *figure) int
}

func columns() []column {
	people, tenants := func(f *figure) *adopted { return &f.People }, func(f *figure) *adopted { return &f.Tenants }
	return []column{
		{ID: "flag", Title: "Flag", compare: func(a, b *figure) int {
			return cmp.Or(strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), strings.Compare(a.Key, b.Key))
		}},
		{ID: "people", Title: "On now", Group: "People", Number: true, compare: byShare(people)},
		{ID: "people7", Title: "7 days", Group: "People", Number: true, compare: byChange(people, 7)},
		{ID: "people30", Title: "30 days", Group: "People", Number: true, compare: byChange(people, 30)},
		{ID: "tenants", Title: "On now", Group: "Tenants", Number: true, compare: byShare(tenants)},
		{ID: "tenants7", Title: "7 days", Group: "Tenants", Number: true, compare: byChange(tenants, 7)},
		{ID: "tenants30", Title: "30 days", Group: "Tenants", Number: true, compare: byChange(tenants, 30)},
		{ID: "checks", Title: "Reads a day", Number: true, compare: func(a, b *figure) int { return cmp.Compare(a.Checks, b.Checks) }},
		{ID: "read", Title: "Last read", compare: func(a, b *figure) int { return compareTimes(a.Read, b.Read) }},
	}
}

func byShare(of func(*figure) *adopted) func(a, b *figure) int {
	return func(a, b *figure) int {
		x, y := of(a), of(b)
		return cmp.Or(known(x.Counted, y.Counted), cmp.Compare(x.Share(), y.Share()), cmp.Compare(x.Has, y.Has))
	}
}

func byChange(of func(*figure) *adopted, days int) func(a, b *figure) int {
	return func(a, b *figure) int {
		x, y := of(a).since(days), of(b).since(days)
		return cmp.Or(known(x.Known, y.Known), cmp.Compare(x.Points, y.Points))
	}
}

// known puts what is unknown below everything.
func known(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareTimes(a, b *time.Time) int {
	if a == nil || b == nil {
		return known(a != nil, b != nil)
	}
	return a.Compare(*b)
}

func overview(c *shell.Context) error {
	page, all, err := openOverview(c)
	if err != nil {
		return err
	}
	counted, err := c.App.Store.AdoptionCounted(c.Request.Context(), page.Environment)
	if err != nil {
		return err
	}
	page.Counted = page.At(counted)
	var from, to int
	page.Pager, from, to = views.PagerOf(c.Request.URL, len(all), pageSize)
	page.Rows = all[from:to]
	return c.Render(http.StatusOK, "adoption/overview", page)
}

// openOverview begins the page and gives the flags that it asks for, in the order that it asks for.
func openOverview(c *shell.Context) (page overviewPage, found []*figure, err error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	if page.Page, err = c.Page("Adoption", "usage"); err != nil {
		return page, nil, err
	}
	environment, err := c.Environment()
	if err != nil {
		return page, nil, err
	}
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return page, nil, err
	}
	found, err = figures(ctx, c.App.Store, environment, about, time.Now())
	if err != nil {
		return page, nil, err
	}
	page.Total = len(found)
	page.Nobody = !slices.ContainsFunc(found, func(f *figure) bool { return f.People.Counted || f.Tenants.Counted })
	page.Query = strings.ToValidUTF8(strings.TrimSpace(c.Query("q")), "")
	for _, word := range strings.Fields(strings.ToLower(page.Query)) {
		found = slices.DeleteFunc(found, func(f *figure) bool { return !strings.Contains(f.search, word) })
	}
	page.sort(c, found)
	page.CSV = c.App.Link("adoption.csv", page.Environment) + "?" + page.values().Encode()
	return page, found, nil
}

// sort puts the flags in order, and gives the columns their links.
func (p *overviewPage) sort(c *shell.Context, found []*figure) {
	p.Columns = columns()
	name, down := strings.CutPrefix(c.Query("sort"), "-")
	at := slices.IndexFunc(p.Columns, func(c column) bool { return c.ID == name })
	if at < 0 {
		at, down = 0, false
	} else {
		p.Sort = c.Query("sort")
	}
	slices.SortFunc(found, func(a, b *figure) int {
		order := p.Columns[at].compare(a, b)
		if down {
			order = -order
		}
		return cmp.Or(order, p.Columns[0].compare(a, b))
	})
	for i := range p.Columns {
		column := &p.Columns[i]
		order := column.ID
		if i > 0 { // the largest first
			order = "-" + column.ID
		}
		if i == at {
			column.Sorted = map[bool]string{false: "ascending", true: "descending"}[down]
			order = map[bool]string{false: "-" + column.ID, true: column.ID}[down]
		}
		values := p.values()
		values.Set("sort", order)
		column.URL = c.App.Link("adoption", p.Environment) + "?" + values.Encode()
	}
}

// values are what the page was asked for.
func (p *overviewPage) values() url.Values {
	values := url.Values{}
	if p.Query != "" {
		values.Set("q", p.Query)
	}
	if p.Sort != "" {
		values.Set("sort", p.Sort)
	}
	return values
}

// Counting reports whether nothing was counted yet.
func (p overviewPage) Counting() bool { return p.Counted.IsZero() }

func overviewCSV(c *shell.Context) error {
	page, all, err := openOverview(c)
	if err != nil {
		return err
	}
	lines := [][]string{{"flag", "title", "people on", "people known", "people, points in 7 days", "people, points in 30 days",
		"tenants on", "tenants known", "tenants, points in 7 days", "tenants, points in 30 days", "reads in 7 days", "last read"}}
	for _, f := range all {
		line := []string{spreadsheet.Plain(f.Key), spreadsheet.Plain(f.Title)}
		for _, a := range []adopted{f.People, f.Tenants} {
			line = append(line, whole(a.Has, a.Counted), whole(a.Known, a.Counted), a.Week.plain(), a.Month.plain())
		}
		lines = append(lines, append(line, whole(f.Checks, true), moment(f.Read)))
	}
	return sendCSV(c, page.Environment+"-adoption", lines)
}

// plain writes a change for a file: a number alone, or nothing.
func (c change) plain() string {
	if !c.Known {
		return ""
	}
	return strconv.FormatFloat(c.Points, 'f', 2, 64)
}

func whole(n int64, known bool) string {
	if !known {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
