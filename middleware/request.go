package middleware

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
)

// request is one request's part in flags.
type request struct {
	middleware *middleware
	context    *gin.Context // until the response is over: Gin then gives it to another request
	page       bool         // may mint a visitor and write a pin
	document   bool         // what comes back may be shown as a document, so it may be injected: every page, and more

	pinning           // the rules that it is under
	visitor    string // empty: unknown
	known      bool   // the request brought the visitor's id
	newVisitor bool   // the cookie is to be written
	oldVisitor bool   // it is to be written anew with the next response that is one person's anyway

	evaluate  sync.Once
	evaluated atomic.Bool // subject and values are there
	subject   ruleset.Subject
	values    ruleset.Values
	reads     ruleset.Reads // what was read of them, if somebody records it

	maintenance *MaintenanceState // asked for at most once, by ask; nil: there is nothing to say
	ask         sync.Once
	passing     bool // it is let through although there is maintenance

	preview    *preview // that this browser is in; nil: none
	endPreview bool     // its cookie is to be removed

	writer  writer
	buffer  *[]byte // the block's
	offered []byte  // the block that the writer was given
	placed  bool    // the template itself has placed the block
}

var _ headerHook = (*request)(nil)

// newRequest finds out which rules the request is under. Nothing is evaluated before somebody asks.
func (m *middleware) newRequest(c *gin.Context) *request {
	now := m.Flags.Now()
	r := &request{middleware: m, context: c}
	r.page, r.document = kindOf(c.Request)
	r.pinning = m.pin(c.Request, now, r.page)
	r.findVisitor(now)
	if m.Preview != nil {
		r.findPreview(now)
	}
	return r
}

// findVisitor reads the visitor's id. A page without one mints it.
func (r *request) findVisitor(now time.Time) {
	v, ok := r.middleware.jar.visitor(r.context.Request, now)
	switch {
	case ok:
		r.visitor, r.known = v.id, true
		r.oldVisitor = now.Sub(v.since) >= r.middleware.renewal
	case r.page:
		r.visitor, r.newVisitor = newVisitorID(), true
	}
}

// kindOf tells pages from other requests. A page is a GET or HEAD of a document or an iframe. Two sorts of documents
// are no pages: those fetched ahead, on the chance that somebody will ask for them, since nobody may ever see them;
// and what a form's POST renders. Neither mints or writes anything, but whoever sees them needs the values in them.
func kindOf(r *http.Request) (page, document bool) {
	ahead := isAhead(r.Header)
	switch firstValue(r.Header, "Sec-Fetch-Dest") {
	case "document", "iframe":
		document = true
	case "empty": // a script's, or the browser's own for <link rel=prefetch>, which may become a document
		document = ahead
	case "":
		document = strings.Contains(firstValue(r.Header, "Accept"), "text/html") && firstValue(r.Header, "Hx-Request") == ""
	}
	return document && !ahead && isRead(r), document
}

// isAhead reports whether the browser fetches something before anybody asked for it.
func isAhead(h http.Header) bool {
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.HasPrefix(firstValue(h, name), "prefetch") {
			return true
		}
	}
	return false
}

// valuesNow evaluates all flags, once per request. c is the context of whoever asks, perhaps a copy in a goroutine
// that goes on when the request's own context is another's already.
func (r *request) valuesNow(c *gin.Context) ruleset.Values {
	r.evaluate.Do(func() {
		r.subject = r.middleware.subjectOf(c)
		if r.subject.Visitor == "" {
			r.subject.Visitor = r.visitor
		}
		if r.preview != nil { // counts for nobody: neither seen, nor kept
			r.values = r.previewValues()
			return
		}
		if m := r.middleware; m.Directory != nil && (r.subject.User != "" || r.subject.Tenant != "") {
			m.Directory.Saw(m.Flags.Environment(), r.subject)
		}
		again := r.returning && (r.known || r.subject.User != "") // who brings a pin alone is another visitor each time
		r.values = r.view.ValuesFor(c.Request.Context(), r.subject, r.at, again)
		if r.middleware.Recorder != nil {
			r.values = r.values.Noting(&r.reads)
		}
		r.evaluated.Store(true)
	})
	return r.values
}

