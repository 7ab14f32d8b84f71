package middleware

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/gin-gonic/gin"
)

// A headerHook has the last word on the headers of a response.
type headerHook interface {
	// beforeHeaders is called once per response, right before status and
	// headers are sent, and may change the headers. Where the body can carry an
	// injection, it returns what to inject, or nil for nothing; what it returns
	// must stay as it is until the response is over. Else its result is ignored.
	beforeHeaders(status int, h http.Header, injectable bool) []byte
}

// A writer puts a block into an HTML page while the page passes through: nothing
// of the page waits, but for the few bytes of a tag's name that a
// write or a flush cut in two. Every other response passes unchanged, and all get
// their headers from the hook.
//
// Injectable is a body of type text/html that is sent whole and not as a
// download, in an encoding that the writer understands, with a status that
// browsers show: 2xx (without 204, 205, 206), 4xx and 5xx. Where the host sets no
// type, the first write is sniffed, as net/http does. HEAD takes the same way as
// GET: net/http drops the body and the headers agree.
//
// A compressing middleware registered before this writer compresses the page
// with the block in it; one registered after it is left alone.
type writer struct {
	gin.ResponseWriter
	hook     headerHook
	encoding string // the Content-Encoding at the beginning: that of a middleware around this writer
	length   string // the Content-Length that the host declared
	block    []byte // what is to be injected; nil once that is done, or not to be done
	scan     scanner
	kept     [maxHeld]byte // the beginning of a tag's name, not sent yet
	keeps    uint8         // bytes in kept
	opened   bool          // the hook was called
	shows    bool          // it is a page, and no error: somebody sees what it was made of
	failed   bool          // a write of the block failed
	hijacked bool
}

// reset puts w in front of inner, ready for one response. It lets the writer live
// inside the struct that serves the request, so that both cost one allocation.
// Its owner calls finish when the handlers are done.
func (w *writer) reset(inner gin.ResponseWriter, hook headerHook) {
	*w = writer{ResponseWriter: inner, hook: hook, encoding: firstValue(inner.Header(), "Content-Encoding")}
}

// Unwrap serves http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write returns how many bytes of p were sent or kept to be sent; the block is
// not counted. It does not change p.
func (w *writer) Write(p []byte) (int, error) {
	w.open(p)
	if w.block == nil {
		return w.ResponseWriter.Write(p)
	}
	return w.search(p)
}

// WriteString is Write without a copy of s.
func (w *writer) WriteString(s string) (int, error) {
	p := unsafe.Slice(unsafe.StringData(s), len(s)) // only read, as io.Writer demands of the writers behind, too
	w.open(p)
	if w.block == nil {
		return w.ResponseWriter.WriteString(s)
	}
	return w.search(p)
}

// WriteHeaderNow sends the headers. Informational ones are followed by others:
// these are for the hook.
func (w *writer) WriteHeaderNow() {
	if s := w.Status(); s >= 200 || s == http.StatusSwitchingProtocols {
		w.open(nil)
	}
	w.ResponseWriter.WriteHeaderNow()
}

// Flush sends what was written, but for a tag's name that is not complete yet.
func (w *writer) Flush() {
	w.open(nil)
	w.ResponseWriter.Flush()
}

// Hijack hands the connection to the caller. What goes over it from then on is
// no response, and the hook is not called for it any more.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.release(); err != nil {
		return nil, nil, err
	}
	conn, rw, err := w.ResponseWriter.Hijack()
	w.hijacked = err == nil
	return conn, rw, err
}

// finish ends the response: it sends what was kept, injects if the document
// ended before anything else decided where, and calls the hook if nothing was
// written, because Gin then sends the headers past this writer.
//
// Call it when c.Next returns, and leave the writer where it is. After a panic it
// need not be called: a Recovery around it finds the writer in place, and its
// error page gets headers and block like any other. Deferring it is safe as well,
// but the hook is then told the status from before the panic, and the error page
// gets no block. Calling it twice changes nothing, and what a middleware around it
// writes later passes as it is. A client that is gone is nobody's error any more,
// so it returns none.
func (w *writer) finish() {
	if w.hijacked {
		return
	}
	w.open(nil)
	if w.block != nil && w.scan.atEnd() {
		_, err := w.ResponseWriter.Write(w.block)
		w.failed = err != nil
	}
	w.block = nil
	_ = w.release()
}

// open calls the hook. p is the beginning of the body, as far as it is known.
func (w *writer) open(p []byte) {
	if w.opened {
		return
	}
	w.opened = true
	h, status := w.Header(), w.Status()
	injectable := w.injectable(status, h, p)
	w.shows = status < 300 && showsPage(status) && isHTML(h, p) && !isAttachment(h)
	block := w.hook.beforeHeaders(status, h, injectable)
	if !injectable || len(block) == 0 {
		return
	}
	w.block, w.length = block, firstValue(h, "Content-Length")
	forgetPage(h)
}

