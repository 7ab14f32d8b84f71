package middleware

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gingzip "github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"
)

const testBlock = "<script id=\"injected by a test\"></script>"

const testPage = "<!doctype html><html><head><meta charset=\"utf-8\"><title>x</title></head><body>hello</body></html>"

// A recordingHook injects block and sets a cookie, as the middleware would.
type recordingHook struct {
	block      []byte
	calls      int
	status     int
	injectable bool
}

func (r *recordingHook) beforeHeaders(status int, h http.Header, injectable bool) []byte {
	r.calls, r.status, r.injectable = r.calls+1, status, injectable
	h.Add("Set-Cookie", "pin=1")
	return r.block
}

func newWriter(w gin.ResponseWriter, hook headerHook) *writer {
	n := new(writer)
	n.reset(w, hook)
	return n
}

// throughWriter is a middleware that puts a writer with this hook in front.
func throughWriter(hook headerHook) gin.HandlerFunc {
	return func(c *gin.Context) {
		w := newWriter(c.Writer, hook)
		c.Writer = w
		c.Next()
		w.finish()
	}
}

// visitSite asks a real server whose only path is served by these handlers. The
// body is as the network carried it.
func visitSite(t *testing.T, request func(*http.Request), handlers ...gin.HandlerFunc) (*http.Response, string) {
	t.Helper()
	return askServer(t, ginEngine(handlers...), request)
}

func askServer(t *testing.T, h http.Handler, request func(*http.Request)) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if request != nil {
		request(r)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func ginEngine(handlers ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.TestMode)
	e := gin.New()
	e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, "/", handlers...)
	return e
}

func withHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func sendHTML(c *gin.Context, parts ...string) {
	c.Header("Content-Type", "text/html; charset=utf-8")
	for _, part := range parts {
		_, _ = c.Writer.WriteString(part)
	}
}

func serveContent(content string) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("ETag", `"v1"`)
		http.ServeContent(c.Writer, c.Request, "index.html", time.Unix(1e9, 0), strings.NewReader(content))
	}
}

type responseCase struct {
	handler  gin.HandlerFunc
	request  func(*http.Request)
	injected bool
}

