package middleware_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// whoCame writes down who was seen.
type whoCame struct {
	seen   []string
	minted int
}

func (w *whoCame) Saw(environment string, s ruleset.Subject) {
	w.seen = append(w.seen, fmt.Sprintf("%s of %s on %s", s.User, s.Tenant, s.Plan))
}

func (w *whoCame) Minted(string) { w.minted++ }

func remembering(t *testing.T) (*site, *whoCame) {
	w := &whoCame{}
	return newSite(t, ruleset.Definition{}, func(c *middleware.Config) { c.Directory = w }), w
}

func (w *whoCame) expect(t *testing.T, minted int, seen ...string) {
	t.Helper()
	if !slices.Equal(w.seen, seen) || w.minted != minted {
		t.Errorf("seen %q and %d minted, want %q and %d", w.seen, w.minted, seen, minted)
	}
}

func TestWhoIsSignedInIsSeenOncePerRequest(t *testing.T) {
	s, w := remembering(t)
	ann := s.visit("User", "ann", "Plan", "pro")
	ann.opens("/")
	w.expect(t, 1, "ann of  on pro")
	ann.fetches("/api")
	w.expect(t, 1, "ann of  on pro", "ann of  on pro")
}

func TestAnonymousVisitorsAreCountedWhenTheyGetAnIDAndNeverSeen(t *testing.T) {
	s, w := remembering(t)
	somebody := s.visit()
	somebody.opens("/")
	somebody.opens("/")
	somebody.fetches("/api")
	w.expect(t, 1)
	s.visit().fetches("/api") // no page, so no id
	w.expect(t, 1)
	s.visit().opens("/", "Sec-Purpose", "prefetch")
	w.expect(t, 1)
	s.visit().opens("/")
	w.expect(t, 2)
}

func TestWithoutADirectoryNobodyIsRemembered(t *testing.T) {
	newSite(t, ruleset.Definition{}).visit("User", "ann").opens("/").is(200)
}