// subjectOf asks the host. If it cannot say, the subject is anonymous.
func (m *middleware) subjectOf(c *gin.Context) (subject ruleset.Subject) {
	if m.Subject == nil {
		return ruleset.Subject{}
	}
	var err error
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			m.Flags.NoteSubjectFailed()
			m.log.Error("flags: who is asking could not be found out, so the subject is anonymous", "path", c.Request.URL.Path, "error", err)
			subject = ruleset.Subject{}
		}
	}()
	subject, err = m.Config.Subject(c)
	return subject
}

// beforeHeaders writes cookies and gives the block, as the headers are sent.
func (r *request) beforeHeaders(status int, h http.Header, injectable bool) []byte {
	switch {
	case r.preview != nil:
		return r.previewHeaders(status, h, injectable)
	case r.placed:
		r.claim(h)
	case status == http.StatusPartialContent:
		return nil // a piece of something that was, or will be, sent as a whole
	case shared(h):
		return nil // caches hand this response to many people: nothing in it may be one person's
	case injectable:
		r.offered = r.block(h)
		private(h)
	}
	if r.writeCookies(h, r.page && (r.placed || injectable)) {
		private(h)
	}
	return r.offered
}

// claim makes the headers say that a page is one person's, because the template has put their values into it.
func (r *request) claim(h http.Header) {
	if shared(h) {
		r.middleware.log.Error("flags: the page was made public after its values had been placed, so it is private", "path", r.context.Request.URL.Path)
	}
	forgetPage(h)
	oneself(h)
}

// writeCookies adds what has changed, once, and reports whether it did. Only a response that may write and is one
// person's already renews a visitor who is old, or one that gets another cookie: for this alone, none is kept from caches.
func (r *request) writeCookies(h http.Header, renews bool) (wrote bool) {
	m, to := r.middleware, headerOnly{h}
	if r.newPin && m.Flags.Newest().Revision() == r.pinned.id { // else a quicker page may have pinned what is newer
		r.newPin, wrote = false, true
		if err := m.jar.savePin(to, r.context.Request, r.pinned); err != nil {
			m.log.Error("flags: the pin could not be saved, so values may change on the next page", "error", err)
		}
		r.keepWorking(to)
	}
	if r.endPreview {
		r.endPreview, wrote = false, true
		m.dropPreview(h)
	}
	if r.newVisitor || r.oldVisitor && (renews || wrote) {
		r.newVisitor, r.oldVisitor, wrote = false, false, true
		if err := m.jar.saveVisitor(to, r.context.Request, visitor{r.visitor, m.Flags.Now()}); err != nil {
			m.log.Error("flags: the visitor's id could not be saved, so the next page mints another", "error", err)
		} else if m.Directory != nil && !r.known {
			m.Directory.Minted(m.Flags.Environment())
		}
	}
	return wrote
}

// place gives the block to a template that wants to say where it stands; nothing if the page has it already, will
// have it, or must not have it.
func (r *request) place() []byte {
	if r.placed || !r.document {
		return nil
	}
	w := &r.writer
	if !w.opened {
		h := r.context.Writer.Header()
		r.placed = r.preview != nil || !shared(h)
		if !r.placed {
			return nil
		}
		return r.appendBlock(nil, h)
	}
	// The page is on its way, so its headers are done. Its block can still be had if the writer is looking for the
	// place with nothing kept back, or has given up, since it took the page for a fragment.
	waiting, fragment := w.block != nil && w.keeps == 0, w.block == nil && !w.scan.seen
	if !waiting && !fragment {
		return nil
	}
	r.placed, w.block = true, nil
	return r.offered
}
