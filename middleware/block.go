package middleware

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
)

// The block is what a page carries: a data block of values, which no content security policy forbids, and behind it
// the client that reads it.
const blockHead = `<script type="application/json" id="feature-values">{"values":`

func (m *middleware) setTails() {
	m.clientURL = strings.TrimSuffix(m.ClientPath, "/") + "/feature-" + assets.ClientName
	m.inlineTail = []byte("}</script><script>" + assets.Client() + "</script>")
	m.fileTail = []byte(`}</script><script src="` + m.clientURL + `"></script>`)
}

// block renders the values for a page with these headers.
func (r *request) block(h http.Header) []byte {
	values := r.valuesNow()
	tail := r.middleware.tail(h)
	url := r.middleware.RefreshPath
	if r.middleware.RefreshURL != nil {
		url = r.middleware.RefreshURL(r.context)
	}
	encoded := values.JSON()
	b := make([]byte, 0, len(blockHead)+len(encoded)+len(tail)+len(url)+96)
	b = append(b, blockHead...)
	b = append(b, encoded...)
	b = append(b, `,"etag":"\"`...)
	b = appendTag(b, encoded)
	b = append(b, `\"","refreshIn":`...)
	b = appendSeconds(b, r.remaining())
	b = append(b, `,"url":`...)
	b = appendJSONString(b, url)
	return append(b, tail...)
}

// tail gives the client inline, or as a file if the page's policy does not allow it inline.
func (m *middleware) tail(h http.Header) []byte {
	if m.ClientFile {
		return m.fileTail
	}
	for _, policy := range h["Content-Security-Policy"] {
		if !strings.Contains(policy, ClientCSPHash) {
			return m.fileTail
		}
	}
	return m.inlineTail
}

// appendTag appends the tag of values: a hash of their JSON, the same in the page and from the refresh endpoint.
func appendTag(dst, encoded []byte) []byte {
	const digits = "0123456789abcdef"
	sum := xxhash.Sum64(encoded)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[sum>>shift&15])
	}
	return dst
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, d.Seconds(), 'f', 3, 64)
}

// appendJSONString appends a URL as JSON, safe within a script element.
func appendJSONString(dst []byte, url string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(url) {
		switch c {
		case '"', '\\', '<', '>', '&', '\'':
			dst = append(dst, `\u00`...)
			dst = strconv.AppendUint(dst, uint64(c), 16)
		default:
			if c >= ' ' {
				dst = append(dst, c)
			}
		}
	}
	return append(dst, '"')
}

// serveClient answers with the client as a file. Its name says its content, so it may be kept for good by anybody.
func (m *middleware) serveClient(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Data(http.StatusOK, "text/javascript; charset=utf-8", []byte(assets.Client()))
	c.Abort()
}

// Refresh answers the browser's question for the values of now, under the session's pin. It is for groups: register
// it as a GET where Config.RefreshURL points, behind the middleware and the host's own sign-in.
func Refresh(c *gin.Context) {
	r, ok := requestOf(c)
	if !ok {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	r.refresh(c)
}

func (r *request) refresh(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "private, no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	private(h)
	if r.view.IsZero() { // the browser keeps what it has and asks again later
		h.Set("Retry-After", "15")
		c.AbortWithStatus(http.StatusServiceUnavailable)
		return
	}
	r.repin()
	encoded := r.valuesNow().JSON()
	tag := string(append(appendTag([]byte{'"'}, encoded), '"'))
	h.Set("ETag", tag)
	h.Set("Refresh-In", string(appendSeconds(nil, r.remaining())))
	r.writeCookies(h)
	if matches(c.Request.Header["If-None-Match"], tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", encoded)
}

// repin lets a refresh write a pin on a path of the host's own, where the request did not know that it would be one.
func (r *request) repin() {
	r.newPin = r.newPin || !r.returning && r.pinned.id == r.view.Revision()
}

// matches reports whether If-None-Match names the tag (RFC 9110, section 13.1.2: by weak comparison).
func matches(lines []string, tag string) bool {
	for _, line := range lines {
		for candidate := range strings.SplitSeq(line, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
				return true
			}
		}
	}
	return false
}

var _ headerHook = (*request)(nil)
