package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// heard is a Recorder that writes down what it is told, in the order in which it comes.
type heard struct {
	mu      sync.Mutex
	shown   []string // "who place flag=variant", of pages and of what else said so
	unshown []string // the same of what was read and shown to nobody
	offered []string // "who place flag", of pages
	gates   []string // "who place flag outcome"
	came    []string // "who flag", to the upgrade page
	tracked []string // "who place name=value"
	refused map[string]int
	full    bool // no report is admitted
	fails   error
}

func nameOf(who *ruleset.Subject) string {
	if who.User != "" {
		return who.User
	}
	if who.Visitor != "" {
		return "visitor"
	}
	return "nobody"
}

func (h *heard) Answered(who *ruleset.Subject, place string, values ruleset.Values, sent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for d := range values.Read() {
		line := fmt.Sprintf("%s %s %s=%s", nameOf(who), place, d.Key, d.Variant)
		if sent {
			h.shown = append(h.shown, line)
		} else {
			h.unshown = append(h.unshown, line)
		}
	}
	for d := range values.Offered() {
		if sent {
			h.offered = append(h.offered, fmt.Sprintf("%s %s %s", nameOf(who), place, d.Key))
		}
	}
}

func (h *heard) Exposed(who *ruleset.Subject, place string, _ ruleset.Values, d ruleset.Detail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown = append(h.shown, fmt.Sprintf("%s %s %s=%s", nameOf(who), place, d.Key, d.Variant))
}

func (h *heard) Gated(who *ruleset.Subject, place string, _ ruleset.Values, d ruleset.Detail, outcome middleware.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gates = append(h.gates, fmt.Sprintf("%s %s %s %d", nameOf(who), place, d.Key, outcome))
}

func (h *heard) Upgrading(who *ruleset.Subject, _ string, _ ruleset.Values, d ruleset.Detail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came = append(h.came, nameOf(who)+" "+d.Key)
}

func (h *heard) Track(who *ruleset.Subject, place, name string, value float64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails != nil || name == "" || math.IsNaN(value) {
		return errors.Join(h.fails, errors.New("not fit to be tracked"))
	}
	h.tracked = append(h.tracked, fmt.Sprintf("%s %s %s=%g", nameOf(who), place, name, value))
	return nil
}

func (h *heard) Admit(*ruleset.Subject) bool { return !h.full }

func (h *heard) Refused(cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused[cause]++
}

// takes gives what was shown since it was asked before.
func (h *heard) takes() (shown []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shown, h.shown, h.unshown = h.shown, nil, nil
	return shown
}

// recordedSite has pages that read what their path says, and a recorder of what is shown.
func recordedSite(t testing.TB, changes ...func(*middleware.Config)) (*site, *heard) {
	h := &heard{refused: map[string]int{}}
	definition := flagtest.Definition(t, "a", true, "b", "text", "paid", false, "secret", true)
	definition.Plans = []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10, Features: []string{"paid"}}}
	definition.Flags[2].Otherwise = "on"
	definition.Flags[3].ClientVisible = false
	s := newSite(t, definition, append([]func(*middleware.Config){withPreview(middleware.Preview{}), func(c *middleware.Config) { c.Recorder = h }}, changes...)...)
	html := func(status int, do func(*gin.Context)) gin.HandlerFunc {
		return func(c *gin.Context) {
			do(c)
			c.Data(status, "text/html; charset=utf-8", []byte(pageTop+pageEnd))
		}
	}
	reads := func(c *gin.Context) { middleware.On(c, "a") }
	head := func(name, value string) func(*gin.Context) {
		return func(c *gin.Context) { reads(c); c.Header(name, value) }
	}
	s.Match([]string{"GET", "HEAD", "POST"}, "/page", html(200, reads))
	s.GET("/made", html(201, reads))
	s.GET("/template", func(c *gin.Context) {
		c.Header("Content-Type", "text/html; charset=utf-8")
		io.WriteString(c.Writer, pageTop)
		io.WriteString(c.Writer, middleware.From(c).String("b", "")) // as templates do: while the page is under way
		io.WriteString(c.Writer, pageEnd)
	})
	s.GET("/pages/:id", html(200, func(c *gin.Context) { middleware.From(c).Variant("b"); reads(c); reads(c) }))
	s.GET("/none", html(200, func(c *gin.Context) { middleware.From(c).Subject(); middleware.From(c).Reason("a") }))
	s.GET("/quiet", html(200, func(*gin.Context) {}))
	s.GET("/unknown", html(200, func(c *gin.Context) { middleware.On(c, "nothing") }))
	s.GET("/redirect", func(c *gin.Context) { reads(c); c.Redirect(http.StatusFound, "/page") })
	s.GET("/unmodified", func(c *gin.Context) { reads(c); c.Status(http.StatusNotModified) })
	s.GET("/nothing", func(c *gin.Context) { reads(c); c.Status(http.StatusNoContent) })
	s.GET("/failed", html(500, reads))
	s.GET("/missing", html(404, reads))
	s.GET("/forbidden", html(403, reads))
	s.GET("/partial", html(206, reads))
	s.GET("/attachment", html(200, head("Content-Disposition", `attachment; filename="a.html"`)))
	s.GET("/json", func(c *gin.Context) { reads(c); c.JSON(200, gin.H{}) })
	s.GET("/panics", gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(500) }), func(c *gin.Context) { reads(c); panic("broken") })
	s.GET("/fragment", html(200, reads))
	s.GET("/fragment/exposed", html(200, func(c *gin.Context) { reads(c); middleware.Exposed(c, "a"); middleware.Exposed(c, "nothing") }))
	s.GET("/gone", func(c *gin.Context) {
		html(200, reads)(c)
		ctx, leave := context.WithCancel(c.Request.Context())
		leave()
		c.Request = c.Request.WithContext(ctx)
	})
	s.Match([]string{"GET", "HEAD"}, "/offers", html(200, func(c *gin.Context) { middleware.From(c).Upgradable("paid"); middleware.From(c).Upgradable("a") }))
	s.Match([]string{"GET", "HEAD"}, "/paid", middleware.Require("paid", middleware.Upgrade(html(403, func(*gin.Context) {}))), html(200, func(*gin.Context) {}))
	s.GET("/hidden", middleware.Require("paid"), html(200, func(*gin.Context) {}))
	s.Match([]string{"GET", "HEAD"}, "/upgrade", html(200, func(c *gin.Context) { middleware.Upgrading(c, c.Query("for")) }))
	s.GET("/tracks", html(200, func(c *gin.Context) {
		if err := middleware.Track(c, "opened", 2); err != nil {
			t.Error(err)
		}
	}))
	return s, h
}

