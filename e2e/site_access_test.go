package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// axe is axe-core, which finds what keeps people from using a page.
func axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("AXE_CORE")
	if path == "" {
		path = filepath.Join("..", ".cache", "npm", "node_modules", "axe-core", "axe.min.js")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("axe-core is missing, run make setup: %v", err)
	}
	return string(source)
}

func TestEverybodyCanUseEveryPage(t *testing.T) {
	source := axe(t)
	site := newSampleSite(t)
	who := site.welcomes(chromium(t), "")
	checked := 0
	check := func(person string, paths ...string) {
		t.Helper()
		if person != "" {
			who.becomes(person)
		}
		for _, path := range paths {
			who.visits(path)
			who.runs(`document.getElementById("decisions").open = true`)
			who.isForEverybody(fmt.Sprintf("%s for %q", path, person), source)
			checked += len(screens)
		}
	}
	check("", "/", "/listings", "/clients", "/plans", "/nowhere")
	check("u-ann", "/", "/listings", "/listings?booked=l1", "/clients", "/reports", "/reports/advanced", "/plans")
	check("u-cem", "/", "/listings", "/clients", "/reports", "/reports/advanced")
	t.Logf("%d pages and screens checked", checked)
}

// isForEverybody asserts that nothing keeps anybody from using the page as it is, on any screen: axe finds nothing, and it
// is not too wide.
func (b tab) isForEverybody(what, axe string) {
	b.t.Helper()
	b.runs(axe)
	for _, s := range screens {
		s.still = true // or colours would be measured on their way from one theme to the other
		b.looksThrough(s)
		if over := evaluated[float64](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			b.t.Errorf("%s on %+v is %g pixels too wide", what, s, over)
		}
		rules := ""
		if s.dark { // which changes colours alone
			rules = `, runOnly: ["color-contrast", "link-in-text-block"]`
		}
		// It need not fetch style sheets: only rules that are off look into them.
		for _, broken := range evaluated[[]violation](b, `axe.run({ resultTypes: ["violations"], preload: false`+rules+` }).then((found) =>
			found.violations.map((v) => ({ Rule: v.id, Help: v.help, First: v.nodes[0].html + " " + v.nodes[0].failureSummary })))`) {
			b.t.Errorf("%s on %+v: %+v", what, s, broken)
		}
	}
	b.looksThrough(screen{width: 1280, height: 800, still: true})
}

// violation is what axe found against one rule.
type violation struct{ Rule, Help, First string }
