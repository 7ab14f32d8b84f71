package settings

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestAWebhookToAPrivateAddressIsRefusedBesideTheField(t *testing.T) {
	site := settingstest.New(t)
	admin := site.As("admin")
	for _, address := range []string{
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/",
		"https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/",
		"https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://0.0.0.0/",
		"https://localhost/", "https://intranet/", "https://LOCALHOST./", "https://hooks.example.com:22/", "https://hooks.example.com:0/",
		"http://hooks.example.com/", "file:///etc/passwd", "gopher://hooks.example.com/", "https://hooks.example.com@127.0.0.1/",
		"https://user:pass@hooks.example.com/", "https:///nohost", "https://hooks.example.com/\r\nX-Evil: 1", "//hooks.example.com/",
	} {
		p := admin.Posts("/alerts/channels/new", "name", "evil", "kind", "webhook", "target", address)
		if p.Status != http.StatusUnprocessableEntity || p.Find("#target-error").Length() != 1 {
			t.Errorf("%q gives %d:\n%s", address, p.Status, p.Find(".error").Text())
		}
		if typed := strings.TrimSpace(p.Find("#target").Text()); typed != strings.TrimSpace(strings.ReplaceAll(address, "\r\n", "\n")) {
			t.Errorf("what was typed is lost: %q became %q", address, typed)
		}
	}
	channels, err := site.Store.AlertChannels(t.Context())
	if err != nil || len(channels) != 0 {
		t.Errorf("channels: %v, %v", channels, err)
	}
}

func TestAWebhookFollowsNoRedirect(t *testing.T) {
	site := settingstest.New(t, inside)
	secret, lure := newReceiver(t), newReceiver(t)
	lure.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secret.URL, http.StatusTemporaryRedirect)
	})
	admin := site.As("admin")
	p := admin.Opens("/alerts/channels/" + channelAt(t, admin, "lure", "slack", lure.URL))
	admin.Submits(p, "/test").Sees("The test did not arrive.", "307", "not followed", "would have failed at once")
	if n := len(secret.all()); n != 0 {
		t.Errorf("%d requests followed the redirect", n)
	}
}

func TestOnlyAdminsUseTheFormsOfAlerts(t *testing.T) {
	site := settingstest.New(t, inside)
	site.Sample()
	admin := site.As("admin")
	channel := channelAt(t, admin, "#ops", "slack", newReceiver(t).URL)
	watches(t, admin, channel, "production", "", "all")
	rows, err := site.Store.AlertWatches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	posts := []string{"/alerts/channels/new", "/alerts/channels/" + channel, "/alerts/channels/" + channel + "/test", "/alerts/channels/" + channel + "/roll",
		"/alerts/channels/" + channel + "/remove", "/alerts/watches/new", "/alerts/watches/" + rows[0].ID + "/remove", "/alerts/deliveries/" + rows[0].ID + "/again",
		"/watch/production", "/watch/production/" + rows[0].ID + "/remove"}
	for _, name := range []string{"viewer", "editor", "approver", "dev", "tenant", "nobody"} {
		person := site.As(name)
		for _, path := range posts {
			person.Posts(path, "name", "x", "kind", "slack", "target", "https://hooks.example.com/", "channel", channel, "events", "all", "base", "1").Is(http.StatusForbidden)
		}
		person.Gets("/settings/alerts").Is(http.StatusForbidden)
	}
	site.As("viewer").Opens("/watch/production").Sees("#ops").Lacks("127.0.0.1")
	if after, err := site.Store.AlertChannels(t.Context()); err != nil || len(after) != 1 || after[0].Version != 1 || after[0].RemovedAt != nil {
		t.Errorf("channels after it: %v, %v", after, err)
	}
}

func TestFormsOfAlertsFromOtherSitesAreRefused(t *testing.T) {
	site := settingstest.New(t, inside)
	admin := site.As("admin")
	for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Sec-Fetch-Site": {}, "Origin": {"https://evil.example"}}} {
		admin.Header = header
		admin.Posts("/alerts/channels/new", "name", "evil", "kind", "slack", "target", "https://hooks.example.com/").Is(http.StatusForbidden)
	}
	if channels, _ := site.Store.AlertChannels(t.Context()); len(channels) != 0 {
		t.Error("a channel was made")
	}
}

