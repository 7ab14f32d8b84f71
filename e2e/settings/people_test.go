package settings

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestPeopleComeInByLinksAndAreGivenRoles(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		ada := h.first()
		ada.Opens("/me").Sees("Ada", "admin", "This one")

		p := ada.Submits(ada.Opens("/people/invite"), "/people/invite", "email", "Eve@toprent.example", "name", "Eve", "role", "viewer", "role-development", "editor").Is(http.StatusOK).Sees("Copy it now")
		link := p.Find("#secret").Text()[len(h.URL)+len("/settings"):]
		ada.Opens("/people").Sees("Eve", "Invited", "Everywhere: viewer", "Development: editor")

		eve := h.As("")
		eve.Submits(eve.Opens(link).Sees("Eve@toprent.example"), link, "password", good, "again", good)
		eve.Opens("/me").Sees("Eve", "editor")
		eve.Gets("/settings/people").Is(http.StatusForbidden)

		account := "/people/accounts/" + h.account("Eve@toprent.example").ID
		page := ada.Opens(account)
		ada.Submits(page, account, "role", "approver").Is(http.StatusOK).Sees("has to sign in again")
		if p := eve.Gets("/settings/me"); p.Status != http.StatusSeeOther {
			t.Errorf("with other roles, the old session goes on: %d", p.Status)
		}
		if p := signsIn(eve, "eve@TOPRENT.example", good); p.Status != http.StatusSeeOther {
			t.Errorf("signing in again: %d, %s", p.Status, p.Text())
		}
		ada.Submits(page, account, "role", "admin").Is(http.StatusConflict).Sees("Somebody else changed this")

		ada.Submits(ada.Opens(account+"/disable"), account+"/disable").Sees("signed out everywhere")
		if p := eve.Gets("/settings/me"); p.Status != http.StatusSeeOther {
			t.Errorf("a disabled account's session goes on: %d", p.Status)
		}
		signsIn(eve, "eve@toprent.example", good).Is(http.StatusUnprocessableEntity)
		ada.Submits(ada.Opens(account), account+"/enable").Sees("is enabled")
		signsIn(eve, "eve@toprent.example", good).Is(http.StatusSeeOther)

		reset := ada.Submits(ada.Opens(account), account+"/link").Find("#secret").Text()[len(h.URL)+len("/settings"):]
		const another = "nine tall yellow chairs"
		eve.Submits(eve.Opens(reset), reset, "password", another, "again", another)
		signsIn(h.As(""), "eve@toprent.example", good).Is(http.StatusUnprocessableEntity)
		signsIn(h.As(""), "eve@toprent.example", another).Is(http.StatusSeeOther)
	})
}

func TestTheLastAdminStaysOne(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		ada := h.first()
		account := "/people/accounts/" + h.account("ada@toprent.example").ID
		ada.Submits(ada.Opens(account), account, "role", "editor").Is(http.StatusUnprocessableEntity).Sees("last admin")
		ada.Submits(ada.Opens(account+"/disable"), account+"/disable").Is(http.StatusUnprocessableEntity).Sees("last admin")
		ada.Opens("/people").Sees("Everywhere: admin")

		// Two admins who demote each other at once: one of them stays.
		h.joins("bob@toprent.example", everywhere(access.Admin))
		a, b := h.account("ada@toprent.example"), h.account("bob@toprent.example")
		done := make(chan error, 2)
		for _, who := range []access.Account{a, b} {
			go func() { done <- h.accounts.SetRoles(t.Context(), who.ID, everywhere(access.Viewer), who.Version) }()
		}
		first, second := <-done, <-done
		if (first == nil) == (second == nil) {
			t.Errorf("one of two may demote: %v, %v", first, second)
		}
	})
}

