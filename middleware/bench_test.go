package middleware_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// hundredFlags are 40 plain flags, 30 percentages, 20 targeted ones and 10 three-way splits; the browser sees 60.
func hundredFlags() ruleset.Definition {
	var d ruleset.Definition
	for i := range 100 {
		f := ruleset.Flag{Key: fmt.Sprintf("feature-%03d", i), Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: true, ClientVisible: i%5 < 3}
		f.Salt = "salt of " + f.Key
		switch {
		case i < 40:
			f.Otherwise = []string{"on", "off"}[i%2]
		case i < 70:
			f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Share: ruleset.Share(i * 1000), Serve: "on"}}}
		case i < 90:
			countries := []string{"DE", "FR", "IT", "ES", "PL", "NL"}
			f.Rules = []ruleset.Rule{{When: &ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: countries[i%5 : i%5+2]}, Serve: "on"}}
		default:
			f.Type, f.Off, f.Otherwise, f.Default = ruleset.String, "control", "control", "control"
			for _, name := range []string{"control", "a", "b"} {
				f.Variants = append(f.Variants, ruleset.Variant{Name: name, Value: json.RawMessage(`"` + name + `"`)})
			}
			f.Rules = []ruleset.Rule{{Split: &ruleset.Split{Weights: map[string]ruleset.Weight{"control": 34_000, "a": 33_000, "b": 33_000}}}}
		}
		d.Flags = append(d.Flags, f)
	}
	return d
}

// subjectOf is one of a thousand, by a header.
func subjectOf(c *gin.Context) (ruleset.Subject, error) {
	user := c.GetHeader("User")
	return ruleset.Subject{User: user, Tenant: "tenant-" + user, Plan: "pro", Attributes: map[string]any{
		"country": []string{"DE", "FR", "IT", "ES"}[len(user)%4], "language": "de", "seats": 12,
	}}, nil
}

