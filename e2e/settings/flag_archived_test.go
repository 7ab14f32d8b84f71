package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

func TestAnArchivedFlagIsChangedOnlyByBringingItBack(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Submits(abe.Opens("/flags/new-home/development/archive"), "/archive", "reason", "done").Is(http.StatusOK).Sees("Archived here.").Lacks("Disable all access", "Edit the rules")
	abe.Opens("/flags/new-home/development/rules").Sees("Archived here.").Lacks("Enable it on its overview", "Add a rule")
	abe.Opens("/flags/new-home/development/overrides").Sees("u-ann").Lacks("Paste a list", "Add an override", "Remove")
	for _, part := range []string{"enable", "disable", "settings", "overrides/one", "overrides/paste"} {
		abe.Gets("/settings/flags/new-home/development/" + part).Is(http.StatusConflict).Sees("This flag is archived here")
		abe.Posts("/flags/new-home/development/"+part, "base", "1", "kind", "user", "id", "u-x", "ids", "u-x", "variant", "on", "reason", "x").Is(http.StatusConflict)
	}
	abe.Posts("/flags/new-home/development/rules", "base", "1", "save", "yes").Is(http.StatusConflict)
	abe.Posts("/flags/new-home/development/tier", "base", "1", "tier_required", "pro").Is(http.StatusConflict)
	abe.Opens("/flags/new-home/kill").Sees("Disable in Staging").Lacks("Disable in Development")
	abe.Submits(abe.Opens("/flags/new-home/development/unarchive"), "/unarchive").Is(http.StatusOK).Sees("Disable all access", "Edit the rules")
}

func TestAFlagsPagesLeadToItsChangesItsWatchesAndItsKill(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for who, kill := range map[string]int{"viewer": 0, "approver": 1} {
		b := site.As(who)
		overview := b.Opens("/flags/new-home/development")
		for _, href := range []string{"/settings/watch/development?flag=new-home", "/settings/changes/development?flag=new-home", "/settings/changes/development/1"} {
			if overview.Find(`a[href="`+href+`"]`).Length() != 1 {
				t.Errorf("%s finds no way to %s", who, href)
			}
		}
		if got := overview.Find(`a[href="/settings/flags/new-home/development/kill"]`).Length(); got != kill {
			t.Errorf("%s has %d ways to kill here", who, got)
		}
		if got := b.Opens("/flags/new-home").Find(`a[href="/settings/flags/new-home/kill"]`).Length(); got != kill {
			t.Errorf("%s has %d ways to kill from the definition", who, got)
		}
		if b.Opens("/environments").Find(`a[href="/settings/watch/production"]`).Length() != 1 {
			t.Errorf("%s cannot watch an environment", who)
		}
	}
}
