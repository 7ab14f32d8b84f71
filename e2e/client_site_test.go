package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/toprent/flags/assets"
)

// values are what one endpoint answers.
type values map[string]any

const endpoint = "/feature-values"

// clientSite plays the server's side of the client's contract, and remembers what it was asked.
type clientSite struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	values    map[string]values           // by the endpoint's path
	pages     map[string]http.HandlerFunc // by path
	refreshIn string                      // seconds, in blocks and in answers; no header while empty
	instead   http.HandlerFunc            // answers the endpoints while set
	asked     []*http.Request             // by clients, oldest first
}

// newClientSite starts a site whose endpoint answers these values and whose pins live 270 seconds.
func newClientSite(t *testing.T, first values) *clientSite {
	s := &clientSite{
		t:         t,
		values:    map[string]values{endpoint: first},
		pages:     map[string]http.HandlerFunc{},
		refreshIn: "270.000",
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *clientSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	page, isPage := s.pages[r.URL.Path]
	current, isEndpoint := s.values[r.URL.Path]
	instead, refreshIn := s.instead, s.refreshIn
	if isEndpoint {
		s.asked = append(s.asked, r)
	}
	s.mu.Unlock()
	switch {
	case isPage:
		page(w, r)
	case r.URL.Path == "/feature-"+assets.ClientName:
		w.Header().Set("Content-Type", "text/javascript")
		io.WriteString(w, assets.Client())
	case isEndpoint && instead != nil:
		instead(w, r)
	case isEndpoint:
		answer(w, r, current, refreshIn)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, r *http.Request, current values, refreshIn string) {
	w.Header().Set("ETag", etag(current))
	if refreshIn != "" {
		w.Header().Set("Refresh-In", refreshIn)
	}
	if r.Header.Get("If-None-Match") == etag(current) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(encoded(current))
}

// shows adds a page: {flags} stands for the block and the inline client, {block} and {file} for the block and the
// client as a file. The page's client asks at the given endpoint.
func (s *clientSite) shows(path, from, html string, headers ...string) {
	s.page(path, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		block := s.block(from)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		strings.NewReplacer(
			"{flags}", block+"<script>"+assets.Client()+"</script>",
			"{block}", block,
			"{client}", "<script>"+assets.Client()+"</script>",
			"{file}", `<script src="/feature-`+assets.ClientName+`"></script>`,
		).WriteString(w, html)
	})
}

func (s *clientSite) page(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = h
}

// block is what the server writes into a page. The caller holds mu.
func (s *clientSite) block(from string) string {
	return fmt.Sprintf(`<script type="application/json" id="feature-values">{"values":%s,"etag":%s,"refreshIn":%s,"url":%s}</script>`,
		encoded(s.values[from]), encoded(etag(s.values[from])), s.refreshIn, encoded(from))
}

// turns changes what an endpoint answers.
func (s *clientSite) turns(path string, to values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[path] = to
}

// pinsLeave sets the seconds that blocks and answers give until the next refresh; none leaves the header out.
func (s *clientSite) pinsLeave(seconds string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshIn = seconds
}

// answersWith replaces the endpoints' answers; nil puts them back.
func (s *clientSite) answersWith(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instead = h
}

// requests are those that clients made so far.
func (s *clientSite) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asked...)
}

func etag(v values) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(encoded(v)))[:13] + `"` }

// encoded is JSON with <, > and & escaped, as in a page.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // values of these tests only
	}
	return b
}
