package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

const previews = "/feature-values/preview"

var previewKey = []byte("a key for previews, known to all")

// drafts are change requests by id.
type drafts map[int64]func() (*ruleset.Revision, error)

func (d drafts) Draft(_ context.Context, id int64) (*ruleset.Revision, error) {
	if draft, ok := d[id]; ok {
		return draft()
	}
	return nil, middleware.ErrNoDraft
}

func withPreview(p middleware.Preview) func(*middleware.Config) {
	if p.Key == nil {
		p.Key = previewKey
	}
	return func(c *middleware.Config) { c.Preview = &p }
}

// previewSite has a flag that is off, one that needs a plan, one that the browser is not told of, and previews.
func previewSite(t *testing.T, changes ...func(*middleware.Config)) *site {
	definition := flagtest.Definition(t, "a", false, "paid", false, "secret", false)
	definition.Plans = []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10, Features: []string{"paid"}}}
	definition.Flags[2].ClientVisible = false
	return newSite(t, definition, append([]func(*middleware.Config){withPreview(middleware.Preview{})}, changes...)...)
}

// link makes a link that shows variants, given as keys and variants in pairs, for an hour.
func (s *site) link(keysAndVariants ...string) string {
	s.Helper()
	variants := map[string]string{}
	for i := 0; i < len(keysAndVariants); i += 2 {
		variants[keysAndVariants[i]] = keysAndVariants[i+1]
	}
	return s.linkOf(middleware.Preview{Key: previewKey}, "test", middleware.Previewed{Variants: variants}, time.Hour)
}

func (s *site) linkOf(p middleware.Preview, environment string, what middleware.Previewed, life time.Duration) string {
	s.Helper()
	link, err := p.Link(environment, what, s.flags.Now(), s.flags.Now().Add(life))
	if err != nil {
		s.Fatal(err)
	}
	return link
}

func tokenOf(link string) string {
	u, _ := url.Parse(link)
	return u.Query().Get("token")
}

const form = "application/x-www-form-urlencoded"

// presses sends a form of the page about previews, as a browser does from that page.
func (v *visitor) presses(fields url.Values, headers ...string) *answer {
	v.Helper()
	return v.asks(http.MethodPost, previews, reader(fields.Encode()), append([]string{"Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Content-Type", form, "Accept", "text/html"}, headers...)...)
}

// starts opens a link and presses the button.
func (v *visitor) starts(link string) *answer {
	v.Helper()
	v.opens(link).is(http.StatusOK)
	return v.presses(url.Values{"do": {"start"}, "token": {tokenOf(link)}}).is(http.StatusSeeOther)
}

func (v *visitor) ends() *answer {
	v.Helper()
	return v.presses(url.Values{"do": {"end"}}).is(http.StatusSeeOther)
}

var bannerPattern = regexp.MustCompile(`<body><link rel="stylesheet" href="/feature-preview\.[0-9a-f]{8}\.css"><section class="flags-preview" aria-label="Preview"><p role="status">(.*?)</p><form method="post" action="/feature-values/preview">(.*?)</form></section>`)

// banner checks that the page has a banner that says this; empty: that it has none.
func (a *answer) banner(says string) *answer {
	a.Helper()
	found := bannerPattern.FindStringSubmatch(a.body)
	switch {
	case says == "" && strings.Contains(a.body, "flags-preview"):
		a.Errorf("there is a banner:\n%s", a.body)
	case says != "" && (found == nil || !strings.Contains(found[1], says)):
		a.Errorf("the banner does not say %q:\n%s", says, a.body)
	}
	return a
}

// unshared checks that nobody else can get the answer from a cache.
func (a *answer) unshared() *answer {
	a.Helper()
	if got := a.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "private, no-store" {
		a.Errorf("Cache-Control %q", got)
	}
	for _, name := range []string{"Cdn-Cache-Control", "Surrogate-Control", "Expires", "X-Accel-Expires"} {
		if got := a.Header.Get(name); got != "" {
			a.Errorf("%s: %s", name, got)
		}
	}
	return a
}

