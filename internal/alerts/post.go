package alerts

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// poster sends JSON to webhooks.
type poster struct {
	client  *http.Client
	private bool
}

func newPoster(private bool, resolver *net.Resolver) *poster {
	return &poster{newClient(private, resolver), private}
}

// send posts a body. Nothing of the address appears in the result: whoever knows it can post there.
func (p *poster) send(ctx context.Context, to string, body []byte, header http.Header) Result {
	if wrong := checkWebhookURL(to, p.private); wrong != "" {
		return Result{Words: wrong}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Result{Words: "The address cannot be used."}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "toprent-flags")
	began := time.Now()
	response, err := p.client.Do(request)
	if err != nil {
		result := explainError(err)
		result.Took = time.Since(began)
		return result
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10)) // so that the receiver can end in peace
	result := explainStatus(response.StatusCode)
	result.After = retryAfter(response.Header.Get("Retry-After"), time.Now())
	result.Took = time.Since(began)
	return result
}

// explainStatus says what an answer means.
func explainStatus(status int) Result {
	r := Result{Status: status, OK: status >= 200 && status < 300}
	switch {
	case r.OK:
		r.Words = "The receiver took it."
	case status >= 300 && status < 400:
		r.Words = "The receiver sends us on to another address, which is not followed. Enter the final address."
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status == http.StatusTooEarly:
		r.Again, r.Words = true, "The receiver asks us to come back later."
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		r.Words = "The receiver does not let us in. Is the webhook still switched on there?"
	case status == http.StatusNotFound || status == http.StatusGone:
		r.Words = "The receiver does not know this address, or no longer. Make a new webhook there and enter its address."
	case status >= 400 && status < 500:
		r.Words = "The receiver refused the message. Is this the right kind of channel?"
	default:
		r.Again, r.Words = true, "The receiver is in trouble."
	}
	return r
}

// explainError says why nobody answered. The error itself is not shown: it carries the address.
func explainError(err error) Result {
	var (
		lookup      *net.DNSError
		unknown     x509.UnknownAuthorityError
		wrongHost   x509.HostnameError
		expired     x509.CertificateInvalidError
		noTLS       tls.RecordHeaderError
		slow        net.Error
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return Result{Words: "The name leads to an address inside a private network, or to a reserved one. Alerts go to public addresses only."}
	case errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, errPort):
		return Result{Words: "This port is not allowed."}
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return Result{Again: true, Words: "There is no host of that name. Is the address right?"}
	case errors.As(err, &lookup):
		return Result{Again: true, Words: "The host's name could not be looked up."}
	case errors.As(err, &unknown), errors.As(err, &wrongHost), errors.As(err, &expired), errors.As(err, &certificate):
		return Result{Again: true, Words: "The receiver's certificate is not valid, so nothing was sent."}
	case errors.As(err, &noTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return Result{Again: true, Words: "The receiver does not speak https there."}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Result{Again: true, Words: "Nobody is listening there: the connection was refused."}
	case errors.As(err, &slow) && slow.Timeout():
		return Result{Again: true, Words: "The receiver did not answer within " + sendTimeout.String() + "."}
	}
	return Result{Again: true, Words: "The connection broke off."}
}

// retryAfter reads how long a receiver asks to wait: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
