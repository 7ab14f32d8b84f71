package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Metric is something that was measured elsewhere, at its own time.
type Metric struct {
	ID    string // makes it count once on a day, however often it is told; empty: it is told once
	At    time.Time
	Who   ruleset.Subject // user, visitor and tenant count
	Name  string
	Value float64
}

// Event is what is stored of a metric. The error says what is wrong with it: it may not be of the future, nor of more than 30
// days ago.
func (m Metric) Event(environment, place string, now time.Time) (models.FeatureFlagEvent, error) {
	if err := checkMetric(&m.Who, m.Name, m.Value); err != nil {
		return models.FeatureFlagEvent{}, err
	}
	switch {
	case m.At.After(now.Add(models.ClocksDiffer)):
		return models.FeatureFlagEvent{}, fmt.Errorf("%s is of %s, which is in the future", m.Name, m.At.UTC().Format(time.RFC3339))
	case m.At.Before(now.Add(-maxAge)):
		return models.FeatureFlagEvent{}, fmt.Errorf("%s is of %s, which is more than 30 days ago", m.Name, m.At.UTC().Format(time.RFC3339))
	}
	at := models.At(m.At)
	e := models.FeatureFlagEvent{Day: models.Day(at.Time), ID: newID(), At: at, Kind: models.EventMetric, Environment: environment, Place: place,
		UserID: m.Who.User, VisitorID: m.Who.Visitor, Tenant: m.Who.Tenant, Name: m.Name, Value: &m.Value, Share: int64(ruleset.Everyone)}
	if m.ID != "" {
		e.ID = idOfMetric(e, m.Name, m.ID)
	}
	return e, nil
}

// Environment is the one whose events are recorded here.
func (r *Recorder) Environment() string { return r.flags.Environment() }

// Store stores events at once, all or none, and gives them to the sinks. Those that are stored already count once.
func (r *Recorder) Store(ctx context.Context, events []models.FeatureFlagEvent) (stored int64, err error) {
	if !r.OnlySinks {
		if events, stored, err = r.store.RecordEvents(ctx, events); err != nil {
			return 0, err
		}
	}
	r.toSinks(events...)
	return stored, nil
}
