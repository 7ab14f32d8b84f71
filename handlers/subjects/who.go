package subjects

import (
	"net/http"
	"net/url"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// whoPage says who has a flag.
type whoPage struct {
	shell.FlagHead
	Counting   bool
	Tallies    []tally // by variant
	Reasons    []tally
	People     int
	Tenants    int
	Visitors   []directory.Day // the newest first
	Unseen     int             // overrides of those who were not seen
	VisitorSum int64
	ByVisitor  bool // the flag can depend on the browser, which nobody is counted with

	Kind, Query, Variant, Reason string // the list's filters
	VariantChoices               []views.Choice
	ReasonChoices                []views.Choice
	Rows                         []whoRow
	Pager                        views.Pager
	CSV                          string
}

// tally is how many have a variant, or have it for a reason.
type tally struct {
	Title           string
	People, Tenants int
	OfPeople        int // all of them, for shares
	OfTenants       int
}

// whoRow is one person or tenant with what they have.
type whoRow struct {
	*directory.Seen
	Variant, Reason string
}

// shownDays is how many days of visitors are shown.
const shownDays = 30

func (p *pages) who(c *shell.Context) error {
	head, err := c.FlagPage("who")
	if err != nil {
		return err
	}
	page := whoPage{FlagHead: head}
	census, seen, err := p.census(c, head)
	if err != nil {
		return err
	}
	page.Counting, page.People, page.Tenants = seen.Counting, len(seen.People), len(seen.Tenants)
	if !seen.Counting {
		page.Unseen = unseen(head.Settings, seen, time.Now())
	}
	page.Visitors, page.VisitorSum = visitors(seen, time.Now())
	page.Tallies, page.Reasons = census.tallies()
	page.ByVisitor = census.byVisitor
	query := c.Request.URL.Query()
	page.Kind, page.Query, page.Variant, page.Reason = kindOf(query), query.Get("q"), query.Get("variant"), query.Get("reason")
	page.VariantChoices, page.ReasonChoices = census.choices()
	found := census.find(seen, query)
	pager, from, to := views.PagerOf(c.Request.URL, len(found), pageSize)
	page.Pager, page.Rows = pager, census.rows(found[from:to])
	page.CSV = c.App.Link("flags", head.About.Name, head.Environment, "who.csv") + "?" + query.Encode()
	return c.Render(http.StatusOK, "subjects/who", page)
}

// census counts the flag that the path names.
func (p *pages) census(c *shell.Context, head shell.FlagHead) (*census, *directory.Snapshot, error) {
	if head.Settings == nil {
		return nil, nil, shell.NotFound("%s does not have the flag %q.", head.Environment, head.About.Name)
	}
	environment, err := c.Environment()
	if err != nil {
		return nil, nil, err
	}
	flag, ok := environment.Flag(head.About.Name)
	if !ok {
		flag = head.Settings
	}
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), environment.Name)
	if err != nil {
		return nil, nil, err
	}
	return p.counts.of(environment, flag, seen, time.Now()), seen, nil
}

// unseen counts the overrides that hold for somebody who was not seen, and so is in none of the lists.
func unseen(flag *catalog.Flag, seen *directory.Snapshot, now time.Time) (n int) {
	for _, o := range flag.Overrides {
		_, known := seen.Person(o.User)
		if o.Tenant != "" {
			_, known = seen.Tenant(o.Tenant)
		}
		if !known && !expired(o, now) {
			n++
		}
	}
	return n
}

// visitors gives the last days of visitors, and how many they make.
func visitors(seen *directory.Snapshot, now time.Time) (days []directory.Day, sum int64) {
	since := models.Day(now.AddDate(0, 0, -shownDays))
	for _, day := range seen.Visitors {
		if day.Day > since {
			days = append(days, day)
			sum += day.Minted
		}
	}
	return days, sum
}

func kindOf(query url.Values) string {
	if query.Get("kind") == "tenants" {
		return "tenants"
	}
	return "people"
}

// tallies counts by variant and by reason.
func (c *census) tallies() (variants, reasons []tally) {
	byVariant, byReason := make([]tally, len(c.variants)), make([]tally, len(c.reasons))
	for _, v := range c.people {
		byVariant[v.variant].People++
		byReason[v.reason].People++
	}
	for _, v := range c.tenants {
		byVariant[v.variant].Tenants++
		byReason[v.reason].Tenants++
	}
	finish := func(t tally, title string) tally {
		t.Title, t.OfPeople, t.OfTenants = title, len(c.people), len(c.tenants)
		return t
	}
	for i, t := range byVariant {
		if c.variants[i] != "" || t.People+t.Tenants > 0 {
			variants = append(variants, finish(t, words.Served(c.variants[i])))
		}
	}
	for i, t := range byReason {
		reasons = append(reasons, finish(t, c.reasons[i].Title))
	}
	return variants, reasons
}

func (c *census) choices() (variants, reasons []views.Choice) {
	variants, reasons = []views.Choice{{Label: "Any variant"}}, []views.Choice{{Label: "Any reason"}}
	for _, name := range c.variants {
		if name != "" {
			variants = append(variants, views.Choice{Value: name, Label: name})
		}
	}
	for _, r := range c.reasons {
		reasons = append(reasons, views.Choice{Value: r.Code, Label: r.Title})
	}
	return variants, reasons
}

// found is one subject of a list, with its verdict.
type found struct {
	seen    *directory.Seen
	verdict verdict
}

// find gives the list that the query asks for.
func (c *census) find(seen *directory.Snapshot, query url.Values) []found {
	all, verdicts := seen.People, c.people
	if kindOf(query) == "tenants" {
		all, verdicts = seen.Tenants, c.tenants
	}
	text, variant, reason := searchFor(query.Get("q")), query.Get("variant"), query.Get("reason")
	list := make([]found, 0, len(all))
	for i, s := range all {
		v := verdicts[i]
		if variant != "" && c.variants[v.variant] != variant || reason != "" && c.reasons[v.reason].Code != reason || !text.matches(s) {
			continue
		}
		list = append(list, found{s, v})
	}
	return list
}

func (c *census) rows(list []found) []whoRow {
	rows := make([]whoRow, len(list))
	for i, f := range list {
		rows[i] = whoRow{f.seen, words.Served(c.variants[f.verdict.variant]), c.reasons[f.verdict.reason].Title}
	}
	return rows
}