func TestWhatAPageReadIsShownToWhomItWasSent(t *testing.T) {
	s, h := recordedSite(t)
	ann, guest := s.visit("User", "ann"), s.visit()
	for _, c := range []struct {
		who   *visitor
		path  string
		shown []string
	}{
		{ann, "/page", []string{"ann /page a=on"}},
		{ann, "/page?again=1", []string{"ann /page a=on"}}, // a recorder knows what it was told before
		{ann, "/made", []string{"ann /made a=on"}},
		{ann, "/template", []string{"ann /template b=value"}},
		{ann, "/pages/7", []string{"ann /pages/:id a=on", "ann /pages/:id b=value"}},
		{guest, "/page", []string{"visitor /page a=on"}}, // the first visit
		{guest, "/page", []string{"visitor /page a=on"}},
		{guest, "/none", nil},
		{guest, "/quiet", nil},
		{guest, "/unknown", nil},
	} {
		c.who.opens(c.path)
		if got := h.takes(); !slices.Equal(got, c.shown) {
			t.Errorf("%s: shown %q, want %q", c.path, got, c.shown)
		}
	}
	v := s.visit()
	v.opens("/page")
	v.headers["User"] = "ben" // has signed in
	v.opens("/page")
	if got := h.takes(); !slices.Equal(got, []string{"visitor /page a=on", "ben /page a=on"}) {
		t.Errorf("before and after signing in: %q", got)
	}
}

func TestWhatNobodySawIsNotShown(t *testing.T) {
	s, h := recordedSite(t)
	for _, path := range []string{"/redirect", "/unmodified", "/nothing", "/failed", "/missing", "/forbidden", "/partial", "/attachment", "/json", "/panics", "/gone"} {
		s.visit("User", "ann").opens(path)
		h.sawNothing(t, path)
	}
	for name, headers := range map[string][]string{
		"a prefetch":             {"Sec-Purpose", "prefetch"},
		"a prerender":            {"Sec-Purpose", "prefetch;prerender"},
		"an older prefetch":      {"Purpose", "prefetch"},
		"a prefetch of Firefox":  {"X-Moz", "prefetch"},
		"a script's request":     {"Sec-Fetch-Dest", "empty"},
		"an image":               {"Sec-Fetch-Dest", "image"},
		"a fragment":             {"Sec-Fetch-Dest", "", "Hx-Request", "true"},
		"a program":              {"Sec-Fetch-Dest", "", "Accept", "application/json"},
		"a prefetch by a script": {"Sec-Fetch-Dest", "empty", "Sec-Purpose", "prefetch"},
	} {
		s.visit("User", "ann").opens("/page", headers...)
		h.sawNothing(t, name)
	}
	s.visit("User", "ann").asks(http.MethodHead, "/page", nil, navigation...)
	h.sawNothing(t, "a HEAD")

	looking := s.visit("User", "ann")
	looking.starts(s.link("a", "off"))
	looking.opens("/page").is(200)
	if len(h.takes()) != 0 {
		t.Error("a preview counts as shown")
	}
}

