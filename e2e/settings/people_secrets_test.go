package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestNoSecretIsInTheLogAndWhatIsStoredOpensNothing(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		first, err := h.accounts.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ada := h.As("")
		ada.Submits(ada.Opens("/first/"+first), "/first/"+first, "email", "ada@toprent.example", "password", good, "again", good)
		secrets := map[string]string{"the first link": first, "a password": good}
		in := signsIn(h.As(""), "ada@toprent.example", good)
		secrets["a session"], secrets["a browser"] = cookieOf(in, "flags-session"), cookieOf(in, "flags-device")
		const wrong = "a wrong but secret guess"
		signsIn(h.As(""), "ada@toprent.example", wrong)
		secrets["a wrong password"] = wrong
		secrets["a token"] = token(t, ada, "viewer", "*")
		h.asks(secrets["a token"], "GET", "/environments/nowhere/flags", "")
		h.asks(secrets["a token"], "GET", "/me", "")
		_, join, err := h.accounts.Invite(t.Context(), "eve@toprent.example", "", everywhere(access.Viewer), "test")
		if err != nil {
			t.Fatal(err)
		}
		secrets["an invitation"] = join
		h.As("").Gets("/settings/join/" + join).Is(http.StatusOK)

		stored := everything(t, store)
		// Failures are what is logged: take the database away from under all of it.
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		h.As("").Gets("/settings/join/" + join)
		ada.Gets("/settings/me")
		signsIn(h.As(""), "ada@toprent.example", good)
		r, _ := http.NewRequest(http.MethodGet, h.URL+"/settings/api/me", nil)
		r.Header.Set("Authorization", "Bearer "+secrets["a token"])
		answer, err := http.DefaultClient.Do(r)
		if err != nil || answer.StatusCode < 500 {
			t.Errorf("%v, %v", answer, err)
		}
		answer.Body.Close()
		log := h.log.String()
		if !strings.Contains(log, "level=ERROR") {
			t.Errorf("nothing was logged:\n%s", log)
		}
		for what, secret := range secrets {
			if len(secret) < 10 {
				t.Fatalf("%s is %q", what, secret)
			}
			if strings.Contains(log, secret) {
				t.Errorf("the log has %s:\n%s", what, log)
			}
			if strings.Contains(stored, secret) {
				t.Errorf("the database has %s", what)
			}
		}
	})
}

func TestWhatIsStoredIsNoCredential(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	token(t, ada, "viewer", "*")
	if _, err := h.accounts.FirstLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, value := range strings.Fields(everything(t, h.Store)) {
		if len(value) < 16 || len(value) > 100 {
			continue
		}
		thief := h.As("")
		thief.Header.Set("Cookie", "flags-session="+value)
		if p := thief.Gets("/settings/me"); p.Status == http.StatusOK {
			t.Errorf("%s opens a session", value)
		}
		for _, secret := range []string{value, "tfl_" + value} {
			if strings.ContainsAny(secret, "$") {
				continue
			}
			if status, _ := h.asks(secret, "GET", "/me", ""); status != http.StatusUnauthorized {
				t.Errorf("%s opens the API", secret)
			}
		}
		if _, err := h.accounts.SignIn(t.Context(), "ada@toprent.example", value, access.Client{Address: value}); err == nil {
			t.Errorf("%s is a password", value)
		}
	}
}

// everything is all that is stored about access, as text and as hexadecimal.
func everything(t *testing.T, store *models.Store) string {
	t.Helper()
	db, err := store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range []string{"accounts", "account_roles", "account_identities", "account_sessions", "account_devices", "one_time_links", "sign_in_attempts", "api_tokens"} {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, value := range values {
				if b, ok := value.([]byte); ok {
					fmt.Fprintf(&all, "%x %q\n", b, b)
				} else {
					fmt.Fprintf(&all, "%v\n", value)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	return all.String()
}
