package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Metric is something that a program has measured.
type Metric struct {
	ID      string          `json:"id"`      // makes it count once on its day, however often it is sent
	At      *time.Time      `json:"at"`      // defaults to now
	User    string          `json:"user"`    // of whom it was measured: a user,
	Visitor string          `json:"visitor"` // a visitor
	Tenant  string          `json:"tenant"`  // or a tenant; at least one of these
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value"` // a number; defaults to 1
}

// Measured says what came of metrics.
type Measured struct {
	Environment string `json:"environment"`
	Received    int    `json:"received"`
	Stored      int64  `json:"stored"` // the others were stored already
}

const (
	maxMetrics  = 1000 // in a request
	maxMistakes = 20   // that are told
	maxText     = 256  // bytes of an id
)

// postMetrics stores what was measured: one, or a list. All of it or, if something is wrong with any, nothing.
func postMetrics(c *shell.Context) (any, error) {
	if _, err := c.Environment(); err != nil {
		return nil, err
	}
	items, err := metricsIn(c)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	var mistakes []string
	events := make([]models.FeatureFlagEvent, 0, len(items))
	for i, item := range items {
		e, err := eventOf(item, c.Param("env"), now)
		if err != nil {
			mistakes = append(mistakes, fmt.Sprintf("item %d: %s", i+1, err))
		}
		events = append(events, e)
	}
	if n := len(mistakes); n > 0 {
		if r := c.App.Recorder; r != nil {
			r.Refused(analytics.CauseTracked)
		}
		if n > maxMistakes {
			mistakes = append(mistakes[:maxMistakes], fmt.Sprintf("and %d more", n-maxMistakes))
		}
		return nil, shell.RefusedFor(http.StatusUnprocessableEntity, "Nothing was stored", "Mend what is wrong and send all of it again.", mistakes)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	stored, err := store(ctx, c.App, c.Param("env"), events)
	return Measured{c.Param("env"), len(events), stored}, err
}

// metricsIn reads the body: one metric, or a list of them.
func metricsIn(c *shell.Context) (items []json.RawMessage, err error) {
	var body json.RawMessage
	if err := c.Body(&body); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(body, []byte("{")):
		return []json.RawMessage{body}, nil
	case bytes.HasPrefix(body, []byte("[")):
		if err := json.Unmarshal(body, &items); err != nil {
			return nil, err
		}
	default:
		return nil, shell.Refused(http.StatusUnprocessableEntity, "The body cannot be read", `Send one metric, such as {"user": "u-1", "name": "booked", "value": 129.5}, or a list of them.`)
	}
	if len(items) > maxMetrics {
		return nil, shell.Refused(http.StatusRequestEntityTooLarge, fmt.Sprintf("These are %d metrics", len(items)), fmt.Sprintf("Send at most %d at once; nothing was stored.", maxMetrics))
	}
	return items, nil
}

func eventOf(item json.RawMessage, environment string, now time.Time) (models.FeatureFlagEvent, error) {
	var m Metric
	d := json.NewDecoder(bytes.NewReader(item))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return models.FeatureFlagEvent{}, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if !bytes.HasPrefix(item, []byte("{")) {
		return models.FeatureFlagEvent{}, errors.New("it is no object")
	}
	for _, text := range []struct{ what, is string }{{"id", m.ID}, {"user", m.User}, {"visitor", m.Visitor}, {"tenant", m.Tenant}} {
		if len(text.is) > maxText || strings.ContainsRune(text.is, 0) {
			return models.FeatureFlagEvent{}, fmt.Errorf("the %s of %.64s is no text of at most %d bytes", text.what, m.Name, maxText)
		}
	}
	value := 1.0
	if len(m.Value) > 0 {
		if err := json.Unmarshal(m.Value, &value); err != nil || string(m.Value) == "null" { // as JSON writes NaN
			return models.FeatureFlagEvent{}, fmt.Errorf("the value of %.64q is no finite number", m.Name)
		}
	}
	at := now
	if m.At != nil {
		at = *m.At
	}
	return analytics.Metric{ID: m.ID, At: at, Who: ruleset.Subject{User: m.User, Visitor: m.Visitor, Tenant: m.Tenant}, Name: m.Name, Value: value}.Event(environment, "api", now)
}

// store stores events of any environment. The recorder of this instance, which is of one, has sinks that hear of them too.
func store(ctx context.Context, app *shell.App, environment string, events []models.FeatureFlagEvent) (int64, error) {
	r := app.Recorder
	for i := range events {
		switch e := &events[i]; {
		case r != nil:
			r.Hide(e)
		case pseudonym.Tells(e.UserID) || pseudonym.Tells(e.VisitorID) || pseudonym.Tells(e.Tenant):
			return 0, shell.Refused(http.StatusUnprocessableEntity, "An id looks like an e-mail address", "Send ids that say nothing of a person: no addresses are stored. Nothing was stored.")
		}
	}
	if r != nil && r.Environment() == environment {
		return r.Store(ctx, events)
	}
	_, stored, err := app.Store.RecordEvents(ctx, events)
	return stored, err
}