func TestAPreviewIsSeenInOneBrowserUntilItIsEnded(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := previewSite(t, jar)
		ann, bob := s.visit("User", "ann"), s.visit("User", "ann") // the same person in another browser
		before := ann.opens("/").sees("a", false).banner("").block().ETag
		bob.opens("/")
		offered := ann.opens(s.link("a", "on")).is(http.StatusOK).unshared()
		if !strings.Contains(offered.body, "<code>a</code> as “on”") || !strings.Contains(offered.body, "only in this browser") {
			t.Errorf("the page says\n%s", offered.body)
		}
		ann.opens("/").sees("a", false).banner("") // the link alone does nothing
		cookie := ann.starts(s.link("a", "on")).sets("preview").set["flags-preview"]
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.MaxAge != 3600 || cookie.Path != "/" {
			t.Errorf("the cookie is %+v", cookie)
		}
		page := ann.opens("/").sees("a", true).banner("<code>a</code> as “on”").unshared()
		a := ann.fetches(values).is(http.StatusOK).sees("a", true).unshared()
		if etag := page.block().ETag; etag == before || a.Header.Get("ETag") != etag {
			t.Errorf("the values have the tag %s in the page, %s when asked for, and had %s before", etag, a.Header.Get("ETag"), before)
		}
		ann.fetches("/api").sees("a", true).unshared()
		bob.opens("/").sees("a", false).banner("")
		s.visit("User", "ann").opens("/").sees("a", false).banner("")
		ann.ends()
		if ann.opens("/").sees("a", false).banner("").block().ETag != before {
			t.Error("something is left of the preview")
		}
	})
}

func TestKillsAndPlansStandAgainstAPreview(t *testing.T) {
	s := previewSite(t)
	free, pro := s.visit("Plan", "free", "User", "u"), s.visit("Plan", "pro", "User", "u")
	for _, v := range []*visitor{free, pro} {
		v.starts(s.link("paid", "on", "a", "on"))
	}
	free.opens("/").sees("paid", false, "a", true).banner("<code>paid</code> is not in the plan, so it stays off")
	pro.opens("/").sees("paid", true)
	s.change("a", kill)
	pro.opens("/").sees("paid", true, "a", false).banner("<code>a</code> is killed, so it stays off")
	pro.fetches(values).sees("a", false)
	if s.log.String() != "" {
		t.Errorf("logged:\n%s", s.log)
	}
}

func TestALinkThatIsNotOursSetsNothing(t *testing.T) {
	s := previewSite(t)
	token := tokenOf(s.link("a", "on"))
	content, signature, _ := strings.Cut(token, ".")
	other := tokenOf(s.linkOf(middleware.Preview{Key: []byte("another key, of 16 bytes or more")}, "test", middleware.Previewed{Variants: map[string]string{"a": "on"}}, time.Hour))
	elsewhere := tokenOf(s.linkOf(middleware.Preview{Key: previewKey, URL: "https://elsewhere.example"}, "test", middleware.Previewed{Variants: map[string]string{"a": "on"}}, time.Hour))
	paid, _, _ := strings.Cut(tokenOf(s.link("paid", "on")), ".")
	for name, attempt := range map[string]struct {
		token  string
		status int
	}{
		"truncated":                  {token[:len(token)-1], http.StatusBadRequest},
		"without a signature":        {content + ".", http.StatusBadRequest},
		"without anything signed":    {"." + signature, http.StatusBadRequest},
		"the signature of another":   {paid + "." + signature, http.StatusBadRequest},
		"another key":                {other, http.StatusBadRequest},
		"another site":               {elsewhere, http.StatusBadRequest},
		"no base64":                  {"%%%.%%%", http.StatusBadRequest},
		"a bit changed in the end":   {token[:len(token)-1] + string(flip(token[len(token)-1])), http.StatusBadRequest},
		"a line break in the middle": {content + ".\n" + signature, http.StatusBadRequest},
		"too long":                   {strings.Repeat("x", 5000), http.StatusBadRequest},
		"another environment":        {tokenOf(s.linkOf(middleware.Preview{Key: previewKey}, "production", middleware.Previewed{Variants: map[string]string{"a": "on"}}, time.Hour)), http.StatusConflict},
		"an unknown flag":            {tokenOf(s.link("none", "on")), http.StatusNotFound},
		"an unknown variant":         {tokenOf(s.link("a", "none")), http.StatusNotFound},
		"a draft, and there is none": {tokenOf(s.linkOf(middleware.Preview{Key: previewKey}, "test", middleware.Previewed{Draft: 7}, time.Hour)), http.StatusNotFound},
	} {
		ann := s.visit()
		ann.opens("/")
		ann.opens(previews + "?" + url.Values{"token": {attempt.token}}.Encode()).is(attempt.status).sets().unshared()
		ann.presses(url.Values{"token": {attempt.token}}).is(attempt.status).sets()
		ann.opens("/").sees("a", false).banner("")
		ann.cookies["flags-preview"] = attempt.token // a link's token is no cookie either
		if v := ann.opens("/").sees("a", false).banner(""); ann.cookies["flags-preview"] != "" {
			t.Errorf("%s: the cookie stays: %v", name, v.Header)
		}
	}
	ann := s.visit()
	ann.opens("/")
	for i := range token {
		changed := token[:i] + "A" + token[i+1:]
		if changed == token {
			changed = token[:i] + "B" + token[i+1:]
		}
		ann.presses(url.Values{"token": {changed}}).is(http.StatusBadRequest).sets()
	}
	ann.cookies["flags-preview"] = token
	ann.opens("/").sees("a", false).banner("").sets("preview") // which is removed
	s.change("a", func(f *ruleset.Flag) { f.Archived = true })
	ann.opens(s.link("a", "on")).is(http.StatusNotFound).sets()
}

