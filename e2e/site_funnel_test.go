package e2e

import (
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

func TestTheSampleSiteLeadsFromThePromptToAnotherPlan(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	s := newStorage(t, openSQLite(t))
	if filled, err := sample.Fill(t.Context(), s.store); err != nil || !filled {
		t.Fatalf("fill: %v, %v", filled, err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	flags, err := service.New(t.Context(), service.Config{Source: s.store, Environment: prod, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	recorder := analytics.New(s.store, flags, analytics.Options{Logger: log})
	handler, err := sample.New(sample.Config{Store: s.store, Flags: flags, Clients: newSampleClients(t, s.store, flags, log), Keys: [][]byte{sampleKey}, Recorder: recorder, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(handler)
	defer site.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	cem := &http.Client{Jar: jar}
	asks := func(method, path, form string, want int) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, site.URL+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "text/html")
		request.Header.Set("Sec-Fetch-Dest", "document")
		if method == http.MethodPost {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Origin", site.URL)
		}
		answer, err := cem.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s %s gives %d, want %d", method, path, answer.StatusCode, want)
		}
	}
	counts := func() models.Funnel {
		t.Helper()
		if err := recorder.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := s.store.Funnels(t.Context(), prod, []string{"advanced-reports"}, time.Now().Add(-time.Hour), func(_, from, to string) bool { return from == "free" && to == "pro" })
		if err != nil || len(rows) > 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		if len(rows) == 0 {
			return models.Funnel{}
		}
		return rows[0]
	}
	want := models.Funnel{}
	expect := func(after string) {
		t.Helper()
		if got := counts(); got != want {
			t.Errorf("after %s: %+v, want %+v", after, got, want)
		}
	}
	asks(http.MethodPost, "/person", url.Values{"person": {"u-cem"}}.Encode(), http.StatusOK)
	asks(http.MethodGet, "/plans?for=no-such-flag", "", http.StatusOK)
	expect("the plans without a prompt")
	asks(http.MethodGet, "/reports", "", http.StatusOK)
	asks(http.MethodGet, "/reports/advanced", "", http.StatusForbidden)
	want.Flag, want.PeoplePrompted, want.TenantsPrompted = "advanced-reports", 1, 1
	expect("the prompt")
	asks(http.MethodGet, "/plans?for=advanced-reports", "", http.StatusOK)
	want.PeopleVisited, want.TenantsVisited = 1, 1
	expect("the upgrade page")
	asks(http.MethodPost, "/addon", "", http.StatusOK)
	expect("an add-on")
	asks(http.MethodPost, "/plan", "plan=pro", http.StatusOK)
	asks(http.MethodGet, "/reports/advanced", "", http.StatusOK)
	want.TenantsBought = 1
	expect("the change of plan")
	rows, err := s.store.Accesses(t.Context(), models.AccessFilter{Environment: prod, User: "u-cem", Premium: []string{}}, 10)
	var outcomes []string
	for _, row := range rows {
		outcomes = append(outcomes, string(row.Kind)+" "+row.Flag)
	}
	if got := strings.Join(outcomes, ", "); err != nil || got != "granted advanced-reports, denied advanced-reports" {
		t.Errorf("the gates did: %s, %v", got, err)
	}
}
