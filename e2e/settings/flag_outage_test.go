package settings

import (
	"net/http"
	"testing"
)

func TestNothingThatWasTypedAboutAFlagIsLostWhileTheDatabaseIsDown(t *testing.T) {
	site, server := sampleOnServer(t)
	eve := site.As("editor")
	created, edited := eve.Opens("/new-flag"), eve.Opens("/flags/checkout/edit")
	set, boolean, disabled := eve.Opens("/flags/checkout/development/settings"), eve.Opens("/flags/new-home/development/settings"), eve.Opens("/flags/new-home/development/disable")
	server.Stop()
	p := eve.Submits(created, "/new-flag", aFlag("type", "string", "variant.name", "kept", "variant.value", "all of it", "tier_required", "pro", "in", "staging")...).
		Is(http.StatusServiceUnavailable).Sees("The database cannot be reached", "all of it")
	edited = eve.Submits(edited, "/edit", "purpose", "typed in vain").Is(http.StatusServiceUnavailable).Sees("typed in vain")
	set = eve.Submits(set, "/settings", "variant.value", "typed", "variant.value", "in", "variant.value", "vain").Is(http.StatusServiceUnavailable).Sees("typed", "vain")
	boolean = eve.Submits(boolean, "/settings", "boolean.otherwise", "on", "client_visible", "on").Is(http.StatusServiceUnavailable)
	disabled = eve.Submits(disabled, "/disable", "reason", "kept too").Is(http.StatusServiceUnavailable)
	server.Start()
	eve.Submits(p, "/new-flag").Is(http.StatusOK).Sees("is created")
	eve.Submits(edited, "/edit").Is(http.StatusOK).Sees("typed in vain")
	eve.Submits(set, "/settings").Is(http.StatusOK).Sees("vain")
	eve.Submits(disabled, "/disable").Is(http.StatusOK).Sees("kept too")
	eve.Submits(boolean, "/settings").Is(http.StatusConflict) // disabled meanwhile
	if flag := stored(t, site, "staging", "faster-search"); flag == nil || flag.TierRequired != "pro" || flag.Off != "kept" {
		t.Errorf("%+v", flag)
	}
}
