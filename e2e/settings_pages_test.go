package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// settingsPages are all settings pages, with something on them, by their paths below the mount. What is in braces is
// found out from the site.
var settingsPages = []string{
	"/flags", "/flags?q=checkout&sort=-key&in=development&status=partial", "/flags?q=nothing-of-this-name", "/new-flag",
	"/flags/checkout", "/flags/checkout/edit", "/flags/new-home/kill",
	"/flags/new-home/development", "/flags/checkout/development?why=1&user=u-ann&tenant=t-acme&plan=pro", "/flags/winter-look/production",
	"/conversions/development", "/conversions/development?days=90", "/conversions/staging", "/conversions/development/reports",
	"/metrics/development", "/metrics/staging", "/access/development", "/access/development?outcome=denied&tenant=t-acme", "/access/staging",
	"/flags/checkout/development/recording",
	"/flags/checkout/development/settings", "/flags/new-home/development/disable", "/flags/new-home/production/enable",
	"/flags/new-home/development/preview?variant=on", "/flags/winter-look/production/preview",
	"/flags/new-home/development/archive", "/flags/reports/staging/unarchive",
	"/flags/new-home/development/rules", "/flags/checkout/development/rules",
	"/flags/new-home/development/overrides", "/flags/new-home/development/overrides/one", "/flags/new-home/development/overrides/paste",
	"/flags/new-home/development/who", "/flags/reports/development/who",
	"/flags/new-home/development/kill", "/flags/winter-look/production/lift",
	"/subjects/development", "/subjects/development/one?user=u-ann", "/subjects/development/one?tenant=t-acme&explain=new-home",
	"/adoption/development", "/adoption/development?q=nothing-of-this-name", "/adoption/staging?sort=-people7", "/adoption/development/new-home", "/adoption/development/checkout?days=365&plan=pro&q=acme", "/adoption/staging/reports?days=90",
	"/inspect", "/inspect?find=ann&in=development", "/inspect?explain=checkout&in=development&user=u-ann",
	"/inspect?at=2026-01-01T12%3A00%3A00Z&compare=moment&explain=winter-look&in=production&user=u-ann", "/inspect?compare=environment&in=development&user=u-ann&vs_in=production&which=differs",
	"/segments/development", "/new-segment/development", "/segments/development/germany", "/segments/development/germany/remove",
	"/plans/development", "/plans/development/pro", "/plans/development/pro/edit", "/plans/development/free/remove", "/new-plan/development",
	"/plan-ranks/development", "/tenants", "/tenant?id=t-acme",
	"/maintenance", "/maintenance/staging", "/maintenance/production",
	"/migrations/development", "/migrations/production", "/migrations/development/clients", "/migrations/development/bookings", "/migrations/development/invoices", "/migrations/production/clients",
	"/migrations/development/clients/move", "/migrations/development/clients/force", "/flags/clients/development/kill", "/flags/clients/production/kill", "/flags/clients/development/rules",
	"/environments", "/new-environment", "/environments/staging/edit", "/environments/production/recall",
	"/changes", "/changes/development", "/changes/production/1", "/flags/checkout/history", "/tenant/history?id=t-acme", "/flags/checkout/development/promote?to=staging", "/flags/new-home/development/promote?to=production",
	"/alerts", "/alerts/format", "/alerts/deliveries", "/alerts/channels/new?kind=webhook", "/alerts/channels/{channel}", "/alerts/channels/{channel}/remove",
	"/alerts/channels/{channel}/roll", "/alerts/watches/new", "/watch/production?flag=new-home",
	"/review", "/review?reason=removal&in=production", "/review?show=kept", "/flags?stale=on",
	"/health", "/me", "/me/tokens/new", "/people", "/people/tokens", "/audit", "/audit?flag=checkout&in=production", "/audit/configuration/1",
	"/requests", "/requests?show=scheduled", "/requests?show=done&in=production", "/requests/production/1", "/requests/production/2", "/requests/production/1/edit", "/requests/production/2/edit",
	"/emergencies/staging/{kill}", "/flags/new-home/production/schedule", "/flags/new-home/development/schedule",
}

// notPages are routes that answer programs, or somebody else than Ada.
var notPages = []string{"/", "/assets/*file", "/api/", "/changes.atom", "/changes.json", "/changes/:env/feed.", "/health.json", "/flags/:key/:env/who.csv", "/audit.csv", "/audit.json", "/my-plan", "/adoption.csv/", "/metrics/:env/days.csv", "/access/:env/list.csv"}