func TestAWatchIsRemovedOnlyThroughItsOwnEnvironment(t *testing.T) {
	settingstest.People["dev-admin"] = settings.Person{ID: "p-dev-admin", Name: "Dana", Email: "dana@toprent.example", Roles: map[string]settings.Role{"development": settings.Admin}}
	t.Cleanup(func() { delete(settingstest.People, "dev-admin") })
	site := settingstest.New(t, inside)
	site.Sample()
	admin := site.As("admin")
	channel := channelAt(t, admin, "#ops", "slack", newReceiver(t).URL)
	watches(t, admin, channel, "production", "", "all")
	watches(t, admin, channel, "", "", "kills")
	rows, err := site.Store.AlertWatches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dana := site.As("dev-admin")
	for _, row := range rows {
		dana.Posts("/watch/development/" + row.ID + "/remove").Is(http.StatusNotFound)
	}
	dana.Posts("/watch/development", "channel", channel, "events", "all", "environment", "production").Is(http.StatusOK).Sees("From now on")
	dana.Posts("/watch/production", "channel", channel, "events", "all").Is(http.StatusForbidden)
	dana.Gets("/settings/alerts").Is(http.StatusForbidden)
	after, err := site.Store.AlertWatches(t.Context())
	if err != nil || len(after) != 3 || *after[2].Environment != "development" {
		t.Errorf("watches after it: %v, %v", after, err)
	}
}

func TestWhatIsWrittenInAlertsStaysText(t *testing.T) {
	site := settingstest.New(t, inside)
	site.Sample()
	chat := newReceiver(t)
	admin := site.As("admin")
	const script = `"><script>alert(1)</script>`
	channel := channelAt(t, admin, script, "slack", chat.URL)
	watches(t, admin, channel, "", "", "all")
	if _, err := site.Changes.Kill(t.Context(), "production", "new-home", "ada", script+" <!channel> @channel\nLIFTED everything [go](https://evil.example) \u202e"); err != nil {
		t.Fatal(err)
	}
	text := chat.waits(t, 1)[0].text(t)
	for _, bad := range []string{"<!channel>", "<script", "@channel", "\nLIFTED", "](", "\u202e"} {
		if strings.Contains(text, bad) {
			t.Errorf("the alert says %q: %q", bad, text)
		}
	}
	for _, path := range []string{"/alerts", "/alerts/channels/" + channel, "/alerts/deliveries", "/watch/production", "/alerts/channels/" + channel + "/remove", "/alerts/watches/new"} {
		if p := admin.Opens(path); strings.Contains(p.Body, "<script>alert") || p.Find("main script").Length() > 0 {
			t.Errorf("%s carries the script", path)
		}
	}
	admin.Gets("/settings/alerts/deliveries?status=" + url.QueryEscape("' OR 1=1 --")).Is(http.StatusOK)
	admin.Gets("/settings/alerts/channels/" + url.PathEscape("' OR 1=1 --")).Is(http.StatusNotFound)
	admin.Gets("/settings/watch/production?flag=" + url.QueryEscape("' OR 1=1 --")).Is(http.StatusNotFound)
}

func TestANameCannotBreakOutOfItsLine(t *testing.T) {
	site := settingstest.New(t, inside)
	admin := site.As("admin")
	for _, name := range []string{"ops\r\nBcc: evil@example.com", "ops\x00", "ops\u202egpj", ""} {
		admin.Posts("/alerts/channels/new", "name", name, "kind", "slack", "target", "https://hooks.example.com/").Is(http.StatusUnprocessableEntity)
	}
}

// lines is a log that may be written by many.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.String()
}

