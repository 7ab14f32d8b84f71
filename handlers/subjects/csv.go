package subjects

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/internal/words"
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
		line[0], line[1], line[2] = plain(row.seen.ID), plain(row.seen.Tenant), plain(row.seen.Plan)
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
		variants = append(variants, plain(words.Served(name)))
	}
	for _, r := range c.reasons {
		reasons = append(reasons, plain(r.Title))
	}
	return variants, reasons
}

// plain keeps a spreadsheet from taking a text for a formula: an apostrophe before it says that it is a text. Within the
// text too, since where commas separate decimals, spreadsheets begin a new cell after each semicolon.
func plain(text string) string {
	if harmless(text) {
		return text
	}
	var out strings.Builder
	begins := true // a cell may begin here
	for _, r := range text {
		if begins && strings.ContainsRune(formulas, r) {
			out.WriteByte('\'')
		}
		out.WriteRune(r)
		begins = strings.ContainsRune(separators, r) || begins && (unicode.IsSpace(r) || r == '"' || !unicode.IsPrint(r))
	}
	return out.String()
}

// harmless reports whether a text is one of letters, digits and a few more signs, as nearly all are.
func harmless(text string) bool {
	for i := range len(text) {
		switch b := text[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '.':
		case i > 0 && (b == '-' || b == '@' || b == ' '):
		default:
			return false
		}
	}
	return true
}

const (
	formulas   = "=+-@|%\t\r\n\uFF1D\uFF0B\uFF0D\uFF20" // with those of full width
	separators = ";\t\r\n"
)
