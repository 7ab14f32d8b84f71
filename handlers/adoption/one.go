package adoption

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// onePage is one flag's adoption.
type onePage struct {
	shell.FlagHead
	Counting bool
	Census   *adoption.Census
	Boolean  bool

	Days        int // of the charts
	Periods     []period
	Plan        string // of the trend; empty: all
	PlanChoices []views.Choice

	Trend, Exposures, Reads, Minutes views.Chart
	Shown                            views.Moment // when exposures were counted; zero: just now
	Sampled                          bool         // of the exposures, not all are recorded
	Exposed, ExposedVisitors         int64        // in the period: each person once a day and variant
	First, Last                      views.Moment
	Today                            int64 // checks
	Minted                           int64 // ids of visitors that were given out in the last 30 days

	Query   string
	Tenants []adoption.Tenant
	Pager   views.Pager

	environment *catalog.Environment
	now         time.Time
	address     string // of the page, without a query
	files       string // of its files
}

// period is a choice of how many days are shown.
type period struct {
	Title, URL string
	Current    bool
}

func (p *pages) one(c *shell.Context) error {
	page, err := p.open(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := page.draw(ctx, c); err != nil {
		return err
	}
	found := page.tenants()
	pager, from, to := views.PagerOf(c.Request.URL, len(found), tenantsShown)
	page.Pager, page.Tenants = pager, found[from:to]
	return c.Render(http.StatusOK, "adoption/one", page)
}

// open begins the page: it reads what was asked for, and counts who has the flag on now.
func (p *pages) open(c *shell.Context) (*onePage, error) {
	head, err := c.FlagPage("adoption")
	if err != nil {
		return nil, err
	}
	if head.Settings == nil {
		return nil, shell.NotFound("%s does not have the flag %q.", head.Environment, head.About.Name)
	}
	head.Area = "usage"
	page := &onePage{FlagHead: head, now: time.Now(), Query: strings.ToValidUTF8(strings.TrimSpace(c.Query("q")), "")}
	page.address, page.files = c.App.Link("adoption", head.Environment, head.About.Name), c.App.Link("adoption.csv", head.Environment, head.About.Name)
	if page.environment, err = c.Environment(); err != nil {
		return nil, err
	}
	flag, ok := page.environment.Flag(head.About.Name)
	if !ok {
		flag = head.Settings
	}
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), head.Environment)
	if err != nil {
		return nil, err
	}
	page.Counting, page.Boolean, page.Minted = seen.Counting, flag.Type == ruleset.Boolean, minted(seen, page.now)
	page.Census = p.counts.Of(page.environment, flag, seen, page.now)
	page.choose(c.Request.URL.Query())
	return page, nil
}

// mintedDays is how many days of new visitors are told.
const mintedDays = 30

func minted(seen *directory.Snapshot, now time.Time) (sum int64) {
	for _, of := range seen.Visitors {
		if of.Day > day(now, -mintedDays) {
			sum += of.Minted
		}
	}
	return sum
}

// choose reads which days and which plan are asked for.
func (p *onePage) choose(query url.Values) {
	p.Days = 30
	for _, days := range []int{90, 365} {
		if query.Get("days") == strconv.Itoa(days) {
			p.Days = days
		}
	}
	p.PlanChoices = []views.Choice{{Label: "All plans"}}
	for _, plan := range p.environment.Plans {
		p.PlanChoices = append(p.PlanChoices, views.Choice{Value: plan.Key, Label: cmp.Or(plan.Title, plan.Key)})
		if plan.Key == query.Get("plan") {
			p.Plan = plan.Key
		}
	}
	for _, days := range []int{30, 90, 365} {
		p.Periods = append(p.Periods, period{strconv.Itoa(days) + " days", p.at(days), days == p.Days})
	}
}

// at is the page's address with so many days.
func (p *onePage) at(days int) string {
	values := url.Values{"days": {strconv.Itoa(days)}}
	if p.Plan != "" {
		values.Set("plan", p.Plan)
	}
	if p.Query != "" {
		values.Set("q", p.Query)
	}
	return p.address + "?" + values.Encode()
}

// File is where figures of the page are as a file.
func (p *onePage) File(of string) string {
	values := url.Values{"of": {of}}
	switch of {
	case "trend":
		values.Set("plan", p.Plan)
		fallthrough
	case "exposures", "reads":
		values.Set("days", strconv.Itoa(p.Days))
	case "tenants":
		values.Set("q", p.Query)
	}
	return p.files + "?" + values.Encode()
}

// since is the first day that is shown.
func (p *onePage) since() string { return day(p.now, 1-p.Days) }

// Served names a variant for people.
func (*onePage) Served(variant string) string { return words.Served(variant) }

// tenants are those that the search finds.
func (p *onePage) tenants() []adoption.Tenant {
	text := strings.ToLower(p.Query)
	if text == "" {
		return p.Census.ByTenant
	}
	var found []adoption.Tenant
	for _, tenant := range p.Census.ByTenant {
		if strings.Contains(strings.ToLower(tenant.ID), text) {
			found = append(found, tenant)
		}
	}
	return found
}

// countedAtOnce is how many events a page counts itself. Beyond that, it shows what was counted within the hour: 100,000
// people who are shown a flag on a day would keep it waiting.
const countedAtOnce = 20_000

// exposures are how many were shown each variant, by the day: what was counted and, of the days that may have more since,
// the events themselves.
func (p *onePage) exposures(ctx context.Context, store *models.Store) ([]models.FeatureFlagExposureDay, error) {
	counted, err := store.AdoptionCounted(ctx, p.Environment)
	if err != nil {
		return nil, err
	}
	key, since, end := p.About.Name, p.since(), day(p.now, 2)
	uncounted := max(since, adoption.Uncounted(counted))
	if !counted.IsZero() {
		many, err := store.MoreExposures(ctx, p.Environment, key, uncounted, countedAtOnce)
		if err != nil {
			return nil, err
		}
		if many {
			p.Shown = p.At(counted)
			return store.ExposureDays(ctx, p.Environment, key, since, end)
		}
	}
	rows, err := store.ExposureDays(ctx, p.Environment, key, since, uncounted)
	if err != nil {
		return nil, err
	}
	newest, err := store.CountExposures(ctx, p.Environment, key, uncounted)
	return slices.Concat(rows, newest), err
}