func TestAPersonSeesAndEndsTheirSessions(t *testing.T) {
	h := standsAlone(t)
	here := h.first()
	there := h.As("")
	signsIn(there, "ada@toprent.example", good).Is(http.StatusSeeOther)
	p := here.Opens("/me")
	if n := p.Find("#sessions tbody tr").Length(); n != 2 {
		t.Fatalf("%d sessions", n)
	}
	action, _ := p.Find("#sessions tbody form").First().Attr("action")
	here.Submits(p, action).Sees("The session has ended")
	there.Gets("/settings/me").Is(http.StatusSeeOther)
	here.Opens("/me")

	signsIn(there, "ada@toprent.example", good).Is(http.StatusSeeOther)
	const another = "nine tall yellow chairs"
	here.Submits(here.Opens("/me"), "/me/password", "present", "not it at all", "password", another, "again", another).Is(http.StatusUnprocessableEntity).Sees("not your present password")
	here.Submits(here.Opens("/me"), "/me/password", "present", good, "password", another, "again", another).Sees("password is changed")
	there.Gets("/settings/me").Is(http.StatusSeeOther)
	here.Submits(here.Opens("/me"), "/sign-out").Sees("Sign in")
	here.Gets("/settings/me").Is(http.StatusSeeOther)
}

func TestSessionsEndWithTime(t *testing.T) {
	h := standsAlone(t)
	ada := h.first()
	for range 50 { // used again and again, it lasts for 30 days
		h.clock.passes(11 * time.Hour)
		ada.Opens("/me")
	}
	h.clock.passes(12 * time.Hour)
	ada.Gets("/settings/me").Is(http.StatusSeeOther)
	signsIn(ada, "ada@toprent.example", good).Is(http.StatusSeeOther)
	days := 0
	for ; ada.Gets("/settings/me").Status == http.StatusOK; days++ {
		h.clock.passes(6 * time.Hour)
	}
	if days != 30*4 {
		t.Errorf("a session that is used lasts %d quarters of days", days)
	}
}

func TestPasswordsAreLongAndNotTheName(t *testing.T) {
	h := standsAlone(t)
	secret, _ := h.accounts.FirstLink(t.Context())
	b := h.As("")
	for password, words := range map[string]string{
		"short": "12 characters", "            ": "one character", "aaaaaaaaaaaaaaa": "one character",
		"ada.lovelace@toprent.example": "e-mail address", "Ada.Lovelace": "e-mail address", "Countess Lovelace": "your name",
	} {
		b.Submits(b.Opens("/first/"+secret), "/first/"+secret, "email", "ada.lovelace@toprent.example", "name", "Countess Lovelace", "password", password, "again", password).
			Is(http.StatusUnprocessableEntity).Sees(words)
	}
	b.Submits(b.Opens("/first/"+secret), "/first/"+secret, "email", "ada.lovelace@toprent.example", "password", good, "again", good+"s").Is(http.StatusUnprocessableEntity).Sees("not the same")
	b.Submits(b.Opens("/first/"+secret), "/first/"+secret, "email", "ada.lovelace@toprent.example", "password", good, "again", good)
	b.Opens("/me").Sees("admin")
}

func TestEmbeddedAPersonHasTheirOwnPageAndTokensAlone(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	editor := site.As("editor")
	editor.Opens("/me").Sees("Eve Editor", "editor", "Toprent says who you are").Lacks("Your password", "signed in from")
	secret := token(t, editor, "editor", "staging")
	status, me := asks(t, site.URL, secret, "GET", "/me", "")
	if roles, _ := me["roles"].(map[string]any); status != 200 || me["email"] != "eve@toprent.example" || roles["staging"] != "editor" || len(roles) != 1 {
		t.Errorf("%d, %v", status, me)
	}
	site.As("admin").Opens("/people").Sees("API tokens", "robot", "eve@toprent.example")
	site.As("nobody").Opens("/me").Sees("no role yet").Lacks("New token")
	for _, path := range []string{"/sign-in", "/people/invite", "/first/x"} {
		site.As("admin").Gets("/settings" + path).Is(http.StatusNotFound)
	}
}

