package settings

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// sweep is a house in which everything exists that paths of the pages name.
type sweep struct {
	*house
	ada    *settingstest.Browser // may do everything
	params map[string]string     // what stands for the parameters of paths
}

func sweeps(t *testing.T, store *models.Store) *sweep {
	t.Helper()
	s := &sweep{house: standsAloneOn(t, store)}
	s.ada = s.first()
	s.Sample()
	s.ada.Submits(s.ada.Opens("/alerts/channels/new"), "/alerts/channels/new", "name", "ops", "kind", "webhook", "target", newReceiver(t).URL+"/x").Is(http.StatusOK)
	token(t, s.ada, "viewer", "production")
	channels, err := store.AlertChannels(t.Context())
	if err != nil || len(channels) != 1 {
		t.Fatalf("%d channels: %v", len(channels), err)
	}
	s.params = map[string]string{"key": "new-home", "chain": "configuration", "number": "1", "env": "production", "revision": "1", "plan": "pro", "segment": "germany",
		"secret": "no-such-link", "session": "no-such-session", "*file": "none.css",
		"/alerts/channels/": channels[0].ID, "/people/accounts/": s.account("ada@toprent.example").ID}
	return s
}

// routes are all that are mounted, in order.
func (s *sweep) routes() []string {
	var routes []string
	for route := range s.Settings.Needs() {
		routes = append(routes, route)
	}
	slices.Sort(routes)
	return routes
}

// path puts something in the place of each parameter of a route, but for the one that is given a value.
func (s *sweep) path(route, parameter, value string) string {
	parts := strings.Split(route, "/")
	for i, part := range parts {
		name := strings.TrimPrefix(part, ":")
		switch {
		case name == part && !strings.HasPrefix(part, "*"):
		case part == parameter:
			parts[i] = value
		case name == "id":
			parts[i] = "no-such-id"
			for prefix, id := range s.params {
				if strings.HasPrefix(prefix, "/") && strings.Contains(route, prefix) {
					parts[i] = id
				}
			}
		default:
			parts[i] = s.params[name]
		}
	}
	return strings.Join(parts, "/")
}

// hostile are texts that databases, templates, headers and parsers have choked on.
func hostile() []string {
	return []string{"a\x00b", "\xff\xfe", "'\"><script>alert(1)</script>", "_%'; DROP TABLE feature_flags; --", "\r\nSet-Cookie: a=b",
		"../../etc/passwd", "-1", "9223372036854775808", "NaN", "*", strings.Repeat("x", 3000), strings.Repeat("(", 1500) + "a" + strings.Repeat("+", 1500)}
}

// fields are the names that the pages read from queries and forms.
func fields() []string {
	return strings.Fields(`about_base again attributes back base boolean.default boolean.off boolean.otherwise channel client_visible default do email
		environment events existing expires explain feature flag from id ids in key kind name next off otherwise password plan planned_removal
		prerequisite.flag prerequisite.variant present protected q reason role role-production target tenant tier_required title to type user variant
		variant.name variant.value visitor which zone add-on archived author category lifecycle owner page sort status tier sign-in present code state
		rules.0.action rules.0.serve rules.0.unit rules.0.share rules.0.from rules.0.to rules.0.start rules.0.end rules.0.start.was rules.0.seed rules.0.gone
		rules.0.when.form rules.0.when.0.form rules.0.when.0.attribute rules.0.when.0.operator rules.0.when.0.values rules.0.when.0.segment
		when.form when.0.form when.0.attribute when.0.operator when.0.values rank rank.pro description purpose action copy expires.was raw_until raw_until.was at1 at1.was start start.was`)
}

// answers asks as Ada and expects an answer in time that is no failure of ours.
func (s *sweep) answers(method, path, body string) {
	s.t.Helper()
	kind := ""
	if method == http.MethodPost {
		kind = "application/x-www-form-urlencoded"
	}
	began := time.Now()
	p := s.ada.Sends(method, path, kind, body)
	if p.Status >= 500 && !strings.HasSuffix(path, "/test") {
		s.t.Errorf("%s %.200s with %.200q gives %d: %.300s", method, path, body, p.Status, p.Text())
	}
	if took := time.Since(began); took > 5*time.Second {
		s.t.Errorf("%s %.200s with %.200q takes %s", method, path, body, took)
	}
	if location := p.Header.Get("Location"); location != "" && (!strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//")) {
		s.t.Errorf("%s %.200s with %.200q leads to %q", method, path, body, location)
	}
	if strings.Contains(p.Body, "<script>alert(1)") {
		s.t.Errorf("%s %.200s with %.200q writes a script", method, path, body)
	}
}

func TestNothingThatIsSentBreaksAnyRoute(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		s := sweeps(t, store)
		for _, route := range s.routes() {
			method, path, _ := strings.Cut(route, " ")
			if strings.Contains(path, "/sign-out") || strings.Contains(path, "/me/sessions/end") || strings.Contains(path, "/assets/") {
				continue
			}
			for i, text := range hostile() {
				values := url.Values{}
				for _, field := range fields() {
					values.Set(field, text)
				}
				if method == http.MethodGet {
					s.answers(method, s.path(path, "", "")+"?"+values.Encode(), "")
				} else {
					s.answers(method, s.path(path, "", ""), values.Encode())
				}
				for part := range strings.SplitSeq(path, "/") {
					if strings.HasPrefix(part, ":") && i < 6 {
						s.answers(method, s.path(path, part, url.PathEscape(text)), "")
					}
				}
			}
		}
	})
}