func (w *writer) injectable(status int, h http.Header, p []byte) bool {
	return showsPage(status) && isHTML(h, p) && w.readable(h) &&
		len(h["Content-Range"]) == 0 && !isAttachment(h)
}

// readable reports whether the body is written here as plain text. An encoding
// that was announced before this writer came into being is the work of a
// middleware around it; one announced since then has been applied to the body.
func (w *writer) readable(h http.Header) bool {
	switch encoding := firstValue(h, "Content-Encoding"); encoding {
	case "", "identity", w.encoding:
		return true
	}
	return false
}

// search sends p with the block in it, as soon as its place is known.
func (w *writer) search(p []byte) (int, error) {
	at, where := w.scan.scan(p)
	if at < 0 { // the decision is about the bytes that are kept
		if where == placeUnknown {
			return w.keep(p), nil
		}
		at = 0
	} else if err := w.release(); err != nil {
		return 0, err
	}
	if where == placeFound && len(p) <= joinable {
		return w.join(p, at)
	}
	n, err := w.ResponseWriter.Write(p[:at]) // even if empty: the headers go when the host expects it
	switch {
	case err != nil:
		return n, err
	case where == placeUnknown:
		return n + w.keep(p[at:]), nil
	case where == placeFound:
		err = w.inject()
	}
	w.block = nil
	if err != nil || at == len(p) {
		return n, err
	}
	rest, err := w.ResponseWriter.Write(p[at:])
	return n + rest, err
}

// joinable is the most bytes of a write that are copied to be sent together with
// the block: for a page of a usual size, the copy costs less than a further chunk
// of the response and the system call that it takes.
const joinable = 32 << 10

// joints are buffers in which pages and blocks are joined; no response keeps one.
var joints = sync.Pool{New: func() any { return new([]byte) }}

// join sends p with the block, and what was kept behind it, before p[at].
func (w *writer) join(p []byte, at int) (int, error) {
	buffer := joints.Get().(*[]byte)
	b := append((*buffer)[:0], p[:at]...)
	b = append(b, w.block...)
	b = append(b, w.kept[:w.keeps]...)
	b = append(b, p[at:]...)
	if w.isWhole(p) {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(b))}
	}
	*buffer, w.block, w.keeps = b, nil, 0
	n, err := w.ResponseWriter.Write(b)
	if w.failed = err != nil; !w.failed { // else somebody below may still hold it
		joints.Put(buffer)
	}
	return n - min(len(b)-len(p), max(n-at, 0)), err
}

// isWhole reports whether p is the whole body, in plain text and with its headers
// still to be sent: its length is then known with the block in it, and the page
// need not be sent in chunks.
func (w *writer) isWhole(p []byte) bool {
	return w.length != "" && !w.ResponseWriter.Written() && w.length == strconv.Itoa(len(p)) && w.encoding == ""
}

// inject sends the block and what was kept, which begins right behind it.
func (w *writer) inject() error {
	if _, err := w.ResponseWriter.Write(w.block); err != nil {
		w.failed = true
		return err
	}
	return w.release()
}

func (w *writer) keep(p []byte) int {
	n := copy(w.kept[w.keeps:], p)
	w.keeps += uint8(n)
	return n
}

func (w *writer) release() error {
	if w.keeps == 0 {
		return nil
	}
	n := w.keeps
	w.keeps = 0
	_, err := w.ResponseWriter.Write(w.kept[:n])
	return err
}

// showsPage reports whether browsers show the body of a response of this status.
// They do not follow a redirect's, and 206 is a piece of one.
func showsPage(status int) bool {
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusPartialContent:
		return false
	}
	return status >= 200 && status < 300 || status >= 400
}

// isHTML reports whether the type is text/html. If there is none, net/http will
// sniff one; what it finds at the beginning of p it finds in all of the body.
func isHTML(h http.Header, p []byte) bool {
	if types, ok := h["Content-Type"]; ok {
		return len(types) > 0 && isToken(types[0], "text/html")
	}
	return len(p) > 0 && isToken(http.DetectContentType(p), "text/html")
}

// isAttachment reports whether the browser saves the body: a file that somebody
// downloads is theirs, and no page.
func isAttachment(h http.Header) bool {
	return isToken(firstValue(h, "Content-Disposition"), "attachment")
}

// isToken reports whether a header's value, without its parameters, is token.
func isToken(value, token string) bool {
	if len(value) < len(token) || !strings.EqualFold(value[:len(token)], token) {
		return false
	}
	return len(value) == len(token) || strings.IndexByte("; \t", value[len(token)]) >= 0
}

// forgetPage deletes what the host said about the bytes of its page, because
// they are about to change, and differ between visitors.
func forgetPage(h http.Header) {
	for _, name := range [...]string{"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Digest", "Repr-Digest"} {
		delete(h, name)
	}
}

// firstValue is Header.Get for a name in canonical form.
func firstValue(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}