var responseCases = map[string]responseCase{
	"a page": {injected: true, handler: func(c *gin.Context) { sendHTML(c, testPage) }},
	"a page in capitals": {injected: true, handler: func(c *gin.Context) {
		c.Data(200, "TEXT/HTML", []byte(strings.ToUpper(testPage)))
	}},
	"a page without a type":      {injected: true, handler: func(c *gin.Context) { _, _ = c.Writer.WriteString(testPage) }},
	"a page in many writes":      {injected: true, handler: func(c *gin.Context) { sendHTML(c, strings.Split(testPage, "")...) }},
	"a page that tells its size": {injected: true, handler: func(c *gin.Context) { c.Header("Content-Length", fmt.Sprint(len(testPage))); sendHTML(c, testPage) }},
	"a page with a mark":         {injected: true, handler: func(c *gin.Context) { sendHTML(c, "\ufeff ", testPage) }},
	"a page without a head":      {injected: true, handler: func(c *gin.Context) { sendHTML(c, "<!doctype html>", "hello") }},
	"a page that ends too early": {injected: true, handler: func(c *gin.Context) { sendHTML(c, "<html><hea") }},
	"a page of nothing":          {injected: true, handler: func(c *gin.Context) { sendHTML(c, "<!doctype html>") }},
	"an error page":              {injected: true, handler: func(c *gin.Context) { c.Status(404); sendHTML(c, testPage) }},
	"a page that says identity":  {injected: true, handler: func(c *gin.Context) { c.Header("Content-Encoding", "identity"); sendHTML(c, testPage) }},
	"a file":                     {injected: true, handler: serveContent(testPage)},
	"a page after headers":       {injected: true, handler: func(c *gin.Context) { sendHTML(c); c.Writer.WriteHeaderNow(); sendHTML(c, testPage) }},
	"a page after a flush":       {injected: true, handler: func(c *gin.Context) { sendHTML(c); c.Writer.Flush(); sendHTML(c, testPage) }},
	"a page from a reader": {injected: true, handler: func(c *gin.Context) {
		c.DataFromReader(200, int64(len(testPage)), "text/html", strings.NewReader(testPage), nil)
	}},
	"a page longer than a buffer": {injected: true, handler: func(c *gin.Context) { sendHTML(c, testPage+strings.Repeat("x", 100_000)) }},
	"a page in two statuses":      {injected: true, handler: func(c *gin.Context) { c.Status(204); c.Status(500); sendHTML(c, testPage) }},

	"a fragment":             {handler: func(c *gin.Context) { sendHTML(c, "<div><head></div>") }},
	"a fragment in pieces":   {handler: func(c *gin.Context) { sendHTML(c, " <", "di", "v>") }},
	"an empty page":          {handler: func(c *gin.Context) { sendHTML(c, "") }},
	"JSON":                   {handler: func(c *gin.Context) { c.JSON(200, "<html><p>") }},
	"plain text":             {handler: func(c *gin.Context) { c.String(200, testPage) }},
	"another type":           {handler: func(c *gin.Context) { c.Data(200, "text/html5", []byte(testPage)) }},
	"no type but text":       {handler: func(c *gin.Context) { _, _ = c.Writer.WriteString("hello") }},
	"no type on purpose":     {handler: func(c *gin.Context) { c.Writer.Header()["Content-Type"] = nil; _, _ = c.Writer.WriteString(testPage) }},
	"http.Error":             {handler: func(c *gin.Context) { http.Error(c.Writer, testPage, 500) }},
	"a redirect":             {handler: func(c *gin.Context) { c.Redirect(302, "/other") }},
	"a redirect with a page": {handler: func(c *gin.Context) { c.Header("Location", "/other"); c.Status(303); sendHTML(c, testPage) }},
	"nothing":                {handler: func(*gin.Context) {}},
	"a status":               {handler: func(c *gin.Context) { c.Status(418) }},
	"no content":             {handler: func(c *gin.Context) { c.Status(204) }},
	"a status at once":       {handler: func(c *gin.Context) { c.AbortWithStatus(401) }},
	"a page of 205":          {handler: func(c *gin.Context) { c.Status(205); sendHTML(c, testPage) }},
	"a range by hand":        {handler: func(c *gin.Context) { c.Header("Content-Range", "bytes 0-9/99"); sendHTML(c, testPage) }},
	"a range":                {handler: serveContent(testPage), request: withHeader("Range", "bytes=0-30")},
	"two ranges":             {handler: serveContent(testPage), request: withHeader("Range", "bytes=5-5,7-7")},
	"an impossible range":    {handler: serveContent(testPage), request: withHeader("Range", "bytes=9999-")},
	"not modified":           {handler: serveContent(testPage), request: withHeader("If-None-Match", `"v1"`)},
	"a download": {handler: func(c *gin.Context) {
		c.Header("Content-Disposition", `Attachment; filename="a.html"`)
		sendHTML(c, testPage)
	}},
	"a compressed page": {handler: func(c *gin.Context) {
		c.Header("Content-Encoding", "gzip")
		sendHTML(c, gzipped(testPage))
	}},
	"server-sent events": {handler: func(c *gin.Context) { c.SSEvent("page", testPage); c.Writer.Flush() }},
	"a stream": {handler: func(c *gin.Context) {
		c.Header("Content-Type", "text/plain")
		more := 3
		c.Stream(func(w io.Writer) bool { more--; _, _ = io.WriteString(w, "<html>"); return more > 0 })
	}},
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

// A response is compared with what the same handler sends without a writer.
func TestEveryResponseGetsItsHeadersAndNothingButPagesChange(t *testing.T) {
	for name, r := range responseCases {
		t.Run(name, func(t *testing.T) {
			hook := &recordingHook{block: []byte(testBlock)}
			bare, want := visitSite(t, r.request, r.handler)
			full, got := visitSite(t, r.request, throughWriter(hook), r.handler)
			if n := strings.Count(got, testBlock); n > 1 || n == 1 != r.injected {
				t.Errorf("injected %d times: %s", n, got)
			}
			rest := strings.Replace(got, testBlock, "", 1)
			if multipartBoundary(full) == "" && rest != want {
				t.Errorf("the rest of the body is\n%q, want\n%q", rest, want)
			}
			if full.StatusCode != bare.StatusCode || hook.status != bare.StatusCode || hook.calls != 1 {
				t.Errorf("status %d; hook called %d times, last with %d; want %d", full.StatusCode, hook.calls, hook.status, bare.StatusCode)
			}
			compareHeaders(t, full, bare, hook.injectable)
		})
	}
}

func multipartBoundary(r *http.Response) string {
	_, b, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	return b
}

func compareHeaders(t *testing.T, full, bare *http.Response, injectable bool) {
	t.Helper()
	if got := full.Header.Values("Set-Cookie"); !slices.Equal(got, []string{"pin=1"}) {
		t.Errorf("Set-Cookie: %q", got)
	}
	for _, h := range []http.Header{full.Header, bare.Header} {
		h.Del("Set-Cookie")
		h.Del("Date")
		if multipartBoundary(bare) != "" { // it is random
			h.Del("Content-Type")
		}
		if injectable {
			h.Del("Content-Length")
		}
	}
	if injectable {
		bare.Header.Del("ETag")
		bare.Header.Del("Last-Modified")
		bare.Header.Del("Accept-Ranges")
	}
	if got, want := fmt.Sprint(full.Header), fmt.Sprint(bare.Header); got != want {
		t.Errorf("headers %s, want %s", got, want)
	}
}

func TestHeadAnswersWithTheHeadersOfGet(t *testing.T) {
	for name, r := range responseCases {
		t.Run(name, func(t *testing.T) {
			hook := &recordingHook{block: []byte(testBlock)}
			get, _ := visitSite(t, r.request, throughWriter(hook), r.handler)
			head, body := visitSite(t, func(q *http.Request) {
				if r.request != nil {
					r.request(q)
				}
				q.Method = http.MethodHead
			}, throughWriter(hook), r.handler)
			if body != "" {
				t.Errorf("a body: %q", body)
			}
			if head.Header.Get("Content-Length") == "" { // net/http counts what a handler does not tell, and may not know it here
				get.Header.Del("Content-Length")
			}
			for _, answer := range []*http.Response{get, head} {
				answer.Header.Del("Date")
				if multipartBoundary(answer) != "" {
					answer.Header.Del("Content-Type")
				}
			}
			if got, want := fmt.Sprint(head.Header), fmt.Sprint(get.Header); got != want {
				t.Errorf("headers of HEAD %s, of GET %s", got, want)
			}
		})
	}
}

func TestNothingIsInjectedWhenTheHookHasNothing(t *testing.T) {
	answer, body := visitSite(t, nil, throughWriter(&recordingHook{}), serveContent(testPage))
	if body != testPage || answer.Header.Get("ETag") != `"v1"` || answer.ContentLength != int64(len(testPage)) {
		t.Errorf("got %q with %v", body, answer.Header)
	}
}

func TestAPageIsCompressedWithItsBlockByAMiddlewareAround(t *testing.T) {
	around := map[string]http.Handler{
		"in Gin":      ginEngine(gingzip.Gzip(gzip.BestSpeed), throughWriter(&recordingHook{block: []byte(testBlock)}), func(c *gin.Context) { sendHTML(c, testPage) }),
		"in net/http": gzipAll(ginEngine(throughWriter(&recordingHook{block: []byte(testBlock)}), func(c *gin.Context) { sendHTML(c, testPage) })),
	}
	for name, h := range around {
		t.Run(name, func(t *testing.T) {
			answer, body := askServer(t, h, withHeader("Accept-Encoding", "gzip"))
			if answer.Header.Get("Content-Encoding") != "gzip" || gunzip(t, body) != strings.Replace(testPage, "<title>", testBlock+"<title>", 1) {
				t.Errorf("got %q with %v", gunzip(t, body), answer.Header)
			}
		})
	}
}

func TestAnErrorPageThatGzipAroundLeavesPlainGetsItsBlock(t *testing.T) {
	answer, body := visitSite(t, withHeader("Accept-Encoding", "gzip"), gingzip.Gzip(gzip.BestSpeed), throughWriter(&recordingHook{block: []byte(testBlock)}),
		func(c *gin.Context) { c.Status(404); sendHTML(c, testPage) })
	if answer.Header.Get("Content-Encoding") != "" || strings.Count(body, testBlock) != 1 || strings.Replace(body, testBlock, "", 1) != testPage {
		t.Errorf("got %q with %v", body, answer.Header)
	}
}

func TestAPageCompressedWithinIsLeftAlone(t *testing.T) {
	hook := &recordingHook{block: []byte(testBlock)}
	answer, body := visitSite(t, withHeader("Accept-Encoding", "gzip"), throughWriter(hook), gingzip.Gzip(gzip.BestSpeed), func(c *gin.Context) { sendHTML(c, testPage) })
	if gunzip(t, body) != testPage || answer.Header.Get("Set-Cookie") == "" || hook.injectable {
		t.Errorf("got %q with %v", gunzip(t, body), answer.Header)
	}
}

func TestAPageThatIsCompressedAlreadyPassesBothGzips(t *testing.T) {
	_, body := visitSite(t, withHeader("Accept-Encoding", "gzip"), gingzip.Gzip(gzip.BestSpeed), throughWriter(&recordingHook{block: []byte(testBlock)}), func(c *gin.Context) {
		c.Header("Content-Encoding", "gzip")
		sendHTML(c, gzipped(testPage))
	})
	if gunzip(t, body) != testPage {
		t.Errorf("got %q", gunzip(t, body))
	}
}

func gunzip(t *testing.T, body string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// gzipAll compresses all that h answers.
func gzipAll(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z := gzip.NewWriter(w)
		defer z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		h.ServeHTTP(struct {
			io.Writer
			headerWriter
		}{z, w}, r)
	})
}