// flip changes the first bit of a base64url character.
func flip(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^32]
}

func TestAPreviewIsOverWhenItsTimeIs(t *testing.T) {
	s := previewSite(t)
	ann := s.visit("User", "ann")
	link := s.link("a", "on")
	ann.starts(link)
	s.later(time.Hour - time.Second)
	if in := ann.opens("/").sees("a", true).block().RefreshIn; in != 1 {
		t.Errorf("the browser asks again in %v seconds, and the preview is over in one", in)
	}
	kept := ann.cookies["flags-preview"]
	s.later(time.Second)
	ann.fetches("/api").sees("a", false).sets() // only pages write
	ann.opens("/").sees("a", false).banner("").sets("preview")
	if ann.cookies["flags-preview"] != "" {
		t.Error("the cookie is not removed")
	}
	ann.cookies["flags-preview"] = kept // played again
	ann.opens("/").sees("a", false).banner("")
	ann.opens(link).is(http.StatusGone).sets()
	ann.presses(url.Values{"token": {tokenOf(link)}}).is(http.StatusGone).sets()
}

func TestALinkLastsAtMostSevenDays(t *testing.T) {
	s := previewSite(t)
	what := middleware.Previewed{Variants: map[string]string{"a": "on"}}
	now := s.flags.Now()
	p := middleware.Preview{Key: previewKey}
	for _, until := range []time.Time{now, now.Add(-time.Hour), now.Add(middleware.MaxPreview + time.Second)} {
		if link, err := p.Link("test", what, now, until); err == nil {
			t.Errorf("there is a link from %s until %s: %s", now, until, link)
		}
	}
	link, err := p.Link("test", what, now.Add(middleware.MaxPreview), now.Add(middleware.MaxPreview+time.Hour)) // made by a clock that is wrong
	if err != nil {
		t.Fatal(err)
	}
	s.visit().opens(link).is(http.StatusGone)
	for _, wrong := range []middleware.Previewed{{}, {Draft: 1, Variants: what.Variants}} {
		if _, err := p.Link("test", wrong, now, now.Add(time.Hour)); err == nil {
			t.Errorf("there is a link for %+v", wrong)
		}
	}
	if _, err := (&middleware.Preview{Key: []byte("short")}).Link("test", what, now, now.Add(time.Hour)); err == nil {
		t.Error("a short key signs")
	}
}

func TestAPreviewCannotBeStartedOrEndedByAnotherSite(t *testing.T) {
	s := previewSite(t)
	ann := s.visit()
	ann.opens("/")
	start, end := url.Values{"token": {tokenOf(s.link("a", "on"))}}, url.Values{"do": {"end"}}
	foreign := [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"},
		{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}, {"Sec-Fetch-Site", ""}}
	for _, headers := range foreign {
		ann.presses(start, headers...).is(http.StatusForbidden).sets()
	}
	ann.asks(http.MethodPut, previews, nil, navigation...).is(http.StatusMethodNotAllowed).sets()
	for _, headers := range [][]string{{"Sec-Fetch-Dest", "image"}, {"Sec-Fetch-Dest", "iframe"}, {"Sec-Fetch-Dest", "empty"}} {
		a := ann.asks(http.MethodGet, s.link("a", "on"), nil, headers...).is(http.StatusOK).sets()
		if a.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("it can be framed: %v", a.Header)
		}
	}
	ann.presses(start, "Sec-Fetch-Site", "", "Origin", "http://example.com").is(http.StatusSeeOther).sets("preview") // an old browser
	for _, headers := range foreign {
		ann.presses(end, headers...).is(http.StatusForbidden).sets()
	}
	ann.opens("/").sees("a", true)
}

