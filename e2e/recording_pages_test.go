package e2e

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// recordedHost is an app that records into a database, and who was shown what, as the test knows it.
type recordedHost struct {
	*host
	store    *models.Store
	recorder *analytics.Recorder
	shown    []string // "who flag=variant"
}

func recordedDefinition(t *testing.T, on bool) ruleset.Definition {
	definition := flagtest.Definition(t, "served", on, "asked", on, "valued", "text", "marked", on, "unmarked", on, "unread", on, "secret", on, "ahead", on)
	definition.Flags[6].ClientVisible = false // secret
	return definition
}

// signed is who somebody says they are: this host believes a cookie.
func signed(c *gin.Context) (ruleset.Subject, error) {
	user, _ := c.Cookie("user")
	return ruleset.Subject{User: user}, nil
}

func newRecordedHost(t *testing.T) *recordedHost {
	t.Helper()
	h := &recordedHost{store: openSQLiteFile(t, sqlitetest.File(t))}
	reads := func(c *gin.Context) { middleware.On(c, "served") }
	h.host = newHost(t, recordedDefinition(t, true), func(c *middleware.Config) {
		h.recorder = analytics.New(h.store, c.Flags, analytics.Options{KeepEvents: keptDays, KeepChecks: keptDays})
		c.Recorder, c.Subject = h.recorder, signed
	}, func(r *gin.Engine) {
		r.GET("/template", renders(`<!doctype html><title>x</title>{{ if .Flags.On "served" }}<p>new</p>{{ end }}`))
		r.Match([]string{"GET", "HEAD"}, "/handler", func(c *gin.Context) { reads(c); sends(`<!doctype html><title>x</title>`)(c) })
		r.GET("/none", sends(`<!doctype html><title>x</title><button onclick="flags.isEnabled('asked')">ask</button>`))
		r.GET("/script", sends(`<!doctype html><title>x</title><p data-flag="marked" data-flag-off="unmarked">new</p><p data-flag="secret">?</p>
			<script>flags.isEnabled("asked"); flags.value("valued", ""); flags.isEnabled("nothing"); flags.isEnabled("secret"); ticks = 0; setInterval(() => ticks++, 1000)</script>`))
		r.GET("/redirect", func(c *gin.Context) { reads(c); c.Redirect(http.StatusFound, "/none") })
		r.GET("/failed", func(c *gin.Context) { reads(c); c.Data(500, "text/html", []byte("<title>x</title>")) })
		r.GET("/missing", func(c *gin.Context) { reads(c); c.Data(404, "text/html", []byte("<title>x</title>")) })
		r.GET("/unmodified", func(c *gin.Context) { reads(c); c.Status(http.StatusNotModified) })
		r.GET("/file", func(c *gin.Context) {
			reads(c)
			c.Header("Content-Disposition", "attachment")
			sends("<title>x</title>")(c)
		})
		r.GET("/fragment", func(c *gin.Context) { reads(c); sends("<p>new</p>")(c) })
		r.GET("/fragment/exposed", func(c *gin.Context) { reads(c); middleware.Exposed(c, "served"); sends("<p>new</p>")(c) })
		r.GET("/link", sends(`<!doctype html><title>x</title><link rel="prefetch" href="/ahead?link">`))
		r.GET("/rules", sends(`<!doctype html><title>x</title><script type="speculationrules">{"prefetch":[{"source":"list","urls":["/ahead?fetched"],"eagerness":"immediate"}],
			"prerender":[{"source":"list","urls":["/ahead?rendered"],"eagerness":"immediate"}]}</script>`))
		r.GET("/ahead", func(c *gin.Context) {
			middleware.On(c, "ahead")
			sends(`<!doctype html><title>x</title><p data-flag="marked">new</p><script>flags.isEnabled("ahead"); fetch("/ran" + location.search)</script>`)(c)
		})
		r.GET("/ran", func(c *gin.Context) { c.Status(204) })
	})
	return h
}

// is notes who was shown what.
func (h *recordedHost) is(who string, shown ...string) {
	for _, what := range shown {
		h.shown = append(h.shown, who+" "+what)
	}
}

