package flagmetrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/toprent/flags/service"
)

// metric is one that is read when it is asked for: what it is called, and what it tells of a T.
type metric[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(T) float64
}

func gauge[T any](name, help, label string, read func(T) float64) metric[T] {
	return newMetric(name, help, label, prometheus.GaugeValue, read)
}

func counter[T any](name, help, label string, read func(T) int64) metric[T] {
	return newMetric(name, help, label, prometheus.CounterValue, func(t T) float64 { return float64(read(t)) })
}

func newMetric[T any](name, help, label string, kind prometheus.ValueType, read func(T) float64) metric[T] {
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	return metric[T]{prometheus.NewDesc("flags_"+name, help, labels, nil), kind, read}
}

// picture is what is read of a service, once for all its metrics.
type picture struct {
	service.Status
	flags           int
	decided, failed int64
}

func ofServices() []metric[picture] {
	gauge := func(name, help string, read func(picture) float64) metric[picture] {
		return gauge(name, help, "environment", read)
	}
	counter := func(name, help string, read func(picture) int64) metric[picture] {
		return counter(name, help, "environment", read)
	}
	return []metric[picture]{
		gauge("revision", "Number of the newest revision that is served.", func(p picture) float64 { return float64(p.Revision.Number) }),
		gauge("revision_published_timestamp_seconds", "When that revision was published, as Unix time; 0: none was.", func(p picture) float64 { return unix(p.Published) }),
		gauge("source_age_seconds", "How long ago the source last answered; of a revision from disk, how long ago it was saved.", func(p picture) float64 { return p.Age.Seconds() }),
		gauge("source_listening", "Whether hints of changes arrive (1), or polling alone goes on (0).", func(p picture) float64 { return bit(p.Listening) }),
		gauge("loaded", "How many flags that revision has.", func(p picture) float64 { return float64(p.flags) }),
		gauge("malformed", "How many of them are set aside, because their stored rules are wrong.", func(p picture) float64 { return float64(len(p.Malformed)) }),
		gauge("cached_subjects", "How many subjects' values are kept.", func(p picture) float64 { return float64(p.Cached) }),
		counter("decisions_total", "Decisions: one flag for one subject, each time that the subject's values are handed out.", func(p picture) int64 { return p.decided }),
		counter("decisions_failed_total", "Decisions that could not be made because the flag is malformed.", func(p picture) int64 { return p.failed }),
		counter("refreshes_total", "Times that the source was asked for the newest revision.", func(p picture) int64 { return p.Counts.Refreshes }),
		counter("refreshes_failed_total", "Times that it could not be asked, or that what it said could not be loaded.", func(p picture) int64 { return p.Counts.RefreshErrors }),
		counter("unknown_reads_total", "Reads of keys that are no flags: the fallback in the code was served.", func(p picture) int64 { return p.Counts.NotFound }),
		counter("malformed_reads_total", "Reads of flags that are malformed: their default was served.", func(p picture) int64 { return p.Counts.Failed }),
		counter("subjects_refused_total", "Subjects that are too large or otherwise wrong, and were evaluated as anonymous.", func(p picture) int64 { return p.Counts.BadSubjects }),
		counter("subject_lookups_failed_total", "Subjects that the host could not find out, in requests and by id.", func(p picture) int64 { return p.Counts.SubjectErrors }),
		counter("reads_recorded_total", "Flags that were recorded as read, each once a minute at most.", func(p picture) int64 { return p.Counts.ReadsRecorded }),
		counter("reads_record_failures_total", "Attempts to record them that failed.", func(p picture) int64 { return p.Counts.ReadErrors }),
	}
}

func ofQueues() []metric[Queue] {
	return []metric[Queue]{
		gauge("queue_length", "How much waits to be stored or sent.", "queue", func(q Queue) float64 { waiting, _ := q.Queue(); return float64(waiting) }),
		gauge("queue_capacity", "How much can wait at most; what comes on top is dropped.", "queue", func(q Queue) float64 { _, capacity := q.Queue(); return float64(capacity) }),
		counter("queue_dropped_total", "What was dropped, because there was no room or because it could never be stored.", "queue", Queue.Dropped),
		counter("queue_flushed_total", "What was stored or sent.", "queue", Queue.Flushed),
		counter("queue_flush_failures_total", "Attempts to store or send that failed.", "queue", Queue.FlushErrors),
		gauge("queue_last_flush_timestamp_seconds", "When something was last stored or sent, as Unix time; 0: never.", "queue", func(q Queue) float64 { return unix(q.LastFlush()) }),
	}
}

func ofDirectories() metric[Directory] {
	return counter("directory_dropped_total", "Sightings of people and tenants that were not kept, because too many waited or because the id cannot be stored.", "", Directory.Dropped)
}

func stateDesc() *prometheus.Desc {
	return prometheus.NewDesc("flags_source_state", "Where values come from: 1 for the state that holds, 0 for the others.", []string{"environment", "state"}, nil)
}

// Describe satisfies prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, vector := range m.vectors() {
		vector.Describe(to)
	}
	for _, metric := range ofServices() {
		to <- metric.desc
	}
	for _, metric := range ofQueues() {
		to <- metric.desc
	}
	to <- ofDirectories().desc
	to <- stateDesc()
}

func (m *Metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.evaluations, m.refreshes, m.changes, m.flushes, m.lag, m.made}
}

// Collect satisfies prometheus.Collector. It asks the database nothing.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.services {
		m.observeAdoptions(w)
		collectService(to, w.flags)
	}
	for _, q := range m.queues {
		for _, metric := range ofQueues() {
			to <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.read(q.queue), q.name)
		}
	}
	if m.directory != nil {
		metric := ofDirectories()
		to <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.read(m.directory))
	}
	for _, vector := range m.vectors() {
		vector.Collect(to)
	}
}

// observeAdoptions observes what was adopted since the last time. What the process began with has no lag.
func (m *Metrics) observeAdoptions(w *watched) {
	for _, adopted := range w.flags.Adoptions(w.adopted) {
		w.adopted = adopted.Serial
		if adopted.Lag > 0 {
			m.lag.WithLabelValues(w.flags.Environment(), strconv.FormatBool(adopted.Kills)).Observe(adopted.Lag.Seconds())
		}
	}
}

func collectService(to chan<- prometheus.Metric, flags *service.FeatureFlagService) {
	p := picture{Status: flags.Status()}
	p.decided, p.failed = flags.Decisions()
	if published := flags.Newest().Published(); published != nil {
		p.flags = published.Len()
	}
	for _, metric := range ofServices() {
		to <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.read(p), p.Environment)
	}
	for _, state := range []service.State{service.Live, service.Stale, service.FromDisk, service.Fallbacks} {
		to <- prometheus.MustNewConstMetric(stateDesc(), prometheus.GaugeValue, bit(p.State == state), p.Environment, string(state))
	}
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func unix(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