func TestAFormAboutAPreviewLeadsToThisSiteOnly(t *testing.T) {
	s := previewSite(t)
	ann := s.visit()
	ann.opens("/")
	token := tokenOf(s.link("a", "on"))
	for next, want := range map[string]string{
		"": "/", "/listings?q=1#x": "/listings?q=1#x", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"/\t/evil.example": "/", "\t//evil.example": "/", "/a\r\nSet-Cookie: x=y": "/", "javascript:alert(1)": "/", "evil": "/", previews + "?token=x": "/", "/" + strings.Repeat("x", 3000): "/",
	} {
		for _, fields := range []url.Values{{"token": {token}, "next": {next}}, {"do": {"end"}, "next": {next}}} {
			if got := ann.presses(fields).is(http.StatusSeeOther).Header.Get("Location"); got != want {
				t.Errorf("%q leads to %q", next, got)
			}
		}
		if offered := ann.opens(previews + "?" + url.Values{"token": {token}, "next": {next}}.Encode()); strings.Contains(offered.body, "evil") {
			t.Errorf("%q stands in\n%s", next, offered.body)
		}
	}
}

func TestNothingInAnAddressChangesAValue(t *testing.T) {
	s := previewSite(t)
	ann := s.visit()
	for _, query := range []string{"a=on", "preview=1", "flags-preview=1", "token=" + tokenOf(s.link("a", "on"))} {
		ann.opens("/?"+query).sees("a", false).banner("")
	}
}

func TestAPreviewOfAnotherBrowserMeansNothing(t *testing.T) {
	s := previewSite(t)
	ann, bob := s.visit("User", "ann"), s.visit("User", "bob")
	bob.opens("/")
	ann.starts(s.link("a", "on"))
	bob.cookies["flags-preview"] = ann.cookies["flags-preview"] // put in by a neighbouring subdomain
	bob.opens("/").sees("a", false).banner("")

	// Somebody else's or a broken cookie in front of one's own costs nothing, however they are ordered.
	mine := ann.cookies["flags-preview"]
	delete(ann.cookies, "flags-preview")
	cat := s.visit("User", "cat")
	cat.starts(s.link("paid", "on"))
	for _, header := range []string{"flags-preview=x; flags-preview=" + mine, "flags-preview=" + cat.cookies["flags-preview"] + "; flags-preview=" + mine, "flags-preview=" + mine + "; flags-preview=" + cat.cookies["flags-preview"]} {
		r := ann.request(http.MethodGet, "/", nil, navigation...)
		r.Header.Set("Cookie", r.Header.Get("Cookie")+"; "+header)
		ann.answers(r).sees("a", true, "paid", false).sets()
	}
}

func TestAHostThatMakesAPagePublicMakesNoPreviewPublic(t *testing.T) {
	s := previewSite(t)
	s.GET("/public", func(c *gin.Context) {
		for name, value := range map[string]string{"Cache-Control": "public, max-age=600, s-maxage=900", "CDN-Cache-Control": "max-age=600",
			"Surrogate-Control": "max-age=9", "Expires": "Wed, 21 Oct 2099 07:28:00 GMT", "X-Accel-Expires": "60", "ETag": `"1"`} {
			c.Header(name, value)
		}
		if c.GetHeader("If-None-Match") == `"1"` {
			c.Status(http.StatusNotModified)
			return
		}
		page(c)
	})
	s.GET("/file.json", func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=600")
		c.JSON(http.StatusOK, gin.H{"a": middleware.On(c, "a")})
	})
	ann := s.visit()
	ann.starts(s.link("a", "on"))
	ann.opens("/public").sees("a", true).banner("as “on”").unshared()
	ann.opens("/public", "If-None-Match", `"1"`).is(http.StatusOK).sees("a", true).unshared()
	ann.fetches("/file.json").sees("a", true).unshared()
	if got := s.visit().opens("/public").banner("").Header.Get("Cache-Control"); got != "public, max-age=600, s-maxage=900" {
		t.Errorf("without a preview it is %q", got)
	}
}

