package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/toprent/flags/telemetry"
	"github.com/toprent/flags/telemetry/flagmetrics"
	"github.com/toprent/flags/telemetry/flagtraces"
)

// Telemetry are the settings of metrics and traces.
type Telemetry struct {
	MetricsListen string `name:"metrics-listen" env:"METRICS_LISTEN" placeholder:"HOST:PORT" help:"Where Prometheus asks for /metrics: an address of its own, which nobody should reach from outside. Without it there are none."`
	Traces        string `name:"traces" env:"OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"The OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318. Without it there are none. OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and OTEL's other variables hold."`
}

func (t *Telemetry) check() error {
	if t.MetricsListen != "" {
		if err := checkAddress("METRICS_LISTEN", t.MetricsListen); err != nil {
			return err
		}
	}
	if t.Traces == "" {
		return nil
	}
	if u, err := url.Parse(t.Traces); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: use http://HOST:PORT or https://…, such as http://127.0.0.1:4318") // without what was given: it may hold a password
	}
	return nil
}

// watching is what is watched with: metrics, traces, both or neither.
type watching struct {
	hooks   telemetry.Hooks
	metrics *flagmetrics.Metrics
	listen  net.Listener    // for metrics; nil: there are none
	request gin.HandlerFunc // traces requests; nil: there are no traces
	close   func()          // sends what is left
}

// watch begins to watch. The address of the metrics is taken at once, as the site's is.
func (t *Telemetry) watch(ctx context.Context, environment string, s streams) (*watching, error) {
	w := &watching{metrics: flagmetrics.New(), close: func() {}}
	if t.MetricsListen != "" {
		var err error
		if w.listen, err = net.Listen("tcp", t.MetricsListen); err != nil {
			return nil, cannotListen("METRICS_LISTEN", t.MetricsListen, err)
		}
		w.hooks = w.metrics.Hooks()
		s.log.Info("metrics are served", "address", "http://"+w.listen.Addr().String()+"/metrics")
	}
	if t.Traces == "" {
		return w, nil
	}
	traces, err := t.provider(ctx, environment, s)
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	w.hooks = telemetry.Join(w.hooks, flagtraces.Hooks(traces))
	w.request = otelgin.Middleware("", otelgin.WithTracerProvider(traces), otelgin.WithPropagators(propagation.TraceContext{}), otelgin.WithGinFilter(mayBeTraced))
	w.close = func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTraces)
		defer cancel()
		if err := traces.Shutdown(ending); err != nil {
			s.log.Warn("the last traces could not be sent", "error", err)
		}
	}
	return w, nil
}

// lastTraces is how long an end waits for a collector.
const lastTraces = 3 * time.Second

func (t *Telemetry) provider(ctx context.Context, environment string, s streams) (*trace.TracerProvider, error) {
	endpoint, err := url.JoinPath(t.Traces, "v1/traces")
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	about, err := about(ctx, environment)
	if err != nil {
		return nil, err
	}
	return trace.NewTracerProvider(trace.WithBatcher(&patientExporter{SpanExporter: exporter, log: s.log}), trace.WithResource(about)), nil
}

// about says whose traces and events they are. What the variables say comes last, so that it wins.
func about(ctx context.Context, environment string) (*resource.Resource, error) {
	about, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("toprent"), semconv.DeploymentEnvironmentNameKey.String(environment)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return about, nil
}

// patientExporter logs when a collector is away and when it is back, rather than every few seconds in between. It is called
// by one goroutine at a time.
type patientExporter struct {
	trace.SpanExporter
	log  *slog.Logger
	away bool
}

// ExportSpans satisfies trace.SpanExporter. What cannot be sent is dropped: traces must not fill the memory.
func (e *patientExporter) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.away:
		e.log.Warn("traces could not be sent and are dropped; sending goes on", "error", err)
	case err == nil && e.away:
		e.log.Info("traces are sent again")
	}
	e.away = err != nil
	return nil // it is told
}

// mayBeTraced leaves out files, which tell nothing, and one-time links, whose path is a secret.
func mayBeTraced(c *gin.Context) bool {
	return !strings.HasPrefix(c.FullPath(), "/assets/") && !strings.Contains(c.FullPath(), ":secret")
}

// serve answers Prometheus until the context is done.
func (w *watching) serve(ctx context.Context, s streams) {
	if w.listen == nil {
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, Timeout: 10 * time.Second}))
	if err := answer(ctx, w.listen, mux, s); err != nil && ctx.Err() == nil {
		s.log.Error("metrics are served no more", "error", err)
	}
}

// stop gives the address of the metrics back, and sends the last traces.
func (w *watching) stop() error {
	w.close()
	if w.listen == nil {
		return nil
	}
	if err := w.listen.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
