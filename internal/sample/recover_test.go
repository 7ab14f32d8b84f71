package sample

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"
)

func TestAPanicIsLoggedWithoutCookiesAndOneTimeLinks(t *testing.T) {
	gin.SetMode(gin.TestMode)
	var log bytes.Buffer
	r := gin.New()
	r.Use(recovery(slog.New(slog.NewTextHandler(&log, nil))), gzip.Gzip(gzip.DefaultCompression))
	r.GET("/mistake", func(*gin.Context) { panic("a mistake in the code") })
	r.GET("/broken/:secret", func(*gin.Context) { panic(syscall.EPIPE) })
	for _, path := range []string{"/mistake", "/broken/link-secret"} {
		request := httptest.NewRequest(http.MethodGet, path+"?token=query-secret", nil)
		request.Header.Set("Cookie", "flags-session=cookie-secret")
		request.Header.Set("X-Api-Key", "header-secret")
		request.Header.Set("Accept-Encoding", "gzip")
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, request)
		if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "It has been logged as") {
			t.Errorf("%s gives %d: %s", path, answer.Code, answer.Body)
		}
	}
	if !strings.Contains(log.String(), "a mistake in the code") || !strings.Contains(log.String(), "path=/mistake") {
		t.Errorf("the log does not say what happened where: %s", &log)
	}
	if strings.Contains(log.String(), "secret=") || strings.Contains(log.String(), "-secret") {
		t.Errorf("the log has a secret: %s", &log)
	}
}

func TestARequestThatIsToBeAbortedIsAborted(t *testing.T) {
	gin.SetMode(gin.TestMode)
	var log bytes.Buffer
	r := gin.New()
	r.Use(recovery(slog.New(slog.NewTextHandler(&log, nil))))
	r.GET("/", func(*gin.Context) { panic(http.ErrAbortHandler) })
	defer func() {
		if value := recover(); value != http.ErrAbortHandler || log.Len() > 0 {
			t.Errorf("recovered %v, logged %q", value, &log)
		}
	}()
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}
