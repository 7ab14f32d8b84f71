package settings

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// patience is how long tests wait for what comes within moments, unless the machine is busy with something else.
const patience = time.Minute

// receiver takes webhooks. answer, if set, says with what.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(http.ResponseWriter, *http.Request)
	news   chan struct{}
}

type received struct {
	header http.Header
	body   string
	at     time.Time
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{news: make(chan struct{}, 1000)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	r.got = append(r.got, received{request.Header, string(body), time.Now()})
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, request)
	}
	r.news <- struct{}{}
}

func (r *receiver) answers(with func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = with
}

// all is what came so far.
func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.got...)
}

// waits until n messages have come, and gives them.
func (r *receiver) waits(t testing.TB, n int) []received {
	t.Helper()
	late := time.After(patience)
	for {
		if got := r.all(); len(got) >= n {
			return got
		}
		select {
		case <-r.news:
		case <-late:
			t.Fatalf("%d messages came, want %d", len(r.all()), n)
		}
	}
}

// checks that a message is signed with the secret, and reads it.
func (m received) checks(t testing.TB, secret string) alerts.Payload {
	t.Helper()
	m.checksSignature(t, secret)
	var p alerts.Payload
	if err := json.Unmarshal([]byte(m.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != m.header.Get("webhook-id") {
		t.Errorf("the body says id %q, the header %q", p.ID, m.header.Get("webhook-id"))
	}
	return p
}

// checksSignature checks that a message is signed with the secret, as the Standard Webhooks specification says.
func (m received) checksSignature(t testing.TB, secret string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(m.header.Get("webhook-id") + "." + m.header.Get("webhook-timestamp") + "." + m.body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	fits := false
	for _, signature := range strings.Split(m.header.Get("webhook-signature"), " ") {
		fits = fits || hmac.Equal([]byte(signature), []byte(want))
	}
	if !fits {
		t.Errorf("the signature %q does not fit: want %q", m.header.Get("webhook-signature"), want)
	}
}

// text is what a chat message says.
func (m received) text(t testing.TB) string {
	t.Helper()
	var body struct{ Text string }
	if err := json.Unmarshal([]byte(m.body), &body); err != nil {
		t.Fatal(err)
	}
	return body.Text
}

// inside lets a host send to receivers on this machine.
func inside(c *settings.Config) {
	c.AllowPrivateWebhooks = true
	c.Key = []byte("0123456789abcdef0123456789abcdef")
	c.URL = "https://toprent.example/settings"
}

// alertsOf makes a second instance's alerts on a store, without pages.
func alertsOf(t testing.TB, store *models.Store, options alerts.Options) *alerts.Alerts {
	t.Helper()
	options.AllowPrivate = true
	a, err := alerts.New(store, options)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// runs alerts until the test ends, or until what it gives is called.
func runs(t testing.TB, a *alerts.Alerts) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.Run(ctx)
	}()
	end = func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	return end
}

// channelAt makes a channel on a page, and gives its id.
func channelAt(t testing.TB, admin *settingstest.Browser, name, kind, target string) string {
	t.Helper()
	p := admin.Posts("/alerts/channels/new", "name", name, "kind", kind, "target", target).Is(http.StatusOK)
	href, ok := p.Find(`a[href*="channel="]`).Attr("href")
	if !ok {
		t.Fatalf("no channel was made:\n%s", p.Text())
	}
	_, id, _ := strings.Cut(href, "channel=")
	return id
}

// watches makes a channel hear of something.
func watches(t testing.TB, admin *settingstest.Browser, channel, environment, flag, events string) {
	t.Helper()
	admin.Posts("/alerts/watches/new", "channel", channel, "environment", environment, "flag", flag, "events", events).
		Is(http.StatusOK).Sees("From now on")
}

// until waits for a condition in the database.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("still not: %s", what)
		}
	}
}

func deliveriesOf(t testing.TB, store *models.Store) []models.AlertDelivery {
	t.Helper()
	rows, _, err := store.AlertDeliveries(t.Context(), "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// duesNow makes all deliveries that wait due at once, as if their time had come.
func duesNow(t testing.TB, store *models.Store) {
	t.Helper()
	db, err := store.SQL()
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE alert_deliveries SET next_at = created_at, claimed_until = NULL WHERE status = 'waiting'")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// logTo collects what is logged.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
