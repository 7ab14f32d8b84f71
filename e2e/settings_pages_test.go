package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/toprent/flags/internal/settingstest"
)

// settingsPages are all kinds of settings pages, with something on them.
var settingsPages = []string{
	"/flags", "/flags?q=checkout&sort=-title", "/flags?q=nothing-of-this-name", "/new-flag",
	"/flags/checkout", "/flags/checkout/edit", "/flags/new-home/development", "/flags/checkout/development",
	"/flags/checkout/development/settings", "/flags/new-home/development/disable", "/flags/new-home/development/archive",
	"/flags/new-home/development/rules", "/flags/checkout/development/rules",
	"/flags/new-home/development/overrides", "/flags/new-home/development/who", "/flags/reports/production/who",
	"/flags/new-home/development/kill", "/flags/new-home/development/lift", "/flags/new-home/kill",
	"/segments/development", "/new-segment/development", "/segments/development/germany", "/segments/development/germany/remove",
	"/plans/development", "/plans/development/pro", "/new-plan/development", "/tenants", "/my-plan",
	"/environments", "/environments/production/recall", "/changes", "/changes/development",
	"/subjects/development", "/subjects/development/one?user=u-ann", "/subjects/development/one?tenant=t-acme",
	"/alerts", "/alerts/deliveries", "/watch/production?flag=new-home", "/health", "/me", "/people",
}

// settingsSite has something on every page: flags, people and tenants seen, a kill, a channel.
func settingsSite(t *testing.T) *settingstest.Site {
	site := settingstest.New(t)
	site.Sample()
	return site
}

// administers opens a window in which Ada, who may do everything, is signed in.
func administers(t *testing.T, chrome browser, site *settingstest.Site, scripts ...string) tab {
	t.Helper()
	ada := chrome.window(scripts...)
	ada.opens(site.URL + "/as/admin")
	return ada
}

func TestEverybodyCanUseEverySettingsPage(t *testing.T) {
	source := axe(t)
	site := settingsSite(t)
	ada := administers(t, chromium(t), site, countsShifts)
	ada.do("get past the policy", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
		return err
	}))
	for _, path := range settingsPages {
		ada.looksThrough(screen{width: 1280, height: 800, still: true})
		ada.opens(site.URL + "/settings" + path)
		if shift := evaluated[float64](ada, `shifted`); shift != 0 {
			t.Errorf("%s moves by %g while it loads", path, shift)
		}
		ada.sees(`document.querySelectorAll("main h1").length == 1`)
		ada.runs(source)
		for _, s := range screens {
			s.still = true // or colours would be measured on their way from one theme to the other
			ada.looksThrough(s)
			if over := evaluated[float64](ada, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s on %+v is %g pixels too wide", path, s, over)
			}
			for _, broken := range evaluated[[]violation](ada, violations) {
				t.Errorf("%s on %+v: %+v", path, s, broken)
			}
		}
	}
	t.Logf("%d pages and screens checked", len(settingsPages)*len(screens))
}

// The pages' own policy is strict: whatever a page would need beside it, the browser complains of.
func TestNoSettingsPageBreaksItsPolicy(t *testing.T) {
	site := settingsSite(t)
	ada := administers(t, chromium(t), site)
	ada.watches()
	for _, path := range settingsPages {
		ada.opens(site.URL + "/settings" + path)
		ada.sees(`document.querySelectorAll("main h1").length == 1`)
	}
}

func TestWithoutScriptsTheSettingsPagesShowEverything(t *testing.T) {
	site := settingsSite(t)
	chrome := chromium(t)
	with, without := administers(t, chrome, site), administers(t, chrome, site)
	without.do("turn scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	// What somebody can do: every link, and every form with the fields that can be seen.
	const can = `[...document.querySelectorAll("main h1, main h2, main a[href], main form[method=post]")].map((e) => e.action || e.getAttribute("href") || e.textContent.trim()).sort().join("\n")`
	for _, path := range settingsPages {
		with.opens(site.URL + "/settings" + path)
		without.opens(site.URL + "/settings" + path)
		if a, b := evaluated[string](with, can), evaluated[string](without, can); a != b {
			t.Errorf("%s differs without scripts:\n%s", path, firstDifference(a, b))
		}
	}
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("with: %q, without: %q", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d with, %d without", len(x), len(y))
}