func TestAPreviewGoesOnOverPinsAndForms(t *testing.T) {
	s := previewSite(t)
	ann, bob := s.visit("User", "ann"), s.visit("User", "bob")
	bob.opens("/")
	ann.starts(s.link("a", "on"))
	page := ann.opens("/form").banner("as “on”")
	s.change("secret", turnOn)
	s.later(middleware.PinLife + time.Second)
	pin := regexp.MustCompile(`name="_flags_pin" value="([^"]+)"`).FindStringSubmatch(page.body)
	if pin == nil {
		t.Fatal(page.body)
	}
	ann.sends("/", form, reader(url.Values{"_flags_pin": {pin[1]}}.Encode())).sees("a", true).banner("as “on”")
	ann.opens("/").sees("a", true).banner("as “on”").sets("pin") // which it would get without a preview too
	bob.opens("/").sees("a", false)
	ann.ends()
	ann.opens("/").sees("a", false).sets()
}

func TestAPreviewLeavesNoTrace(t *testing.T) {
	seen := &sightings{}
	s := previewSite(t, func(c *middleware.Config) { c.Directory = seen })
	s.GET("/asks", func(c *gin.Context) { middleware.On(c, "secret"); middleware.On(c, "no-such-flag"); page(c) })
	ann := s.visit("User", "ann")
	ann.opens("/")
	ann.starts(s.link("a", "on"))
	before, decided := len(seen.saw), s.decided()
	ann.opens("/asks").sees("a", true)
	ann.fetches(values)
	if len(seen.saw) != before || s.decided() != decided {
		t.Errorf("%d sightings more, %d decisions more", len(seen.saw)-before, s.decided()-decided)
	}
	if unknown := s.flags.Unknown(); len(unknown) > 0 {
		t.Errorf("asked for: %v", unknown)
	}
	ann.ends()
	ann.opens("/asks")
	if len(seen.saw) == before || s.decided() == decided || len(s.flags.Unknown()) == 0 {
		t.Error("the same without a preview leaves no trace either, so this proves nothing")
	}
}

func (s *site) decided() int64 { n, _ := s.flags.Decisions(); return n }

type sightings struct{ saw []ruleset.Subject }

func (s *sightings) Saw(_ string, subject ruleset.Subject) { s.saw = append(s.saw, subject) }
func (s *sightings) Minted(string)                         {}

func TestADraftIsPreviewedAsItIs(t *testing.T) {
	var draft *ruleset.Revision
	var down error
	source := drafts{7: func() (*ruleset.Revision, error) { return draft, down }}
	s := previewSite(t, withPreview(middleware.Preview{Drafts: source}))
	s.change("secret", kill)
	write := func(environment string, on ...string) {
		definition := flagtest.Definition(t, "a", false, "b", false, "paid", false, "secret", true)
		for i := range definition.Flags {
			for _, key := range on {
				if definition.Flags[i].Key == key {
					turnOn(&definition.Flags[i])
				}
			}
		}
		var err error
		if draft, err = ruleset.Compile(ruleset.ID{Environment: environment, Number: 3}, definition, nil); err != nil {
			t.Fatal(err)
		}
	}
	link := s.linkOf(middleware.Preview{Key: previewKey}, "test", middleware.Previewed{Draft: 7}, time.Hour)
	write("production", "a")
	ann := s.visit("User", "ann", "Plan", "free")
	ann.opens(link).is(http.StatusNotFound) // of another environment
	write("test", "a", "b", "paid")
	ann.starts(link)
	ann.opens("/").sees("a", true, "b", true, "paid", false, "secret", false).banner("the draft of change request 7")
	s.visit("User", "ann").opens("/").sees("a", false, "b", nil)
	write("test", "b")
	s.later(10 * time.Second) // it was edited
	ann.opens("/").sees("a", false, "b", true)

	down = errors.New("the database is down")
	s.later(10 * time.Second)
	ann.opens("/").sees("a", false, "b", true) // as it was the last time
	other := s.again(withPreview(middleware.Preview{Drafts: source}))
	bob := other.visit("User", "ann")
	bob.cookies = ann.cookies
	bob.opens("/").sees("a", false, "b", nil).banner("cannot be read just now")
	bob.opens(link).is(http.StatusServiceUnavailable)

	down = middleware.ErrNoDraft // withdrawn
	s.later(10 * time.Second)
	ann.opens("/").sees("a", false, "b", nil).banner("").sets("preview")
}

