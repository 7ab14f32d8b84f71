package settings

import (
	"net/http"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
)

func TestTheDefinitionShowsWhatAllEnvironmentsShare(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	if err := site.Store.RecordReads(t.Context(), "staging", time.Now().Add(-3*time.Hour), []string{"new-home"}); err != nil {
		t.Fatal(err)
	}
	site.As("viewer").Opens("/flags/new-home").Lacks("Edit").Sees("More bookings from the home page", "1 Mar 2027", "web-team", "3 hours ago",
		"On for 25 % of users in segment germany, otherwise off.", "On for everybody.", "Disabled: off for everybody but those with an override.")
	site.As("dev").Opens("/flags/new-home").Sees("Edit", "Development").Lacks("Staging", "Production")
	site.As("viewer").Gets("/settings/flags/no-such").Is(http.StatusNotFound)
}

func TestADefinitionIsEdited(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	form := eve.Opens("/flags/new-home/edit")
	eve.Submits(form, "/edit", "title", "", "purpose", " ", "planned_removal", "").Is(http.StatusUnprocessableEntity).Sees("3 things need your attention")
	eve.Submits(form, "/edit", "title", "The home page", "lifecycle", "deprecated", "planned_removal", "2027-04-02").
		Is(http.StatusOK).Sees("The definition of The home page is saved", "Deprecated", "2 Apr 2027")
	if got := heads(t, site); got != [3]int64{1, 1, 1} {
		t.Errorf("what changes no value made revisions: %v", got)
	}
	flag, err := site.Store.Flag(t.Context(), "new-home")
	if err != nil || flag.Description != "A search in front of a picture" || flag.Version != 2 {
		t.Errorf("%+v, %v", flag, err)
	}
}

func TestTwoWhoEditADefinitionBothSeeBothVersions(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve, bob := site.As("editor"), site.As("bob")
	mine := eve.Opens("/flags/new-home/edit")
	bob.Submits(bob.Opens("/flags/new-home/edit"), "/edit", "title", "Bob's title", "owner", "bob").Is(http.StatusOK)
	conflict := eve.Submits(mine, "/edit", "title", "Eve's title", "description", "Typed by Eve").Is(http.StatusConflict).
		Sees("Somebody else changed this", "Bob's title", "Eve's title", "Typed by Eve")
	flag, _ := site.Store.Flag(t.Context(), "new-home")
	if flag.Title != "Bob's title" {
		t.Fatalf("the title is %q", flag.Title)
	}
	eve.Submits(conflict, "/edit").Is(http.StatusOK)
	flag, _ = site.Store.Flag(t.Context(), "new-home")
	if flag.Title != "Eve's title" || flag.Description != "Typed by Eve" || flag.Version != 3 {
		t.Errorf("%+v", flag)
	}
}

func TestADefinitionThatIsNotCompleteSaysSo(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.Imports("version: 1\nflags: [{key: bare, kind: release, type: boolean, title: Bare, environments: {development: {}}}]")
	site.As("editor").Opens("/flags/bare").Sees("Its purpose and its planned removal are not known", "Complete the definition")
	site.As("viewer").Opens("/flags/bare").Sees("are not known").Lacks("Complete the definition")
	site.As("editor").Opens("/flags/new-home").Lacks("not known")
}
