package subjects

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/spreadsheet"
	"github.com/toprent/flags/internal/words"
)

// whoCSV is the list of who has a flag, with the page's filters, as a file for spreadsheets.
func (p *pages) whoCSV(c *shell.Context) error {
	head, err := c.FlagPage("who")
	if err != nil {
		return err
	}
	census, seen, err := p.census(c, head)
	if err != nil {
		return err
	}
	if seen.Counting {
		return shell.Refused(http.StatusServiceUnavailable, "Still counting", "Who was seen is being read. Try again in a moment.")
	}
	query := c.Request.URL.Query()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	id := "user"
	if kindOf(query) == "tenants" {
		id = "tenant id"
	}
	line := []string{id, "tenant", "plan", "variant", "reason", "first seen", "last seen"}
	_ = w.Write(line) // what goes wrong is said at the end
	variants, reasons := census.plain()
	list := census.find(seen, query)
	out.Grow(128 * len(list))
	for _, row := range list { // a hundred thousand of them share one line
		line[0], line[1], line[2] = spreadsheet.Plain(row.seen.ID), spreadsheet.Plain(row.seen.Tenant), spreadsheet.Plain(row.seen.Plan)
		line[3], line[4] = variants[row.verdict.variant], reasons[row.verdict.reason]
		line[5], line[6] = row.seen.FirstSeen().Format(time.RFC3339), row.seen.LastSeen().Format(time.RFC3339)
		_ = w.Write(line)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write who has %s: %w", head.About.Name, err)
	}
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%s.csv"`, head.About.Name, head.Environment, kindOf(query)))
	c.Data(http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
	return nil
}

// plain are the census's variants and reasons as they stand in a file.
func (c *census) plain() (variants, reasons []string) {
	for _, name := range c.variants {
		variants = append(variants, spreadsheet.Plain(words.Served(name)))
	}
	for _, r := range c.reasons {
		reasons = append(reasons, spreadsheet.Plain(r.Title))
	}
	return variants, reasons
}