// listings is a page of 10 kB, as text and as a template.
var (
	listingsTop = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Listings</title><link rel="stylesheet" href="/site.css"></head><body><h1>Listings</h1>`
	listing     = `<article class="listing"><h2><a href="/listings/%[1]d">Flat %[1]d</a></h2><p>Two rooms, from %[2]d EUR a night, in Berlin</p></article>`
	listings    = template.Must(template.New("").Parse(listingsTop + `{{range .}}<article class="listing"><h2><a href="/listings/{{.ID}}">{{.Title}}</a></h2><p>Two rooms, from {{.Price}} EUR a night, in {{.City}}</p></article>{{end}}</body></html>`))
)

func plainListings() []byte {
	var b bytes.Buffer
	b.WriteString(listingsTop)
	for i := 0; b.Len() < 10<<10; i++ {
		fmt.Fprintf(&b, listing, i, 40+i)
	}
	return b.Bytes()
}

type flat struct {
	ID, Price   int
	Title, City string
}

// pages are the 10 kB pages that the middleware is measured on.
var pages = map[string]func() gin.HandlerFunc{
	"plain": func() gin.HandlerFunc {
		body := plainListings()
		return func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", body) }
	},
	"template": func() gin.HandlerFunc {
		flats := make([]flat, 73)
		for i := range flats {
			flats[i] = flat{i, 40 + i, fmt.Sprint("Flat ", i), "Berlin"}
		}
		return func(c *gin.Context) {
			c.Header("Content-Type", "text/html; charset=utf-8")
			var b bytes.Buffer
			if err := listings.Execute(&b, flats); err != nil {
				panic(err)
			}
			_, _ = c.Writer.Write(b.Bytes())
		}
	},
}

// rival is one of the apps that are compared: a page, and a function that asks for it.
type rival func()

// rivals gives the page alone, the page with the middleware for a returning visitor and for a first visit, and the
// page alone under a middleware that does nothing, to show how exact the method is.
func rivals(t testing.TB, page gin.HandlerFunc, asker func(http.Handler) func(*http.Request)) map[string]rival {
	gin.SetMode(gin.TestMode)
	source := flagtest.NewSource()
	source.Publish(hundredFlags())
	flags := middleware.New(middleware.Config{
		Flags:    flagtest.Service(t, source),
		Sessions: middleware.NewCookieStore(testKey),
		Subject:  subjectOf,
	})
	app := func(use ...gin.HandlerFunc) func(*http.Request) {
		e := gin.New()
		e.Use(use...)
		e.GET("/", page)
		return asker(e)
	}
	bare, null, full := app(), app(func(c *gin.Context) { c.Next() }), app(flags)
	returning := make([]http.Header, 1000)
	for i := range returning {
		returning[i] = navigationOf(fmt.Sprint("user-", i))
		first := httptest.NewRecorder()
		e := gin.New()
		e.Use(flags)
		e.GET("/", page)
		e.ServeHTTP(first, &http.Request{Method: http.MethodGet, URL: urlOf("/"), Header: returning[i], RequestURI: "/"})
		for _, cookie := range first.Result().Cookies() {
			returning[i]["Cookie"] = []string{strings.TrimPrefix(returning[i].Get("Cookie")+"; "+cookie.Name+"="+cookie.Value, "; ")}
		}
	}
	first := make([]http.Header, 1000)
	for i := range first {
		first[i] = navigationOf(fmt.Sprint("user-", i))
	}
	from := func(ask func(*http.Request), headers []http.Header) rival {
		i := 0
		return func() {
			i++
			ask(&http.Request{Method: http.MethodGet, URL: urlOf("/"), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: headers[i%1000], Host: "example.com"})
		}
	}
	return map[string]rival{
		"bare": from(bare, returning), "bare first": from(bare, first), "null": from(null, returning),
		"returning": from(full, returning), "first visit": from(full, first),
	}
}

func navigationOf(user string) http.Header {
	return http.Header{
		"User": {user}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"},
		"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		"Accept-Language": {"de-DE,de;q=0.9,en;q=0.8"}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"},
	}
}

// inProcess asks without a network, and drops what comes back.
func inProcess(h http.Handler) func(*http.Request) {
	return func(r *http.Request) { h.ServeHTTP(&dropper{header: make(http.Header, 8)}, r) }
}

type dropper struct{ header http.Header }

func (d *dropper) Header() http.Header         { return d.header }
func (d *dropper) Write(p []byte) (int, error) { return len(p), nil }
func (d *dropper) WriteHeader(int)             {}

// compare compares by alternating blocks of 40 requests each, which cancels what else the machine does, and gives the
// median of the ratios.
func compare(n int, full, bare rival) float64 {
	ratios := make([]float64, n)
	for i := range ratios {
		b, f := timed(bare), timed(full)
		ratios[i] = float64(f) / float64(b)
	}
	slices.SortFunc(ratios, cmp.Compare[float64])
	return ratios[n/2]
}

func timed(ask rival) time.Duration {
	start := time.Now()
	for range 40 {
		ask()
	}
	return time.Since(start)
}

var askers = map[string]func(testing.TB) func(http.Handler) func(*http.Request){
	"in process": func(testing.TB) func(http.Handler) func(*http.Request) { return inProcess },
	"loopback":   func(t testing.TB) func(http.Handler) func(*http.Request) { return loopback(t) },
}

// loopback asks over a real connection that is kept alive.
func loopback(t testing.TB) func(http.Handler) func(*http.Request) {
	return func(h http.Handler) func(*http.Request) {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		client := server.Client()
		return func(r *http.Request) {
			r.URL = urlOf(server.URL + "/")
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	}
}

// BenchmarkWholePage measures a request of each kind, and reports how it compares with the page alone.
func BenchmarkWholePage(b *testing.B) {
	for _, how := range []string{"in process", "loopback"} {
		for _, kind := range []string{"plain", "template"} {
			all := rivals(b, pages[kind](), askers[how](b))
			for _, c := range [][2]string{{"null", "bare"}, {"returning", "bare"}, {"first visit", "bare first"}} {
				b.Run(how+"/"+kind+"/"+c[0], func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						all[c[0]]()
					}
					b.ReportMetric(compare(200, all[c[0]], all[c[1]]), "×bare")
				})
			}
		}
	}
}

func urlOf(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}
