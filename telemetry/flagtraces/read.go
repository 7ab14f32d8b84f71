package flagtraces

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/toprent/flags/ruleset"
)

var provider = semconv.FeatureFlagProviderName("toprent-flags")

// AddRead tells the span of ctx, if it is recorded, that a flag was read and which variant it served: the event
// feature_flag.evaluation of OpenTelemetry's semantic conventions. The value itself is not told.
//
//	flagtraces.AddRead(c.Request.Context(), middleware.From(c).Detail("new-checkout"))
func AddRead(ctx context.Context, read ruleset.Detail) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	attributes := []attribute.KeyValue{provider, semconv.FeatureFlagKey(read.Key), reasonOf(read.Reason)}
	if read.Variant != "" {
		attributes = append(attributes, semconv.FeatureFlagResultVariant(read.Variant))
	}
	if read.Reason == ruleset.FlagNotFound || read.Reason == ruleset.Error {
		attributes = append(attributes, semconv.ErrorTypeKey.String(strings.ToLower(read.Reason.String())))
	}
	span.AddEvent("feature_flag.evaluation", trace.WithAttributes(attributes...))
}

// reasonOf gives a reason in the words of the conventions, and where these have none in ours.
func reasonOf(reason ruleset.Reason) attribute.KeyValue {
	switch reason {
	case ruleset.FlagNotFound, ruleset.Error:
		return semconv.FeatureFlagResultReasonError
	case ruleset.Killed, ruleset.Disabled:
		return semconv.FeatureFlagResultReasonDisabled
	case ruleset.Overridden, ruleset.TargetingMatch:
		return semconv.FeatureFlagResultReasonTargetingMatch
	}
	return semconv.FeatureFlagResultReasonKey.String(strings.ToLower(reason.String()))
}