type headerWriter interface {
	Header() http.Header
	WriteHeader(int)
}

func TestAStreamedPageArrivesPieceByPiece(t *testing.T) {
	next := make(chan bool)
	server := httptest.NewServer(ginEngine(throughWriter(&recordingHook{block: []byte(testBlock)}), func(c *gin.Context) {
		c.Header("Content-Type", "text/html")
		for _, part := range []string{"<!doctype html><html><me", "ta name=a><ti", "tle>x</title>", "<p>end"} {
			_, _ = c.Writer.WriteString(part)
			c.Writer.Flush()
			<-next
		}
	}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	// The handler goes on only after each piece was read: one that is late blocks the test.
	for _, piece := range []string{"<!doctype html><html>", "<meta name=a>" + testBlock + "<ti", "tle>x</title>", "<p>end"} {
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != piece {
			t.Fatalf("got %q (%v), want %q", got, err, piece)
		}
		next <- true
	}
}

func TestTheConnectionCanBeTakenOver(t *testing.T) {
	hook := &recordingHook{block: []byte(testBlock)}
	done := make(chan bool)
	server := httptest.NewServer(ginEngine(func(c *gin.Context) { c.Next(); close(done) }, throughWriter(hook), func(c *gin.Context) {
		conn, rw, err := c.Writer.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello\n")
	in := bufio.NewReader(conn)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != 101 {
		t.Fatalf("%v %v", answer, err)
	}
	if line, _ := in.ReadString('\n'); line != "hello\n" {
		t.Errorf("echo: %q", line)
	}
	if <-done; hook.calls != 0 {
		t.Error("the hook was called for a connection that is no response any more")
	}
}

func TestAConnectionInUseIsNotTakenOver(t *testing.T) {
	_, body := visitSite(t, nil, throughWriter(&recordingHook{block: []byte(testBlock)}), func(c *gin.Context) {
		sendHTML(c, "<") // kept back, but written as far as the handler knows
		if _, _, err := c.Writer.Hijack(); err == nil {
			t.Error("taken over")
		}
		sendHTML(c, "html><p>")
	})
	if body != "<html>"+testBlock+"<p>" {
		t.Errorf("got %q", body)
	}
}

func TestTheErrorPageAfterAPanicIsAPage(t *testing.T) {
	hook := &recordingHook{block: []byte(testBlock)}
	recovery := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.Data(500, "text/html", []byte(testPage)) })
	answer, body := visitSite(t, nil, recovery, throughWriter(hook), func(*gin.Context) { panic("!") })
	if answer.StatusCode != 500 || hook.status != 500 || answer.Header.Get("Set-Cookie") == "" || strings.Count(body, testBlock) != 1 {
		t.Errorf("status %d, told %d, %v: %q", answer.StatusCode, hook.status, answer.Header, body)
	}
}

func TestFinishMayBeDeferredAndRepeated(t *testing.T) {
	hook := &recordingHook{block: []byte(testBlock)}
	deferred := func(c *gin.Context) {
		w := newWriter(c.Writer, hook)
		c.Writer = w
		defer w.finish()
		defer w.finish()
		c.Next()
	}
	answer, _ := visitSite(t, nil, gin.RecoveryWithWriter(io.Discard), deferred, func(*gin.Context) { panic("!") })
	if answer.StatusCode != 500 || answer.Header.Get("Set-Cookie") == "" || hook.calls != 1 {
		t.Errorf("status %d, %v, hook called %d times", answer.StatusCode, answer.Header, hook.calls)
	}
	if _, body := visitSite(t, nil, deferred, func(c *gin.Context) { sendHTML(c, "<html>") }); body != "<html>"+testBlock {
		t.Errorf("got %q", body)
	}
}

func TestEarlyHintsAreNotTheHeadersOfThePage(t *testing.T) {
	hook := &recordingHook{block: []byte(testBlock)}
	var early textproto.MIMEHeader
	hints := func(r *http.Request) {
		*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { early = h; return nil },
		}))
	}
	answer, body := visitSite(t, hints, throughWriter(hook), func(c *gin.Context) {
		c.Header("Link", "</style.css>")
		c.Status(http.StatusEarlyHints)
		c.Writer.WriteHeaderNow()
		sendHTML(c, testPage)
	})
	if early.Get("Link") == "" || early.Get("Set-Cookie") != "" {
		t.Errorf("early hints: %v", early)
	}
	if answer.StatusCode != 200 || answer.Header.Get("Set-Cookie") == "" || hook.calls != 1 || body != testPage {
		t.Errorf("status %d, %v, hook called %d times: %q", answer.StatusCode, answer.Header, hook.calls, body)
	}
}

