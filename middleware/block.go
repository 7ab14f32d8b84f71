package middleware

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
)

// The block is what a page carries: a data block of values, which no content security policy forbids, and behind it
// the client that reads it.
const blockHead = `<script type="application/json" id="feature-values">{"values":`

// prepareBlock makes the parts of the block that are always the same.
func (m *middleware) prepareBlock() {
	m.clientURL = strings.TrimSuffix(m.ClientPath, "/") + "/feature-" + assets.ClientName
	m.refreshURL = encodeString(m.RefreshPath)
	values := "}</script>"
	if m.Recorder != nil {
		values = `,"track":1` + values
	}
	m.blockTail = []byte(values + "<script")
	m.inlineClient = []byte(">" + assets.Client() + "</script>")
	m.fileClient = []byte(` src="` + m.clientURL + `"></script>`)
}

// blocks are buffers that blocks are rendered into; no response keeps one when it is over.
var blocks = sync.Pool{New: func() any { return new([]byte) }}

// block renders the values for a page with these headers. What it returns stays as it is until the response is over.
func (r *request) block(h http.Header) []byte {
	r.buffer = blocks.Get().(*[]byte)
	*r.buffer = r.appendBlock((*r.buffer)[:0], h)
	return *r.buffer
}

// appendBlock appends the block.
func (r *request) appendBlock(b []byte, h http.Header) []byte {
	values := r.valuesNow(r.context)
	url := r.middleware.refreshURL
	if r.middleware.RefreshURL != nil {
		url = encodeString(r.middleware.RefreshURL(r.context))
	}
	encoded := values.JSON()
	b = append(b, blockHead...)
	b = append(b, encoded...)
	b = append(b, `,"etag":"\"`...)
	b = appendTag(b, encoded)
	b = append(b, `\"","refreshIn":`...)
	b = appendSeconds(b, r.remaining())
	b = append(b, `,"url":`...)
	b = append(b, url...)
	return r.middleware.appendClient(append(b, r.middleware.blockTail...), h)
}

// end hands the block's buffer back, when the response is over. After a write that failed, somebody below may still
// hold what was to be sent.
func (r *request) end() {
	if r.buffer != nil && !r.writer.failed {
		blocks.Put(r.buffer)
	}
	r.offered, r.buffer = nil, nil
}

// appendClient appends the client inline, or as a file if the page's policy does not allow it inline.
func (m *middleware) appendClient(b []byte, h http.Header) []byte {
	lines := h["Content-Security-Policy"]
	inline, nonce := !m.ClientFile, nonceOf(lines)
	for policy := range policiesIn(lines) {
		inline = inline && (strings.Contains(policy, ClientCSPHash) || nonce != "" && scriptNonce(policy) == nonce)
	}
	if nonce != "" {
		b = append(append(append(b, ` nonce="`...), nonce...), '"')
	}
	if inline {
		return append(b, m.inlineClient...)
	}
	return append(b, m.fileClient...)
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

// encodeString gives JSON that is safe within a script element.
func encodeString(s string) []byte {
	encoded, _ := json.Marshal(s) // a string always has its JSON
	return encoded
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
	stayOut(h)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.view.IsZero() { // the browser keeps what it has and asks again later
		h.Set("Retry-After", "15")
		c.AbortWithStatus(http.StatusServiceUnavailable)
		return
	}
	// Where the host has put this endpoint, only its handler knows that this request may write a pin. One whose pin is
	// above the head keeps it.
	r.newPin = r.newPin || !r.returning && r.pinned.id == r.view.Revision()
	encoded := r.valuesNow(c).JSON()
	tag := string(append(appendTag([]byte{'"'}, encoded), '"'))
	h.Set("ETag", tag)
	h.Set("Refresh-In", string(appendSeconds(nil, r.remaining())))
	r.writeCookies(h, true)
	if matches(c.Request.Header["If-None-Match"], tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", encoded)
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
