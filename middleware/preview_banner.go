package middleware

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
	"golang.org/x/net/html"
)

// banner puts what says that this is a preview at the beginning of a page's body. It keeps the page back until the place is
// known, or the page has ended: that is for previews alone, which nobody measures.
type banner struct {
	gin.ResponseWriter
	html []byte // what is to be put in; nil once that is done, or not to be done
	page []byte // kept back
}

// maxBannerPage is how much of a page is kept back at most, in bytes.
const maxBannerPage = 1 << 20

func (b *banner) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *banner) Write(p []byte) (int, error) {
	if b.html == nil {
		return b.ResponseWriter.Write(p)
	}
	if b.page = append(b.page, p...); len(b.page) > maxBannerPage {
		return len(p), b.send(true)
	}
	return len(p), nil
}

func (b *banner) WriteString(s string) (int, error) { return b.Write([]byte(s)) }

// Written and Size count what is kept back as sent, as it is for who wrote it.
func (b *banner) Written() bool { return len(b.page) > 0 || b.ResponseWriter.Written() }

func (b *banner) Size() int {
	if len(b.page) == 0 {
		return b.ResponseWriter.Size()
	}
	return max(b.ResponseWriter.Size(), 0) + len(b.page)
}

// Flush sends what was written, once the place is known.
func (b *banner) Flush() {
	if b.html != nil && b.send(false) == nil && b.html != nil {
		return
	}
	b.ResponseWriter.Flush()
}

// finish sends what was kept back.
func (b *banner) finish() {
	if b.html != nil {
		_ = b.send(true) // a client that is gone is nobody's error any more
	}
}

// abandon forgets what was kept back: a page follows that says what went wrong.
func (b *banner) abandon() { b.html, b.page = nil, nil }

// send sends the page with the banner in it, if its place is known, or if this was all.
func (b *banner) send(all bool) error {
	at := bannerPlace(b.page, all)
	if at < 0 && !all {
		return nil
	}
	page := b.page
	if at >= 0 {
		page = slices.Concat(page[:at], b.html, page[at:])
	}
	b.html, b.page = nil, nil
	_, err := b.ResponseWriter.Write(page)
	return err
}

// bannerPlace finds where the body begins: behind its tag, or, where that is left out, before the first thing that stands
// in no head. It is negative where that is not known, in fragments, and where there are frames instead of a body.
func bannerPlace(page []byte, all bool) int {
	z := html.NewTokenizer(bytes.NewReader(page))
	document, template, at := false, 0, 0
	within := "" // an element of the head whose text is its own
	for {
		kind := z.Next()
		before := at
		at += len(z.Raw())
		raw, _ := z.TagName()
		name := string(raw)
		switch kind {
		case html.ErrorToken:
			return -1
		case html.DoctypeToken:
			document = true
		case html.TextToken:
			if template == 0 && within == "" && len(bytes.TrimSpace(z.Raw())) > 0 {
				if !all && at == len(page) { // it may be the beginning of a tag
					return -1
				}
				return placeIn(document, before)
			}
		case html.EndTagToken:
			switch {
			case name == within:
				within = ""
			case name == "template" && template > 0:
				template--
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			switch name {
			case "template":
				template++
				continue
			}
			if template > 0 {
				continue
			}
			switch name {
			case "html", "head":
				document = true
			case "meta", "link", "base":
			case "title", "style", "script", "noscript":
				within = name
			case "body":
				return placeIn(document, at)
			case "frameset":
				return -1
			default:
				if within == "" {
					return placeIn(document, before)
				}
			}
		}
	}
}

func placeIn(document bool, at int) int {
	if !document {
		return -1
	}
	return at
}

var bannerTemplate = template.Must(template.New("").Parse(`<link rel="stylesheet" href="{{ .Style }}"><section class="flags-preview" aria-label="Preview"><p role="status"><strong>Preview:</strong> ` +
	`{{ range $i, $s := .Shows }}{{ if $i }}, {{ end }}{{ with .Key }}<code>{{ . }}</code> {{ end }}{{ .Text }}{{ end }}, until <time datetime="{{ .Stamp }}">{{ .Until }}</time>, only in this browser.</p>` +
	`<form method="post" action="{{ .Path }}"><input type="hidden" name="next" value="{{ .Next }}"><button name="do" value="end">End preview</button></form></section>`))

// shown is one thing that a preview shows, in words.
type shown struct{ Key, Text string }

// previewWords are what the banner and the page about a preview say.
type previewWords struct {
	Style, Path, Next, Until, Stamp string
	Shows                           []shown
}

func (m *middleware) previewWords(t ticket, shows []shown, now time.Time, next string) previewWords {
	if !isLocal(next) || strings.HasPrefix(next, m.Preview.Path) {
		next = "/"
	}
	format := "15:04 MST"
	if t.until().Sub(now) > 12*time.Hour {
		format = "2 January, 15:04 MST"
	}
	return previewWords{m.previewStyleURL, m.Preview.Path, next, t.until().Format(format), t.until().Format(time.RFC3339), shows}
}

// bannerHTML says what this request is under.
func (r *request) bannerHTML() []byte {
	var b bytes.Buffer
	next := "/"
	if isRead(r.context.Request) {
		next = r.context.Request.URL.RequestURI()
	}
	words := r.middleware.previewWords(r.preview.ticket, r.preview.shows(r.valuesNow(r.context)), r.middleware.Flags.Now(), next)
	if err := bannerTemplate.Execute(&b, words); err != nil {
		r.middleware.log.Error("flags: the banner of a preview could not be rendered", "error", err)
	}
	return b.Bytes()
}

// shows tells what is seen, and what is not because something stands against it.
func (p *preview) shows(values ruleset.Values) []shown {
	switch {
	case p.missed:
		return []shown{{"", fmt.Sprintf("the draft of change request %d cannot be read just now, so nothing of it is shown", p.Draft)}}
	case p.Draft > 0:
		return []shown{{"", fmt.Sprintf("the draft of change request %d", p.Draft)}}
	}
	var all []shown
	for _, key := range p.keys() {
		text := "as “" + p.Variants[key] + "”"
		switch values.Reason(key) {
		case ruleset.Killed:
			text = "is killed, so it stays off"
		case ruleset.PlanUnknown, ruleset.PlanExcluded:
			text = "is not in the plan, so it stays off"
		case ruleset.Previewed:
		default:
			text = "can no longer be previewed"
		}
		all = append(all, shown{key, text})
	}
	return all
}
