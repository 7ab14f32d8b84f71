package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// What the requests of a browser may do, by the headers with which it says what they are for.
var requestKinds = map[string]struct {
	method   string
	headers  []string
	page     bool // mints and pins
	injected bool
}{
	"a page":                    {method: "GET", headers: []string{"Sec-Fetch-Dest", "document"}, page: true, injected: true},
	"a page in a frame":         {method: "GET", headers: []string{"Sec-Fetch-Dest", "iframe"}, page: true, injected: true},
	"the head of a page":        {method: "HEAD", headers: []string{"Sec-Fetch-Dest", "document"}, page: true, injected: true},
	"a page of an old browser":  {method: "GET", headers: []string{"Accept", "text/html,*/*;q=0.8"}, page: true, injected: true},
	"a form's answer":           {method: "POST", headers: []string{"Sec-Fetch-Dest", "document"}, injected: true},
	"a prefetch":                {method: "GET", headers: []string{"Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch"}, injected: true},
	"a prerender":               {method: "GET", headers: []string{"Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"}, injected: true},
	"an old prefetch":           {method: "GET", headers: []string{"Accept", "text/html", "Purpose", "prefetch"}, injected: true},
	"a link's prefetch":         {method: "GET", headers: []string{"Sec-Fetch-Dest", "empty", "Sec-Purpose", "prefetch"}, injected: true},
	"Firefox's prefetch":        {method: "GET", headers: []string{"Accept", "text/html", "X-Moz", "prefetch"}, injected: true},
	"a script's request":        {method: "GET", headers: []string{"Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
	"a fragment for htmx":       {method: "GET", headers: []string{"Sec-Fetch-Dest", "empty", "HX-Request", "true"}},
	"a fragment, no Sec-Fetch":  {method: "GET", headers: []string{"Accept", "text/html", "HX-Request", "true"}},
	"an image":                  {method: "GET", headers: []string{"Sec-Fetch-Dest", "image"}},
	"a program without headers": {method: "GET"},
	"a program that takes all":  {method: "GET", headers: []string{"Accept", "*/*"}},
}

func TestOnlyPagesMintAndPinAndOnlyDocumentsAreInjected(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	for name, kind := range requestKinds {
		t.Run(name, func(t *testing.T) {
			ann := s.visit()
			a := ann.asks(kind.method, "/", nil, kind.headers...)
			a.TB = t
			if a.is(200); kind.page {
				a.sets("pin", "visitor")
			} else {
				a.sets()
			}
			if got := a.block() != nil; got != kind.injected {
				t.Errorf("injected: %v, want %v", got, kind.injected)
			}
			if got := a.Header.Get("Cache-Control") == "private" && a.Header.Get("Vary") == "Cookie"; got != kind.injected {
				t.Errorf("kept from caches: %v, want %v", got, kind.injected)
			}
		})
	}
}

func TestWhatComesWithACookieIsKeptFromCaches(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/moved", func(c *gin.Context) { c.Redirect(http.StatusMovedPermanently, "/") })
	ann := s.visit()
	if a := ann.opens("/moved").is(301).sets("pin", "visitor"); a.Header.Get("Cache-Control") != "private" {
		t.Errorf("a cache may hand the visitor's cookie to others: %v", a.Header)
	}
	if a := ann.opens("/moved").is(301).sets(); a.Header.Get("Cache-Control") != "" {
		t.Errorf("a redirect that is the same for all has %q", a.Header["Cache-Control"])
	}
}

func TestWhatCachesHandToManyHasNobodysCookieAndValues(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	for _, control := range []string{"public, max-age=60", "s-maxage=60", "max-age=1, PUBLIC"} {
		for _, head := range []bool{false, true} {
			path := "/" + control + map[bool]string{true: "+head"}[head]
			s.GET(path, func(c *gin.Context) {
				c.Header("Cache-Control", control)
				content := "everybody's"
				if head {
					content += string(middleware.From(c).Head())
				}
				sendPage(c, content)
			})
			r := s.visit().request(http.MethodGet, "/", nil, navigation...)
			r.URL.Path = path
			a := s.visit().answers(r).sets()
			if a.block() != nil || a.Header.Get("Cache-Control") != control || a.Header.Get("Vary") != "" {
				t.Errorf("%s: the answer is somebody's: %v\n%s", control, a.Header, a.body)
			}
		}
	}
}

func TestAPageMadePublicAfterItsValuesWerePlacedIsPrivate(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/late", func(c *gin.Context) {
		head := middleware.From(c).Head()
		c.Header("Cache-Control", "public, max-age=60")
		sendPage(c, string(head))
	})
	if a := s.visit().opens("/late"); a.Header.Get("Cache-Control") != "private" || a.block() == nil {
		t.Errorf("Cache-Control: %q", a.Header["Cache-Control"])
	}
}

// atOnce sends requests at the same time and gives their answers.
func (v *visitor) atOnce(requests ...*http.Request) []*answer {
	v.Helper()
	recorders := make([]*httptest.ResponseRecorder, len(requests))
	var start, done sync.WaitGroup
	start.Add(1)
	for i, r := range requests {
		recorders[i] = httptest.NewRecorder()
		done.Go(func() {
			start.Wait()
			v.ServeHTTP(recorders[i], r)
		})
	}
	start.Done()
	done.Wait()
	var answers []*answer
	for _, recorder := range recorders {
		answers = append(answers, v.reads(recorder))
	}
	return answers
}

// Of all that a browser asks for at once, the one page mints the visitor: nothing else may, so nothing can overwrite
// it.
func TestParallelFirstRequestsMintOneVisitor(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, flagtest.Definition(t, "a", true), jar)
		ann := s.visit()
		requests := []*http.Request{ann.request("GET", "/", nil, navigation...)}
		for name, kind := range requestKinds {
			if !kind.page {
				for range 3 {
					requests = append(requests, ann.request(kind.method, "/", nil, append(slices.Clone(kind.headers), "X-Kind", name)...))
				}
			}
		}
		answers := ann.atOnce(requests...)
		answers[0].sets("pin", "visitor").sees("a", true)
		for _, a := range answers[1:] {
			a.sets()
		}
	})
}

// Two pages that are both the first mint one visitor each, since neither can know of the other. The browser keeps the
// one that comes last, and from then on there is one.
func TestTwoFirstPagesAtOnceEndWithOneVisitor(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, flagtest.Definition(t, "a", true), jar)
		ann := s.visit()
		answers := ann.atOnce(ann.request("GET", "/", nil, navigation...), ann.request("GET", "/", nil, navigation...))
		for _, a := range answers {
			for name, cookie := range a.sets("pin", "visitor").set {
				ann.cookies[name] = cookie.Value
			}
		}
		if answers[0].set["flags-visitor"].Value == answers[1].set["flags-visitor"].Value {
			t.Error("two visitors are the same")
		}
		who := s.visitorOf(ann)
		for _, a := range ann.atOnce(ann.request("GET", "/who", nil, navigation...), ann.request("GET", "/who", nil, navigation...)) {
			if a.sets().body != who {
				t.Errorf("the visitor is %q, was %q", a.body, who)
			}
		}
	})
}