// The host says on each request what whoever made the token may do by then.
func TestEmbeddedATokenShrinksWithItsMaker(t *testing.T) {
	var role atomic.Int64
	var down atomic.Bool
	role.Store(int64(settings.Editor))
	site := settingstest.New(t, func(c *settings.Config) {
		c.RoleOf = func(_ context.Context, person, environment string) (settings.Role, error) {
			switch {
			case down.Load():
				return 0, errors.New("the host's records cannot be read")
			case person != "p-editor" || environment == "production":
				return 0, nil
			}
			return settings.Role(role.Load()), nil
		}
	})
	site.Sample()
	editor := site.As("editor")
	staging, all := token(t, editor, "editor", "staging"), token(t, editor, "editor", "*")
	wants := func(disables, reads, production int) {
		t.Helper()
		for _, secret := range []string{staging, all} {
			if status, answer := asks(t, site.URL, secret, "POST", "/environments/staging/flags/winter-look/disable", `{"reason": "x"}`); status != disables {
				t.Errorf("to disable: %d, want %d: %v", status, disables, answer)
			}
			if status, answer := asks(t, site.URL, secret, "GET", "/environments/staging/flags", ""); status != reads {
				t.Errorf("to read: %d, want %d: %v", status, reads, answer)
			}
			if status, answer := asks(t, site.URL, secret, "GET", "/environments/production/flags", ""); status != production {
				t.Errorf("elsewhere: %d, want %d: %v", status, production, answer)
			}
		}
	}
	wants(200, 200, 403)
	role.Store(int64(settings.Viewer))
	wants(403, 200, 403)
	role.Store(0)
	wants(403, 403, 403)
	down.Store(true)
	wants(500, 500, 500)
}

func TestProgramsReadAndActByToken(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		h := standsAloneOn(t, store)
		h.Sample()
		secret := token(t, h.first(), "approver", "*")
		status, answer := h.asks(secret, "GET", "/environments/production/flags", "")
		if flags, _ := answer["flags"].([]any); status != 200 || len(flags) != 4 {
			t.Errorf("%d, %v", status, answer)
		}
		at := "/environments/development/flags/winter-look"
		for _, act := range []struct{ do, killed, enabled string }{{"kill", "true", "true"}, {"lift", "false", "true"}, {"disable", "false", "false"}, {"enable", "false", "true"}} {
			status, answer := h.asks(secret, "POST", at+"/"+act.do, `{"reason": "trying"}`)
			if status != 200 || answer["published"] != true {
				t.Fatalf("%s: %d, %v", act.do, status, answer)
			}
			_, flag := h.asks(secret, "GET", at, "")
			if flag["killed"] != (act.killed == "true") || flag["enabled"] != (act.enabled == "true") {
				t.Errorf("after %s: %v", act.do, flag)
			}
		}
		_, answer = h.asks(secret, "GET", "/environments/development/changes", "")
		if all, _ := answer["changes"].([]any); len(all) != 5 || all[3].(map[string]any)["kind"] != "kill" || all[3].(map[string]any)["author"] != "ada@toprent.example" {
			t.Errorf("%v", answer)
		}
		for path, want := range map[string]int{"/environments/nowhere/flags": 404, "/environments/production/flags/nothing": 404} {
			if status, answer := h.asks(secret, "GET", path, ""); status != want || answer["do"] == "" {
				t.Errorf("%s: %d, %v", path, status, answer)
			}
		}
		for body, want := range map[string]int{`{}`: 422, `{"reason": " "}`: 422, `{"reason": "x", "author": "somebody"}`: 422, `{"reason": "x"} {}`: 422, `[`: 422} {
			if status, answer := h.asks(secret, "POST", at+"/kill", body); status != want || answer["error"] == "" {
				t.Errorf("%s: %d, %v", body, status, answer)
			}
		}
	})
}