func TestAHandlerReadsTheSameStateAsWithoutAWriter(t *testing.T) {
	state := func(steps ...string) gin.HandlerFunc {
		return func(c *gin.Context) {
			var b strings.Builder
			note := func() { fmt.Fprint(&b, c.Writer.Status(), c.Writer.Written(), " ") }
			note()
			c.Status(201)
			note()
			for _, step := range steps {
				n, err := c.Writer.Write([]byte(step))
				fmt.Fprint(&b, n, err)
				note()
			}
			c.Status(500) // too late
			note()
			controller := http.NewResponseController(c.Writer)
			fmt.Fprint(&b, controller.SetWriteDeadline(time.Now().Add(time.Minute)), controller.Flush())
			c.Writer.Header().Set(http.TrailerPrefix+"State", b.String())
		}
	}
	for _, steps := range [][]string{{}, {""}, {"<"}, {"<", "html", ">", "<", "p"}, {testPage}, {"x"}} {
		html := func(c *gin.Context) { c.Header("Content-Type", "text/html") }
		bare, _ := visitSite(t, nil, html, state(steps...))
		full, _ := visitSite(t, nil, throughWriter(&recordingHook{block: []byte(testBlock)}), html, state(steps...))
		if got, want := full.Trailer.Get("State"), bare.Trailer.Get("State"); got != want || got == "" {
			t.Errorf("%q: %s, want %s", steps, got, want)
		}
	}
}

