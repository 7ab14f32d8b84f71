package middleware_test

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// Templates that place the block, in every position that a page has.
var placing = map[string]string{
	"in the head":         `<!doctype html><html><head><meta charset=utf-8>{{.Flags.Head}}<title>x</title></head><body></body></html>`,
	"late in the head":    `<!doctype html><html><head><title>x</title>{{.Flags.Head}}</head><body></body></html>`,
	"in the body":         `<!doctype html><html><head></head><body><p>x</p>{{.Flags.Head}}</body></html>`,
	"twice":               `<!doctype html><html><head>{{.Flags.Head}}{{.Flags.Head}}</head><body>{{.Flags.Head}}</body></html>`,
	"first of all":        `{{.Flags.Head}}<!doctype html><html><head><title>x</title></head></html>`,
	"last of all":         `<!doctype html><html><head><meta charset=utf-8>{{.Flags.Head}}`,
	"without head":        `<!doctype html>{{.Flags.Head}}<p>x</p>`,
	"without a document":  `<p>x</p>{{.Flags.Head}}<p>y</p>`,
	"in the middle of it": `<html><head {{.Flags.On "a"}}>{{.Flags.Head}}<title>x</title>`,
	"not at all":          `<!doctype html><html><head><title>{{.Flags.On "a"}}</title></head></html>`,
}

func TestAPageHasOneBlockWhoeverPlacesIt(t *testing.T) {
	for name, text := range placing {
		page := template.Must(template.New("").Parse(text))
		for how, send := range map[string]func(*gin.Context, any) error{
			"streamed": func(c *gin.Context, data any) error { return page.Execute(c.Writer, data) },
			"in one":   func(c *gin.Context, data any) error { return sendBuffered(c, page, data) },
			"flushed": func(c *gin.Context, data any) error {
				c.Writer.Flush()
				return page.Execute(c.Writer, data)
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				s := newSite(t, flagtest.Definition(t, "a", true))
				s.GET("/placed", func(c *gin.Context) {
					c.Header("Content-Type", "text/html")
					c.Header("ETag", `"of the host"`)
					if err := send(c, gin.H{"Flags": middleware.From(c)}); err != nil {
						t.Error(err)
					}
				})
				a := s.visit().opens("/placed").sets("pin", "visitor").sees("a", true)
				if n := strings.Count(a.body, assets.Client()); n != 1 {
					t.Errorf("the page has %d clients:\n%s", n, a.body)
				}
				if a.Header.Get("Cache-Control") != "private" || a.Header.Get("Etag") != "" {
					t.Errorf("the headers are not those of one person's page: %v", a.Header)
				}
			})
		}
	}
}

func TestAHeadAskedForWithinATagBreaksNothing(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/torn", func(c *gin.Context) {
		c.Header("Content-Type", "text/html")
		for _, piece := range []string{"<!doctype html><hea", "d><tit", "le>x</title>"} {
			_, _ = c.Writer.WriteString(piece)
			_, _ = c.Writer.WriteString(string(middleware.From(c).Head()))
		}
	})
	a := s.visit().opens("/torn")
	if a.block() == nil || !strings.HasPrefix(a.body, "<!doctype html><head><script") || !strings.HasSuffix(a.body, "</script><title>x</title>") {
		t.Errorf("the page is %s", a.body)
	}
}

func sendBuffered(c *gin.Context, page *template.Template, data any) error {
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return err
	}
	_, err := c.Writer.Write(b.Bytes())
	return err
}

func TestAFragmentHasNoBlock(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/fragment", func(c *gin.Context) { sendPage(c, string(middleware.From(c).Head())) })
	if a := s.visit().fetches("/fragment", "HX-Request", "true").sets(); a.block() != nil {
		t.Errorf("the fragment has a block: %s", a.body)
	}
}

func TestWithoutTheMiddlewareThereAreTheFallbacks(t *testing.T) {
	c, _ := gin.CreateTestContext(nil)
	flags := middleware.From(c)
	if flags.Head() != "" || flags.Pin() != "" || flags.On("a") || !flags.Bool("a", true) || middleware.On(c, "a") || flags.Subject().User != "" {
		t.Error("there is something")
	}
}

