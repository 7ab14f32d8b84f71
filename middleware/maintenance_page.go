package middleware

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// wantsPage reports whether whoever asks is shown a page: a browser that goes somewhere, or who asks for HTML rather than
// for JSON. Everybody else is a program.
func wantsPage(r *http.Request) bool {
	switch firstValue(r.Header, "Sec-Fetch-Dest") {
	case "document", "iframe", "frame":
		return true
	}
	html, json := 0.0, 0.0
	for kind, parameter := range directives(r.Header["Accept"]) {
		kind, _, _ = strings.Cut(kind, ";")
		switch kind = strings.ToLower(strings.TrimSpace(kind)); {
		case kind == "text/html", kind == "application/xhtml+xml":
			html = max(html, quality(parameter))
		case kind == "application/json", strings.HasSuffix(kind, "+json"):
			json = max(json, quality(parameter))
		}
	}
	return html > 0 && html >= json
}

// quality is how much something is wanted (RFC 9110, section 12.4.2). The name before the equals sign is gone: of what
// Accept has, it is q in all but oddities.
func quality(parameter string) float64 {
	if parameter == "" {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(parameter), 64)
	if err != nil {
		return 1
	}
	return q
}

// problem is what programs get (RFC 9457).
type problem struct {
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Status     int        `json:"status"`
	Detail     string     `json:"detail"`
	Since      *time.Time `json:"since,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
	RetryAfter int64      `json:"retry_after"` // seconds
}

func (s *MaintenanceState) sendJSON(c *gin.Context) {
	p := problem{Type: "about:blank", Title: "Maintenance", Status: http.StatusServiceUnavailable, Detail: s.Message}
	if p.Detail == "" {
		p.Detail = plainMessage
	}
	p.Since, p.Until = given(s.From), given(s.Until)
	p.RetryAfter, _ = strconv.ParseInt(s.retryAfter(), 10, 64) // our own number
	c.Writer.Header().Set("Content-Type", "application/problem+json")
	c.JSON(c.Writer.Status(), p)
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const plainMessage = "We are working on the site, and will be back soon."

// maintenanceStyle stands in the page, so that it needs nothing that could be in maintenance too.
const maintenanceStyle = `:root{color-scheme:light dark;--ink:#1c1f24;--ground:#f6f7f9;--card:#fff;--quiet:#555c66;--line:#d9dde3;--link:#0b5cad}` +
	`@media (prefers-color-scheme:dark){:root{--ink:#eceef1;--ground:#14161a;--card:#1d2026;--quiet:#a9b0bb;--line:#353a43;--link:#8fc1ff}}` +
	`*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--ground);color:var(--ink);font:1.0625rem/1.6 system-ui,sans-serif}` +
	`main{max-width:34rem;width:100%;background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:clamp(1.5rem,6vw,3rem);overflow-wrap:anywhere}` +
	`h1{margin:0 0 .75rem;font-size:1.75rem;line-height:1.2}p{margin:0 0 1rem}.message{white-space:pre-line}.quiet{color:var(--quiet)}` +
	`a{display:inline-block;padding:.5rem 0;color:var(--link)}`

var maintenanceTemplate = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>Maintenance</title><style>` + maintenanceStyle + `</style></head>
<body><main><h1>We will be back soon</h1>
<p class="message">{{ .Message }}</p>
{{ if .Until }}<p>It is planned to end at <time datetime="{{ .Stamp }}">{{ .Until }}</time>.</p>
{{ end }}{{ if .Again }}<p><a href="{{ .Again }}">Try again</a></p>{{ else }}<p class="quiet">What you have just sent was not saved. Go back, keep the page open, and send it again when the maintenance is over.</p>{{ end }}
</main></body></html>
`))

// maintenancePolicy allows what our page has, and what is put into it: the client of the flags, and a preview's banner.
func maintenancePolicy() string {
	sum := sha256.Sum256([]byte(maintenanceStyle))
	return "default-src 'none'; style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; script-src 'self' " + ClientCSPHash +
		"; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// maintenanceWords are what the page says.
type maintenanceWords struct{ Message, Until, Stamp, Again string }

func (s *MaintenanceState) sendPage(c *gin.Context) {
	w := maintenanceWords{Message: s.Message}
	if w.Message == "" {
		w.Message = plainMessage
	}
	if !s.Until.IsZero() {
		w.Until, w.Stamp = s.Until.UTC().Format("15:04 MST on Monday, 2 January 2006"), s.Until.UTC().Format(time.RFC3339)
	}
	if isRead(c.Request) && isLocal(c.Request.URL.RequestURI()) {
		w.Again = c.Request.URL.RequestURI()
	}
	var b bytes.Buffer
	if err := maintenanceTemplate.Execute(&b, w); err != nil {
		b.Reset()
		b.WriteString(plainMessage) // the template is our own, so this cannot be; a blank page would be worse
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", maintenancePolicy())
	h.Set("X-Content-Type-Options", "nosniff")
	c.Data(c.Writer.Status(), "text/html; charset=utf-8", b.Bytes())
}
