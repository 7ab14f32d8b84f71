package sinks

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/models"
)

// Where Amplitude takes events, by where a project's data is kept.
const (
	AmplitudeUS = "https://api2.amplitude.com"
	AmplitudeEU = "https://api.eu.amplitude.com"
)

// Amplitude sends events to a project in Amplitude by its HTTP V2 API. Events have Amplitude's names in words, such as
// "flag exposure" or "upgrade prompt"; what the host measures has its own. A tenant is a group of the type "tenant"; what
// concerns a tenant alone is told of the device "tenant NAME", since Amplitude takes no event of nobody.
func Amplitude(key string, options Options) (analytics.Sink, error) {
	if strings.TrimSpace(key) == "" {
		return nil, errors.New("Amplitude needs the API key of a project")
	}
	if options.URL == "" {
		options.URL = AmplitudeUS
	}
	address, err := at(options.URL, "/2/httpapi")
	if err != nil {
		return nil, err
	}
	s, err := newSender("amplitude", options, address)
	if err != nil {
		return nil, err
	}
	s.most, s.maxBytes = 500, 900_000 // it takes 2,000 and 1 MB
	s.encode, s.explain = encodeAmplitude, explainAmplitude
	s.body = func(encoded [][]byte) []byte { return amplitudeBody(key, encoded) }
	return s, nil
}

// amplitudeEvent is an event as Amplitude's documentation describes it.
type amplitudeEvent struct {
	UserID     string            `json:"user_id,omitempty"`
	DeviceID   string            `json:"device_id,omitempty"`
	Type       string            `json:"event_type"`
	Time       int64             `json:"time"` // milliseconds since 1970
	InsertID   string            `json:"insert_id"`
	Properties properties        `json:"event_properties"`
	Groups     map[string]string `json:"groups,omitempty"`
}

func encodeAmplitude(e models.FeatureFlagEvent) []byte {
	out := amplitudeEvent{UserID: e.UserID, DeviceID: deviceOf(e), Type: nameOf(e), Time: e.At.UnixMilli(), InsertID: e.ID, Properties: propertiesOf(e)}
	if e.Tenant != "" {
		out.Groups = map[string]string{"tenant": e.Tenant}
	}
	return encode(out)
}

// deviceOf is the device that Amplitude is told of.
func deviceOf(e models.FeatureFlagEvent) string {
	if e.UserID == "" && e.VisitorID == "" {
		return "tenant " + e.Tenant
	}
	return e.VisitorID
}

// amplitudeBody puts events into a request. Our users' ids may be short, and are meant so.
func amplitudeBody(key string, encoded [][]byte) []byte {
	events := make([]json.RawMessage, len(encoded))
	for i, e := range encoded {
		events[i] = e
	}
	return encode(struct {
		Key     string            `json:"api_key"`
		Events  []json.RawMessage `json:"events"`
		Options map[string]int    `json:"options"`
	}{key, events, map[string]int{"min_id_length": 1}})
}

// amplitudeAnswer is what Amplitude answers when it refuses something.
type amplitudeAnswer struct {
	Error            string           `json:"error"`
	MissingField     string           `json:"missing_field"`
	InvalidFields    map[string][]int `json:"events_with_invalid_fields"`
	MissingFields    map[string][]int `json:"events_with_missing_fields"`
	InvalidLengths   map[string][]int `json:"events_with_invalid_id_lengths"`
	SilencedEvents   []int            `json:"silenced_events"`
	SilencedDevices  any              `json:"silenced_devices"` // a list or a map
	ThrottledEvents  []int            `json:"throttled_events"`
	ThrottledDevices map[string]int   `json:"throttled_devices"`
	ThrottledUsers   map[string]int   `json:"throttled_users"`
	QuotaDevices     map[string]int   `json:"exceeded_daily_quota_devices"`
	QuotaUsers       map[string]int   `json:"exceeded_daily_quota_users"`
}

// throttlePause is how long Amplitude asks to leave users and devices alone that have sent too much.
const throttlePause = 30 * time.Second

// explainAmplitude: a request in which anything is wrong is refused whole. Wrong events are named; the others are sent again
// without them.
func explainAmplitude(answer outcome, events []models.FeatureFlagEvent) verdict {
	var said amplitudeAnswer
	_ = json.Unmarshal(answer.body, &said) // what cannot be read says nothing
	v := byStatus(answer, events)
	switch answer.Status {
	case http.StatusBadRequest:
		return said.invalid(v, events)
	case http.StatusTooManyRequests:
		v.after = max(v.after, throttlePause)
		v.held = append(said.ThrottledEvents, eventsOf(events, said.ThrottledUsers, said.ThrottledDevices)...)
		v.refused = eventsOf(events, said.QuotaUsers, said.QuotaDevices) // until tomorrow, and every day
	}
	return v
}

func (a *amplitudeAnswer) invalid(v verdict, events []models.FeatureFlagEvent) verdict {
	var wrong, fields = a.SilencedEvents, []string{}
	for _, named := range []map[string][]int{a.InvalidFields, a.MissingFields, a.InvalidLengths} {
		for field, indexes := range named {
			wrong, fields = append(wrong, indexes...), append(fields, field)
		}
	}
	wrong = append(wrong, eventsOf(events, nil, devices(a.SilencedDevices))...)
	switch {
	case len(wrong) > 0:
		v.err, v.refused = inFields(v.err, fields), wrong
	case a.MissingField == "api_key" || strings.HasPrefix(a.Error, "Invalid API key"): // with the key in it
		v.err, v.refused = errors.New("the API key is not valid: events wait until it is"), nil
	}
	return v
}

// devices reads a list of devices, or a map from them to something.
func devices(from any) map[string]int {
	found := map[string]int{}
	switch from := from.(type) {
	case []any:
		for _, device := range from {
			if device, ok := device.(string); ok {
				found[device] = 1
			}
		}
	case map[string]any:
		for device := range from {
			found[device] = 1
		}
	}
	return found
}

// eventsOf gives the indexes of the events of some users and devices.
func eventsOf(events []models.FeatureFlagEvent, users, devices map[string]int) (indexes []int) {
	for i, e := range events {
		_, user := users[e.UserID]
		_, device := devices[deviceOf(e)]
		if user && e.UserID != "" || device && deviceOf(e) != "" {
			indexes = append(indexes, i)
		}
	}
	return indexes
}
