package e2e

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// clock stands still unless the test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// clockedSource is a database that goes by the test's clock.
type clockedSource struct {
	*models.Store
	clock *clock
}

func (s clockedSource) Head(ctx context.Context, environment string) (service.Head, error) {
	head, err := s.Store.Head(ctx, environment)
	head.Now = s.clock.Now()
	return head, err
}

// Recent asks by the clock that the database stamps revisions with.
func (s clockedSource) Recent(ctx context.Context, environment string, since time.Time) ([]ruleset.ID, error) {
	return s.Store.Recent(ctx, environment, since.Add(time.Since(s.clock.Now())))
}

// sampleSite is the sample site as it is served in production, but for https, on a clock of its own.
type sampleSite struct {
	*httptest.Server
	*storage
	flags   *service.FeatureFlagService
	clients *sample.Clients
	clock   *clock

	maintained bool // it is closed in this test, so 503 is what it should answer

	mu   sync.Mutex
	sent []exchange
}

var sampleKey = []byte("a key for tests, known to all!!!")

func newSampleSite(t *testing.T) *sampleSite {
	t.Helper()
	s := &sampleSite{storage: newStorage(t, openSQLite(t)), clock: &clock{now: time.Now()}}
	if filled, err := sample.Fill(t.Context(), s.store); err != nil || !filled {
		t.Fatalf("fill: %v, %v", filled, err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	s.flags, err = service.New(t.Context(), service.Config{
		Source:      clockedSource{s.store, s.clock},
		Environment: prod,
		Clock:       s.clock.Now,
		Logger:      log,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.clients = newSampleClients(t, s.store, s.flags, log)
	gin.SetMode(gin.ReleaseMode)
	site, err := sample.New(sample.Config{Store: s.store, Flags: s.flags, Clients: s.clients, Keys: [][]byte{sampleKey}, Patience: patience, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(remembering(site, s.remember))
	t.Cleanup(s.Close)
	t.Cleanup(s.missesNothing)
	return s
}

// missesNothing asserts that the site had all that its pages load. Documents may be refused, and what tests fetch.
func (s *sampleSite) missesNothing() {
	for _, e := range s.exchanges("") {
		asset := e.Header.Get("Sec-Fetch-Dest") != "document" && e.Header.Get("Sec-Fetch-Dest") != "empty"
		if s.maintained && e.status == 503 && !asset {
			continue
		}
		if e.status >= 500 || e.status >= 400 && asset {
			s.t.Errorf("%s %s got %d", e.Method, e.URL, e.status)
		}
	}
}

func (s *sampleSite) remember(e exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, e)
}

// exchanges are those with a path so far, oldest first; all with "".
func (s *sampleSite) exchanges(path string) []exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return with(s.sent, path)
}

// polls lets the site see what was published.
func (s *sampleSite) polls() {
	s.t.Helper()
	if err := s.flags.Refresh(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// turns publishes a change of a flag's settings, and the site has polled.
func (s *sampleSite) turns(key string, change func(*ruleset.Flag)) {
	s.t.Helper()
	s.turnsUnseen(key, change)
	s.polls()
}

// turnsUnseen publishes a change that the site does not know of before it polls.
func (s *sampleSite) turnsUnseen(key string, change func(*ruleset.Flag)) {
	s.t.Helper()
	flag := s.flag(key)
	change(&flag)
	s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion(key)})
}

// kills a flag, and the site has polled.
func (s *sampleSite) kills(key string) {
	s.t.Helper()
	s.storage.kills(key)
	s.polls()
}

// lifts a kill, and the site has polled.
func (s *sampleSite) lifts(key string) {
	s.t.Helper()
	s.storage.lifts(key)
	s.polls()
}

// pinsExpire lets so much time go by that every pin of now has expired.
func (s *sampleSite) pinsExpire() { s.clock.advance(middleware.PinLife + time.Second) }

// somebody is a person or a visitor with a tab of the site, which complains at the end of the test if the browser did.
type somebody struct {
	tab
	site *sampleSite
}

// welcomes opens a tab in which somebody has signed in; "" is a visitor.
func (s *sampleSite) welcomes(chrome browser, person string, scripts ...string) somebody {
	s.t.Helper()
	who := somebody{chrome.window(scripts...), s}
	who.watches()
	who.visits("/")
	if person != "" {
		who.becomes(person)
	}
	return who
}

// visits opens a page of the site.
func (p somebody) visits(path string) {
	p.t.Helper()
	p.opens(p.site.URL + path)
}

// becomes chooses who to be at the top right.
func (p somebody) becomes(person string) {
	p.t.Helper()
	p.follows(`document.getElementById("person").value = "` + person + `"; document.getElementById("person").dispatchEvent(new Event("change"))`)
	p.sees(`document.getElementById("person").value == "` + person + `"`)
}

// presses clicks a button or a link that leads to another page.
func (p somebody) presses(selector string) {
	p.t.Helper()
	p.sees(`document.querySelectorAll(` + quoted(selector) + `).length == 1`)
	p.follows(`document.querySelector(` + quoted(selector) + `).click()`)
}

// status is what a page answers to a plain request of the browser with its own cookies, and to this one alone.
func (p somebody) status(path string) int {
	p.t.Helper()
	return int(evaluated[float64](p.tab, `fetch(`+quoted(path)+`).then((answer) => answer.status)`))
}

// agrees asserts that all that the server decided for the page is what the browser reads.
func (p somebody) agrees() {
	p.t.Helper()
	p.comesToSee(`document.getElementById("flag-table").dataset.agree == "true"`)
}

// shows asserts whether an element of that id is displayed.
func (p somebody) shows(id string, want bool) {
	p.t.Helper()
	if shown := evaluated[bool](p.tab, displayed(id)); shown != want {
		p.t.Errorf("#%s is displayed: %t, want %t", id, shown, want)
	}
}

// displayed is an expression: is there such an element, and is it displayed?
func displayed(id string) string {
	return `(document.getElementById("` + id + `")?.checkVisibility() ?? false)`
}

// quoted is a JavaScript string.
func quoted(s string) string { return string(encoded(s)) }
