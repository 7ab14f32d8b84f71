package flagmetrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/toprent/flags/telemetry"
)

// Hooks are what the packages that do something are given, so that it is measured: service.Config.Telemetry,
// changes.Options.Telemetry, directory.Options.Telemetry and so on.
func (m *Metrics) Hooks() telemetry.Hooks {
	return telemetry.Hooks{Begin: m.begin, Evaluated: m.observeEvaluation}
}

func (m *Metrics) observeEvaluation(took time.Duration, cached bool) {
	if cached {
		m.cached.Observe(took.Seconds())
	} else {
		m.evaluated.Observe(took.Seconds())
	}
}

// begin measures everything but evaluations, of which a sample is enough.
func (m *Metrics) begin(ctx context.Context, work telemetry.Work) (context.Context, telemetry.End) {
	if work.Kind == telemetry.Evaluate { // which is on every request's way
		return ctx, nil
	}
	began := time.Now()
	switch work.Kind {
	case telemetry.Refresh:
		return ctx, func(err error, attributes ...slog.Attr) { m.endRefresh(time.Since(began), err, attributes) }
	case telemetry.Change:
		return ctx, func(_ error, attributes ...slog.Attr) { m.endChange(work.Name, time.Since(began), attributes) }
	case telemetry.Flush:
		return ctx, func(err error, _ ...slog.Attr) {
			m.flushes.WithLabelValues(work.Name, doneOrFailed(err)).Observe(time.Since(began).Seconds())
		}
	}
	return ctx, nil
}

func (m *Metrics) endRefresh(took time.Duration, err error, attributes []slog.Attr) {
	environment, result := "", "same"
	for _, a := range attributes {
		switch {
		case a.Key == telemetry.Environment:
			environment = a.Value.String()
		case a.Key == telemetry.New && a.Value.Bool():
			result = "new"
		}
	}
	if err != nil {
		result = telemetry.Failed
	}
	m.refreshes.WithLabelValues(environment, result).Observe(took.Seconds())
}

func (m *Metrics) endChange(change string, took time.Duration, attributes []slog.Attr) {
	for _, a := range attributes {
		switch a.Key {
		case telemetry.Result:
			m.changes.WithLabelValues(change, a.Value.String()).Observe(took.Seconds())
		case telemetry.Made:
			if made, ok := a.Value.Any().(telemetry.MadeRevision); ok {
				m.made.WithLabelValues(made.Environment, made.Kind).Inc()
			}
		}
	}
}

func doneOrFailed(err error) string {
	if err != nil {
		return telemetry.Failed
	}
	return telemetry.Done
}
