package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models"
)

// heard is a sink that remembers what it took.
type heard struct {
	mu     sync.Mutex
	events []models.FeatureFlagEvent
}

func (*heard) Name() string { return "heard" }

func (h *heard) Send(_ context.Context, events []models.FeatureFlagEvent) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, events...)
	return nil
}

func eachDatabase(t *testing.T, test func(t *testing.T, store *models.Store)) {
	t.Run("SQLite", func(t *testing.T) { test(t, openSQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, openPostgres(t)) })
}

func TestAChangeOfPlansReachesSinksOnceAlsoAtTheEnd(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *models.Store) {
		flags, sink := flagtest.With(t, "home", true), &heard{}
		recorder := analytics.New(store, flags, analytics.Options{Sinks: []analytics.Sink{sink}, OnlySinks: true})
		for _, plan := range []string{"free", "pro"} { // the first is no change
			flags.PlanChanged(t.Context(), "acme", "", plan)
			if err := recorder.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		flags.PlanChanged(t.Context(), "acme", "pro", "team")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_ = recorder.Run(ended) // which stores and sends what is left
		var said []string
		for _, e := range sink.events {
			said = append(said, fmt.Sprintf("%s %s: %s to %s", e.Kind, e.Tenant, e.Name, e.Plan))
		}
		if want := "plan acme: free to pro, plan acme: pro to team"; strings.Join(said, ", ") != want {
			t.Errorf("the sink heard %q", said)
		}
	})
}

func TestChangesOfPlansAreToldAgainWhenTheDatabasesAnswerWasLost(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, store *models.Store) {
		at := models.At(time.Now())
		batch := func(number int64, plan string) models.Batch {
			seen := models.AnalyticsTenant{Environment: "production", Tenant: "acme", Plan: plan, Since: at}
			change := models.FeatureFlagEvent{Day: models.Day(at.Time), ID: uuid.NewString(), At: at, Kind: models.EventPlan, Environment: "production", Tenant: "acme", Plan: plan, Share: 100_000}
			return models.Batch{Instance: models.AnalyticsInstance{Instance: "one", Environment: "production", Host: "here", Batch: number, StartedAt: at, FlushedAt: at, Every: 10_000, Refused: "{}"},
				Plans: []models.PlanSeen{{AnalyticsTenant: seen, Change: change}}}
		}
		if changes, err := store.RecordBatch(t.Context(), batch(1, "free")); err != nil || len(changes) != 0 {
			t.Fatalf("%v, %v", changes, err)
		}
		second := batch(2, "pro")
		for range 2 { // the answer to the first is lost
			changes, err := store.RecordBatch(t.Context(), second)
			if err != nil || len(changes) != 1 || changes[0].ID != second.Plans[0].Change.ID || changes[0].Name != "free" {
				t.Fatalf("%+v, %v", changes, err)
			}
		}
	})
}

func TestOneDatabaseTakesManyEvents(t *testing.T) {
	url := pgtest.URL(t)
	fill := func(t *testing.T, store *models.Store) {
		const batches, size = 10, 5000
		at := models.At(time.Now())
		var took []time.Duration
		for n := range batches {
			began := time.Now()
			b := models.Batch{Instance: models.AnalyticsInstance{Instance: "one", Environment: "production", Host: "here", Batch: int64(n + 1), StartedAt: at, FlushedAt: at, Every: 10_000, Refused: "{}"}}
			for i := range size {
				person := fmt.Sprintf("user-%06d", n*size+i)
				b.Events = append(b.Events, models.FeatureFlagEvent{Day: models.Day(at.Time), ID: uuid.NewString(), At: at, Kind: models.EventExposure, Environment: "production", Flag: fmt.Sprintf("flag-%02d", i%50),
					Variant: "on", Revision: 7, Reason: "SPLIT", Place: "/search", UserID: person, VisitorID: "v-" + person, Tenant: fmt.Sprintf("tenant-%03d", i%500), Plan: "pro", Share: 100_000})
			}
			if _, err := store.RecordBatch(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		usually := took[batches/2] // a machine that is busy with something else may be so for seconds
		t.Logf("%d events in %v: %.0f a second", size, usually.Round(time.Millisecond), size/usually.Seconds())
		if usually > time.Minute/batches {
			t.Errorf("%d events took %v", size, usually)
		}
	}
	t.Run("SQLite", func(t *testing.T) { fill(t, openSQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { fill(t, openURL(t, url)) })
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var events, bytes int64
	const sizes = `SELECT (SELECT count(*) FROM feature_flag_events), (SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'feature\_flag\_events%')`
	if err := conn.QueryRow(t.Context(), sizes).Scan(&events, &bytes); err != nil || events == 0 {
		t.Fatal(events, err)
	}
	t.Logf("%d bytes for each of %d events, with indexes", bytes/events, events)
}

func TestTheCommandPostsEventsToAWebhookInsteadOfStoringThem(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{} // by id
	kinds := map[string]int{}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var said struct {
			Data struct {
				Events []struct{ ID, Kind, User string }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.Header.Get("Webhook-Signature") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range said.Data.Events {
			seen[e.ID]++
			kinds[e.Kind+" "+e.User]++
		}
	}))
	t.Cleanup(hook.Close)
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	s := newCommand(t, "METRICS_LISTEN=127.0.0.1:0", "EVENTS_STORE=no", "PRIVATE_WEBHOOKS=true", "EVENTS_WEBHOOK_URL="+hook.URL+"/secret-path", "EVENTS_WEBHOOK_SECRET="+secret).serves()
	ann := s.guest().signsIn("u-ann")
	for range 3 {
		ann.opens("/")
	}
	if metrics := metricsOf(t, s); !strings.Contains(metrics, `flags_queue_capacity{queue="webhook"} 100000`) {
		t.Errorf("the metrics do not show the sink's queue:\n%s", metrics)
	}
	if code := s.ends(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
	mu.Lock()
	defer mu.Unlock()
	if kinds["exposure u-ann"] == 0 {
		t.Errorf("the webhook heard of %v", kinds)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if log := s.log.String(); strings.Contains(log, secret) || strings.Contains(log, "secret-path") {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

func TestWrongSettingsOfSinksAreRefused(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"EVENTS_STORE=no":                 "say where events go instead",
		"EVENTS_KEEP=6":                   "from 7 to 36500 days",
		"CHECKS_KEEP=6":                   "from 7 to 36500 days",
		"EVENTS_WAITING=999":              "from 1000 to 10000000 events",
		"BROWSER_METRICS=booked,Not-me":   `"Not-me" is no name of a metric`,
		"EVENTS_OTLP=true":                "OTEL_EXPORTER_OTLP_ENDPOINT",
		"MIXPANEL_PROJECT=4711":           "MIXPANEL_USER",
		"EVENTS_WEBHOOK_SECRET=hunter222": "EVENTS_WEBHOOK_SECRET",
	} {
		c := newCommand(t, setting)
		c.refuses(2, []string{want})
		if out := c.run(); strings.Contains(out.String(), "hunter222") {
			t.Errorf("%s: a secret is told: %s", setting, out)
		}
	}
}
