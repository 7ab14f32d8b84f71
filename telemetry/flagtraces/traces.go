// Package flagtraces tells OpenTelemetry what flags do: a span for each evaluation within a request that is traced, for
// each refresh that found something new or failed, for each change, and for each flush of a queue. Attributes have the names
// of OpenTelemetry's semantic conventions where these have one.
//
//	hooks := flagtraces.Hooks(nil) // of the global provider
//	flags, err := service.New(ctx, service.Config{Source: store, Environment: "production", Telemetry: hooks})
//
// Which flags a request read is not told unless the host asks for it, with [AddRead]. No span holds who was asking.
package flagtraces

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/toprent/flags/telemetry"
)

// Scope names the instrumentation.
const Scope = "github.com/toprent/flags"

// Hooks are what the packages that do something are given, so that it is traced: service.Config.Telemetry,
// changes.Options.Telemetry and so on. A nil provider stands for the global one.
func Hooks(provider trace.TracerProvider) telemetry.Hooks {
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	t := tracer{provider.Tracer(Scope)}
	return telemetry.Hooks{Begin: t.begin}
}

type tracer struct{ tracer trace.Tracer }

func (t tracer) begin(ctx context.Context, work telemetry.Work) (context.Context, telemetry.End) {
	switch work.Kind {
	case telemetry.Evaluate:
		// A trace of an evaluation alone would tell nothing, and there are too many of them.
		if !trace.SpanFromContext(ctx).IsRecording() {
			return ctx, nil
		}
	case telemetry.Refresh:
		return ctx, t.endRefresh(ctx, time.Now())
	}
	ctx, span := t.tracer.Start(ctx, nameOf(work))
	if !span.IsRecording() {
		return ctx, nil
	}
	return ctx, func(err error, known ...slog.Attr) { end(span, err, known) }
}

// endRefresh makes the span at the end: every few seconds there is a refresh that finds nothing, and tells nothing.
func (t tracer) endRefresh(ctx context.Context, began time.Time) telemetry.End {
	return func(err error, known ...slog.Attr) {
		if err == nil && !foundNew(known) {
			return
		}
		_, span := t.tracer.Start(ctx, "flags refresh", trace.WithTimestamp(began))
		end(span, err, known)
	}
}

func foundNew(known []slog.Attr) bool {
	for _, a := range known {
		if a.Key == telemetry.New {
			return a.Value.Bool()
		}
	}
	return false
}

// nameOf names few spans: nothing in it comes from outside.
func nameOf(work telemetry.Work) string {
	switch work.Kind {
	case telemetry.Change:
		return "flags " + work.Name
	case telemetry.Flush:
		return "flags flush " + work.Name
	}
	return "flags " + work.Kind.String()
}

func end(span trace.Span, err error, known []slog.Attr) {
	span.SetAttributes(attributesOf(known)...)
	if err != nil && !authors(known) {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// authors reports whether what went wrong is the author's of a change to mend. Its words may name people.
func authors(known []slog.Attr) bool {
	for _, a := range known {
		if a.Key == telemetry.Result {
			return a.Value.String() == telemetry.Refused || a.Value.String() == telemetry.Conflict
		}
	}
	return false
}

func attributesOf(known []slog.Attr) []attribute.KeyValue {
	out := []attribute.KeyValue{provider}
	var made []telemetry.MadeRevision
	for _, a := range known {
		switch {
		case a.Key == telemetry.Environment:
			out = append(out, semconv.FeatureFlagSetID(a.Value.String()))
		case a.Key == telemetry.Revision:
			out = append(out, version(a.Value.Int64()))
		case a.Key == telemetry.Made:
			if m, ok := a.Value.Any().(telemetry.MadeRevision); ok {
				made = append(made, m)
			}
		case a.Value.Kind() == slog.KindInt64:
			out = append(out, attribute.Int64("flags."+a.Key, a.Value.Int64()))
		case a.Value.Kind() == slog.KindBool:
			out = append(out, attribute.Bool("flags."+a.Key, a.Value.Bool()))
		default:
			out = append(out, attribute.String("flags."+a.Key, a.Value.String()))
		}
	}
	return appendMade(out, made)
}

// appendMade tells of the revisions that a change made: mostly there is one.
func appendMade(out []attribute.KeyValue, made []telemetry.MadeRevision) []attribute.KeyValue {
	if len(made) == 0 {
		return out
	}
	var lines []string
	for _, m := range made {
		lines = append(lines, fmt.Sprintf("%s %d %s", m.Environment, m.Number, m.Kind))
	}
	if len(made) == 1 {
		out = append(out, semconv.FeatureFlagSetID(made[0].Environment), version(made[0].Number))
	}
	return append(out, attribute.StringSlice("flags.made", lines))
}

func version(revision int64) attribute.KeyValue {
	return semconv.FeatureFlagVersion(strconv.FormatInt(revision, 10))
}
