package health_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/handlers/health"
)

func TestAnInstanceIsReadyOnceAllChecksPass(t *testing.T) {
	var trouble error
	app := gin.New()
	app.Use(health.Middleware(flagtest.With(t, "a", true), func() error { return nil }, func() error { return trouble }))
	asks := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if w := asks(health.ReadyPath); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "refused") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	trouble = errors.New("postgres://secret@db7 cannot be reached")
	w := asks(health.ReadyPath)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"refused":1`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "db7") {
		t.Errorf("it tells what is for the log: %s", w.Body)
	}
	if w := asks(health.LivePath); w.Code != http.StatusOK {
		t.Errorf("it is not taken to be alive: %d", w.Code)
	}
}
