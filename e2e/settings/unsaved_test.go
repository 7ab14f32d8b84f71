package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// sampleOnServer is sampleSite on a database server of its own, which the test can stop.
func sampleOnServer(t *testing.T) (*settingstest.Site, *pgtest.Private) {
	t.Helper()
	server := pgtest.Server(t)
	store, err := models.Open(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	site := settingstest.On(t, store)
	site.Sample()
	return site, server
}

func TestNothingTypedIsLostWhileTheDatabaseIsDownOnAnyPage(t *testing.T) {
	site, server := sampleOnServer(t)
	ada := site.As("admin")
	segment, rules := ada.Opens("/segments/development/germany"), ada.Opens("/flags/new-home/development/rules")
	channel, added := ada.Opens("/alerts/channels/new"), ada.Opens("/new-environment")
	server.Stop()
	segment = ada.Submits(segment, "/germany", "title", "People \"in\" <b>Germany</b>").Is(http.StatusServiceUnavailable).Sees("This was not saved", "<b>Germany</b>")
	rules = ada.Submits(rules, "/rules", "reason", "thought about\nfor long").Is(http.StatusServiceUnavailable).Sees("thought about")
	channel = ada.Submits(channel, "/channels/new", "name", "#typed", "target", "http://example.com/x").Is(http.StatusServiceUnavailable).Sees("#typed")
	added = ada.Submits(added, "/new-environment", "name", "preview", "title", "Preview", "from", "staging").Is(http.StatusServiceUnavailable).Sees("still here")
	if p := ada.Posts("/me/tokens/new", "password", "a secret", "name", "robot").Is(http.StatusServiceUnavailable).Sees("robot"); p.Find(`[name="password"]`).Length() > 0 {
		t.Error("a password was sent back")
	}
	ada.Gets("/settings/flags").Is(http.StatusServiceUnavailable).Sees("Segments", "Health") // the way on
	site.As("nobody").Posts("/segments/development/germany", "title", "typed").Is(http.StatusForbidden)
	server.Start()
	ada.Submits(segment, "/germany").Is(http.StatusOK).Sees(`People "in" <b>Germany</b>`)
	ada.Submits(rules, "/rules").Is(http.StatusOK)
	ada.Submits(channel, "/channels/new").Is(http.StatusUnprocessableEntity).Sees("https")
	ada.Submits(added, "/new-environment").Is(http.StatusOK).Sees("Preview is there")
}

func TestASegmentThatSomebodyHasRemovedMeanwhileKeepsWhatWasTypedAboutIt(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada, eve := site.As("admin"), site.As("editor")
	eve.Posts("/new-segment/development", "base", "0", "key", "short-lived", "title", "Some", "when.form", "all", "when.0.form", "condition", "when.0.attribute", "country", "when.0.operator", "in", "when.0.values", "DE").Is(http.StatusOK)
	edited := eve.Opens("/segments/development/short-lived")
	ada.Submits(ada.Opens("/segments/development/short-lived/remove"), "/remove").Is(http.StatusOK)
	again := eve.Submits(edited, "/short-lived", "title", "typed for long").Is(http.StatusConflict).Sees("Somebody has removed this segment", "typed for long")
	eve.Submits(again, "/short-lived").Is(http.StatusOK).Sees("typed for long")
}

func TestRulesOfAFlagThatSomebodyHasArchivedMeanwhileKeepWhatWasTyped(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada, eve := site.As("admin"), site.As("editor")
	edited := eve.Opens("/flags/new-home/development/rules")
	ada.Submits(ada.Opens("/flags/new-home/development/archive"), "/archive", "reason", "done").Is(http.StatusOK)
	p := eve.Submits(edited, "/rules", "reason", "typed for long").Is(http.StatusConflict).Sees("has archived this flag")
	if value, _ := p.Find(`[name="reason"]`).Attr("value"); value != "typed for long" {
		t.Errorf("the reason is %q", value)
	}
}
