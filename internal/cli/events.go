package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/sdk/log"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/analytics/otelsink"
	"github.com/toprent/flags/analytics/sinks"
)

// Events are the settings of where events go, beside the database or instead of it.
type Events struct {
	EventsStore      string   `name:"events-store" env:"EVENTS_STORE" enum:"yes,no" default:"yes" help:"Keep events in the database: yes, or no, if they go elsewhere and are too many (default: ${default}). Counts of checks and changes of plans are kept anyway."`
	EventsKeep       int      `name:"events-keep" env:"EVENTS_KEEP" default:"400" placeholder:"DAYS" help:"Keep events for so many days, at least 7 (default: ${default})."`
	ChecksKeep       int      `name:"checks-keep" env:"CHECKS_KEEP" default:"30" placeholder:"DAYS" help:"Keep counts of checks by the minute for so many days, at least 7 (default: ${default}). Counts by the day are kept for good."`
	EventsWaiting    int      `name:"events-waiting" env:"EVENTS_WAITING" default:"100000" placeholder:"N" help:"How many events may wait in memory for the database, and for each sink, at about 300 bytes each; further ones are dropped and counted (default: ${default})."`
	BrowserMetrics   []string `name:"browser-metrics" env:"BROWSER_METRICS" placeholder:"NAME,…" help:"What browsers may track, by name. Without it they may track anything, up to 1,000 different names a day."`
	AmplitudeKey     string   `name:"amplitude-api-key" env:"AMPLITUDE_API_KEY" placeholder:"KEY" help:"Send events to the Amplitude project with this API key."`
	AmplitudeURL     string   `name:"amplitude-url" env:"AMPLITUDE_URL" placeholder:"URL" help:"Where Amplitude takes them; for data kept in Europe https://api.eu.amplitude.com."`
	MixpanelProject  string   `name:"mixpanel-project" env:"MIXPANEL_PROJECT" placeholder:"ID" help:"Send events to this Mixpanel project, as a service account."`
	MixpanelUser     string   `name:"mixpanel-user" env:"MIXPANEL_USER" placeholder:"NAME" help:"The service account's name."`
	MixpanelSecret   string   `name:"mixpanel-secret" env:"MIXPANEL_SECRET" placeholder:"SECRET" help:"The service account's secret."`
	MixpanelURL      string   `name:"mixpanel-url" env:"MIXPANEL_URL" placeholder:"URL" help:"Where Mixpanel takes them; for data kept in Europe https://api-eu.mixpanel.com."`
	EventsWebhookURL string   `name:"events-webhook-url" env:"EVENTS_WEBHOOK_URL" placeholder:"URL" help:"Post events to this address as JSON. PRIVATE_WEBHOOKS lets it be inside."`
	EventsSecret     string   `name:"events-webhook-secret" env:"EVENTS_WEBHOOK_SECRET" placeholder:"SECRET" help:"Signs them, as Standard Webhooks specifies: whsec_ and base64."`
	EventsOTLP       bool     `name:"events-otlp" env:"EVENTS_OTLP" help:"Send events as log records to OTEL_EXPORTER_OTLP_ENDPOINT."`
}

func (e *Events) check(collector string, inside bool) error {
	for _, name := range e.BrowserMetrics {
		if err := analytics.CheckName(name); err != nil {
			return fmt.Errorf("BROWSER_METRICS: %w", err)
		}
	}
	all, err := e.sinks(inside)
	switch {
	case err != nil:
		return err
	case e.EventsKeep < 7 || e.EventsKeep > 36500:
		return fmt.Errorf("EVENTS_KEEP=%d: from 7 to 36500 days can be kept", e.EventsKeep)
	case e.ChecksKeep < 7 || e.ChecksKeep > 36500:
		return fmt.Errorf("CHECKS_KEEP=%d: from 7 to 36500 days can be kept", e.ChecksKeep)
	case e.EventsWaiting < 1000 || e.EventsWaiting > 10_000_000:
		return fmt.Errorf("EVENTS_WAITING=%d: from 1000 to 10000000 events can wait", e.EventsWaiting)
	case e.EventsOTLP && collector == "":
		return errors.New("EVENTS_OTLP needs OTEL_EXPORTER_OTLP_ENDPOINT, such as http://127.0.0.1:4318")
	case e.EventsStore == "no" && len(all) == 0 && !e.EventsOTLP:
		return errors.New("EVENTS_STORE=no: say where events go instead, such as with AMPLITUDE_API_KEY, MIXPANEL_PROJECT, EVENTS_WEBHOOK_URL or EVENTS_OTLP")
	}
	return nil
}

// sinks are those that need nothing to be ended.
func (e *Events) sinks(inside bool) (all []analytics.Sink, err error) {
	add := func(setting string, sink analytics.Sink, wrong error) {
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", setting, wrong))
			return
		}
		all = append(all, sink)
	}
	if e.AmplitudeKey != "" {
		sink, err := sinks.Amplitude(e.AmplitudeKey, sinks.Options{URL: e.AmplitudeURL, Inside: inside})
		add("AMPLITUDE_API_KEY, AMPLITUDE_URL", sink, err)
	}
	if e.MixpanelProject+e.MixpanelUser+e.MixpanelSecret != "" {
		sink, err := sinks.Mixpanel(e.MixpanelProject, e.MixpanelUser, e.MixpanelSecret, sinks.Options{URL: e.MixpanelURL, Inside: inside})
		add("MIXPANEL_PROJECT, MIXPANEL_USER, MIXPANEL_SECRET", sink, err)
	}
	if e.EventsWebhookURL+e.EventsSecret != "" {
		sink, err := sinks.Webhook(e.EventsWebhookURL, e.EventsSecret, sinks.Options{Inside: inside})
		add("EVENTS_WEBHOOK_URL, EVENTS_WEBHOOK_SECRET", sink, err)
	}
	return all, err
}

// logs is the sink that sends events to a collector, and what ends it.
func (t *Telemetry) logs(ctx context.Context, environment string) (analytics.Sink, func(), error) {
	endpoint, err := url.JoinPath(t.Traces, "v1/logs")
	if err != nil {
		return nil, nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	// The recorder sends again what a collector has not taken.
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(endpoint), otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
	if err != nil {
		return nil, nil, fmt.Errorf("send events: %w", err)
	}
	about, err := about(ctx, environment)
	if err != nil {
		return nil, nil, err
	}
	provider := log.NewLoggerProvider(log.WithResource(about), log.WithProcessor(log.NewBatchProcessor(exporter, log.WithExportInterval(time.Minute))))
	return otelsink.New(provider), func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTraces)
		defer cancel()
		_ = provider.Shutdown(ending) // nothing is in it: each batch is flushed
	}, nil
}

// record gives the recorder's options, and what ends its sinks.
func (s *Settings) record(ctx context.Context, log *slog.Logger) (analytics.Options, func(), error) {
	all, err := s.sinks(s.Inside)
	if err != nil {
		return analytics.Options{}, nil, err
	}
	end := func() {}
	if s.EventsOTLP {
		var sink analytics.Sink
		if sink, end, err = s.logs(ctx, s.Environment); err != nil {
			return analytics.Options{}, nil, err
		}
		all = append(all, sink)
	}
	return analytics.Options{Sinks: all, OnlySinks: s.EventsStore == "no", KeepEvents: s.EventsKeep, KeepChecks: s.ChecksKeep, MaxWaiting: s.EventsWaiting, BrowserMetrics: s.BrowserMetrics, Logger: log}, end, nil
}