func TestSecretsAreShownOnceAndStoredSealedAndNeverLogged(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		var log lines
		site := settingstest.On(t, store, inside, func(c *settings.Config) { c.Logger = logTo(&log) })
		site.Sample()
		admin := site.As("admin")
		program := newReceiver(t)
		program.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		address := program.URL + "/hook/key-to-it"
		p := admin.Posts("/alerts/channels/new", "name", "program", "kind", "webhook", "target", address).Is(http.StatusOK)
		first := strings.TrimSpace(p.Find("#secret").Text())
		if !strings.HasPrefix(first, "whsec_") {
			t.Fatalf("no secret is shown:\n%s", p.Text())
		}
		href, _ := p.Find(`a[href*="channel="]`).Attr("href")
		_, id, _ := strings.Cut(href, "channel=")
		watches(t, admin, id, "", "", "all")
		second := strings.TrimSpace(admin.Submits(admin.Opens("/alerts/channels/"+id+"/roll"), "/roll").Find("#secret").Text())
		if second == first || second == "" {
			t.Fatalf("rolled from %q to %q", first, second)
		}
		if _, err := site.Changes.Kill(t.Context(), "production", "new-home", "ada", "trouble"); err != nil {
			t.Fatal(err)
		}
		message := program.waits(t, 1)[0]
		message.checks(t, first) // both, for a day
		if got := message.checks(t, second); got.Type != "flag.killed" || got.Data.Flags[0].Key != "new-home" || got.Data.Environment != "production" || got.Data.Reason != "trouble" {
			t.Errorf("the payload is %+v", got)
		}
		until(t, "the failure is noted", func() bool { return deliveriesOf(t, store)[0].Answer != "" })
		tested := admin.Submits(admin.Opens("/alerts/channels/"+id), "/test")
		secrets := []string{first, second, "key-to-it", strings.TrimPrefix(first, "whsec_"), strings.TrimPrefix(second, "whsec_")}
		for _, path := range []string{"/alerts", "/alerts/channels/" + id, "/alerts/channels/" + id + "/roll", "/alerts/channels/" + id + "/remove", "/alerts/deliveries", "/watch/production"} {
			refuses(t, path, admin.Opens(path).Body, secrets)
		}
		refuses(t, "the test", tested.Body, secrets)
		refuses(t, "the log", log.text(), secrets)
		refuses(t, "the database", storedSecrets(t, store), secrets)
		admin.Submits(admin.Opens("/alerts/channels/"+id+"/remove"), "/remove")
		if row, err := store.AlertChannel(t.Context(), id); err != nil || row.Target+row.Secret+row.PreviousSecret != "" {
			t.Errorf("a removed channel keeps its secrets: %v, %v", row, err)
		}
		if d := deliveriesOf(t, store)[0]; d.Status != models.AlertFailed {
			t.Errorf("what waited for a removed channel is %s", d.Status)
		}
	})
}

func refuses(t *testing.T, where, text string, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s says %q", where, secret)
		}
	}
}

// stored is all text in the tables of alerts.
func storedSecrets(t *testing.T, store *models.Store) string {
	t.Helper()
	channels, err := store.AlertChannels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range channels {
		b.WriteString(c.Target + " " + c.Hint + " " + c.Secret + " " + c.PreviousSecret + "\n")
	}
	for _, d := range deliveriesOf(t, store) {
		b.WriteString(d.Answer + "\n")
	}
	return b.String()
}

func TestTwoAdminsWhoEditOneChannelLoseNothing(t *testing.T) {
	site := settingstest.New(t, inside)
	ada, other := site.As("admin"), site.As("admin")
	id := channelAt(t, ada, "#ops", "slack", "https://hooks.example.com/a")
	page := ada.Opens("/alerts/channels/" + id)
	other.Submits(other.Opens("/alerts/channels/"+id), "/"+id, "name", "#incidents").Sees("Saved.")
	p := ada.Submits(page, "/"+id, "name", "#outages").Is(http.StatusConflict).Sees("Somebody else changed this", "#incidents")
	if name, _ := p.Find("#name").Attr("value"); name != "#outages" {
		t.Errorf("what was typed is lost: %q", name)
	}
	ada.Submits(p, "/"+id).Sees("Saved.")
	ada.Opens("/alerts").Sees("#outages").Lacks("#incidents")
}

func TestWithoutAKeyThePageSaysThatSecretsAreStoredPlainly(t *testing.T) {
	settingstest.New(t).As("admin").Opens("/alerts").Sees("stored plainly")
	settingstest.New(t, inside).As("admin").Opens("/alerts").Lacks("stored plainly")
}