func TestNobodyGetsBeyondTheirRoleOnAnyRoute(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	roles := map[string]map[string]access.Role{
		"nobody": {}, "viewer": everywhere(access.Viewer), "editor": everywhere(access.Editor), "approver": everywhere(access.Approver),
		"admin of development": {"development": access.Admin}, "admin of a place that is gone": {"gone": access.Admin},
	}
	for who, has := range roles {
		b := s.joins(strings.ReplaceAll(who, " ", "-")+"@toprent.example", has)
		person := access.Person{Roles: has}
		for _, route := range s.routes() {
			method, path, _ := strings.Cut(route, " ")
			need, where, _ := strings.Cut(s.Settings.Needs()[route], " in ")
			role, err := access.ParseRole(need)
			if err != nil || strings.Contains(path, "/api/") {
				continue // for everybody who is signed in, or for tokens alone
			}
			allowed, known := map[string]access.Role{"at least one environment": person.Highest(), "this environment": person.In("production"),
				"all environments": person.In(access.Everywhere)}[where]
			if !known {
				t.Fatalf("what is %q?", s.Settings.Needs()[route])
			}
			if allowed >= role {
				continue
			}
			kind := ""
			if method == http.MethodPost {
				kind = "application/x-www-form-urlencoded"
			}
			p := b.Sends(method, s.path(path, "", ""), kind, "reason=x&name=x&title=x&role=admin")
			if p.Status != http.StatusForbidden {
				t.Errorf("%s reaches %s %s: %d %.200s", who, method, path, p.Status, p.Text())
			}
			for _, other := range []string{"%2a", "Production", "production%00", "production%2f..%2fdevelopment", "development%2f..%2fproduction", "%70roduction"} {
				if !strings.Contains(path, ":env") {
					continue
				}
				if p := b.Sends(method, s.path(path, ":env", other), kind, ""); p.Status < 400 {
					t.Errorf("%s reaches %s %s: %d", who, method, p.URL, p.Status)
				}
			}
		}
	}
}

func TestNoRouteTakesAFormFromAnotherSite(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	sites := []http.Header{
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"http://evil.toprent.example"}, "Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {}},
		{"Origin": {}, "Sec-Fetch-Site": {}},
		{"Origin": {s.URL + ".evil.example"}, "Sec-Fetch-Site": {}},
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {}, "X-Forwarded-Host": {"evil.example"}},
		{"Origin": {s.URL}, "Sec-Fetch-Site": {"cross-site"}},
	}
	for _, route := range s.routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodPost || strings.Contains(path, "/api/") {
			continue
		}
		for _, site := range sites {
			s.ada.Header = site
			if p := s.ada.Sends(method, s.path(path, "", ""), "application/x-www-form-urlencoded", "reason=x"); p.Status != http.StatusForbidden {
				t.Errorf("%s from %v gives %d", path, site, p.Status)
			}
		}
		s.ada.Header = http.Header{}
		for _, kind := range []string{"", "text/plain", "application/json", "text/plain; charset=application/x-www-form-urlencoded", "application/x-www-form-urlencoded, text/plain"} {
			if p := s.ada.Sends(method, s.path(path, "", ""), kind, `{"reason":"x"}`); p.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q gives %d", path, kind, p.Status)
			}
		}
	}
	s.ada.Opens("/me") // still signed in
}

func TestMethodsAndPathsThatAreNoRoutesDoNothing(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	needs := s.Settings.Needs()
	for _, route := range s.routes() {
		_, path, _ := strings.Cut(route, " ")
		if strings.Contains(path, "/assets/") {
			continue
		}
		at := s.path(path, "", "")
		for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodTrace, "PROPFIND", "post", "GET ", "QUERY"} {
			if needs[method+" "+path] != "" || strings.HasSuffix(method, " ") {
				continue
			}
			s.ada.Header = http.Header{"X-Http-Method-Override": {"POST"}}
			if p := s.ada.Sends(method, at, "application/x-www-form-urlencoded", "_method=POST&reason=x"); p.Status < 400 {
				t.Errorf("%s %s gives %d", method, at, p.Status)
			}
			s.ada.Header = http.Header{}
		}
		for _, bent := range []string{strings.Replace(at, "/settings/", "/settings//", 1), strings.Replace(at, "/settings/", "/settings/x/..;/", 1),
			strings.Replace(at, "/settings/", "/settings%2f", 1), strings.Replace(at, "/settings/", "/Settings/", 1), strings.Replace(at, "/settings/", "/settings/./", 1),
			strings.Replace(at, "/settings/", "/settings;a=b/", 1), at + ";.css", at + "%00", at + "%2f"} {
			if at == "/settings" || bent == at {
				continue
			}
			p := s.As("").Sends(http.MethodGet, bent, "", "")
			if p.Status < 300 && needs["GET "+path] != "everybody" {
				t.Errorf("nobody gets %s: %d", bent, p.Status)
			}
			if strings.HasPrefix(p.Location, "//") || strings.Contains(p.Location, "://") {
				t.Errorf("%s leads to %s", bent, p.Location)
			}
		}
	}
}

func TestEveryAnswerKeepsItsHeaders(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	for _, b := range []*settingstest.Browser{s.ada, s.As("")} {
		for _, route := range s.routes() {
			method, path, _ := strings.Cut(route, " ")
			if strings.Contains(path, "/assets/") || strings.HasSuffix(path, "/sign-out") {
				continue
			}
			p := b.Sends(method, s.path(path, "", ""), "", "")
			csp := p.Header.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'self'; img-src 'self' data:;") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: policy %q", route, csp)
			}
			if p.Header.Get("X-Content-Type-Options") != "nosniff" || p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("X-Frame-Options") != "DENY" || p.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s: %v", route, p.Header)
			}
			for _, cookie := range p.Header.Values("Set-Cookie") {
				if strings.HasPrefix(cookie, "flags-") && (!strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=")) {
					t.Errorf("%s sets %s", route, cookie)
				}
			}
		}
	}
}