func TestAClientThatIsGoneIsReported(t *testing.T) {
	for room := range len(testPage) + len(testBlock) {
		full := &fullWriter{ResponseWriter: httptest.NewRecorder(), room: room}
		c, _ := gin.CreateTestContext(full)
		w := newWriter(c.Writer, &recordingHook{block: []byte(testBlock)})
		w.Header().Set("Content-Type", "text/html")
		sent := 0
		var err error
		for _, part := range strings.SplitAfter(testPage, "<") {
			var n int
			if n, err = w.WriteString(part); n > len(part) || err == nil && n != len(part) {
				t.Fatalf("wrote %d of %d, %v", n, len(part), err)
			}
			if sent += n; err != nil {
				break
			}
		}
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: %v after %d", room, err, sent)
		}
		w.finish()
	}
}

// A fullWriter has room for so many bytes of a body.
type fullWriter struct {
	http.ResponseWriter
	room int
}

func (w *fullWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		p = p[:w.room]
		w.room = 0
		n, _ := w.ResponseWriter.Write(p)
		return n, io.ErrShortWrite
	}
	w.room -= len(p)
	return w.ResponseWriter.Write(p)
}

// FuzzInjection: whatever the page and however it is written and flushed,
// without the block it is what it was, byte for byte; the block stands where
// x/net/html says; and no more than a few bytes are ever late.
func FuzzInjection(f *testing.F) {
	for _, marked := range markedDocuments {
		doc, _ := unmark(marked)
		f.Add(doc, []byte{1, 0x82, 0x43, 0xC1, 9})
	}
	var hook headerHook
	var handler gin.HandlerFunc
	site := ginEngine(func(c *gin.Context) { throughWriter(hook)(c) }, func(c *gin.Context) { handler(c) })
	f.Fuzz(func(t *testing.T, doc string, steps []byte) {
		if strings.Contains(doc, testBlock) {
			return
		}
		recorder, recorded := httptest.NewRecorder(), &recordingHook{block: []byte(testBlock)}
		hook, handler = recorded, func(c *gin.Context) {
			c.Header("Content-Type", "text/html")
			writeInSteps(t, c.Writer, recorder.Body, doc, steps)
		}
		site.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		got, want := recorder.Body.String(), doc
		if at := placeOracle(doc); at >= 0 {
			want = doc[:at] + testBlock + doc[at:]
		}
		if got != want || recorded.calls != 1 {
			t.Errorf("%q in steps %x: got %q, want %q; hook called %d times", doc, steps, got, want, recorded.calls)
		}
	})
}

