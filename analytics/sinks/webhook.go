package sinks

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
)

// Webhook posts events as JSON to a program of your own, signed as Standard Webhooks specifies: the headers Webhook-Id,
// Webhook-Timestamp and Webhook-Signature, with a secret that begins with whsec_. The body is
//
//	{"type": "flags.events", "timestamp": "2026-07-24T12:00:00Z", "data": {"events": [{"id": …, "at": …, "kind": …, …}]}}
//
// with at most 500 events. An event has the same id however often it is sent. Whatever is answered with a status of 2xx has
// been taken; 400, 415 and 422 refuse the whole body for good; 413 has it sent in halves; after anything else it is sent
// again. Redirects are not followed.
func Webhook(address, secret string, options Options) (analytics.Sink, error) {
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err != nil || len(key) < 16 {
		return nil, errors.New("the webhook needs a secret: whsec_ and at least 16 bytes in base64, such as of `echo whsec_$(openssl rand -base64 32)`")
	}
	s, err := newSender("webhook", options, address)
	if err != nil {
		return nil, err
	}
	s.most, s.maxBytes = 500, 900_000
	s.encode, s.explain = encodePlain, byStatus
	s.body = func(encoded [][]byte) []byte {
		head := `{"type":"flags.events","timestamp":"` + time.Now().UTC().Format(time.RFC3339Nano) + `","data":{"events":`
		return append(append([]byte(head), array(encoded)...), "}}"...)
	}
	s.prepare = func(events []models.FeatureFlagEvent, body []byte) (http.Header, []byte, error) {
		header, err := alerts.Sign(idOfMessage(events), time.Now(), body, secret)
		return header, body, err
	}
	return s, nil
}

// idOfMessage is the same when the same events are sent again.
func idOfMessage(events []models.FeatureFlagEvent) string {
	h := sha256.New()
	for _, e := range events {
		h.Write([]byte(e.ID + "\n"))
	}
	return "msg_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// plainEvent is an event as programs of one's own get it.
type plainEvent struct {
	ID      string           `json:"id"`
	At      time.Time        `json:"at"`
	Kind    models.EventKind `json:"kind"`
	User    string           `json:"user,omitempty"`
	Visitor string           `json:"visitor,omitempty"`
	Name    string           `json:"name,omitempty"` // of what the host measures
	properties
}

func encodePlain(e models.FeatureFlagEvent) []byte {
	out := plainEvent{ID: e.ID, At: e.At.Time, Kind: e.Kind, User: e.UserID, Visitor: e.VisitorID, properties: propertiesOf(e)}
	if e.Kind == models.EventMetric {
		out.Name = e.Name
	}
	return encode(out)
}
