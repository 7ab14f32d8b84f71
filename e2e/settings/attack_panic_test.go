package settings

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
)

// The host of these tests recovers from nothing by itself: a panic that got through would end the connection.
func TestAPanicIsAnErrorPageAndTheLogHasNoCookies(t *testing.T) {
	log := &logBook{}
	site := settingstest.New(t, func(c *settings.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
		c.Person = func(*gin.Context) (settings.Person, error) { panic("the host made a mistake") }
	})
	b := site.As("admin")
	b.Header.Set("X-Api-Key", "a-header-secret")
	b.Gets("/settings/flags").Is(http.StatusInternalServerError).Sees("This did not work", "It has been logged as")
	b.Gets("/settings/changes.json").Is(http.StatusInternalServerError)
	b.Posts("/new-flag", "title", "x").Is(http.StatusInternalServerError)
	text := log.String()
	if strings.Count(text, "the host made a mistake") != 3 || !strings.Contains(text, "path=/settings/flags") || !strings.Contains(text, "attack_panic_test.go") {
		t.Errorf("the log does not say what happened where: %s", text)
	}
	for _, secret := range []string{"person=admin", "a-header-secret", "Cookie:"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q: %s", secret, text)
		}
	}
}
