// Package sinks sends events elsewhere: to Amplitude, to Mixpanel, or as signed webhooks to a program of your own. Each
// sends what is recorded and nothing else: ids as they are stored, no names, no e-mail addresses, no IP addresses.
//
//	amplitude, err := sinks.Amplitude(key, sinks.Options{URL: sinks.AmplitudeEU})
//	recorder := analytics.New(store, flags, analytics.Options{Sinks: []analytics.Sink{amplitude}})
//
// An event may be sent more than once, when an answer was lost; it has the same id each time, by which the receiver knows
// it. No error tells a key, a secret or an address.
package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
)

// Options are all optional.
type Options struct {
	// Name is what pages, metrics and logs call the sink; defaults to amplitude, mixpanel or webhook.
	Name string

	// URL is where events are sent: an address in another region, or a relay. Defaults to the vendor's in the United States.
	// A webhook has none here.
	URL string

	// Inside lets the address be a private one, and http.
	Inside bool
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// errLargest says that halving has come to its end.
var errLargest = errors.New("an event is larger than the receiver takes")

// sender posts events as one receiver wants them.
type sender struct {
	name     string
	address  string
	out      alerts.Outbound
	most     int // events in a request
	maxBytes int // of a body, before it is packed

	// body encodes events that are encoded one by one.
	body func(encoded [][]byte) []byte

	// encode encodes an event.
	encode func(e models.FeatureFlagEvent) []byte

	// prepare gives the headers of a request, and the body as it is sent; nil: there are none, and it is sent as it is.
	prepare func(events []models.FeatureFlagEvent, body []byte) (http.Header, []byte, error)

	// explain says what an answer means that is neither a success nor that the body is too large.
	explain func(answer outcome, events []models.FeatureFlagEvent) verdict
}

// outcome is what came of a request.
type outcome struct {
	alerts.Result
	body []byte
}

// Name satisfies analytics.Sink.
func (s *sender) Name() string { return s.name }

func newSender(name string, options Options, address string) (*sender, error) {
	s := &sender{name: name, address: address, out: alerts.NewOutbound(options.Inside)}
	if options.Name != "" {
		s.name = options.Name
	}
	if wrong := s.out.Check(address); wrong != "" {
		return nil, fmt.Errorf("the address of %s cannot be used: %s", s.name, wrong) // without the address: it may be a secret
	}
	return s, nil
}

// Send satisfies analytics.Sink.
func (s *sender) Send(ctx context.Context, events []models.FeatureFlagEvent) error {
	encoded := make([][]byte, len(events))
	all := make([]int, len(events))
	for i, e := range events {
		encoded[i], all[i] = s.encode(e), i
	}
	d := &delivery{sender: s, events: events, encoded: encoded}
	for _, part := range s.parts(all, encoded) {
		if d.send(ctx, part); d.stopped {
			break
		}
	}
	return d.failure()
}

// parts divides events so that each request is as small as the receiver wants it.
func (s *sender) parts(all []int, encoded [][]byte) (parts [][]int) {
	start, size := 0, 0
	for n, i := range all {
		if more := len(encoded[i]) + 1; n > start && (n-start >= s.most || size+more > s.maxBytes) {
			parts = append(parts, all[start:n])
			start, size = n, 0
		}
		size += len(encoded[i]) + 1
	}
	if start < len(all) {
		parts = append(parts, all[start:])
	}
	return parts
}

// post sends one request.
func (s *sender) post(ctx context.Context, events []models.FeatureFlagEvent, encoded [][]byte) (outcome, error) {
	body, header := s.body(encoded), http.Header{}
	if s.prepare != nil {
		var err error
		if header, body, err = s.prepare(events, body); err != nil {
			return outcome{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.address, bytes.NewReader(body))
	if err != nil {
		return outcome{}, errors.New("the address cannot be used")
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "toprent-flags")
	result, answer := s.out.Post(ctx, request, maxAnswer)
	return outcome{result, answer}, nil
}

// at gives an address with a path behind it, unless it has one.
func at(address, path string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the address cannot be read")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = path
	}
	return u.String(), nil
}
