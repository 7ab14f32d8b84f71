// Package flagmetrics tells Prometheus how flags are doing: which revision an instance serves and how old it is, how many
// decisions went wrong, how long evaluations, refreshes and changes take, how soon kills arrive, and what waits in queues.
// docs/telemetry.md lists all metrics. No metric has a label whose values come from outside, such as a flag's key or a
// person's id: those of a revision are an operator's own, and there are few.
//
//	metrics := flagmetrics.New()
//	flags, err := service.New(ctx, service.Config{Source: store, Environment: "production", Telemetry: metrics.Hooks()})
//	metrics.Watch(flags)
//	prometheus.MustRegister(metrics)
package flagmetrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/toprent/flags/service"
)

// Metrics are those of one process. They are a prometheus.Collector, and safe for concurrent use.
type Metrics struct {
	evaluations, refreshes, changes, flushes, lag *prometheus.HistogramVec
	made                                          *prometheus.CounterVec

	// The two that requests write, looked up once.
	evaluated, cached prometheus.Observer

	mu        sync.Mutex // guards what follows
	services  []*watched
	directory Directory
	queues    []namedQueue
}

// watched is a service, and the serial of the last adoption that was observed.
type watched struct {
	flags   *service.FeatureFlagService
	adopted int64
}

// Directory remembers who was seen: a directory.Directory.
type Directory interface {
	// Dropped is how many sightings were not kept, since the start.
	Dropped() int64
}

// Queue is where something waits to be stored or sent, such as the recorder of events, or one of its sinks. What it counts,
// it counts since its start.
type Queue interface {
	Queue() (waiting, capacity int) // now, and how much can wait at most
	Dropped() int64                 // what came while there was no room, or could never be stored
	Flushed() int64                 // what was stored or sent
	FlushErrors() int64             // attempts that failed; what they were about waits for the next
	LastFlush() time.Time           // when it was last stored or sent; zero: never
}

type namedQueue struct {
	name  string
	queue Queue
}

// New makes the metrics.
func New() *Metrics {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "flags", Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &Metrics{
		evaluations: histogram("evaluation_duration_seconds", "How long it took to give all values of a subject, of one evaluation in 64. cached: they were still known.",
			[]float64{1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 1e-2}, "cached"),
		refreshes: histogram("refresh_duration_seconds", "How long it took to ask the source for the newest revision, and to load it if it was new. result: new, same or failed.",
			[]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}, "environment", "result"),
		changes: histogram("change_duration_seconds", "How long a change took, in its transaction. result: done, refused, conflict, unavailable or failed.",
			[]float64{0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, "change", "result"),
		flushes: histogram("queue_flush_duration_seconds", "How long it took to store or send what waited. result: done or failed.",
			[]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, "queue", "result"),
		lag: histogram("adoption_lag_seconds", "How long after it was published a revision was served here. kills: it kills a flag.",
			[]float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 1800}, "environment", "kills"),
		made: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "flags", Name: "revisions_made_total", Help: "Revisions that this process has made. kind: publish, kill, lift, import, rollback and so on."},
			[]string{"environment", "kind"}),
	}
	m.evaluated, m.cached = m.evaluations.WithLabelValues("false"), m.evaluations.WithLabelValues("true")
	return m
}

// Watch shows how a service is doing. Of two with the same environment, the last is shown.
func (m *Metrics) Watch(flags *service.FeatureFlagService) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.services = slices.DeleteFunc(m.services, func(w *watched) bool { return w.flags.Environment() == flags.Environment() })
	m.services = append(m.services, &watched{flags: flags})
	for _, kills := range []string{"false", "true"} {
		m.lag.WithLabelValues(flags.Environment(), kills) // there from the start, so that the first one counts as an increase
	}
}

// WatchDirectory shows how the directory of those who were seen is doing.
func (m *Metrics) WatchDirectory(directory Directory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.directory = directory
}

// WatchQueue shows how a queue is doing. Of two with the same name, the last is shown.
func (m *Metrics) WatchQueue(name string, queue Queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queues = slices.DeleteFunc(m.queues, func(q namedQueue) bool { return q.name == name })
	m.queues = append(m.queues, namedQueue{name, queue})
}
