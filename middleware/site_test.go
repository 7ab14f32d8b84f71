package middleware_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// site is a small app with flags, on a test clock.
type site struct {
	testing.TB
	source *flagtest.Source
	flags  *service.FeatureFlagService
	*gin.Engine
	log   *logged
	asked atomic.Int64 // how often the app was asked for a subject
}

// newSite makes a site in which everybody gets these values, until another definition is published.
func newSite(t testing.TB, definition ruleset.Definition, changes ...func(*middleware.Config)) *site {
	t.Helper()
	gin.SetMode(gin.TestMode)
	s := &site{TB: t, source: flagtest.NewSource(), log: &logged{}}
	s.source.Publish(definition)
	s.flags = flagtest.Service(t, s.source)
	s.Engine = gin.New()
	s.Use(s.with(changes...))
	s.routes(&s.RouterGroup)
	return s
}

// again makes a second instance of the site, with another configuration.
func (s *site) again(changes ...func(*middleware.Config)) *site {
	other := &site{TB: s.TB, source: s.source, flags: s.flags, log: s.log, Engine: gin.New()}
	other.Use(other.with(changes...))
	other.routes(&other.RouterGroup)
	return other
}

// visitorOf says who the site takes somebody for.
func (s *site) visitorOf(v *visitor) string {
	s.Helper()
	return v.fetches("/who").is(http.StatusOK).body
}

