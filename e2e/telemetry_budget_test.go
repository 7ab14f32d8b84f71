//go:build !race

package e2e

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry"
	"github.com/toprent/flags/telemetry/flagmetrics"
	"github.com/toprent/flags/telemetry/flagtraces"
)

// watchedRequest is a request of somebody who was there before, as a function: what it costs depends on the hooks.
func watchedRequest(t testing.TB, hooks telemetry.Hooks) func() {
	t.Helper()
	gin.SetMode(gin.TestMode)
	source := flagtest.NewSource()
	source.Publish(flagtest.Definition(t, "home", true, "greeting", "Welcome", "rows", 12))
	flags, err := service.New(t.Context(), service.Config{Source: source, Environment: flagtest.Environment, Clock: source.Now, Telemetry: hooks})
	if err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore([]byte(strings.Repeat("k", 32))),
		Subject: func(*gin.Context) (ruleset.Subject, error) { return ruleset.Subject{User: "ann"}, nil }}))
	r.GET("/", func(c *gin.Context) {
		if !middleware.On(c, "home") {
			panic("off")
		}
		c.Status(http.StatusNoContent)
	})
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Sec-Fetch-Dest", "document")
	first := httptest.NewRecorder()
	r.ServeHTTP(first, request)
	for _, cookie := range first.Result().Cookies() {
		request.AddCookie(cookie)
	}
	return func() { r.ServeHTTP(httptest.NewRecorder(), request) }
}

// watchedRequests are requests without telemetry, with metrics, and with metrics and traces of which this one is none.
func watchedRequests(t testing.TB) (bare, metrics, both func()) {
	never := trace.NewTracerProvider(trace.WithSampler(trace.NeverSample()))
	return watchedRequest(t, telemetry.Hooks{}), watchedRequest(t, flagmetrics.New().Hooks()),
		watchedRequest(t, telemetry.Join(flagmetrics.New().Hooks(), flagtraces.Hooks(never)))
}

// mostWatched is what it may cost a request to be watched; nothing may be allocated for it.
const mostWatched = 300 * time.Nanosecond

func TestARequestThatIsWatchedStaysWithinItsBudget(t *testing.T) {
	bare, metrics, both := watchedRequests(t)
	for name, watched := range map[string]func(){"metrics": metrics, "metrics and traces": both} {
		for range 100 { // what is pooled is there
			bare()
			watched()
		}
		if a, b := testing.AllocsPerRun(500, watched), testing.AllocsPerRun(500, bare); a > b {
			t.Errorf("%s: %.0f allocations, %.0f without", name, a, b)
		}
		more, ratio := compared(watched, bare)
		for try := 0; try < 30 && more > mostWatched; try++ { // a machine that is busy with something else may be so for seconds
			time.Sleep(500 * time.Millisecond)
			more, ratio = compared(watched, bare)
		}
		if more > mostWatched {
			t.Errorf("%s: %s more than the request without, %s are allowed", name, more, mostWatched)
		}
		t.Logf("%s: %s more than the request without, %.3f times", name, more, ratio)
	}
}

// compared compares in turn, which cancels what else the machine does: the median of how much more one request costs, and
// of how many times as much.
func compared(one, other func()) (more time.Duration, ratio float64) {
	differences, ratios := make([]time.Duration, 101), make([]float64, 101)
	for i := range ratios {
		a, b := timeOf(one), timeOf(other)
		differences[i], ratios[i] = (a-b)/measured, float64(a)/float64(b)
	}
	slices.Sort(differences)
	slices.Sort(ratios)
	return differences[len(differences)/2], ratios[len(ratios)/2]
}

const measured = 200

func timeOf(do func()) time.Duration {
	began := time.Now()
	for range measured {
		do()
	}
	return time.Since(began)
}

func BenchmarkWatchedRequest(b *testing.B) {
	bare, metrics, both := watchedRequests(b)
	for _, c := range []struct {
		name string
		do   func()
	}{{"without", bare}, {"metrics", metrics}, {"metrics and traces", both}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do()
			}
		})
	}
}
