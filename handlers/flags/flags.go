// Package flags is the list of all flags: searched, filtered and sorted in memory, on the newest state of every
// environment, so that a page costs no query for each flag and no text that somebody types reaches a query at all.
package flags

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the list to the pages.
func Register(a *shell.App) {
	l := &list{}
	a.GET("/flags", shell.Anywhere(access.Viewer), l.show)
}

// pageSize is how many flags stand on a page.
const pageSize = 50

// list is the area.
type list struct{ texts index }

// page is the list as it is shown.
type page struct {
	shell.Page
	Query   query
	Rows    []*row
	Pager   views.Pager
	Columns []column
	Key     column // of the keys, which stand beside the titles
	Choices choices
	All     int // flags that there are, but for archived ones
	Hidden  int // archived flags that are not shown
	Editor  bool
	Swapped bool // a script asks for the results alone
}

// Hits says how many flags were found.
func (p page) Hits() int { return p.Pager.Total }

func (l *list) show(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	base, err := c.Page("Flags", "flags")
	if err != nil {
		return err
	}
	flags, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return err
	}
	environments, err := c.App.Catalog.Environments(ctx)
	if err != nil {
		return err
	}
	seen := visible(environments, c.Person)
	q := parse(c.Request.URL.Query(), seen)
	at := address(c.App.Link("flags"), q)
	plans := planTitles(seen)
	rows := assemble(l.texts.of(flags), seen, plans, time.Now())
	p := page{Page: base, Query: q, Choices: choicesOf(rows, seen, plans), Columns: columnsOf(at, q, seen), Key: keyColumn(at, q), Swapped: swaps(c)}
	p.Editor = c.Person.Highest() >= access.Editor
	if err := markStale(ctx, c, base, q, rows); err != nil {
		return err
	}
	p.All, p.Hidden = count(rows, q)
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !q.admits(r) })
	sortRows(rows, q)
	var from, to int
	p.Pager, from, to = views.PagerOf(at, len(rows), pageSize)
	p.Rows = rows[from:to]
	for _, r := range p.Rows {
		r.finish(c.Person, plans)
	}
	if !p.Swapped {
		return c.Render(http.StatusOK, "flags/list", p)
	}
	c.Header("HX-Push-Url", pushed(c, at))
	return c.Fragment(http.StatusOK, "flags/list", "results", p)
}

// swaps reports whether a script of the page asks for new results. A browser that goes back asks for the whole page.
func swaps(c *shell.Context) bool {
	return c.HTMX() && c.GetHeader("Hx-Target") == "results" && c.GetHeader("Hx-History-Restore-Request") != "true"
}

// pushed is the address that the browser shows for the results: without what is empty, and not twice in its history.
func pushed(c *shell.Context, at *url.URL) string {
	if current, err := url.Parse(c.GetHeader("Hx-Current-Url")); err == nil && current.RequestURI() == at.RequestURI() {
		return "false"
	}
	return at.String()
}

// visible are the environments in which the person may look.
func visible(all []*catalog.Environment, person access.Person) (seen []*catalog.Environment) {
	for _, environment := range all {
		if person.In(environment.Name) >= access.Viewer {
			seen = append(seen, environment)
		}
	}
	return seen
}

// markStale marks the flags that want a review. Only who asks for them waits until it is found out which they are.
func markStale(ctx context.Context, c *shell.Context, base shell.Page, q query, rows []*row) (err error) {
	queue := c.App.Reviews.Known(base.EnvironmentNames())
	if q.Stale {
		if queue, err = c.App.Reviews.Queue(ctx, base.EnvironmentNames()); err != nil {
			return err
		}
	}
	if queue == nil {
		return nil
	}
	for _, r := range rows {
		item := queue.ByKey[r.Name]
		r.Stale = item != nil && item.Stale()
	}
	return nil
}

// count tells the flags that are there from those that are archived and hidden.
func count(rows []*row, q query) (all, hidden int) {
	for _, r := range rows {
		switch {
		case !r.Archived:
			all++
		case q.Archived:
			all++
		default:
			hidden++
		}
	}
	return all, hidden
}

// row is one flag.
type row struct {
	models.FeatureFlag
	Title    string // for people: the key if it has no title
	States   []shell.FlagState
	Tiers    []string // keys of the plans that it needs somewhere, in the order of environments
	Tier     string   // the same for people; before a row is shown, the first of them
	Archived bool     // in all environments that have it
	CanKill  bool     // the person may, somewhere
	Stale    bool     // it wants a review

	search    string // all words that a search can find
	sortTitle string
}

// assemble puts together all flags with their states in the environments that are seen.
func assemble(entries []entry, seen []*catalog.Environment, plans map[string]string, now time.Time) []*row {
	all := make([]row, len(entries)) // one piece of memory for all
	states := make([]shell.FlagState, len(entries)*len(seen))
	rows := make([]*row, len(entries))
	for i, e := range entries {
		r := &all[i]
		r.FeatureFlag, r.Title, r.search, r.sortTitle = e.FeatureFlag, e.title, e.search, e.sortTitle
		r.States, states = states[:len(seen):len(seen)], states[len(seen):]
		r.stateIn(seen, now)
		if len(r.Tiers) > 0 {
			r.Tier = cmp.Or(plans[r.Tiers[0]], r.Tiers[0])
		}
		rows[i] = r
	}
	return rows
}

// stateIn looks the flag up in each environment.
func (r *row) stateIn(seen []*catalog.Environment, now time.Time) {
	there, archived := 0, 0
	for i, environment := range seen {
		flag, _ := environment.Flag(r.Name)
		state := shell.FlagState{Environment: environment.Environment, Flag: flag, Rollout: flag.Rollout(now)}
		r.States[i] = state
		if flag == nil {
			continue
		}
		there++
		if state.Rollout == catalog.Archived {
			archived++
		}
		if tier := flag.TierRequired; tier != "" && !slices.Contains(r.Tiers, tier) {
			r.Tiers = append(r.Tiers, tier)
		}
	}
	r.Archived = there > 0 && archived == there
}

// finish adds what only rows that are shown need.
func (r *row) finish(person access.Person, plans map[string]string) {
	for _, state := range r.States {
		if state.Flag != nil && !state.Flag.Archived && person.In(state.Environment.Name) >= access.Approver {
			r.CanKill = true
		}
	}
	for _, tier := range r.Tiers[min(1, len(r.Tiers)):] {
		r.Tier += ", " + cmp.Or(plans[tier], tier)
	}
}