func TestTheClientIsAFileWhereThePolicyDoesNotAllowItInline(t *testing.T) {
	for policies, inline := range map[string]bool{
		"": true,
		"script-src 'self' " + middleware.ClientCSPHash:                                       true,
		"script-src 'self'":                                                                   false,
		"script-src " + middleware.ClientCSPHash + "|script-src 'self'":                       false,
		"script-src " + middleware.ClientCSPHash + "|default-src " + middleware.ClientCSPHash: true,
	} {
		s := newSite(t, flagtest.Definition(t, "a", true))
		s.GET("/strict", func(c *gin.Context) {
			for policy := range strings.SplitSeq(policies, "|") {
				if policy != "" {
					c.Writer.Header().Add("Content-Security-Policy", policy)
				}
			}
			page(c)
		})
		ann := s.visit()
		a := ann.opens("/strict").sees("a", true)
		if got := strings.Contains(a.body, assets.Client()); got != inline {
			t.Errorf("%s: inline %v, want %v", policies, got, inline)
		}
		if !inline {
			if file := ann.asks("GET", a.clientFile(), nil, "Sec-Fetch-Dest", "script").is(http.StatusOK); file.body != assets.Client() {
				t.Errorf("%s: the client's file is %q", policies, file.body)
			}
		}
	}
}

// A policy of nonces, with 'strict-dynamic' or without 'self', allows no file of the site: the client has the nonce.
func TestTheClientHasTheNonceByWhichAPolicyAllowsScripts(t *testing.T) {
	const inline, file = `<script nonce="R4nd+/_-=">`, `<script nonce="R4nd+/_-=" src=`
	for policies, want := range map[string]string{
		"script-src 'nonce-R4nd+/_-=' 'strict-dynamic'":                                                           inline,
		"default-src 'nonce-R4nd+/_-='; img-src *":                                                                inline,
		"default-src 'nonce-other'; Script-Src 'nonce-R4nd+/_-='; script-src 'nonce-second'":                      inline,
		"script-src 'nonce-other'; script-src-elem 'unsafe-eval' 'nonce-R4nd+/_-='":                               inline,
		"script-src 'nonce-R4nd+/_-='|script-src 'self'":                                                          file,
		"script-src 'self'|script-src 'nonce-R4nd+/_-='":                                                          file,
		"script-src 'nonce-R4nd+/_-='|script-src " + middleware.ClientCSPHash:                                     inline,
		"script-src 'nonce-R4nd+/_-=', script-src 'self'; style-src 'nonce-R4nd+/_-='":                            file,
		"style-src 'nonce-R4nd'; script-src 'self'":                                                               `<script src=`,
		"default-src 'nonce-R4nd'; script-src 'self'":                                                             `<script src=`,
		"script-src 'nonce-\"><script>alert(1)</script>'":                                                         `<script src=`,
		"script-src 'nonce-R4nd":                                                                                  `<script src=`,
		"style-src 'nonce-R4nd'; script-src " + middleware.ClientCSPHash:                                          `<script>`,
		"script-src 'nonce-R4nd+/_-='; script-src-attr 'none'; ; object-src 'none', script-src 'nonce-R4nd+/_-='": inline,
	} {
		s := newSite(t, flagtest.Definition(t, "a", true))
		s.GET("/strict", func(c *gin.Context) {
			for policy := range strings.SplitSeq(policies, "|") {
				c.Writer.Header().Add("Content-Security-Policy", policy)
			}
			page(c)
		})
		a := s.visit().opens("/strict").sees("a", true)
		if found := blockPattern.FindStringSubmatch(a.body); !strings.HasPrefix(found[2], want) {
			t.Errorf("%s: the client begins with %s, want %s", policies, found[2], want)
		}
	}
}

// clientFile is where the page gets the client, if not from itself.
func (a *answer) clientFile() string {
	a.Helper()
	_, rest, ok := strings.Cut(a.body, `</script><script src="`)
	path, _, ok2 := strings.Cut(rest, `"></script>`)
	if !ok || !ok2 {
		a.Fatalf("the client is no file: %s", a.body)
	}
	return path
}

func TestTheClientsFileMayBeKeptForGood(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true), func(c *middleware.Config) { c.ClientFile, c.ClientPath = true, "/static/" })
	ann := s.visit()
	a := ann.opens("/").sees("a", true)
	path := a.clientFile()
	if !strings.HasPrefix(path, "/static/") || !strings.HasSuffix(path, assets.ClientName) || strings.Contains(a.body, assets.Client()) {
		t.Errorf("the client is no file of its content's name: %s", a.body)
	}
	for _, file := range []*answer{ann.asks("GET", path, nil, "Sec-Fetch-Dest", "script"), s.visit().opens(path)} {
		file.is(http.StatusOK).sets()
		if file.body != assets.Client() || file.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || file.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("the file is %v %q", file.Header, file.body)
		}
	}
}

func TestNothingInABlockEndsItsScript(t *testing.T) {
	const evil = `</script><script>alert("1")</script><!--` + "\u2028&'"
	s := newSite(t, flagtest.Definition(t, "text", evil), func(c *middleware.Config) {
		c.RefreshURL = func(*gin.Context) string { return "/t/" + evil }
	})
	b := s.visit().opens("/form").block()
	if b == nil || b.Values["text"] != evil || b.URL != "/t/"+evil {
		t.Errorf("the block is %+v", b)
	}
}
