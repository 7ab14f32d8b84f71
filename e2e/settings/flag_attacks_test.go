package settings

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// flagForms are all forms of the pages about one flag, with fields that would do.
func flagForms() map[string]url.Values {
	settings := url.Values{"base": {"1"}, "boolean.off": {"off"}, "boolean.otherwise": {"on"}, "boolean.default": {"off"}, "client_visible": {"on"}}
	about := url.Values{"about_base": {"1"}, "title": {"T"}, "purpose": {"P"}, "planned_removal": {"2027-01-01"}}
	created := url.Values{"title": {"T"}, "key": {"t"}, "purpose": {"P"}, "planned_removal": {"2027-01-01"}, "kind": {"release"}, "type": {"boolean"}, "in": {"production"}}
	base := url.Values{"base": {"1"}}
	return map[string]url.Values{
		"/new-flag": created, "/flags/new-home/edit": about, "/flags/new-home/production/add": base, "/flags/new-home/production/enable": base,
		"/flags/winter-look/production/disable": base, "/flags/new-home/production/archive": base, "/flags/new-home/production/unarchive": base,
		"/flags/new-home/production/tier": {"base": {"1"}, "tier_required": {"pro"}}, "/flags/new-home/production/settings": settings,
	}
}

func TestEveryFormAboutAFlagIsTried(t *testing.T) {
	site := settingstest.New(t)
	tried := flagForms()
	for route := range site.Settings.Needs() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.TrimPrefix(path, "/settings")
		mine := path == "/new-flag" || path == "/flags/:key/edit"
		for _, act := range []string{"add", "enable", "disable", "archive", "unarchive", "tier", "settings"} {
			mine = mine || path == "/flags/:key/:env/"+act
		}
		if method != http.MethodPost || !mine {
			continue
		}
		found := false
		for at := range tried {
			parts := strings.Split(at, "/")
			pattern := strings.Split(path, "/")
			found = found || len(parts) == len(pattern) && parts[len(parts)-1] == pattern[len(pattern)-1]
		}
		if !found {
			t.Errorf("no attack tries %s", route)
		}
	}
}

// unchanged expects that nothing was published, and nothing written about flags.
func unchanged(t *testing.T, site *settingstest.Site, after string) {
	t.Helper()
	if got := heads(t, site); got != [3]int64{1, 1, 1} {
		t.Fatalf("after %s the revisions are %v", after, got)
	}
	flags, err := site.Store.FlagsByKey(t.Context())
	if err != nil || len(flags) != 4 || flags["new-home"].Version != 1 {
		t.Fatalf("after %s there are %d flags, %v", after, len(flags), err)
	}
}

func TestAViewerCannotPostAnyFormAboutAFlag(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for _, who := range []string{"viewer", "tenant", "nobody"} {
		b := site.As(who)
		for path, fields := range flagForms() {
			b.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", fields.Encode()).Is(http.StatusForbidden)
			unchanged(t, site, who+" posting "+path)
		}
	}
	for path, fields := range flagForms() {
		p := site.As("").Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", fields.Encode())
		if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/sign-in") {
			t.Errorf("%s gives nobody %d to %s", path, p.Status, p.Location)
		}
		unchanged(t, site, "nobody posting "+path)
	}
}

func TestAnEditorOfDevelopmentCannotTouchProduction(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	dev := site.As("dev")
	for path, fields := range flagForms() {
		if path == "/flags/new-home/edit" {
			continue // belongs to no environment
		}
		fields.Set("env", "development")
		fields.Set("environment", "development")
		dev.Sends(http.MethodPost, "/settings"+path+"?env=development", "application/x-www-form-urlencoded", fields.Encode()).Is(http.StatusForbidden)
		unchanged(t, site, "posting "+path)
	}
	for _, path := range []string{"/flags/new-home/production", "/flags/new-home/production/settings", "/flags/new-home/production/disable", "/flags/new-home/%70roduction"} {
		dev.Gets("/settings" + path).Is(http.StatusForbidden)
	}
}

