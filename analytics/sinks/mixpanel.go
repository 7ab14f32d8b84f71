package sinks

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/models"
)

// Where Mixpanel takes events, by where a project's data is kept.
const (
	MixpanelUS = "https://api.mixpanel.com"
	MixpanelEU = "https://api-eu.mixpanel.com"
	MixpanelIN = "https://api-in.mixpanel.com"
)

// Mixpanel sends events to a project in Mixpanel by its import API, as a service account. Events are named as for
// [Amplitude]. Visitors are Mixpanel's devices and users its users, so that it puts together what somebody did before and
// after the sign-in; what concerns a tenant alone has no person. The id of a tenant is the property "tenant".
func Mixpanel(project, user, secret string, options Options) (analytics.Sink, error) {
	if project == "" || user == "" || secret == "" {
		return nil, errors.New("Mixpanel needs the id of a project, and the name and the secret of a service account")
	}
	if options.URL == "" {
		options.URL = MixpanelUS
	}
	address, err := at(options.URL, "/import")
	if err != nil {
		return nil, err
	}
	s, err := newSender("mixpanel", options, address+"?"+url.Values{"strict": {"1"}, "project_id": {project}}.Encode())
	if err != nil {
		return nil, err
	}
	s.most, s.maxBytes = 500, 1_900_000 // it takes 2,000 and, as some of its answers say, 2 MB
	s.encode, s.body, s.explain = encodeMixpanel, array, explainMixpanel
	account := &http.Request{Header: http.Header{}}
	account.SetBasicAuth(user, secret)
	s.prepare = func(_ []models.FeatureFlagEvent, body []byte) (http.Header, []byte, error) {
		return http.Header{"Authorization": account.Header["Authorization"], "Content-Encoding": {"gzip"}}, packed(body), nil
	}
	return s, nil
}

// mixpanelProperties are an event's, as Mixpanel's documentation describes them.
type mixpanelProperties struct {
	Time       int64  `json:"time"` // milliseconds since 1970
	DistinctID string `json:"distinct_id"`
	DeviceID   string `json:"$device_id,omitempty"`
	UserID     string `json:"$user_id,omitempty"`
	InsertID   string `json:"$insert_id"`
	properties
}

func encodeMixpanel(e models.FeatureFlagEvent) []byte {
	p := mixpanelProperties{Time: e.At.UnixMilli(), DistinctID: e.UserID, DeviceID: e.VisitorID, UserID: e.UserID, InsertID: e.ID, properties: propertiesOf(e)}
	if e.UserID == "" && e.VisitorID != "" {
		p.DistinctID = "$device:" + e.VisitorID
	}
	return encode(struct {
		Event      string             `json:"event"`
		Properties mixpanelProperties `json:"properties"`
	}{nameOf(e), p})
}

// explainMixpanel: of a request in which something is wrong, the wrong events are named, and the others were taken.
func explainMixpanel(answer outcome, events []models.FeatureFlagEvent) verdict {
	v := byStatus(answer, events)
	if answer.Status != http.StatusBadRequest {
		return v
	}
	var said struct {
		Failed []struct {
			Index    int    `json:"index"`
			InsertID string `json:"insert_id"`
			Field    string `json:"field"`
		} `json:"failed_records"`
	}
	if json.Unmarshal(answer.body, &said) != nil || len(said.Failed) == 0 {
		return v
	}
	var fields []string
	byID := map[string]int{}
	for i, e := range events {
		byID[e.ID] = i
	}
	v.refused = nil
	for _, record := range said.Failed {
		i, known := byID[record.InsertID]
		if !known {
			i = record.Index
		}
		v.refused, fields = append(v.refused, i), append(fields, strings.TrimPrefix(record.Field, "properties."))
	}
	v.err, v.taken = inFields(v.err, fields), upTo(len(events)) // but those that are refused
	return v
}

func array(encoded [][]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(encoded, []byte{','})...), ']')
}

func packed(body []byte) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = zip.Write(body) // a buffer takes everything
	_ = zip.Close()
	return b.Bytes()
}
