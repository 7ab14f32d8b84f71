// Package conversions shows whether upgrade prompts sell: of the tenants and the people who were offered an upgrade for a
// feature, how many came to the upgrade page, and how many tenants then moved to a plan that has it.
package conversions

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/internal/soon"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the pages.
func Register(a *shell.App) {
	p := &pages{}
	a.GET("/conversions/:env", shell.InEnvironment(access.Viewer), p.list)
	a.GET("/conversions/:env/:key", shell.InEnvironment(access.Viewer), p.one)
}

// pages is what the requests share.
type pages struct {
	counts soon.Counts[[]models.Funnel]
}

// perPage is how many features stand on a page.
const perPage = 50

type listPage struct {
	shell.Page
	Span     shell.Span
	Spans    []shell.Span
	Counting bool // nothing is known yet
	Counted  time.Time
	Rows     []row
	Pager    views.Pager
	Quiet    int // features that need a plan, of which no upgrade was offered
}

// row is a feature with what came of its prompts.
type row struct {
	Title string
	models.Funnel
}

func (p *pages) list(c *shell.Context) error {
	page, err := c.Page("Conversions", "usage")
	if err != nil {
		return err
	}
	in, err := c.Environment()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return err
	}
	l := listPage{Page: page, Span: shell.SpanOf(c), Spans: shell.Spans()}
	funnels, at, ready, err := p.of(ctx, c, in, l.Span)
	if err != nil {
		return err
	}
	l.Counting, l.Counted = !ready, at
	offered := map[string]bool{}
	for _, f := range funnels {
		l.Rows = append(l.Rows, row{titleOf(about, f.Flag), f})
		offered[f.Flag] = true
	}
	slices.SortFunc(l.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.TenantsPrompted, a.TenantsPrompted), cmp.Compare(b.PeoplePrompted, a.PeoplePrompted), cmp.Compare(a.Flag, b.Flag))
	})
	for _, flag := range in.Flags {
		if !flag.Archived && !offered[flag.Key] && needsPlan(in, flag.Key) {
			l.Quiet++
		}
	}
	pager, from, to := views.PagerOf(c.Request.URL, len(l.Rows), perPage)
	l.Pager, l.Rows = pager, l.Rows[from:to]
	return c.Render(http.StatusOK, "conversions/list", l)
}

type onePage struct {
	shell.Page
	Key      string
	Counting bool
	Counted  time.Time
	Spans    []result
	Included []string // titles of the plans that have it
}

// result is what came of a feature's prompts in a span.
type result struct {
	Span shell.Span
	models.Funnel
}

func (p *pages) one(c *shell.Context) error {
	in, err := c.Environment()
	if err != nil {
		return err
	}
	flag, ok := in.Flag(c.Param("key"))
	if !ok {
		return shell.NotFound("%s has no flag %q.", in.Title, c.Param("key"))
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return err
	}
	page, err := c.Page(titleOf(about, flag.Key), "usage")
	if err != nil {
		return err
	}
	o := onePage{Page: page, Key: flag.Key}
	for _, plan := range in.Plans {
		if includes(in, plan.Key, flag.Key) {
			o.Included = append(o.Included, cmp.Or(plan.Title, plan.Key))
		}
	}
	funnels, at, ready, err := p.counts.Of(ctx, fmt.Sprint(in.Name, " ", in.Head, " flag ", flag.Key), func(ctx context.Context) (funnels []models.Funnel, err error) {
		for _, span := range shell.Spans() {
			of, err := count(ctx, c.App.Store, in, span, flag.Key)
			if err != nil {
				return nil, err
			}
			funnels = append(funnels, append(of, models.Funnel{})[0])
		}
		return funnels, nil
	})
	if err != nil {
		return err
	}
	o.Counting, o.Counted = !ready, at
	for i, span := range shell.Spans() {
		r := result{Span: span}
		if ready {
			r.Funnel = funnels[i]
		}
		o.Spans = append(o.Spans, r)
	}
	return c.Render(http.StatusOK, "conversions/one", o)
}

// of counts the prompts of an environment's flags in a span.
func (p *pages) of(ctx context.Context, c *shell.Context, in *catalog.Environment, span shell.Span) ([]models.Funnel, time.Time, bool, error) {
	store := c.App.Store
	return p.counts.Of(ctx, fmt.Sprint(in.Name, " ", in.Head, " days ", span.Days), func(ctx context.Context) ([]models.Funnel, error) {
		keys := make([]string, len(in.Flags))
		for i, flag := range in.Flags {
			keys[i] = flag.Key
		}
		return count(ctx, store, in, span, keys...)
	})
}

// count counts the prompts of some flags in a span.
func count(ctx context.Context, store *models.Store, in *catalog.Environment, span shell.Span, keys ...string) ([]models.Funnel, error) {
	return store.Funnels(ctx, in.Name, keys, time.Now().AddDate(0, 0, -span.Days), func(flag, from, to string) bool {
		return includes(in, to, flag) && !includes(in, from, flag)
	})
}

func titleOf(about *catalog.Flags, key string) string { return cmp.Or(about.ByKey[key].Title, key) }
