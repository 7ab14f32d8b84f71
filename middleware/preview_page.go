package middleware

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// ServePreview answers where links of previews lead. It is for groups: register it as a GET and as a POST at Preview.Path,
// behind the middleware.
func ServePreview(c *gin.Context) {
	r, ok := requestOf(c)
	if !ok || r.middleware.Preview == nil {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	r.servePreview(c)
}

// servePreview shows what a link is about and, by its buttons, begins and ends the preview. A link alone changes nothing:
// neither an image nor another site can put anybody into a preview.
func (r *request) servePreview(c *gin.Context) {
	h := c.Writer.Header()
	stayOut(h)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	switch {
	case isRead(c.Request) && c.Query("token") == "":
		r.showPreview(c)
	case isRead(c.Request):
		r.offerPreview(c)
	case c.Request.Method != http.MethodPost:
		h.Set("Allow", "GET, HEAD, POST")
		r.refuse(c, http.StatusMethodNotAllowed, "This cannot be done here", "Open the link of the preview in a browser.")
	case !sameOrigin(c.Request):
		r.refuse(c, http.StatusForbidden, "This did not come from this site", "Nothing was changed. Open the link of the preview, and use the button there.")
	default:
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4*maxCookie)
		if c.PostForm("do") == "end" {
			r.middleware.dropPreview(h)
			c.Redirect(http.StatusSeeOther, r.middleware.next(c.PostForm("next")))
			return
		}
		r.beginPreview(c)
	}
}

// sameOrigin reports whether a form of this site was sent. A browser that does not say where it comes from is refused too.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && origin.Host == r.Host
}

// next is where a form leads: a page of this host, and not this one again.
func (m *middleware) next(wanted string) string {
	if u, err := url.Parse(wanted); err != nil || !isLocal(wanted) || u.Path == m.Preview.Path {
		return "/"
	}
	return wanted
}

// showPreview says what this browser is under.
func (r *request) showPreview(c *gin.Context) {
	p := previewPage{Title: "There is no preview in this browser", Text: "Open the link of a preview to begin one."}
	if r.preview != nil {
		p = previewPage{Title: "You are in a preview", Button: "End preview", Do: "end",
			previewWords: r.middleware.previewWords(r.preview.ticket, r.preview.shows(r.valuesNow(c)), r.middleware.Flags.Now(), "/")}
	}
	r.sendPage(c, http.StatusOK, p)
}

// offerPreview says what a link would show.
func (r *request) offerPreview(c *gin.Context) {
	token := c.Query("token")
	p, now := r.openLink(c, token)
	if p == nil {
		return
	}
	var shows []shown
	for _, key := range p.keys() {
		shows = append(shows, shown{key, "as “" + p.Variants[key] + "”"})
	}
	if p.Draft > 0 {
		shows = []shown{{"", fmt.Sprintf("the draft of change request %d", p.Draft)}}
	}
	r.sendPage(c, http.StatusOK, previewPage{Title: "You are about to see a preview", Button: "Start the preview", Do: "start", Token: token,
		Replaces: r.preview != nil, previewWords: r.middleware.previewWords(p.ticket, shows, now, c.Query("next"))})
}

// beginPreview puts this browser into a preview.
func (r *request) beginPreview(c *gin.Context) {
	p, now := r.openLink(c, c.PostForm("token"))
	switch {
	case p == nil:
	case !r.known:
		r.refuse(c, http.StatusBadRequest, "This browser keeps no cookies of this site", "Nothing was changed. A preview lives in a cookie: allow cookies for this site, and open the link again.")
	default:
		r.startPreview(c.Writer.Header(), p.ticket, now)
		c.Redirect(http.StatusSeeOther, r.middleware.next(c.PostForm("next")))
	}
}