// settingsSite has something on every page: flags, one of them killed and one archived, people and tenants who were
// seen, a channel for alerts with a watch, and an instance that tells how it is doing.
func settingsSite(t *testing.T) (site *settingstest.Site, pages []string) {
	site = settingstest.New(t)
	site.Sample()
	site.Migrating()
	if _, err := site.Changes.Kill(t.Context(), "production", "winter-look", "ada", "it is too cold"); err != nil {
		t.Fatal(err)
	}
	for i, tenant := range []string{"t-acme", "t-globex", "t-initech"} {
		for n, name := range []string{"ann", "bob", "cem"}[:3-i] {
			site.Directory.Saw("development", ruleset.Subject{User: fmt.Sprintf("u-%s%s", name, []string{"", "-2", "-3"}[i]), Tenant: tenant, Plan: []string{"pro", "free"}[(i+n)%2],
				Attributes: map[string]any{"country": []string{"DE", "FR"}[n%2]}})
		}
	}
	if err := site.Directory.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wasUsed(t, site)
	recordsWhatHappens(t, site)
	ada := site.As("admin")
	ada.Submits(ada.Opens("/flags/reports/staging/archive"), "/archive", "reason", "not here").Is(http.StatusOK)
	ada.Posts("/alerts/channels/new", "kind", "webhook", "name", "Operations", "target", "https://hooks.example.com/flags").Is(http.StatusOK)
	channel, ok := ada.Opens("/alerts").Find(`a[href*="/alerts/channels/"]:not([href$="/new"])`).First().Attr("href")
	if !ok {
		t.Fatal("there is no channel")
	}
	channel = strings.Split(strings.Split(channel, "/alerts/channels/")[1], "/")[0]
	kill := asksForChanges(t, site)
	for _, page := range settingsPages {
		pages = append(pages, strings.NewReplacer("{channel}", channel, "{kill}", fmt.Sprint(kill)).Replace(page))
	}
	return site, pages
}