// with makes the site's middleware.
func (s *site) with(changes ...func(*middleware.Config)) gin.HandlerFunc {
	config := middleware.Config{
		Flags:    s.flags,
		Sessions: middleware.NewCookieStore(testKey),
		Subject:  s.subject,
		Logger:   slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	return middleware.New(config)
}

var testKey = []byte("a key for tests, known to all!!!")

// subject believes what the request says, so that tests can be anybody.
func (s *site) subject(c *gin.Context) (ruleset.Subject, error) {
	s.asked.Add(1)
	return ruleset.Subject{User: c.GetHeader("User"), Plan: c.GetHeader("Plan"), Tenant: c.Param("tenant")}, nil
}

const (
	pageTop = "<!doctype html>\n<html><head><meta charset=utf-8><title>Toprent</title></head><body><pre>"
	pageEnd = "</pre></body></html>"
)

func (s *site) routes(r *gin.RouterGroup) {
	r.Match([]string{"GET", "HEAD", "POST"}, "/", page)
	r.GET("/api", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", middleware.From(c).JSON()) })
	r.GET("/who", func(c *gin.Context) { c.String(http.StatusOK, middleware.From(c).Subject().Visitor) })
	r.GET("/form", func(c *gin.Context) { sendPage(c, "<form>"+string(middleware.From(c).Pin())+"</form>") })
}

// page shows what the server thinks the values are.
func page(c *gin.Context) { sendPage(c, string(middleware.From(c).JSON())) }

func sendPage(c *gin.Context, content string) {
	c.Data(c.Writer.Status(), "text/html; charset=utf-8", []byte(pageTop+content+pageEnd))
}

// publish makes a definition the newest one, and lets the site see it.
func (s *site) publish(definition ruleset.Definition) {
	s.Helper()
	s.source.Publish(definition)
	s.refresh()
}

// change publishes the newest definition with one flag changed.
func (s *site) change(key string, change func(*ruleset.Flag)) {
	s.Helper()
	id := s.flags.Newest().Revision()
	definition, err := s.source.Load(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	definition.Flags = slices.Clone(definition.Flags)
	for i := range definition.Flags {
		if definition.Flags[i].Key == key {
			change(&definition.Flags[i])
		}
	}
	s.publish(definition)
}

func (s *site) refresh() {
	s.Helper()
	if err := s.flags.Refresh(s.Context()); err != nil {
		s.Fatal(err)
	}
}

func (s *site) later(d time.Duration) { s.source.Advance(d) }

func kill(f *ruleset.Flag)    { f.Killed = true }
func turnOn(f *ruleset.Flag)  { f.Otherwise = "on" }
func turnOff(f *ruleset.Flag) { f.Otherwise = "off" }

// logged is a log that tests can read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// visitor is a browser: it keeps cookies, and says of each request what it is for.
type visitor struct {
	*site
	cookies map[string]string
	headers map[string]string
}

// visit gives a new visitor; headers come in pairs and go with each of their requests.
func (s *site) visit(headers ...string) *visitor {
	v := &visitor{site: s, cookies: map[string]string{}, headers: map[string]string{}}
	for i := 0; i < len(headers); i += 2 {
		v.headers[headers[i]] = headers[i+1]
	}
	return v
}

var navigation = []string{"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}

// opens goes to a page.
func (v *visitor) opens(path string, headers ...string) *answer {
	v.Helper()
	return v.asks(http.MethodGet, path, nil, slices.Concat(navigation, headers)...)
}

// fetches asks as a script does.
func (v *visitor) fetches(path string, headers ...string) *answer {
	v.Helper()
	return v.asks(http.MethodGet, path, nil, slices.Concat([]string{"Sec-Fetch-Dest", "empty", "Accept", "*/*"}, headers)...)
}

// sends posts a form.
func (v *visitor) sends(path, contentType string, body io.Reader) *answer {
	v.Helper()
	return v.asks(http.MethodPost, path, body, slices.Concat(navigation, []string{"Content-Type", contentType})...)
}

func (v *visitor) asks(method, path string, body io.Reader, headers ...string) *answer {
	v.Helper()
	return v.answers(v.request(method, path, body, headers...))
}

// answers sends a request and keeps the cookies that come back.
func (v *visitor) answers(r *http.Request) *answer {
	v.Helper()
	recorder := httptest.NewRecorder()
	v.ServeHTTP(recorder, r)
	a := v.reads(recorder)
	for name, cookie := range a.set {
		if v.cookies[name] = cookie.Value; cookie.MaxAge < 0 {
			delete(v.cookies, name)
		}
	}
	return a
}

func (v *visitor) request(method, path string, body io.Reader, headers ...string) *http.Request {
	r := httptest.NewRequest(method, path, body)
	for name, value := range v.headers {
		r.Header.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, name := range slices.Sorted(maps.Keys(v.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: v.cookies[name]})
	}
	return r
}

// answer is what came back.
type answer struct {
	testing.TB
	*http.Response
	body string
	set  map[string]*http.Cookie
}

func (v *visitor) reads(recorder *httptest.ResponseRecorder) *answer {
	v.Helper()
	a := &answer{TB: v.TB, Response: recorder.Result(), body: recorder.Body.String(), set: map[string]*http.Cookie{}}
	for _, cookie := range a.Cookies() {
		if a.set[cookie.Name] != nil {
			v.Errorf("the cookie %s is set twice", cookie.Name)
		}
		a.set[cookie.Name] = cookie
	}
	return a
}

var blockPattern = regexp.MustCompile(`(?s)<script type="application/json" id="feature-values">(.*?)</script>(<script[^>]*>)`)

// block is what the browser client reads.
type block struct {
	Values    map[string]any
	ETag      string
	RefreshIn float64
	URL       string
}

// block gives the page's block; nil if it has none.
func (a *answer) block() *block {
	a.Helper()
	found := blockPattern.FindAllStringSubmatch(a.body, -1)
	switch {
	case len(found) == 0:
		return nil
	case len(found) > 1:
		a.Fatalf("the page has %d blocks:\n%s", len(found), a.body)
	}
	b := &block{}
	if err := json.Unmarshal([]byte(found[0][1]), b); err != nil {
		a.Fatalf("the block is no JSON: %v\n%s", err, found[0][1])
	}
	return b
}

// values are those of the answer: of the page's block, or the JSON that came back.
func (a *answer) values() map[string]any {
	a.Helper()
	if b := a.block(); b != nil {
		return b.Values
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(a.body), &values); err != nil {
		a.Fatalf("the answer has no values: %d %q", a.StatusCode, a.body)
	}
	return values
}

// sees checks the values, keys and values in pairs, and that the server's page says the same as the browser's block.
func (a *answer) sees(keysAndValues ...any) *answer {
	a.Helper()
	values := a.values()
	for i := 0; i < len(keysAndValues); i += 2 {
		if got := values[keysAndValues[i].(string)]; got != keysAndValues[i+1] {
			a.Errorf("%s is %v, want %v", keysAndValues[i], got, keysAndValues[i+1])
		}
	}
	if _, shown, ok := strings.Cut(a.body, "<pre>"); ok {
		shown, _, _ = strings.Cut(shown, "</pre>")
		var server map[string]any
		if err := json.Unmarshal([]byte(shown), &server); err != nil || !reflect.DeepEqual(server, values) {
			a.Errorf("the server shows %s, the browser reads %v", shown, values)
		}
	}
	return a
}

// sets checks which of the cookies are set: pin, visitor.
func (a *answer) sets(names ...string) *answer {
	a.Helper()
	if got := a.cookieNames(); !slices.Equal(got, names) {
		a.Errorf("cookies set: %q, want %q", got, names)
	}
	return a
}

func (a *answer) cookieNames() []string {
	var names []string
	for name := range a.set {
		names = append(names, name[strings.LastIndexByte(name, '-')+1:])
	}
	slices.Sort(names)
	return names
}

// is checks the status.
func (a *answer) is(status int) *answer {
	a.Helper()
	if a.StatusCode != status {
		a.Errorf("status %d, want %d", a.StatusCode, status)
	}
	return a
}

func reader(s string) io.Reader { return bytes.NewReader([]byte(s)) }
