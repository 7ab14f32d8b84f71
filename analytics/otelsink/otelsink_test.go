package otelsink_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/log"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/analytics/otelsink"
	"github.com/toprent/flags/models"
)

var _ analytics.Sink = (*otelsink.Sink)(nil)

// collector keeps what is exported; while it is down it refuses it.
type collector struct {
	down    bool
	records []log.Record
}

var errDown = errors.New("no collector")

func (c *collector) Export(_ context.Context, records []log.Record) error {
	if c.down {
		return errDown
	}
	for _, r := range records {
		c.records = append(c.records, r.Clone())
	}
	return nil
}

func (*collector) Shutdown(context.Context) error   { return nil }
func (*collector) ForceFlush(context.Context) error { return nil }

func sinkTo(t *testing.T, c *collector) analytics.Sink {
	provider := log.NewLoggerProvider(log.WithProcessor(log.NewBatchProcessor(c, log.WithExportInterval(time.Hour))))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return otelsink.New(provider)
}

func attributes(r log.Record) map[attribute.Key]string {
	all := map[attribute.Key]string{}
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		all[a.Key] = a.Value.String()
		return true
	})
	return all
}

func TestExposuresFollowTheSemanticConventions(t *testing.T) {
	c := &collector{}
	at, value := models.At(time.Now()), 2.5
	err := sinkTo(t, c).Send(t.Context(), []models.FeatureFlagEvent{
		{ID: "1", At: at, Kind: models.EventExposure, Environment: "production", Flag: "home", Variant: "on", Reason: "KILLED", Revision: 7, UserID: "ann", VisitorID: "v", Tenant: "acme", Share: 100_000},
		{ID: "2", At: at, Kind: models.EventDenied, Environment: "production", Flag: "reports", VisitorID: "v", Share: 100_000},
		{ID: "3", At: at, Kind: models.EventMetric, Environment: "production", Name: "bookings", Value: &value, Tenant: "acme", Share: 100_000},
	})
	if err != nil || len(c.records) != 3 {
		t.Fatalf("%d records: %v", len(c.records), err)
	}
	if r := c.records[0]; r.EventName() != "feature_flag.evaluation" || !r.Timestamp().Equal(at.Time) {
		t.Errorf("%s at %v", r.EventName(), r.Timestamp())
	}
	for key, want := range map[attribute.Key]string{"feature_flag.key": "home", "feature_flag.result.variant": "on", "feature_flag.result.reason": "disabled",
		"feature_flag.context.id": "ann", "feature_flag.set.id": "production", "feature_flag.version": "7", "feature_flag.provider.name": "toprent-flags",
		"flags.event.id": "1", "flags.visitor": "v", "flags.tenant": "acme"} {
		if got := attributes(c.records[0])[key]; got != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	if r := c.records[1]; r.EventName() != "flags.gate.denied" || attributes(r)["feature_flag.context.id"] != "v" {
		t.Errorf("%s: %v", r.EventName(), attributes(r))
	}
	if r := c.records[2]; r.EventName() != "flags.metric" || attributes(r)["flags.metric.name"] != "bookings" || attributes(r)["flags.metric.value"] != "2.5" {
		t.Errorf("%s: %v", r.EventName(), attributes(r))
	}
}

func TestWhatTheCollectorDoesNotTakeIsNotTaken(t *testing.T) {
	c := &collector{down: true}
	sink := sinkTo(t, c)
	all := make([]models.FeatureFlagEvent, 500)
	if err := sink.Send(t.Context(), all); !errors.Is(err, errDown) {
		t.Errorf("the error is %v", err)
	}
	c.down = false
	if err := sink.Send(t.Context(), all); err != nil || len(c.records) != 500 {
		t.Errorf("%d records: %v", len(c.records), err)
	}
}