// wasUsed lets flags have been read and shown for a while, by more people from day to day, with a gap.
func wasUsed(t *testing.T, site *settingstest.Site) {
	t.Helper()
	now := time.Now()
	var rows []models.FeatureFlagAdoption
	batch := models.Batch{Instance: models.AnalyticsInstance{Instance: "one", Environment: "development", Batch: 1, StartedAt: models.At(now), FlushedAt: models.At(now), Every: 10_000, Refused: "{}"}}
	for ago := range int64(40) {
		at := now.AddDate(0, 0, -int(ago))
		day := models.Day(at)
		for _, kind := range []string{models.SeenUser, models.SeenTenant} {
			if ago < 10 || ago > 13 {
				rows = append(rows, models.FeatureFlagAdoption{Environment: "development", Flag: "new-home", Day: day, Kind: kind, Has: 80 - ago, Known: 100, CountedAt: models.At(now)})
			}
		}
		for n, variant := range []string{"on", "off"} {
			batch.Checks = append(batch.Checks, models.FeatureFlagCheck{Day: day, Minute: models.At(at.Truncate(time.Minute)), Environment: "development", Flag: "new-home", Variant: variant, Checks: 12_345 + 100*ago})
			batch.Events = append(batch.Events, models.FeatureFlagEvent{Day: day, ID: fmt.Sprintf("00000000-0000-8000-8000-%012d", 10*ago+int64(n)), At: models.At(at), Kind: models.EventExposure,
				Environment: "development", Flag: "new-home", Variant: variant, UserID: "u-ann", Share: 50_000})
		}
	}
	if err := site.Store.PutAdoption(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Store.RecordBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// asksForChanges makes requests: one that others have overtaken, and one that is scheduled in steps; and a kill that
// somebody has to look at, of which it returns the revision.
func asksForChanges(t *testing.T, site *settingstest.Site) int64 {
	t.Helper()
	eve := changes.Actor{ID: "p-editor", Name: "eve@toprent.example"}
	ask := func(content changes.Content) {
		if _, err := site.Changes.Request(t.Context(), "production", eve, content, true); err != nil {
			t.Fatal(err)
		}
	}
	site.Protects("production", 1)
	ask(changes.Content{Title: "Germany first", Reason: "It sells there", Steps: []changes.Planned{{Edits: []changes.Edit{changes.PutSegment{
		Segment: ruleset.Segment{Key: "germany", Title: "Germany and Austria", When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE", "AT"}}}, Base: 1}}}}})
	site.Protects("production", 0)
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "production", Author: "bob", Reason: "words", Edits: []changes.Edit{changes.PutSegment{
		Segment: ruleset.Segment{Key: "germany", Title: "Germans", When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}}}, Base: 1}}}); err != nil {
		t.Fatal(err)
	}
	at, then := time.Now().AddDate(1, 0, 0), time.Now().AddDate(1, 1, 0)
	ask(changes.Content{Title: "A month of the new home page", Reason: "A try", Steps: []changes.Planned{
		{At: &at, Edits: []changes.Edit{changes.SetEnabled{Key: "new-home", Enabled: true}}}, {At: &then, Edits: []changes.Edit{changes.SetEnabled{Key: "new-home", Enabled: false}}}}})
	site.Protects("staging", 1)
	start, announce := time.Now().Add(-time.Minute), time.Now().Add(-time.Hour)
	end := start.Add(time.Hour)
	if _, err := site.Changes.Maintain(t.Context(), changes.Maintenance{Environment: "staging", By: eve, Reason: "new tyres", Tenants: []string{"t-acme", "t-globex"},
		Value: ruleset.Maintenance{Message: "New tyres,\nand brakes", Start: &start, End: &end, Announce: &announce, Drain: ruleset.Span(5 * time.Minute), Paths: []string{"/clients", "/reports"}}}); err != nil {
		t.Fatal(err)
	}
	killed, err := site.Changes.Kill(t.Context(), "staging", "new-home", "ada@toprent.example", "it burns")
	if err != nil {
		t.Fatal(err)
	}
	return killed.Number
}

func TestEverySettingsPageIsLookedAt(t *testing.T) {
	site, _ := settingsSite(t)
	for route := range site.Settings.Needs() {
		path, ok := strings.CutPrefix(route, "GET /settings")
		if !ok || slices.ContainsFunc(notPages, func(p string) bool { return strings.HasPrefix(path, p) && (p != "/" || path == p) }) || path == "" {
			continue
		}
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`:[a-z]+`).ReplaceAllString(path, `[^/?]+`) + `(\?|$)`)
		if !slices.ContainsFunc(settingsPages, pattern.MatchString) {
			t.Errorf("nobody looks at %s", path)
		}
	}
}

// administers opens a window in which Ada, who may do everything, is signed in.
func administers(t *testing.T, chrome browser, site *settingstest.Site, scripts ...string) tab {
	t.Helper()
	ada := chrome.window(scripts...)
	ada.opens(site.URL + "/as/admin")
	return ada
}

// opensWhole opens a page, and again where a busy machine is still counting whom a change reaches: that would be another page
// a moment later, under whoever looks at it.
func (b tab) opensWhole(url string) {
	b.t.Helper()
	eventually(b.t, "all to be counted on "+url, func() bool {
		b.opens(url)
		return !evaluated[bool](b, `document.querySelector(".impact[hx-trigger]") != null`)
	})
}

// Nobody is kept from using any settings page, on any screen; none moves while it loads, and none breaks its policy.
func TestEverybodyCanUseEverySettingsPage(t *testing.T) {
	source := axe(t)
	site, pages := settingsSite(t)
	ada := administers(t, chromium(t), site, countsShifts)
	ada.watches() // the pages' own policy is strict: whatever a page would need beside it, the browser complains of
	ada.looksThrough(screen{width: 1280, height: 800, still: true})
	for _, path := range pages {
		ada.opensWhole(site.URL + "/settings" + path)
		if shift := evaluated[float64](ada, `shifted`); shift != 0 {
			t.Errorf("%s moves by %g while it loads", path, shift)
		}
		ada.sees(`document.querySelectorAll("main h1").length == 1`)
		ada.isForEverybody(path, source)
	}
	t.Logf("%d pages and screens checked", len(pages)*len(screens))
}

func TestWithoutScriptsTheSettingsPagesShowEverything(t *testing.T) {
	site, pages := settingsSite(t)
	chrome := chromium(t)
	with, without := administers(t, chrome, site), administers(t, chrome, site)
	without.do("turn scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	// What somebody can do: every link, and every form with the fields that can be seen.
	const can = `[...document.querySelectorAll("main h1, main h2, main a[href], main form[method=post]")].map((e) => e.action || e.getAttribute("href") || e.textContent.trim()).sort().join("\n")`
	for _, path := range pages {
		with.opensWhole(site.URL + "/settings" + path)
		without.opensWhole(site.URL + "/settings" + path)
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
