package alerts

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Outbound posts to addresses that operators have entered, as alerts do: to public ones alone unless private is set, by
// https, through no proxy, following no redirect. It is safe for concurrent use.
type Outbound struct{ *poster }

// NewOutbound makes one.
func NewOutbound(private bool) Outbound { return Outbound{newPoster(private, nil)} }

// Check refuses, in words for people, an address that could never be posted to; empty: it is fine.
func (o Outbound) Check(address string) string { return checkWebhookURL(address, o.private) }

// Post posts a body, and gives what was answered, of its body at most the first bytes. Nothing of the address appears in
// the result.
func (o Outbound) Post(ctx context.Context, request *http.Request, most int64) (Result, []byte) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began := time.Now()
	response, err := o.client.Do(request.WithContext(ctx))
	if err != nil {
		result := explainError(err)
		result.Took = time.Since(began)
		return result, nil
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, most)) // what cannot be read says nothing; the status does
	result := explainStatus(response.StatusCode)
	result.After = retryAfter(response.Header.Get("Retry-After"), time.Now())
	result.Took = time.Since(began)
	return result, answer
}

// Sign gives the headers of a signed webhook: see Standard Webhooks. A secret begins with whsec_.
func Sign(id string, at time.Time, body []byte, secret string) (http.Header, error) {
	return signed(id, at, body, secret)
}
