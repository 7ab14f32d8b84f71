package adoption

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
)

// oneCSV is what the query names as of, with the page's days, plan and search, as a file for spreadsheets.
func (p *pages) oneCSV(c *shell.Context) error {
	page, err := p.open(c)
	if err != nil {
		return err
	}
	if page.Counting {
		return shell.Refused(http.StatusServiceUnavailable, "Still counting", "Who was seen is being read. Try again in a moment.")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	var lines [][]string
	of := c.Query("of")
	switch of {
	case "trend":
		lines, err = page.trendLines(ctx, c.App.Store)
	case "plans":
		lines = page.planLines()
	case "variants":
		lines = page.variantLines()
	case "tenants":
		lines = page.tenantLines()
	case "exposures":
		lines, err = page.exposureLines(ctx, c.App.Store)
	case "reads":
		lines, err = page.readLines(ctx, c.App.Store)
	case "minutes":
		lines, err = page.minuteLines(ctx, c.App.Store)
	default:
		return shell.NotFound("There is no such file. Open the flag's adoption and choose one there.")
	}
	if err != nil {
		return err
	}
	return sendCSV(c, page.About.Name+"-"+page.Environment+"-"+of, lines)
}

func sendCSV(c *shell.Context, name string, lines [][]string) error {
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(lines); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	c.Header("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+".csv"))
	c.Data(http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
	return nil
}

// trendLines are what was counted; today's line is of the last hour, not of this moment.
func (p *onePage) trendLines(ctx context.Context, store *models.Store) ([][]string, error) {
	rows, err := store.AdoptionOf(ctx, p.Environment, p.About.Name, p.Plan, p.since())
	if err != nil {
		return nil, err
	}
	lines := [][]string{{"day", "who", "plan", "on", "known"}}
	who := map[string]string{models.SeenUser: "people", models.SeenTenant: "tenants"}
	plan := spreadsheet.Plain(p.Plan)
	if p.Plan == "" {
		plan = "all"
	}
	for _, row := range rows {
		lines = append(lines, []string{row.Day, who[row.Kind], plan, number(row.Has), number(row.Known)})
	}
	return lines, nil
}

func (p *onePage) planLines() [][]string {
	lines := [][]string{{"plan", "people on", "people known", "tenants on", "tenants known"}}
	for _, plan := range p.Census.Plans {
		lines = append(lines, append([]string{spreadsheet.Plain(plan.Key)}, append(tally(plan.People), tally(plan.Tenants)...)...))
	}
	return lines
}

func (p *onePage) variantLines() [][]string {
	lines := [][]string{{"variant", "people", "tenants"}}
	for _, v := range p.Census.Variants {
		lines = append(lines, []string{spreadsheet.Plain(words.Served(v.Name)), number(v.People), number(v.Tenants)})
	}
	return lines
}

func (p *onePage) tenantLines() [][]string {
	found := p.tenants()
	lines := make([][]string, 1, len(found)+1)
	lines[0] = []string{"tenant", "plan", "people on", "people known", "the tenant itself"}
	for _, t := range found {
		lines = append(lines, append(append([]string{spreadsheet.Plain(t.ID), spreadsheet.Plain(t.Plan)}, tally(t.People)...), itself(t)))
	}
	return lines
}

func (p *onePage) exposureLines(ctx context.Context, store *models.Store) ([][]string, error) {
	rows, err := p.exposures(ctx, store)
	lines := [][]string{{"day", "variant", "recorded", "visitors among them", "people, estimated where not all are recorded"}}
	for _, row := range rows {
		lines = append(lines, []string{row.Day, spreadsheet.Plain(words.Served(row.Variant)), number(row.People), number(row.Visitors), number(row.Estimated)})
	}
	return lines, err
}

func (p *onePage) readLines(ctx context.Context, store *models.Store) ([][]string, error) {
	rows, err := store.CheckDays(ctx, p.Environment, p.About.Name, p.since())
	lines := [][]string{{"day", "variant", "reads"}}
	for _, row := range rows {
		lines = append(lines, []string{row.Day, spreadsheet.Plain(words.Served(row.Variant)), number(row.Checks)})
	}
	return lines, err
}

func (p *onePage) minuteLines(ctx context.Context, store *models.Store) ([][]string, error) {
	rows, err := store.CheckMinutes(ctx, p.Environment, p.About.Name, p.firstMinute())
	lines := [][]string{{"minute", "variant", "reads"}}
	for _, row := range rows {
		lines = append(lines, []string{row.Minute.Format(time.RFC3339), spreadsheet.Plain(words.Served(row.Variant)), number(row.Checks)})
	}
	return lines, err
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func tally(t adoption.Tally) []string { return []string{number(t.Has), number(t.Known)} }

// itself says whether a tenant has the flag on by itself.
func itself(t adoption.Tenant) string {
	switch {
	case !t.Seen:
		return ""
	case t.On:
		return "on"
	}
	return "off"
}
