package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlp is a collector that refuses what OTLP over HTTP does not allow, and keeps what it was sent.
type otlp struct {
	*httptest.Server
	mu    sync.Mutex // guards what follows
	spans map[string]string
	about string
	wrong []string
}

func newCollector(t *testing.T) *otlp {
	c := &otlp{spans: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.take(r); err != nil {
			c.wrong = append(c.wrong, err.Error())
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
		_, _ = w.Write(answer)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *otlp) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s %s with %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &sent); err != nil {
		return err
	}
	for _, from := range sent.ResourceSpans {
		c.about = from.Resource.String()
		for _, scope := range from.ScopeSpans {
			for _, span := range scope.Spans {
				if len(span.TraceId) != 16 || len(span.SpanId) != 8 {
					return fmt.Errorf("%s has ids of %d and %d bytes", span.Name, len(span.TraceId), len(span.SpanId))
				}
				c.spans[span.Name] += span.String() + "\n"
			}
		}
	}
	return nil
}

// metricsOf finds where a server's metrics are, and reads them.
func metricsOf(t *testing.T, s *site) string {
	t.Helper()
	pattern := regexp.MustCompile(`msg="metrics are served" address=(\S+)\n`)
	waitFor(t, "the log to say where the metrics are", func() bool { return pattern.MatchString(s.log.String()) })
	found := pattern.FindStringSubmatch(s.log.String())
	response, err := http.Get(found[1])
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, %s", found[1], err, response.Status)
	}
	return string(text)
}

func TestTheCommandServesMetricsAndSendsTraces(t *testing.T) {
	t.Parallel()
	to := newCollector(t)
	c := newCommand(t, "METRICS_LISTEN=127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT="+to.URL, "OTEL_RESOURCE_ATTRIBUTES=service.version=7")
	s := c.serves()
	ann := s.guest().signsIn("u-ann")
	for range 3 {
		ann.opens("/")
	}
	if links := s.firstLink(t); links != nil {
		if _, err := s.get(strings.TrimPrefix(links[1], s.url)); err != nil {
			t.Fatal(err)
		}
	}
	metrics := metricsOf(t, s)
	for _, line := range []string{`flags_revision{environment="development"} 1`, `flags_source_state{environment="development",state="live"} 1`,
		`flags_directory_dropped_total 0`, `go_goroutines `, `process_open_fds `} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("the metrics have no %s:\n%s", line, metrics)
		}
	}
	if response, err := s.get("/metrics"); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("the site itself serves metrics: %v, %v", response, err)
	}
	c.does("kill", "instant-booking", "--reason", "a test")
	s.reaches(2)
	// What is served is measured a moment later, once it is saved, too.
	waitFor(t, "the kill's lag", func() bool {
		return strings.Contains(metricsOf(t, s), `flags_adoption_lag_seconds_count{environment="development",kills="true"} 1`)
	})
	if code := s.ends(syscall.SIGTERM); code != 0 { // which sends the last
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, name := range []string{"GET /", "flags evaluate", "flags refresh"} {
		if to.spans[name] == "" {
			t.Errorf("there is no span %q", name)
		}
	}
	if len(to.wrong) > 0 {
		t.Errorf("refused: %q", to.wrong)
	}
	for _, about := range []string{"toprent", "development", "service.version"} {
		if !strings.Contains(to.about, about) {
			t.Errorf("the resource does not say %q: %s", about, to.about)
		}
	}
	for name, spans := range to.spans {
		if strings.Contains(spans, "/settings/first/") || strings.Contains(spans, "u-ann") {
			t.Errorf("a span %q holds a secret or a person: %s", name, spans)
		}
	}
}

func TestACollectorThatIsAwayIsToldOfOnceAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	s := newCommand(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY=50").serves()
	guest := s.guest()
	guest.opens("/")
	s.logs("traces could not be sent")
	for range 20 {
		guest.opens("/")
	}
	if code := s.ends(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
	if n := strings.Count(s.log.String(), "traces could not be sent"); n != 1 {
		t.Errorf("it is told of %d times:\n%s", n, s.log)
	}
}

func TestWrongSettingsOfTelemetryAreRefused(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for setting, want := range map[string]struct {
		code  int
		words []string
	}{
		"METRICS_LISTEN=9091":                                      {2, []string{"METRICS_LISTEN", "HOST:PORT"}},
		"METRICS_LISTEN=" + taken.Addr().String():                  {1, []string{"METRICS_LISTEN", "something else is running there"}},
		"OTEL_EXPORTER_OTLP_ENDPOINT=127.0.0.1:4318":               {2, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://HOST:PORT"}},
		"OTEL_EXPORTER_OTLP_ENDPOINT=ftp://ann:secret@example.com": {2, []string{"OTEL_EXPORTER_OTLP_ENDPOINT"}},
	} {
		c := newCommand(t, setting)
		c.refuses(want.code, want.words)
		if out := c.run(); strings.Contains(out.String(), "secret") {
			t.Errorf("%s: a password is told: %s", setting, out)
		}
		if files := c.files(); len(files) > 0 {
			t.Errorf("%s: it made %v", setting, files)
		}
	}
}
