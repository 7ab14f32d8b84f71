package settings

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// house is a site whose people sign in at the settings pages themselves.
type house struct {
	*settingstest.Site
	accounts *access.Accounts
	log      *logBook
	clock    *clock
	t        *testing.T
}

const good = "seven small green boats"

// standsAlone makes a house on a SQLite database. options changes how people sign in.
func standsAlone(t *testing.T, options ...func(*access.Options)) *house {
	t.Helper()
	return standsAloneOn(t, settingstest.SQLite(t), options...)
}

func standsAloneOn(t *testing.T, store *models.Store, change ...func(*access.Options)) *house {
	t.Helper()
	h := &house{log: &logBook{}, clock: &clock{now: time.Now()}, t: t}
	options := access.Options{Now: h.clock.Now}
	for _, f := range change {
		f(&options)
	}
	accounts, err := access.NewAccounts(store, options)
	if err != nil {
		t.Fatal(err)
	}
	h.accounts = accounts
	h.Site = settingstest.On(t, store, func(c *settings.Config) {
		c.Person, c.SignIn, c.Accounts = nil, "", accounts
		c.Logger = slog.New(slog.NewTextHandler(h.log, nil))
		c.AllowPrivateWebhooks = true // so that tests need no address of the internet, and wait for none
	})
	return h
}

// first makes the first account, which is Ada's, and gives her browser.
func (h *house) first() *settingstest.Browser {
	h.t.Helper()
	secret, err := h.accounts.FirstLink(h.t.Context())
	if err != nil || secret == "" {
		h.t.Fatalf("no first link: %v", err)
	}
	ada := h.As("")
	ada.Submits(ada.Opens("/first/"+secret), "/first/"+secret, "email", "ada@toprent.example", "name", "Ada", "password", good, "again", good)
	ada.Opens("/me")
	return ada
}

// joins makes somebody an account with roles, and gives their browser, signed in.
func (h *house) joins(email string, roles map[string]access.Role) *settingstest.Browser {
	h.t.Helper()
	_, secret, err := h.accounts.Invite(h.t.Context(), email, "", roles, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	b := h.As("")
	b.Submits(b.Opens("/join/"+secret), "/join/"+secret, "password", good, "again", good)
	b.Opens("/me")
	return b
}

func everywhere(role access.Role) map[string]access.Role {
	return map[string]access.Role{access.Everywhere: role}
}

func (h *house) account(email string) access.Account {
	h.t.Helper()
	all, err := h.accounts.All(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, account := range all {
		if account.Email == email {
			return account
		}
	}
	h.t.Fatalf("there is no account of %s", email)
	return access.Account{}
}

// signsIn tries to sign in and follows no redirect.
func signsIn(b *settingstest.Browser, email, password string) *settingstest.Page {
	form := url.Values{"email": {email}, "password": {password}}
	return b.Sends(http.MethodPost, "/settings/sign-in", "application/x-www-form-urlencoded", form.Encode())
}

func cookieOf(p *settingstest.Page, name string) string {
	for _, cookie := range (&http.Response{Header: p.Header}).Cookies() {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// token makes a token on somebody's own page.
func token(t *testing.T, b *settingstest.Browser, role, environment string) string {
	t.Helper()
	p := b.Submits(b.Opens("/me/tokens/new"), "/me/tokens/new", "name", "robot", "role", role, "environment", environment).Is(http.StatusOK)
	secret := p.Find("#secret").Text()
	if !strings.HasPrefix(secret, "tfl_") {
		t.Fatalf("no token: %s", p.Text())
	}
	return secret
}

// asks asks the API with a token.
func (h *house) asks(token, method, path, body string) (int, map[string]any) {
	h.t.Helper()
	return asks(h.t, h.URL, token, method, path, body)
}

func asks(t *testing.T, site, token, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, site+"/settings/api"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var answer map[string]any
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, text)
	}
	return response.StatusCode, answer
}

// clock is a clock that tests put forward.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) passes(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// logBook keeps what was logged.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
