package settings

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
)

func TestStrangersCannotSendMuch(t *testing.T) {
	h := standsAlone(t)
	h.first()
	stranger := h.As("")
	large := url.Values{"email": {strings.Repeat("x", 100_000)}, "password": {good}}.Encode()
	for _, path := range []string{"/settings/sign-in", "/settings/sign-out"} {
		p := stranger.Sends(http.MethodPost, path, "application/x-www-form-urlencoded", large)
		if path == "/settings/sign-in" && p.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s takes %d bytes of a stranger: %d", path, len(large), p.Status)
		}
	}
	body := "--b\r\nContent-Disposition: form-data; name=\"email\"; filename=\"x\"\r\n\r\n" + strings.Repeat("x", 100_000) + "\r\n--b--\r\n"
	if p := stranger.Sends(http.MethodPost, "/settings/sign-in", "multipart/form-data; boundary=b", body); p.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a file of a stranger gives %d", p.Status)
	}
	// Nor does who may post forms send fields without end.
	fields := strings.Repeat("&x=1", 20_000)
	if p := stranger.Sends(http.MethodPost, "/settings/sign-in", "application/x-www-form-urlencoded", fields[1:60_000]); p.Status != http.StatusBadRequest {
		t.Errorf("20,000 fields give %d", p.Status)
	}
}

func TestAReasonWithoutEndIsRefusedEverywhere(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	reason := strings.Repeat("because ", 200)
	approver := site.As("approver")
	for path, action := range map[string]string{"/flags/winter-look/development/disable": "/disable", "/flags/winter-look/development/kill": "/kill",
		"/environments/development/recall": "/recall", "/flags/winter-look/development/rules": "/rules", "/plans/development/pro/edit": "/edit", "/flags/winter-look/development/settings": "/settings"} {
		p := approver.Submits(approver.Opens(path), action, "reason", reason)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Text(), "haracters") {
			t.Errorf("%s: %d %.300s", path, p.Status, p.Text())
		}
	}
	approver.Opens("/changes").Lacks("because because")
}

func TestAPersonOfTheHostWithoutAnIdIsNobody(t *testing.T) {
	site := settingstest.New(t, func(c *settings.Config) {
		asked := c.Person
		c.Person = func(g *gin.Context) (settings.Person, error) {
			person, err := asked(g)
			if person.Name == "Ned Nobody" { // the host lost the id, and would let in with every role
				return settings.Person{Roles: map[string]settings.Role{settings.Everywhere: settings.Admin}}, nil
			}
			return person, err
		}
	})
	site.Sample()
	editor := site.As("editor")
	editor.Submits(editor.Opens("/me/tokens/new"), "/me/tokens/new", "name", "robot", "role", "editor", "environment", "*").Is(http.StatusOK)
	lost := site.As("nobody")
	for _, path := range []string{"/settings/me", "/settings/flags", "/settings/people/tokens"} {
		if p := lost.Gets(path); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/sign-in") {
			t.Errorf("%s lets nobody in: %d", path, p.Status)
		}
	}
}