// stored is what the database says of it, in order.
func (h *recordedHost) stored() (shown []string) {
	h.t.Helper()
	if err := h.recorder.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	rows, err := sqlOf(h.t, h.store).QueryContext(h.t.Context(), `SELECT user_id, visitor_id, flag, variant FROM feature_flag_events WHERE kind = 'exposure'`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var user, visitor, flag, variant string
		if err := rows.Scan(&user, &visitor, &flag, &variant); err != nil {
			h.t.Fatal(err)
		}
		if user == "" && visitor != "" {
			user = "visitor"
		}
		shown = append(shown, user+" "+flag+"="+variant)
	}
	slices.Sort(shown)
	return shown
}

// agrees waits until the database says what the test has noted, and nothing else.
func (h *recordedHost) agrees(after string) {
	h.t.Helper()
	slices.Sort(h.shown)
	got := h.stored()
	for end := time.Now().Add(patience); len(got) < len(h.shown) && time.Now().Before(end); got = h.stored() {
		time.Sleep(5 * time.Millisecond)
	}
	if !reflect.DeepEqual(got, h.shown) {
		h.t.Errorf("%s:\nstored %q\n shown %q", after, got, h.shown)
	}
}

func TestExposuresAreThePeopleWhoWereReallyShownAValue(t *testing.T) {
	h := newRecordedHost(t)
	chrome := chromium(t)
	ann := chrome.tab()
	becomes := func(who string) { ann.runs(`document.cookie = "user=` + who + `; path=/"`) }
	inBrowser := []string{"asked=on", "valued=value", "marked=on", "unmarked=on"}

	ann.opens(h.URL + "/template") // the first visit
	h.is("visitor", "served=on")
	ann.opens(h.URL + "/handler")
	ann.opens(h.URL + "/script")
	h.is("visitor", inBrowser...)
	h.agrees("a visitor's pages")

	becomes("ann") // who signs in later
	for range 2 {  // and comes again
		ann.opens(h.URL + "/handler")
		ann.opens(h.URL + "/script")
		ann.opens(h.URL + "/none") // at once: what the page before had not told is told as it is left
	}
	h.is("ann", "served=on")
	h.is("ann", inBrowser...)
	h.agrees("somebody signed in")

	becomes("ben")
	for _, path := range []string{"/redirect", "/failed", "/missing", "/none"} {
		ann.opens(h.URL + path)
	}
	ann.runs(`Promise.all(["/handler", "/unmodified", "/file", "/fragment", "/failed"].map((path) => fetch(path).catch(() => 0)))`)
	ann.runs(`fetch("/handler", { method: "HEAD" })`)
	h.agrees("what nobody saw")
	ann.runs(`fetch("/fragment/exposed")`)
	h.is("ben", "served=on")
	h.agrees("a fragment that says so")
	ann.runs(`document.querySelector("button").click()`)
	h.is("ben", "asked=on")
	h.agrees("a value that was asked for later")

	becomes("cleo")
	ann.opens(h.URL + "/link")
	eventually(t, "the link's prefetch", func() bool { return slices.ContainsFunc(h.exchanges("/ahead"), queried("link")) })
	becomes("dora")
	ann.opens(h.URL + "/none")
	h.agrees("what was fetched ahead")
	for _, path := range []string{"/redirect", "/handler", "/unmodified", "/failed", "/file"} { // by a program that says it goes to a page
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			h.navigates(method, path, "user=emil")
		}
	}
	h.is("emil", "served=on") // one of them is a page
	h.agrees("requests of a program")
}

func queried(with string) func(exchange) bool {
	return func(e exchange) bool { return e.URL.RawQuery == with }
}

// navigates asks as a browser that goes to a page, and follows no redirect.
func (h *recordedHost) navigates(method, path, cookies string) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Dest", "document")
	request.Header.Set("Cookie", cookies)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		h.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}

// No debugger may look at a tab that fetches ahead by rules, or the browser does not do it.
func TestAPageThatIsFetchedOrRenderedAheadIsShownToNobody(t *testing.T) {
	h := newRecordedHost(t)
	chromium(t).window().runs(`window.open(` + quoted(h.URL+"/rules") + `, "_blank", "noopener")`)
	eventually(t, "both pages to be fetched", func() bool {
		all := h.exchanges("/ahead")
		return slices.ContainsFunc(all, queried("fetched")) && slices.ContainsFunc(all, queried("rendered"))
	})
	eventually(t, "one to be rendered", func() bool { return slices.ContainsFunc(h.exchanges("/ran"), queried("rendered")) })
	for _, e := range h.exchanges("/ahead") {
		if !strings.HasPrefix(e.Header.Get("Sec-Purpose"), "prefetch") {
			t.Errorf("%s came as %v", e.URL, e.Header)
		}
	}
	h.agrees("what nobody looked at")
}