// writeInSteps cuts doc as the lower six bits of each step say; the others
// choose between Write and WriteString, and flush.
func writeInSteps(t *testing.T, w gin.ResponseWriter, out *bytes.Buffer, doc string, steps []byte) {
	for done := 0; done < len(doc); {
		size, asString, flush := len(doc)-done, false, false
		if len(steps) > 0 {
			size, asString, flush = min(size, int(steps[0]&0x3F)), steps[0]&0x40 != 0, steps[0]&0x80 != 0
			steps = steps[1:]
		}
		part := doc[done : done+size]
		var n int
		var err error
		if asString {
			n, err = w.WriteString(part)
		} else {
			n, err = w.Write([]byte(part))
		}
		if n != len(part) || err != nil {
			t.Fatalf("%q: wrote %d of %d, %v", doc, n, len(part), err)
		}
		if flush {
			w.Flush()
		}
		if done += size; out.Len() < done-maxHeld {
			t.Fatalf("%q: %d of %d bytes went out", doc, out.Len(), done)
		}
	}
}

func TestWhatIsMarkedForSharedCachesIsShared(t *testing.T) {
	for _, lines := range [][]string{
		{"public"}, {"PUBLIC"}, {"max-age=60, public"}, {"max-age=60", "Public ,no-transform"}, {"s-maxage=10"}, {"S-MaxAge = 10"},
		{`private="a, \", b", public`}, {",,public"},
	} {
		if !shared(http.Header{"Cache-Control": lines}) {
			t.Errorf("%q is not shared", lines)
		}
	}
	for _, lines := range [][]string{
		nil, {""}, {"private"}, {"max-age=60"}, {"publicly"}, {`private="public"`}, {`private="a, public, b"`}, {`x="\", public"`}, {"no-store", "x=public"},
	} {
		if shared(http.Header{"Cache-Control": lines}) {
			t.Errorf("%q is shared", lines)
		}
	}
}