func TestABannerCarriesNoMarkup(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>"'`
	s := previewSite(t)
	for _, link := range []string{s.link(evil, "on"), s.link("a", evil)} {
		ann := s.visit()
		a := ann.opens(link).is(http.StatusNotFound)
		if strings.Contains(a.body, "<img") {
			t.Errorf("the page carries it:\n%s", a.body)
		}
	}
	ann := s.visit()
	ann.starts(s.link("a", "on"))
	if a := ann.opens(`/?q="><img+src=x>`).banner("as “on”"); strings.Contains(a.body, "<img") {
		t.Errorf("the banner carries the address:\n%s", a.body)
	}
}

func TestABannerStandsAtTheBeginningOfTheBody(t *testing.T) {
	for page, want := range map[string]string{
		"<!doctype html><html><head><title><body></title></head><body class=\"a>b\"><p>x":       "<!doctype html><html><head><title><body></title></head><body class=\"a>b\">^<p>x",
		"<!DOCTYPE html><title>x</title><h1>y</h1>":                                             "<!DOCTYPE html><title>x</title>^<h1>y</h1>",
		"<html><head><script>'<body>'</script><!-- <body> --><style>a</style>\n</head>\n<BODY>": "<html><head><script>'<body>'</script><!-- <body> --><style>a</style>\n</head>\n<BODY>^",
		"<html><template><p>not here</p></template>text":                                        "<html><template><p>not here</p></template>^text",
		"<html><head><noscript><link href=x></noscript></head><main>":                           "<html><head><noscript><link href=x></noscript></head>^<main>",
		"<p>a fragment</p>":    "<p>a fragment</p>",
		"<body>a fragment too": "<body>a fragment too",
		"<!doctype html><html><frameset><frame src=/></frameset></html>": "<!doctype html><html><frameset><frame src=/></frameset></html>",
		"<!doctype html><title>unfinished":                               "<!doctype html><title>unfinished",
	} {
		for _, write := range []func(*gin.Context){
			func(c *gin.Context) { c.Data(http.StatusOK, "text/html", []byte(page)) },
			func(c *gin.Context) { // in pieces, sent as they come
				c.Header("Content-Type", "text/html")
				for i := range len(page) {
					_, _ = c.Writer.WriteString(page[i : i+1])
					c.Writer.Flush()
				}
			},
		} {
			s := previewSite(t)
			s.GET("/page", write)
			ann := s.visit()
			ann.starts(s.link("a", "on"))
			body := blockPattern.ReplaceAllString(ann.opens("/page").body, "")
			body = regexp.MustCompile(`(?s)<script>.{300,}?</script>|\(\(\)=>.*?</script>`).ReplaceAllString(body, "")
			body = regexp.MustCompile(`(?s)<link rel="stylesheet" href="/feature-preview.*?</section>`).ReplaceAllString(body, "^")
			if body = clientPattern.ReplaceAllString(body, ""); body != want {
				t.Errorf("%s\nbecomes\n%s", page, body)
			}
		}
	}
}

var clientPattern = regexp.MustCompile(`(?s)<script type="application/json".*?</script><script>.*?</script>`)

func TestOnlyPagesHaveTheBanner(t *testing.T) {
	s := previewSite(t)
	s.GET("/download", func(c *gin.Context) { c.Header("Content-Disposition", "attachment"); page(c) })
	s.GET("/text", func(c *gin.Context) { c.String(http.StatusOK, "<!doctype html><html><body>") })
	s.GET("/long", func(c *gin.Context) { sendPage(c, strings.Repeat("a long page ", 200_000)) })
	ann := s.visit()
	ann.starts(s.link("a", "on"))
	ann.opens("/download").banner("").unshared()
	ann.opens("/text").banner("").unshared()
	ann.opens("/long").banner("as “on”")
	ann.fetches("/").banner("").unshared()
	ann.opens("/", "Sec-Fetch-Dest", "iframe").sees("a", true).banner("").unshared() // the page around it has one
	ann.opens("/no-such-page").is(http.StatusNotFound).unshared()
}

