// Package otelsink sends events as log records of OpenTelemetry, through the LoggerProvider that the host has set up. An app
// that does not import it compiles no OpenTelemetry for events.
//
//	exporter, err := otlploghttp.New(ctx)
//	provider := log.NewLoggerProvider(log.WithProcessor(log.NewBatchProcessor(exporter)))
//	recorder := analytics.New(store, flags, analytics.Options{Sinks: []analytics.Sink{otelsink.New(provider)}})
//
// What was shown, and what was asked for, becomes the event feature_flag.evaluation of the semantic conventions; what has
// no convention is called flags.gate.granted, flags.gate.denied, flags.prompt, flags.upgrade, flags.plan and flags.metric.
// Each record has the event's id in flags.event.id, by which a copy is known.
package otelsink

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Scope names the instrumentation.
const Scope = "github.com/toprent/flags/analytics"

// Sink is an analytics.Sink.
type Sink struct {
	logger log.Logger
	flush  func(context.Context) error
}

// New makes the sink. If the provider has a ForceFlush, as OpenTelemetry's own has, events have been taken once that has
// succeeded; then its processors must have room for 500 records. Otherwise they have been taken once the provider has them.
func New(provider log.LoggerProvider) *Sink {
	s := &Sink{logger: provider.Logger(Scope, log.WithSchemaURL(semconv.SchemaURL)), flush: func(context.Context) error { return nil }}
	if p, ok := provider.(interface{ ForceFlush(context.Context) error }); ok {
		s.flush = p.ForceFlush
	}
	return s
}

// Name satisfies analytics.Sink.
func (*Sink) Name() string { return "opentelemetry" }

// Send satisfies analytics.Sink.
func (s *Sink) Send(ctx context.Context, events []models.FeatureFlagEvent) error {
	for _, e := range events {
		s.logger.Emit(ctx, record(e))
	}
	return s.flush(ctx)
}

func record(e models.FeatureFlagEvent) log.Record {
	var r log.Record
	r.SetEventName(nameOf(e.Kind))
	r.SetTimestamp(e.At.Time)
	r.SetSeverity(log.SeverityInfo)
	r.AddAttributes(attribute.String("flags.event.id", e.ID), attribute.String("flags.event.kind", string(e.Kind)),
		semconv.FeatureFlagSetID(e.Environment), semconv.FeatureFlagProviderName("toprent-flags"))
	text := func(key attribute.Key, value string) {
		if value != "" {
			r.AddAttributes(key.String(value))
		}
	}
	if e.Flag != "" {
		r.AddAttributes(semconv.FeatureFlagKey(e.Flag), semconv.FeatureFlagVersion(strconv.FormatInt(e.Revision, 10)))
		text(semconv.FeatureFlagResultVariantKey, e.Variant)
		text(semconv.FeatureFlagResultReasonKey, reasonOf(e.Reason))
	}
	text(semconv.FeatureFlagContextIDKey, cmp.Or(e.UserID, e.VisitorID))
	text(semconv.UserIDKey, e.UserID)
	text("flags.visitor", e.VisitorID)
	text("flags.tenant", e.Tenant)
	text("flags.plan", e.Plan)
	text("flags.place", e.Place)
	switch e.Kind {
	case models.EventPlan:
		text("flags.plan.before", e.Name)
	case models.EventMetric:
		text("flags.metric.name", e.Name)
	}
	if e.Value != nil {
		r.AddAttributes(attribute.Float64("flags.metric.value", *e.Value))
	}
	if e.Share < int64(ruleset.Everyone) {
		r.AddAttributes(attribute.Float64("flags.share", float64(e.Share)/float64(ruleset.Everyone)))
	}
	return r
}

func nameOf(kind models.EventKind) string {
	switch kind {
	case models.EventExposure, models.EventCheck:
		return "feature_flag.evaluation"
	case models.EventGranted, models.EventDenied:
		return "flags.gate." + string(kind)
	}
	return "flags." + string(kind)
}

// reasonOf gives a reason in the words of the conventions, and where these have none in ours.
func reasonOf(reason string) string {
	switch reason {
	case ruleset.FlagNotFound.String(), ruleset.Error.String():
		return semconv.FeatureFlagResultReasonError.Value.AsString()
	case ruleset.Killed.String(), ruleset.Disabled.String():
		return semconv.FeatureFlagResultReasonDisabled.Value.AsString()
	case ruleset.Overridden.String(), ruleset.TargetingMatch.String():
		return semconv.FeatureFlagResultReasonTargetingMatch.Value.AsString()
	}
	return strings.ToLower(reason)
}