func TestAHiddenTabTellsWhatItReadOnceItIsShown(t *testing.T) {
	h := newRecordedHost(t)
	chrome := chromium(t)
	ann := chrome.tab(fastClock(20))
	ann.opens(h.URL + "/none")
	front := chrome.tab()
	front.opens(h.URL + "/none")
	ann.comesToSee(`document.hidden`) // before it has the page
	ann.opens(h.URL + "/script")
	ann.sees(`document.hidden`)
	ann.comesToSee(`ticks > 3`) // so that it has had the time
	h.agrees("while it is hidden")
	ann.comesToFront()
	h.is("visitor", "asked=on", "valued=value", "marked=on", "unmarked=on")
	h.agrees("once it is shown")
}

func TestAPageThatChangesItsValuesShowsTheNewOnesToo(t *testing.T) {
	h := newRecordedHost(t)
	ann := chromium(t).tab()
	ann.opens(h.URL + "/script")
	h.is("visitor", "asked=on", "valued=value", "marked=on", "unmarked=on")
	h.agrees("before")
	h.turns(recordedDefinition(t, false))
	h.source.Advance(middleware.PinLife)
	ann.runs(`flags.refresh()`)
	ann.sees(`flags.all().asked === false`)
	h.is("visitor", "marked=off", "unmarked=off") // elements follow by themselves
	h.agrees("after the change")
	ann.runs(`flags.isEnabled("asked")`)
	h.is("visitor", "asked=off")
	h.agrees("once it is asked for again")
}

func TestWhatAPageTracksIsMeasured(t *testing.T) {
	h := newRecordedHost(t)
	ann := chromium(t).tab()
	ann.opens(h.URL + "/none")
	ann.runs(`flags.track("booked", 129.5); flags.track("clicked"); flags.track("broken", NaN); flags.track("Not a name", 1); flags.isEnabled("asked")`)
	h.is("visitor", "asked=on") // the page's mistakes spoil nothing else
	h.agrees("tracking")
	if got := h.measured(); !slices.Equal(got, []string{"booked 129.5", "clicked 1"}) {
		t.Errorf("measured: %q", got)
	}
	if refused := h.refused(); refused != `{"of something that cannot be tracked":1}` {
		t.Errorf("refused: %s", refused)
	}
}

// What cannot be told, of whatever kind, keeps the page neither from asking by itself nor from taking what it is answered.
func TestAPageThatCannotTellFollowsAllTheSame(t *testing.T) {
	for name, broken := range map[string]string{
		"a value that cannot be written":    `(() => { const basket = {}; basket.all = basket; flags.track("booked", basket) })()`,
		"a number of another kind":          `flags.track("booked", 12950n)`,
		"a browser that tells nothing":      `navigator.sendBeacon = undefined; flags.track("booked", 1)`,
		"an extension that forbids beacons": `navigator.sendBeacon = () => { throw new Error("forbidden") }; flags.track("booked", 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newRecordedHost(t)
			ann := chromium(t).tab(fastClock(300))
			ann.opens(h.URL + "/none")
			ann.runs(`flags.isEnabled("asked"); ` + broken)
			h.turns(recordedDefinition(t, false))
			h.source.Advance(middleware.PinLife)
			ann.comesToSee(`flags.all().asked === false`)
		})
	}
}

func (h *recordedHost) measured() (all []string) {
	h.t.Helper()
	rows, err := sqlOf(h.t, h.store).QueryContext(h.t.Context(), `SELECT name, value FROM feature_flag_events WHERE kind = 'metric' ORDER BY name`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var value float64
		if err := rows.Scan(&name, &value); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, fmt.Sprint(name, " ", value))
	}
	return all
}

// refused is what the database says of reports that were refused.
func (h *recordedHost) refused() (refused string) {
	h.t.Helper()
	h.stored()
	if err := sqlOf(h.t, h.store).QueryRowContext(h.t.Context(), `SELECT refused FROM analytics_instances`).Scan(&refused); err != nil {
		h.t.Fatal(err)
	}
	return refused
}
