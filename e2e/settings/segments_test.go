package settings

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestASegmentIsMadeChangedAndRemoved(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens("/segments/staging").Sees("People in Germany", "country is DE", "nothing yet")
	if p.Find(`a[href$="/new-segment/staging"]`).Length() == 0 {
		t.Error("there is no way to a new segment")
	}
	p = eve.Opens("/new-segment/staging")
	p = eve.Submits(p, "/new-segment/staging", "key", "New Segment!", "when.0.attribute", "country", "when.0.values", "FR").Is(http.StatusUnprocessableEntity).Sees("Use lower-case letters")
	p = eve.Submits(p, "/new-segment/staging", "key", "new", "title", "France").Is(http.StatusOK).Sees("Saved", "country is FR")
	p = eve.Submits(p, "/segments/staging/new", "do", "add-condition:when")
	p = eve.Submits(p, "/segments/staging/new", "when.form", "any", "when.1.attribute", "language", "when.1.values", "fr").Is(http.StatusOK).Sees("country is FR or language is fr")
	eve.Submits(p, "/segments/staging/new", "do", "remove:when.0").Sees("Who is in it")
	p = eve.Opens("/segments/staging/new/remove").Sees("Remove new?")
	eve.Submits(p, "/segments/staging/new/remove", "reason", "nobody uses it").Is(http.StatusOK).Sees("Removed the segment new")
	eve.Gets("/settings/segments/staging/new").Is(http.StatusNotFound)
}

func TestASegmentInUseCannotBeRemovedAndSaysByWhat(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens("/segments/development/germany/remove").Sees("germany is in use", "new-home", "rule 1, a quarter of Germany")
	if p.Find("[data-sheet] form").Length() != 0 {
		t.Error("what cannot be removed has a button for it")
	}
	eve.Posts("/segments/development/germany/remove", "base", "1").Is(http.StatusUnprocessableEntity).Sees("new-home")
}

func TestASegmentWithoutConditionsOrThatUsesItselfIsRefused(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens("/segments/development/germany")
	eve.Submits(eve.Submits(p, "/segments/development/germany", "do", "remove:when.0"), "/segments/development/germany").Is(http.StatusUnprocessableEntity).Sees("Add at least one condition")
	eve.Posts("/segments/development/germany", "base", "1", "when.form", "all", "when.0.form", "segment", "when.0.segment", "germany").Is(http.StatusUnprocessableEntity).Sees("uses itself")
}

func TestTwoEditorsOfASegmentSeeBothVersions(t *testing.T) {
	site := sampleSite(t)
	eve, bob := site.As("editor"), site.As("bob")
	const path = "/segments/development/germany"
	mine := eve.Opens(path)
	bob.Submits(bob.Opens(path), path, "when.0.values", "DE\nAT").Is(http.StatusOK)
	p := eve.Submits(mine, path, "when.0.values", "DE\nCH").Is(http.StatusConflict).Sees("country is DE or AT", "country is DE or CH")
	eve.Submits(p, path).Is(http.StatusOK)
	def := definitionOf(t, site, "development")
	if want := (ruleset.Texts{"DE", "CH"}); !slices.Equal(def.Segments[0].When.Values, want) {
		t.Errorf("%v", def.Segments[0].When.Values)
	}
	eve.Posts("/new-segment/development", "key", "germany", "base", "1", "when.form", "all", "when.0.form", "is", "when.0.attribute", "a", "when.0.operator", "exists").
		Is(http.StatusConflict).Sees("There is a segment with this key already")
}

func TestAnEnvironmentWithoutSegmentsSaysWhatToDoNext(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens("/segments/production/germany/remove")
	eve.Submits(p, "/segments/production/germany/remove").Sees("No segments yet", "Create the first segment")
	site.As("viewer").Opens("/segments/production").Sees("No segments yet", "Whoever is editor here").Lacks("Create the first segment")
}