// openLink gives what a link shows. One that does not work is refused, with the reason.
func (r *request) openLink(c *gin.Context, token string) (*preview, time.Time) {
	m, now := r.middleware, r.middleware.Flags.Now()
	t, err := m.Preview.open(linkSeal, token, "", m.Flags.Environment(), now)
	p := &preview{ticket: t}
	switch {
	case errors.Is(err, errOver):
		r.refuse(c, http.StatusGone, "This link has expired", "Ask for a new one.")
	case errors.Is(err, errOtherEnvironment):
		r.refuse(c, http.StatusConflict, "This link works elsewhere", fmt.Sprintf("It shows something in %s, and this site serves %s.", t.Environment, m.Flags.Environment()))
	case err != nil:
		r.refuse(c, http.StatusBadRequest, "This link does not work here", "It is damaged, or was made for another site. Copy the whole link, or ask for a new one.")
	default:
		if r.shownHere(c, p) {
			return p, now
		}
	}
	return nil, now
}

// shownHere finds what the link names, in the newest revision.
func (r *request) shownHere(c *gin.Context, p *preview) bool {
	m := r.middleware
	var err error
	if p.Draft > 0 {
		p.draft, err = m.drafts.get(c.Request.Context(), p.Draft)
	}
	if err == nil {
		err = m.Flags.Newest().Check(service.Preview{Variants: p.Variants, Draft: p.draft})
	}
	var problems ruleset.Problems
	switch {
	case err == nil:
		return true
	case isGone(err):
		r.refuse(c, http.StatusNotFound, "This draft is no longer there", "It may have been published, rejected or withdrawn meanwhile.")
	case errors.As(err, &problems):
		r.refuse(c, http.StatusNotFound, "This cannot be previewed", problems.Error())
	default:
		m.log.Error("flags: a preview could not be read", "error", err)
		r.refuse(c, http.StatusServiceUnavailable, "This cannot be read just now", "Nothing was changed. Try again in a moment.")
	}
	return false
}

// keys are those of the flags that are shown, in order.
func (p *preview) keys() []string { return slices.Sorted(maps.Keys(p.Variants)) }

// previewPage is the page about a preview.
type previewPage struct {
	previewWords
	Title, Text       string
	Button, Do, Token string
	Replaces          bool // another preview
}

var pageTemplate = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">
<title>{{ .Title }}</title><link rel="stylesheet" href="{{ .Style }}"></head>
<body class="flags-preview-page"><main>
<h1>{{ .Title }}</h1>
{{ with .Text }}<p>{{ . }}</p>{{ end }}
{{ if .Shows }}<ul>{{ range .Shows }}<li>{{ with .Key }}<code>{{ . }}</code> {{ end }}{{ .Text }}</li>{{ end }}</ul>
<p>It lasts until <time datetime="{{ .Stamp }}">{{ .Until }}</time>, and only in this browser: nobody else sees it. Whatever the plan does not include stays off. A banner on each page says that it is a preview, and ends it.</p>
{{ if .Replaces }}<p>It takes the place of the preview that this browser is in.</p>{{ end }}{{ end }}
{{ if .Button }}<form method="post" action="{{ .Path }}"><input type="hidden" name="next" value="{{ .Next }}">{{ with .Token }}<input type="hidden" name="token" value="{{ . }}">{{ end }}<button name="do" value="{{ .Do }}">{{ .Button }}</button></form>{{ end }}
<p><a href="/">To the site</a></p>
</main></body>
</html>
`))

func (r *request) refuse(c *gin.Context, status int, title, text string) {
	r.sendPage(c, status, previewPage{Title: title, Text: text})
}

// sendPage sends the page. As any other page it gives the browser its visitor's id, which a preview is bound to.
func (r *request) sendPage(c *gin.Context, status int, p previewPage) {
	p.Style = r.middleware.previewStyleURL
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		r.middleware.log.Error("flags: the page of a preview could not be rendered", "error", err)
	}
	r.writeCookies(c.Writer.Header(), r.page)
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// serveStyle answers with the style sheet. Its name says its content, so it may be kept for good by anybody.
func serveStyle(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, "text/css; charset=utf-8", []byte(assets.PreviewStyle()))
	c.Abort()
}
