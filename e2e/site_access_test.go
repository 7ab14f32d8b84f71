package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
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
	who.do("get past the policy", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
		return err
	}))
	checked := 0
	check := func(person string, paths ...string) {
		t.Helper()
		if person != "" {
			who.becomes(person)
		}
		for _, path := range paths {
			who.visits(path)
			who.runs(source)
			who.runs(`document.getElementById("decisions").open = true`)
			for _, s := range screens {
				s.still = true // or colours would be measured on their way from one theme to the other
				who.looksThrough(s)
				checked++
				for _, broken := range evaluated[[]violation](who.tab, violations) {
					t.Errorf("%s for %q on %+v: %+v", path, person, s, broken)
				}
			}
		}
	}
	check("", "/", "/listings", "/clients", "/plans", "/nowhere")
	check("u-ann", "/", "/listings", "/listings?booked=l1", "/clients", "/reports", "/reports/advanced", "/plans")
	check("u-cem", "/", "/listings", "/clients", "/reports", "/reports/advanced")
	t.Logf("%d pages and screens checked", checked)
}

// violation is what axe found against one rule.
type violation struct{ Rule, Help, First string }

// violations is what axe finds. It need not fetch style sheets for that: only rules that are off look into them.
const violations = `axe.run({ resultTypes: ["violations"], preload: false }).then((found) =>
	found.violations.map((v) => ({ Rule: v.id, Help: v.help, First: v.nodes[0].html + " " + v.nodes[0].failureSummary })))`
