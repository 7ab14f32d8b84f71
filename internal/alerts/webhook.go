package alerts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Payload is the body of a signed webhook.
type Payload struct {
	ID   string      `json:"id"`
	Type string      `json:"type"` // flag.killed, flag.lifted, revision.published, flags.review, request.sent, request.approved, request.rejected, request.applied, request.failed, request.comment or test
	Time time.Time   `json:"timestamp"`
	Data PayloadData `json:"data"`
}

// PayloadData says who did what, where, when and why.
type PayloadData struct {
	Environment string          `json:"environment,omitempty"`
	Revision    int64           `json:"revision,omitempty"`
	Request     int64           `json:"change_request,omitempty"`
	Title       string          `json:"title,omitempty"` // of the request
	Kind        string          `json:"kind"`            // publish, kill, lift, maintenance, maintenance-end, import, recall, rollback, promote, copy, review, test, or as the type of a request's event
	Author      string          `json:"author"`
	Reason      string          `json:"reason"`
	Flags       []PayloadChange `json:"flags"`
	Segments    []PayloadChange `json:"segments"`
	Plans       []PayloadChange `json:"plans"`
	Text        string          `json:"text"` // the same in one line, for people
	URL         string          `json:"url,omitempty"`
}

// PayloadChange is one item that became different.
type PayloadChange struct {
	Key     string   `json:"key"`
	Changes []string `json:"changes"`
}

func payload(e Event) ([]byte, error) {
	return json.Marshal(Payload{ID: e.ID, Type: e.eventType(), Time: e.At.UTC(), Data: PayloadData{
		Environment: e.Environment, Revision: e.Revision, Request: e.Request, Title: e.Title, Kind: e.Kind, Author: e.Author, Reason: e.Reason,
		Flags: payloadChanges(e.Flags), Segments: payloadChanges(e.Segments), Plans: payloadChanges(e.Plans),
		Text: e.headline(), URL: e.Link,
	}})
}

func (e Event) eventType() string {
	if e.Request != 0 {
		return e.Kind
	}
	switch e.Kind {
	case "kill":
		return "flag.killed"
	case "lift":
		return "flag.lifted"
	case reviewEvent:
		return "flags.review"
	case "test":
		return "test"
	}
	return "revision.published"
}

func payloadChanges(changes []Change) []PayloadChange {
	out := make([]PayloadChange, 0, len(changes))
	for _, c := range changes {
		out = append(out, PayloadChange{c.Key, append([]string{}, c.What...)})
	}
	return out
}

// The secret of a signed webhook, as the Standard Webhooks specification writes it.
const secretPrefix = "whsec_"

func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// signed are the headers of a webhook: its id, when it was sent, and for each secret a signature over both and the body
// (HMAC-SHA256, Standard Webhooks).
func signed(id string, at time.Time, body []byte, secrets ...string) (http.Header, error) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h := http.Header{}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	return h, nil
}
