package middleware

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// request is one request's part in flags. It outlives no response.
type request struct {
	middleware *middleware
	context    *gin.Context
	page       bool // may mint a visitor and write a pin
	document   bool // what comes back may be shown as a document, so it may be injected: every page, and more

	pinning           // the rules that it is under
	visitor    string // empty: unknown
	newVisitor bool   // the cookie is to be written

	evaluate sync.Once
	subject  ruleset.Subject
	values   ruleset.Values

	placed bool // the template itself has placed the block
	writer writer
}

// newRequest finds out which rules the request is under. Nothing is evaluated before somebody asks.
func (m *middleware) newRequest(c *gin.Context) *request {
	r := &request{middleware: m, context: c}
	r.page, r.document = kindOf(c.Request)
	writes := r.page || c.Request.URL.Path == m.RefreshPath
	r.pinning = m.pin(c.Request, writes)
	r.findVisitor()
	return r
}

// findVisitor reads the visitor's id. A page without one mints it.
func (r *request) findVisitor() {
	v, ok := r.middleware.jar.visitor(r.context.Request)
	switch {
	case ok:
		r.visitor = v.id
		r.newVisitor = r.page && v.isOld(r.middleware.Flags.Now())
	case r.page:
		r.visitor, r.newVisitor = newVisitorID(), true
	}
}

// kindOf tells pages from other requests. A page is a GET or HEAD of a document or an iframe. Two sorts of documents
// are no pages: those fetched ahead, on the chance that somebody will ask for them, since nobody may ever see them;
// and what a form's POST renders. Neither mints or writes anything, but whoever sees them needs the values in them.
func kindOf(r *http.Request) (page, document bool) {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "document", "iframe":
	case "":
		if !strings.Contains(r.Header.Get("Accept"), "text/html") || r.Header.Get("HX-Request") != "" {
			return false, false
		}
	default:
		return false, false
	}
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.HasPrefix(r.Header.Get(name), "prefetch") {
			return false, true
		}
	}
	return isRead(r), true
}

// valuesNow evaluates all flags, once per request.
func (r *request) valuesNow() ruleset.Values {
	r.evaluate.Do(func() {
		r.subject = r.middleware.subjectOf(r.context)
		if r.subject.Visitor == "" {
			r.subject.Visitor = r.visitor
		}
		if r.returning {
			r.values = r.view.CachedValues(r.subject, r.at)
		} else {
			r.values = r.view.Values(r.subject, r.at)
		}
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
			m.log.Error("flags: who is asking could not be found out, so the subject is anonymous", "path", c.Request.URL.Path, "error", err)
			subject = ruleset.Subject{}
		}
	}()
	subject, err = m.Config.Subject(c)
	return subject
}

// beforeHeaders writes cookies and gives the block, as the headers are sent.
func (r *request) beforeHeaders(_ int, h http.Header, injectable bool) []byte {
	if shared(h) {
		return nil // caches hand this response to many people: nothing in it may be one person's
	}
	r.writeCookies(h)
	if r.placed {
		forgetPage(h)
		private(h)
		return nil
	}
	if !injectable {
		return nil
	}
	private(h)
	return r.block(h)
}

// writeCookies adds what has changed.
func (r *request) writeCookies(h http.Header) {
	m, to := r.middleware, headerOnly{h}
	if r.newPin {
		if err := m.jar.savePin(to, r.context.Request, r.pinned); err != nil {
			m.log.Error("flags: the pin could not be saved, so values may change on the next page", "error", err)
		}
	}
	if r.newVisitor {
		if err := m.jar.saveVisitor(to, r.context.Request, visitor{r.visitor, m.Flags.Now()}); err != nil {
			m.log.Error("flags: the visitor's id could not be saved, so the next page mints another", "error", err)
		}
	}
}

// headerOnly lets a session store add its cookie to headers that are about to be sent.
type headerOnly struct{ header http.Header }

func (w headerOnly) Header() http.Header       { return w.header }
func (headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (headerOnly) WriteHeader(int)             {}

// pinning is the rules that a request is under.
type pinning struct {
	view      service.View
	at        time.Time // the pinned time
	pinned    pin       // the session's; zero if it has none that counts
	newPin    bool      // the session is to get it
	returning bool      // the request brought a pin that counts, so the subject is likely to come again
}
