package flagmetrics_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry"
	"github.com/toprent/flags/telemetry/flagmetrics"
)

// app is a service that is measured.
type app struct {
	*service.FeatureFlagService
	source  *flagtest.Source
	metrics *flagmetrics.Metrics
	server  *httptest.Server
}

func newApp(t *testing.T) *app {
	t.Helper()
	a := &app{source: flagtest.NewSource(), metrics: flagmetrics.New()}
	a.source.Publish(flagtest.Definition(t, "home", true, "greeting", "Welcome"))
	var err error
	a.FeatureFlagService, err = service.New(t.Context(), service.Config{Source: a.source, Environment: flagtest.Environment,
		Clock: a.source.Now, Logger: slog.New(slog.DiscardHandler), Telemetry: a.metrics.Hooks()})
	if err != nil {
		t.Fatal(err)
	}
	a.metrics.Watch(a.FeatureFlagService)
	registry := prometheus.NewPedanticRegistry() // which refuses what does not fit together
	registry.MustRegister(a.metrics)
	a.server = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	t.Cleanup(a.server.Close)
	return a
}

func (a *app) refresh(t *testing.T) {
	t.Helper()
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// scrape is what Prometheus sees.
func (a *app) scrape(t *testing.T) scraped {
	t.Helper()
	response, err := a.server.Client().Get(a.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(response.Body)
		t.Fatalf("%s: %s", response.Status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

type scraped map[string]*dto.MetricFamily

// one is the metric of a name with these labels, given as name=value; histograms stand for their count.
func (s scraped) one(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	m := s.metric(t, name, labels...)
	switch {
	case m == nil:
		return -1
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	case m.Counter != nil:
		return m.Counter.GetValue()
	}
	return m.Gauge.GetValue()
}

func (s scraped) metric(t *testing.T, name string, labels ...string) *dto.Metric {
	t.Helper()
	for _, m := range s[name].GetMetric() {
		has := true
		for _, want := range labels {
			has = has && slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName()+"="+l.GetValue() == want })
		}
		if has {
			return m
		}
	}
	return nil
}

func (s scraped) expect(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	if got := s.one(t, name, labels...); got != want {
		t.Errorf("%s%v is %v, not %v (-1: it is not there)", name, labels, got, want)
	}
}

const here = "environment=" + flagtest.Environment

func TestCountersEqualWhatHappened(t *testing.T) {
	a := newApp(t)
	for range 7 {
		a.Values(t.Context(), ruleset.Subject{User: "ann"}).On("home")
	}
	values := a.Values(t.Context(), ruleset.Subject{User: strings.Repeat("x", 300)}) // refused
	values.On("hone")
	values.On("hone")
	a.refresh(t)
	a.source.Down()
	for range 3 {
		if a.Refresh(t.Context()) == nil {
			t.Fatal("a source that is down was asked")
		}
	}
	a.source.Advance(90 * time.Second)
	s := a.scrape(t)
	s.expect(t, 1, "flags_revision", here)
	s.expect(t, float64(a.source.Now().Add(-90*time.Second).Unix()), "flags_revision_published_timestamp_seconds", here)
	s.expect(t, 2, "flags_loaded", here)
	s.expect(t, 0, "flags_malformed", here)
	s.expect(t, 16, "flags_decisions_total", here) // two flags, eight times
	s.expect(t, 0, "flags_decisions_failed_total", here)
	s.expect(t, 2, "flags_unknown_reads_total", here)
	s.expect(t, 1, "flags_subjects_refused_total", here)
	s.expect(t, 5, "flags_refreshes_total", here) // the first at the start
	s.expect(t, 3, "flags_refreshes_failed_total", here)
	s.expect(t, 90, "flags_source_age_seconds", here)
	s.expect(t, 1, "flags_source_state", here, "state=stale")
	s.expect(t, 0, "flags_source_state", here, "state=live")
	s.expect(t, 0, "flags_source_listening", here)
	for result, count := range map[string]float64{"new": 1, "same": 1, "failed": 3} {
		s.expect(t, count, "flags_refresh_duration_seconds", here, "result="+result)
	}
}

func TestAMalformedFlagIsCounted(t *testing.T) {
	a := newApp(t)
	a.source.Publish(ruleset.Definition{Flags: []ruleset.Flag{{Key: "bad", Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: true, Otherwise: "no such variant"}}})
	a.refresh(t)
	a.Values(t.Context(), ruleset.Subject{}).On("bad")
	s := a.scrape(t)
	s.expect(t, 1, "flags_malformed", here)
	s.expect(t, 1, "flags_decisions_failed_total", here)
	s.expect(t, 1, "flags_malformed_reads_total", here)
}

func TestOneEvaluationInSixtyFourIsTimed(t *testing.T) {
	a := newApp(t)
	view, at := a.Newest(), a.Now()
	const rounds = 64_000
	for range rounds {
		view.CachedValues(ruleset.Subject{User: "ann"}, at)
		view.Values(ruleset.Subject{User: "ann"}, at)
	}
	s := a.scrape(t)
	for _, cached := range []string{"cached=true", "cached=false"} {
		// 1,000 are expected with a deviation of 31; ten of these never happen.
		if n := s.one(t, "flags_evaluation_duration_seconds", cached); n < 690 || n > 1310 {
			t.Errorf("%s: %v of %d were timed", cached, n, rounds)
		}
	}
	s.expect(t, 2*2*rounds, "flags_decisions_total", here) // all are counted
}

func TestTheLagOfAKillIsMeasuredFromItsPublication(t *testing.T) {
	a := newApp(t)
	killed := flagtest.Definition(t, "home", true, "greeting", "Welcome")
	killed.Flags[0].Killed = true
	a.scrape(t).expect(t, 0, "flags_adoption_lag_seconds", here, "kills=true") // there before the first kill
	a.source.Publish(killed)
	a.source.Advance(4 * time.Second)
	a.refresh(t)
	for range 2 { // a second scrape counts nothing twice
		s := a.scrape(t)
		s.expect(t, 1, "flags_adoption_lag_seconds", here, "kills=true")
		if sum := s.metric(t, "flags_adoption_lag_seconds", here, "kills=true").Histogram.GetSampleSum(); sum != 4 {
			t.Errorf("the lag is %v s, not 4", sum)
		}
		s.expect(t, 0, "flags_adoption_lag_seconds", here, "kills=false") // what the process began with has none
	}
}

func TestWhatWasPublishedDuringAnOutageCountsFromItsBeginning(t *testing.T) {
	a := newApp(t)
	killed := flagtest.Definition(t, "home", true)
	killed.Flags[0].Killed = true
	a.source.Advance(time.Second)
	a.source.Publish(killed) // of which the service hears nothing for ten minutes,
	a.source.Advance(10 * time.Minute)
	a.source.Publish(flagtest.Definition(t, "home", true)) // while another revision lifts it again
	a.refresh(t)
	s := a.scrape(t)
	s.expect(t, 1, "flags_adoption_lag_seconds", here, "kills=true")
	if sum := s.metric(t, "flags_adoption_lag_seconds", here, "kills=true").Histogram.GetSampleSum(); sum != 601 {
		t.Errorf("the lag is %v s, not 601", sum)
	}
}

func TestChangesAreMeasuredByWhatCameOfThem(t *testing.T) {
	a := newApp(t)
	begin := a.metrics.Hooks().Begin
	for _, result := range []string{telemetry.Done, telemetry.Done, telemetry.Unavailable} {
		_, end := begin(t.Context(), telemetry.Work{Kind: telemetry.Change, Name: "kill"})
		known := []slog.Attr{slog.String(telemetry.Result, result)}
		if result == telemetry.Done {
			known = append(known, slog.Any(telemetry.Made, telemetry.MadeRevision{Environment: "production", Number: 7, Kind: "kill"}))
		}
		end(nil, known...)
	}
	s := a.scrape(t)
	s.expect(t, 2, "flags_change_duration_seconds", "change=kill", "result=done")
	s.expect(t, 1, "flags_change_duration_seconds", "change=kill", "result=unavailable")
	s.expect(t, 2, "flags_revisions_made_total", "environment=production", "kind=kill")
}

type queue struct{ last time.Time }

func (queue) Queue() (waiting, capacity int) { return 12, 50_000 }
func (queue) Dropped() int64                 { return 3 }
func (queue) Flushed() int64                 { return 400 }
func (queue) FlushErrors() int64             { return 2 }
func (q queue) LastFlush() time.Time         { return q.last }

func TestQueuesTellWhatWaitsAndWhatWasLost(t *testing.T) {
	a := newApp(t)
	a.metrics.WatchQueue("events", queue{})
	a.metrics.WatchQueue("amplitude", queue{time.Unix(1_800_000_000, 250e6)})
	a.metrics.WatchDirectory(queue{})
	_, end := a.metrics.Hooks().Begin(t.Context(), telemetry.Work{Kind: telemetry.Flush, Name: "events"})
	end(errors.New("the disk is full"))
	s := a.scrape(t)
	for _, name := range []string{"queue=events", "queue=amplitude"} {
		s.expect(t, 12, "flags_queue_length", name)
		s.expect(t, 50_000, "flags_queue_capacity", name)
		s.expect(t, 3, "flags_queue_dropped_total", name)
		s.expect(t, 400, "flags_queue_flushed_total", name)
		s.expect(t, 2, "flags_queue_flush_failures_total", name)
	}
	s.expect(t, 0, "flags_queue_last_flush_timestamp_seconds", "queue=events")
	s.expect(t, 1_800_000_000.25, "flags_queue_last_flush_timestamp_seconds", "queue=amplitude")
	s.expect(t, 1, "flags_queue_flush_duration_seconds", "queue=events", "result=failed")
	s.expect(t, 3, "flags_directory_dropped_total")
}

func TestAServiceThatIsMadeAnewTakesThePlaceOfTheOldOne(t *testing.T) {
	a := newApp(t)
	a.source.Publish(flagtest.Definition(t, "home", false))
	a.metrics.Watch(flagtest.Service(t, a.source))
	a.scrape(t).expect(t, 2, "flags_revision", here)
}

func TestEveryMetricFollowsPrometheusConventionsAndIsDescribed(t *testing.T) {
	a := newApp(t)
	a.metrics.WatchQueue("events", queue{})
	a.metrics.WatchDirectory(queue{})
	begin := a.metrics.Hooks().Begin
	_, end := begin(t.Context(), telemetry.Work{Kind: telemetry.Change, Name: "publish"})
	end(nil, slog.String(telemetry.Result, telemetry.Done), slog.Any(telemetry.Made, telemetry.MadeRevision{Environment: "production", Number: 1, Kind: "publish"}))
	_, end = begin(t.Context(), telemetry.Work{Kind: telemetry.Flush, Name: "events"})
	end(nil)
	response, err := a.server.Client().Get(a.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	problems, err := promlint.New(response.Body).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	table, err := os.ReadFile("../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	names := a.scrape(t)
	for name, family := range names {
		if row := "| `" + name + "` | " + strings.ToLower(family.GetType().String()) + " |"; !strings.Contains(string(table), row) {
			t.Errorf("docs/telemetry.md has no row %s", row)
		}
	}
	if rows := strings.Count(string(table), "\n| `flags_"); rows != len(names) {
		t.Errorf("docs/telemetry.md has %d metrics, there are %d", rows, len(names))
	}
}