func TestAPanicUnderAPreviewIsNotHidden(t *testing.T) {
	s := previewSite(t)
	gin.SetMode(gin.TestMode)
	e := gin.New()
	e.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) {
		c.Data(http.StatusInternalServerError, "text/html", []byte("<!doctype html><title>Broken</title>"))
	}))
	e.Use(s.with(withPreview(middleware.Preview{})))
	e.GET("/", func(c *gin.Context) {
		sendPage(c, "half")
		panic("on purpose")
	})
	ann := s.visit()
	ann.starts(s.link("a", "on"))
	s.Engine = e
	if a := ann.opens("/").is(http.StatusInternalServerError).unshared(); a.body != "<!doctype html><title>Broken</title>" {
		t.Errorf("got %s", a.body)
	}
}

func TestAPreviewsStyleSheetIsServedForGood(t *testing.T) {
	s := previewSite(t)
	ann := s.visit()
	href := regexp.MustCompile(`href="(/feature-preview\.[^"]+)"`).FindStringSubmatch(ann.opens(previews).is(http.StatusOK).body)
	if href == nil {
		t.Fatal("the page has no style sheet")
	}
	a := s.visit().fetches(href[1]).is(http.StatusOK).sets()
	if a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.Header.Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(a.body, ".flags-preview") {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
}

func TestAGroupServesPreviewsByItself(t *testing.T) {
	s := previewSite(t)
	e := gin.New()
	group := e.Group("/", s.with(withPreview(middleware.Preview{Path: "/t/look"})))
	group.GET("/", page)
	group.GET("/t/look", middleware.ServePreview)
	group.POST("/t/look", middleware.ServePreview)
	e.GET("/bare", middleware.ServePreview)
	s.Engine = e
	link := s.linkOf(middleware.Preview{Key: previewKey, Path: "/t/look"}, "test", middleware.Previewed{Variants: map[string]string{"a": "on"}}, time.Hour)
	ann := s.visit()
	ann.opens(link).is(http.StatusOK).sets("pin", "visitor")
	ann.asks(http.MethodPost, "/t/look", reader(url.Values{"token": {tokenOf(link)}}.Encode()), "Sec-Fetch-Site", "same-origin", "Content-Type", form).is(http.StatusSeeOther)
	ann.opens("/").sees("a", true)
	if a := ann.opens("/t/look").is(http.StatusOK); a.block() != nil || !strings.Contains(a.body, "You are in a preview") {
		t.Errorf("the page about the preview is\n%s", a.body)
	}
	ann.opens("/bare").is(http.StatusNotFound)
}

func TestWithoutPreviewsThereAreNone(t *testing.T) {
	s := previewSite(t, func(c *middleware.Config) { c.Preview = nil })
	ann := s.visit()
	ann.opens(s.link("a", "on")).is(http.StatusNotFound)
	with := s.again(withPreview(middleware.Preview{})).visit()
	with.starts(s.link("a", "on"))
	ann.cookies = with.cookies
	ann.opens("/").sees("a", false).banner("")
}

func TestOverHTTPSAPreviewsCookieIsOfThisHostAlone(t *testing.T) {
	s := previewSite(t, func(c *middleware.Config) { c.Secure = true })
	ann := s.visit()
	cookie := ann.starts(s.link("a", "on")).set["__Host-flags-preview"]
	if cookie == nil || !cookie.Secure || cookie.Domain != "" || cookie.Path != "/" {
		t.Fatalf("the cookie is %+v", cookie)
	}
	ann.cookies["flags-preview"] = cookie.Value // what a neighbouring subdomain could set
	delete(ann.cookies, "__Host-flags-preview")
	ann.opens("/").sees("a", false)
	ann.cookies["__Host-flags-preview"] = cookie.Value
	ann.opens("/").sees("a", true)
	if gone := ann.ends().set["__Host-flags-preview"]; gone == nil || !gone.Secure || gone.MaxAge >= 0 {
		t.Errorf("it is removed by %+v", gone)
	}
}

func TestAPreviewThatCannotWorkIsRefusedAtTheStart(t *testing.T) {
	for _, p := range []middleware.Preview{{Key: []byte("too short")}, {Key: previewKey, Path: "preview"}, {Key: previewKey, Path: "//evil.example/x"}, {Key: previewKey, Path: "/a?b"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", p)
				}
			}()
			previewSite(t, func(c *middleware.Config) { c.Preview = &p })
		}()
	}
}
