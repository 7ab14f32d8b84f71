package middleware

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// preview is what a request is under.
type preview struct {
	ticket
	draft  *ruleset.Revision
	missed bool // there is a draft, but it cannot be read just now
	banner banner
}

// preparePreview makes the parts of previews that are always the same.
func (m *middleware) preparePreview() {
	m.previewName = m.CookieName + "-preview"
	m.previewStyleURL = strings.TrimSuffix(m.ClientPath, "/") + "/feature-" + assets.PreviewStyleName()
	if m.Preview != nil {
		m.drafts = &drafts{from: m.Preview, environment: m.Flags.Environment(), now: m.Flags.Now}
	}
}

// findPreview reads the preview's cookie, if this browser has one. It is sealed for the visitor, so that a cookie which
// comes from another browser means nothing here; whoever controls a neighbouring subdomain can put one in front.
func (r *request) findPreview(now time.Time) {
	m, tries := r.middleware, 0
	for sealed := range cookiesOf(r.context.Request, m.previewName) {
		if tries++; tries > maxTries || !r.known {
			break
		}
		t, err := m.Preview.open(cookieSeal, sealed, r.visitor, m.Flags.Environment(), now)
		if err != nil {
			continue
		}
		p := &preview{ticket: t}
		if t.Draft > 0 {
			p.draft, err = m.drafts.get(r.context.Request.Context(), t.Draft)
			if err != nil && isGone(err) {
				continue
			}
			p.missed = err != nil
		}
		r.preview = p
		return
	}
	r.endPreview = tries > 0 && r.page
}

// previewValues evaluates for this session alone.
func (r *request) previewValues() ruleset.Values {
	return r.view.PreviewValues(service.Preview{Variants: r.preview.Variants, Draft: r.preview.draft}, r.subject, r.at)
}

// runPreview serves a request that is under a preview, of whatever kind: none of them may be kept by a cache, and a page
// gets the banner.
func (r *request) runPreview(c *gin.Context) {
	if r.document {
		for _, name := range [...]string{"If-None-Match", "If-Modified-Since", "Range"} {
			c.Request.Header.Del(name) // what the browser has kept of before is without the preview
		}
	}
	b := &r.preview.banner
	b.ResponseWriter = c.Writer
	r.writer.reset(b, r)
	c.Writer = &r.writer
	finished := false
	defer func() {
		if !finished { // a panic: whoever recovers writes a page of their own
			b.abandon()
		}
	}()
	c.Next()
	r.writer.finish()
	b.finish()
	r.end()
	finished = true
}

// previewHeaders has the last word on the headers of a response under a preview.
func (r *request) previewHeaders(status int, h http.Header, injectable bool) []byte {
	stayOut(h)
	injectable = injectable && r.document && status != http.StatusPartialContent
	switch {
	case r.placed:
		forgetPage(h)
	case injectable:
		r.offered = r.block(h)
	}
	if injectable && firstValue(r.context.Request.Header, "Sec-Fetch-Dest") != "iframe" { // the page around it has the banner
		r.preview.banner.html = r.bannerHTML()
		forgetPage(h)
	}
	r.writeCookies(h, r.page)
	return r.offered
}

// stayOut keeps a response out of every cache.
func stayOut(h http.Header) {
	LeaveNetworkCaches(h)
	delete(h, "Expires")
	h["Cache-Control"] = []string{"private, no-store"}
	if !varies(h, "Cookie") {
		h.Add("Vary", "Cookie")
	}
}

// startPreview sets the cookie that this browser alone can use.
func (r *request) startPreview(h http.Header, t ticket, now time.Time) {
	m := r.middleware
	sealed := m.Preview.seal(cookieSeal, t, r.visitor)
	h.Add("Set-Cookie", m.previewName+"="+sealed+attributes(m.previewName, m.Secure, max(t.until().Sub(now), time.Second)))
}

// dropPreview removes the cookie.
func (m *middleware) dropPreview(h http.Header) {
	gone := cookie(m.previewName, m.Secure, 0)
	gone.MaxAge = -1
	h.Add("Set-Cookie", gone.String())
}
