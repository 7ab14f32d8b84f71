package settings

import (
	"net/http"
	"regexp"
	"testing"
)

// Where commas separate decimals, a spreadsheet opens the file with semicolons as separators: what follows one is a cell.
func TestNoSeparatorMakesAFormulaInASpreadsheet(t *testing.T) {
	site := seeing(t, person(`x;=cmd|' /C calc'!A0;y`, "t", "pro", "DE"), person("a; \"+1", "u;\t@SUM(1)", "pro", "DE"), person("\uFF1D1+1", "a\n=2", "pro", "DE"),
		person("\u200b=3", "ok-tenant", "pro", "DE"))
	p := site.As("editor").Gets("/settings/flags/reports/development/who.csv").Is(http.StatusOK)
	if formula := regexp.MustCompile(`(?m)(^|[;,\t"])[\s"\x{200b}]*[=+@\x{FF1D}-]`).FindString(p.Body); formula != "" {
		t.Errorf("a spreadsheet would find a formula at %q in:\n%s", formula, p.Body)
	}
	p.Sees("ok-tenant")
}
