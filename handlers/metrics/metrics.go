// Package metrics shows what the host measures, by name.
package metrics

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/internal/soon"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the pages.
func Register(a *shell.App) {
	p := &pages{}
	a.GET("/metrics/:env", shell.InEnvironment(access.Viewer), p.list)
	a.GET("/metrics/:env/days.csv", shell.InEnvironment(access.Viewer), days)
}

// pages is what the requests share.
type pages struct {
	sums soon.Counts[[]models.Metric]
}

// perPage is how many names stand on a page.
const perPage = 100

type listPage struct {
	shell.Page
	Span     shell.Span
	Spans    []shell.Span
	Counting bool // nothing is known yet
	Counted  time.Time
	Rows     []row
	Pager    views.Pager
	CSV      string
}

// row is what was measured under a name.
type row struct {
	models.Metric
	PerDay, SumPerDay float64
}

func (p *pages) list(c *shell.Context) error {
	page, err := c.Page("Metrics", "usage")
	if err != nil {
		return err
	}
	if _, err := c.Environment(); err != nil {
		return err
	}
	span := shell.SpanOf(c)
	l := listPage{Page: page, Span: span, Spans: shell.Spans(), CSV: fmt.Sprint(c.App.Link("metrics", page.Environment, "days.csv"), "?days=", span.Days)}
	rows, at, ready, err := p.sums.Of(c.Request.Context(), fmt.Sprint(page.Environment, " ", span.Days), func(ctx context.Context) ([]models.Metric, error) {
		return c.App.Store.Metrics(ctx, page.Environment, since(span))
	})
	if err != nil {
		return err
	}
	l.Counting, l.Counted = !ready, at
	pager, from, to := views.PagerOf(c.Request.URL, len(rows), perPage)
	l.Pager = pager
	for _, m := range rows[from:to] {
		l.Rows = append(l.Rows, row{m, float64(m.Times) / float64(span.Days), m.Sum / float64(span.Days)})
	}
	return c.Render(http.StatusOK, "metrics/list", l)
}

// days sends what was measured on each day as a file.
func days(c *shell.Context) error {
	if _, err := c.Environment(); err != nil {
		return err
	}
	environment, span := c.Param("env"), shell.SpanOf(c)
	ctx, cancel := c.Ctx()
	defer cancel()
	rows, err := c.App.Store.MetricDays(ctx, environment, since(span))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write([]string{"day", "name", "times", "sum", "mean"}) // what goes wrong is said at the end
	for _, m := range rows {
		_ = w.Write([]string{m.Day, spreadsheet.Plain(m.Name), strconv.FormatInt(m.Times, 10), number(m.Sum), number(m.Mean())})
	}
	if w.Flush(); w.Error() != nil {
		return fmt.Errorf("write what was measured: %w", w.Error())
	}
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="metrics-%s.csv"`, environment))
	c.Data(http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
	return nil
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
