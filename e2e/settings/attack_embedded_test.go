package settings

import (
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

// The host of these tests runs the flags' middleware before the pages, as hosts do.
func TestEmbeddedThePagesKeepTheirHeadersAndTheirPolicy(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for route := range site.Settings.Needs() {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodGet || strings.Contains(path, "/assets/") {
			continue
		}
		path = strings.NewReplacer(":key", "new-home", ":env", "development", ":revision", "1", ":plan", "pro", ":segment", "germany", ":id", "x").Replace(path)
		for _, who := range []string{"admin", "nobody", ""} {
			b := site.As(who)
			b.Header.Set("Sec-Fetch-Dest", "document")
			p := b.Gets(path)
			if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(p.Header.Get("Content-Security-Policy"), "default-src 'self';") {
				t.Errorf("%s for %q: %v", path, who, p.Header)
			}
		}
	}
}

// A host that signs people in by a header of its own is not taken for a program with a token.
func TestAFeedIsOpenToWhoSignsInAtAProxyByPassword(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	b := site.As("viewer")
	b.Header.Set("Authorization", "Basic dmljOnNlY3JldA==")
	b.Gets("/settings/changes.json").Is(http.StatusOK)
	stranger := site.As("")
	stranger.Header.Set("Authorization", "Basic dmljOnNlY3JldA==")
	stranger.Gets("/settings/changes.json").Is(http.StatusSeeOther)
	stranger.Header.Set("Authorization", "Bearer tfl_made-up")
	stranger.Gets("/settings/changes.json").Is(http.StatusUnauthorized)
	b.Header.Set("Authorization", "bearer tfl_made-up") // a token that is none is not made good by a session
	b.Gets("/settings/changes.json").Is(http.StatusUnauthorized)
}