func TestPrivateKeepsWhatIsStricter(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"", "private"},
		{"max-age=60", "private, max-age=60"},
		{"max-age=60|must-revalidate", "private, max-age=60, must-revalidate"},
		{"no-store", "no-store"},
		{"No-Cache", "No-Cache"},
		{"max-age=0, Private", "max-age=0, Private"},
		{"max-age=0|private", "max-age=0|private"},
		{`private="set-cookie"`, `private, private="set-cookie"`},
		{`no-cache="set-cookie"`, `private, no-cache="set-cookie"`},
		{`x="private"`, `private, x="private"`},
	} {
		h := http.Header{}
		if c.before != "" {
			h["Cache-Control"] = strings.Split(c.before, "|")
		}
		private(h)
		if got := strings.Join(h["Cache-Control"], "|"); got != c.after {
			t.Errorf("%q became %q, want %q", c.before, got, c.after)
		}
	}
}

func TestVaryNamesCookieOnce(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"", "Cookie"}, {"Accept-Encoding", "Accept-Encoding|Cookie"}, {"cookie", "cookie"}, {"Accept, COOKIE", "Accept, COOKIE"},
		{"Accept|Cookie", "Accept|Cookie"}, {"*", "*"}, {"Cookies", "Cookies|Cookie"},
	} {
		h := http.Header{}
		if c.before != "" {
			h["Vary"] = strings.Split(c.before, "|")
		}
		private(h)
		private(h)
		if got := strings.Join(h["Vary"], "|"); got != c.after {
			t.Errorf("%q became %q, want %q", c.before, got, c.after)
		}
	}
}

// A host may set the same slice on every response: it must never change.
func TestHeadersOfTheHostAreNotWrittenTo(t *testing.T) {
	line := []string{"max-age=60"}
	private(http.Header{"Cache-Control": line})
	if line[0] != "max-age=60" {
		t.Errorf("the host's own line became %q", line[0])
	}
}

type fixedHook []byte

func (f fixedHook) beforeHeaders(int, http.Header, bool) []byte { return f }

// BenchmarkPage sends a page of 10 kB through Gin's writer alone, and through
// this writer with a block of 2 kB. The receiver drops it, so that nothing else
// is measured.
func BenchmarkPage(b *testing.B) {
	body := tenKilobytePage()
	inject := throughWriter(fixedHook(bytes.Repeat([]byte("x"), 2000)))
	for name, handlers := range map[string][]gin.HandlerFunc{
		"bare": {func(c *gin.Context) { c.Data(200, "text/html", body) }},
		"full": {inject, func(c *gin.Context) { c.Data(200, "text/html", body) }},
	} {
		b.Run(name, func(b *testing.B) {
			e := ginEngine(handlers...)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			w := &bodyDropper{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				e.ServeHTTP(w, r)
			}
		})
	}
}

type bodyDropper struct{ header http.Header }

func (d *bodyDropper) Header() http.Header         { return d.header }
func (d *bodyDropper) Write(p []byte) (int, error) { return len(p), nil }
func (d *bodyDropper) WriteHeader(int)             {}

func TestAPageWrittenWholeHasItsLengthWithTheBlock(t *testing.T) {
	const block, page = "<script>block</script>", "<!doctype html><title>x</title>"
	rest := strings.Repeat("x", 4096) // more than net/http holds back to count it
	whole := int64(len(page) + len(rest) + len(block))
	for name, c := range map[string]struct {
		parts []string
		want  int64 // -1: in chunks
	}{
		"whole":           {[]string{page + rest}, whole},
		"in two parts":    {[]string{page, rest}, -1},
		"split in a name": {[]string{page[:18], page[18:] + rest}, -1},
		"of wrong length": {[]string{page + rest, "more"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := visitSite(t, nil, throughWriter(fixedHook(block)), func(g *gin.Context) {
				g.Header("Content-Length", strconv.Itoa(len(strings.Join(c.parts, ""))))
				sendHTML(g, c.parts...)
			})
			if answer.ContentLength != c.want || !strings.HasPrefix(body, "<!doctype html>"+block) {
				t.Errorf("a length of %d, want %d: %.60s", answer.ContentLength, c.want, body)
			}
			if want := len(block) + len(strings.Join(c.parts, "")); len(body) != want {
				t.Errorf("%d bytes arrived, want %d", len(body), want)
			}
		})
	}
}
