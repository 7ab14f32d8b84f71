//go:build !race

package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// maintenanceAskers ask for the same small page of an app with maintenance that is off, and of one without.
func maintenanceAskers(tb testing.TB) (with, without func()) {
	tb.Helper()
	gin.SetMode(gin.TestMode)
	source := flagtest.NewSource()
	d := hundredFlags()
	d.Flags = append(d.Flags, maintained(`{}`).Flags...)
	source.Publish(d)
	flags := flagtest.Service(tb, source)
	asker := func(more ...gin.HandlerFunc) func() {
		e := gin.New()
		e.Use(append([]gin.HandlerFunc{middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore(testKey), Subject: subjectOf})}, more...)...)
		e.GET("/api", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		return func() {
			e.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodGet, URL: urlOf("/api"), Header: http.Header{"Accept": {"application/json"}}, RequestURI: "/api"})
		}
	}
	return asker(middleware.Maintenance(middleware.MaintenanceOptions{})), asker()
}

// The race detector makes pools forget, so allocations are counted without it.
func TestMaintenanceThatIsOffKeepsToItsBudgetOfNoAllocations(t *testing.T) {
	with, without := maintenanceAskers(t)
	for range 100 { // what is pooled is there
		with()
		without()
	}
	if a, b := testing.AllocsPerRun(500, with), testing.AllocsPerRun(500, without); a > b {
		t.Errorf("%.0f allocations with maintenance that is off, %.0f without", a, b)
	}
}

func BenchmarkMaintenanceThatIsOff(b *testing.B) {
	with, without := maintenanceAskers(b)
	for name, ask := range map[string]func(){"with": with, "without": without} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}