func TestFormsAboutAFlagFromOtherSitesAreRefused(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := site.As("admin")
	for name, header := range map[string]http.Header{
		"another site":                  {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		"a sibling of the host":         {"Origin": {"https://blog.toprent.example"}, "Sec-Fetch-Site": {"same-site"}},
		"what does not say where from":  {"Origin": {}, "Sec-Fetch-Site": {}},
		"an older browser, other place": {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {}},
	} {
		ada.Header = header
		for path, fields := range flagForms() {
			ada.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", fields.Encode()).Is(http.StatusForbidden)
			unchanged(t, site, name+" posting "+path)
		}
	}
	ada.Header = http.Header{}
	for path := range flagForms() {
		ada.Sends(http.MethodPost, "/settings"+path, "text/plain", `{"base":"1"}`).Is(http.StatusUnsupportedMediaType)
		ada.Sends(http.MethodPost, "/settings"+path, "application/json", `{"base":"1"}`).Is(http.StatusUnsupportedMediaType)
		unchanged(t, site, "JSON to "+path)
	}
}

func TestFieldsThatNoFormHasMeanNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	more := []string{"author", "mallory", "Author", "mallory", "killed", "on", "Killed", "true", "salt", "s", "Salt", "s", "id", "1", "version", "9", "Version", "9",
		"kind", "operational", "environment", "production", "env", "production", "enabled", "on", "archived", "on", "Malformed", "x", "rules", "[]", "rollout_strategy", "[]", "role", "admin"}
	salt := stored(t, site, "development", "new-home").Salt
	eve.Submits(eve.Opens("/flags/new-home/development/settings"), "/settings", append(more, "client_visible", "")...).Is(http.StatusOK)
	flag := stored(t, site, "development", "new-home")
	if flag.Killed || flag.Archived || !flag.Enabled || flag.Salt != salt || flag.Kind != ruleset.Release || len(flag.Rules) != 1 || flag.Malformed != "" {
		t.Errorf("%+v", flag)
	}
	eve.Submits(eve.Opens("/flags/new-home/edit"), "/edit", append(more, "title", "Mine", "type", "json", "key", "other", "created_at", "2001-01-01")...).Is(http.StatusOK)
	about, err := site.Store.Flag(t.Context(), "new-home")
	if err != nil || about.Title != "Mine" || about.Kind != ruleset.Release || about.Type != ruleset.Boolean || about.Salt != salt || about.Version != 2 || about.CreatedAt.Year() == 2001 {
		t.Errorf("%+v, %v", about, err)
	}
	eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag(append(more, "boolean.otherwise", "on")...)...).Is(http.StatusOK)
	created := stored(t, site, "development", "faster-search")
	if created.Killed || created.Enabled || created.Archived || created.Salt == "s" {
		t.Errorf("%+v", created)
	}
	for _, act := range []string{"disable", "archive", "unarchive"} {
		eve.Submits(eve.Opens("/flags/new-home/development/"+act), "/"+act, more...).Is(http.StatusOK)
	}
	if got := heads(t, site); got[2] != 2 { // the new flag alone
		t.Errorf("production is at %d", got[2])
	}
	revisions, err := site.Store.Revisions(t.Context(), "development", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range revisions[:len(revisions)-1] {
		if r.Author != "eve@toprent.example" {
			t.Errorf("revision %d is by %q", r.Number, r.Author)
		}
	}
}

func TestABaseThatWasMadeUpOverwritesNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	for _, base := range []string{"0", "2", "-1", "", "1e0", "99999999999999999999", "1 OR 1=1"} {
		for path, fields := range flagForms() {
			if !fields.Has("base") || strings.HasSuffix(path, "/add") {
				continue
			}
			fields.Set("base", base)
			eve.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", fields.Encode()).Is(http.StatusConflict)
			unchanged(t, site, base+" posted to "+path)
		}
	}
	about := flagForms()["/flags/new-home/edit"]
	about.Set("about_base", "7")
	eve.Sends(http.MethodPost, "/settings/flags/new-home/edit", "application/x-www-form-urlencoded", about.Encode()).Is(http.StatusConflict)
}

func TestMarkupInAnyTextOfAFlagStaysText(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve, bob := site.As("editor"), site.As("bob")
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{ .Title }}javascript:alert(3)`
	clean := func(p *settingstest.Page) *settingstest.Page {
		t.Helper()
		// The host's own values and client stand in the head.
		if p.Find(`body script, main img, [onerror], [onload], [href^="javascript:"]`).Length() != 0 || strings.Contains(p.Body, "<script>alert") {
			t.Errorf("%s has markup of others", p.URL)
		}
		return p
	}
	eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag("key", "evil", "type", "string", "title", evil, "description", evil, "purpose", evil, "owner", evil, "category", evil,
		"variant.name", "a", "variant.value", "</textarea>"+evil)...).Is(http.StatusOK)
	eve.Submits(eve.Opens("/flags/evil/development/enable"), "/enable", "reason", evil).Is(http.StatusOK)
	base := clean(eve.Opens("/flags/evil/development"))
	if value := base.Find("pre.value").First().Text(); value != "</textarea>"+evil {
		t.Errorf("the value is shown as %q", value)
	}
	rule := stored(t, site, "development", "evil")
	rule.Rules = []ruleset.Rule{{Name: evil, Serve: "a"}}
	version, _ := strconv.ParseInt(base.Find(`input[name="base"]`).First().AttrOr("value", ""), 10, 64)
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: evil, Reason: evil, Edits: []changes.Edit{
		changes.PutFlag{Flag: rule, Base: version}, changes.PutOverride{Override: ruleset.Override{Flag: "evil", User: evil, Variant: "a", Reason: evil}}}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/flags/evil", "/flags/evil/edit", "/flags/evil/development", "/flags/evil/development/settings", "/flags/evil/development/disable",
		"/flags/evil/development/archive", "/new-flag", "/flags/evil/development?why=1&user=" + url.QueryEscape(evil) + "&attributes=" + url.QueryEscape("x="+evil)} {
		clean(eve.Opens(path))
	}
	clean(eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag("title", evil, "key", evil, "kind", evil, "type", "json", "variant.name", evil, "variant.value", evil)...).Is(http.StatusUnprocessableEntity))
	mine := eve.Opens("/flags/evil/edit")
	bob.Submits(bob.Opens("/flags/evil/edit"), "/edit", "owner", evil+"bob").Is(http.StatusOK)
	clean(eve.Submits(mine, "/edit", "owner", evil+"eve").Is(http.StatusConflict))
	settings := eve.Opens("/flags/evil/development/settings")
	bob.Submits(bob.Opens("/flags/evil/development/settings"), "/settings", "variant.value", evil+"bob").Is(http.StatusOK)
	clean(eve.Submits(settings, "/settings", "variant.value", evil+"eve", "tier_required", evil).Is(http.StatusConflict))
	clean(eve.Submits(eve.Opens("/flags/evil/development"), "/tier", "tier_required", evil).Is(http.StatusUnprocessableEntity))
	clean(eve.Gets("/settings/flags/" + url.PathEscape(evil)))
}