// sawNothing checks that the page was made, with what it read, and that nobody was shown it.
func (h *heard) sawNothing(t *testing.T, what string) {
	t.Helper()
	h.mu.Lock()
	unshown := len(h.unshown)
	h.mu.Unlock()
	if unshown != 1 {
		t.Errorf("%s: the recorder was told of %d reads, want 1", what, unshown)
	}
	if got := h.takes(); len(got) != 0 {
		t.Errorf("%s: shown %q", what, got)
	}
}

func TestAFragmentIsShownIfItSaysSo(t *testing.T) {
	s, h := recordedSite(t)
	ann := s.visit("User", "ann")
	ann.fetches("/fragment")
	if got := h.takes(); len(got) != 0 {
		t.Errorf("it says nothing: %q", got)
	}
	ann.fetches("/fragment/exposed")
	if got := h.takes(); !slices.Equal(got, []string{"ann /fragment/exposed a=on"}) {
		t.Errorf("it says that a is shown: %q", got)
	}
}

func TestAFormsAnswerIsShownToWhoSentIt(t *testing.T) {
	s, h := recordedSite(t)
	ann := s.visit("User", "ann")
	ann.sends("/page", form, reader(""))
	if got := h.takes(); !slices.Equal(got, []string{"ann /page a=on"}) {
		t.Errorf("shown %q", got)
	}
}

func TestGatesOffersAndWhatIsTrackedAreTold(t *testing.T) {
	s, h := recordedSite(t)
	free, pro := s.visit("User", "ann", "Plan", "free"), s.visit("User", "ben", "Plan", "pro")
	free.opens("/offers")
	pro.opens("/offers")
	free.opens("/paid").is(403)
	pro.opens("/paid").is(200)
	free.opens("/hidden").is(404)
	free.opens("/upgrade?for=paid")
	free.opens("/upgrade?for=nothing")
	free.opens("/tracks")
	for _, path := range []string{"/offers", "/paid", "/upgrade?for=paid"} { // what is fetched ahead offers nothing, and nobody has come there
		free.opens(path, "Sec-Purpose", "prefetch;prerender")
		free.asks(http.MethodHead, path, nil, navigation...)
	}
	for _, c := range []struct{ got, want []string }{
		{h.offered, []string{"ann /offers paid"}},
		{h.gates, []string{"ann /paid paid 2", "ben /paid paid 0", "ann /hidden paid 1", "ann /paid paid 1", "ann /paid paid 1"}},
		{h.came, []string{"ann paid"}},
		{h.tracked, []string{"ann /tracks opened=2"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if h.refused["of something that cannot be tracked"] != 0 {
		t.Errorf("refused: %v", h.refused)
	}
	h.fails = errors.New("wrong")
	s.GET("/mistake", func(c *gin.Context) { c.String(200, "%v", middleware.Track(c, "opened", -1)) })
	if a := free.opens("/mistake"); !strings.Contains(a.body, "wrong") || h.refused["of something that cannot be tracked"] != 1 {
		t.Errorf("%q, refused: %v", a.body, h.refused)
	}
}

func TestWithoutARecorderNothingIsToldAndBrowsersSayNothing(t *testing.T) {
	s, _ := recordedSite(t, func(c *middleware.Config) { c.Recorder = nil })
	ann := s.visit("User", "ann", "Plan", "free")
	if page := ann.opens("/tracks").is(200); strings.Contains(page.body, `"track":1`) {
		t.Error("the block asks for reports")
	}
	ann.opens("/paid").is(403)
	ann.fetches("/fragment/exposed").is(200)
	ann.opens("/upgrade?for=paid").is(200)
	ann.reports(`["x"]`).is(http.StatusNotFound)
}

// reports sends what a browser tells of a page.
func (v *visitor) reports(body string, headers ...string) *answer {
	v.Helper()
	return v.asks(http.MethodPost, values, reader(body), slices.Concat([]string{"Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin", "Content-Type", "text/plain;charset=UTF-8"}, headers)...)
}

// A host that streams sends the page before its handler ends.
func TestAStreamedPageIsShownWithWhatWasReadLast(t *testing.T) {
	s, h := recordedSite(t)
	s.GET("/streams", func(c *gin.Context) {
		c.Header("Content-Type", "text/html")
		io.WriteString(c.Writer, pageTop)
		c.Writer.Flush()
		middleware.On(c, "a")
		io.WriteString(c.Writer, pageEnd)
	})
	server := httptest.NewServer(s)
	defer server.Close()
	request, _ := http.NewRequest(http.MethodGet, server.URL+"/streams", nil)
	request.Header.Set("Sec-Fetch-Dest", "document")
	request.Header.Set("User", "ann")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	server.Close() // so the handler has ended
	if got := h.takes(); !slices.Equal(got, []string{"ann /streams a=on"}) {
		t.Errorf("shown %q", got)
	}
}
