package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// asksFor makes Eve, the editor, ask for a flag to be enabled in production, and returns the page of her request.
func asksFor(t *testing.T, site *settingstest.Site) (request *settingstest.Page, path string) {
	t.Helper()
	eve := site.As("editor")
	request = eve.Submits(eve.Opens("/flags/new-home/production/enable"), "/enable", "reason", "ready for everybody").Is(http.StatusOK)
	path = strings.TrimPrefix(request.URL, "/settings")
	if !strings.HasPrefix(path, "/requests/production/") {
		t.Fatalf("the form leads to %s:\n%s", request.URL, request.Text())
	}
	return request, path
}

// protectedSite is a site whose production takes that many approvals for each change.
func protectedSite(t *testing.T, approvals int) *settingstest.Site {
	site := settingstest.New(t)
	site.Sample()
	site.Protects("production", approvals)
	return site
}

func on(t *testing.T, site *settingstest.Site, environment, key string) bool {
	t.Helper()
	rows, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	all, err := site.Store.RowsAt(t.Context(), environment, rows.Head)
	if err != nil {
		t.Fatal(err)
	}
	flag, err := site.Store.Flag(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all.Flags {
		if row.FeatureID == flag.ID {
			return row.Enabled
		}
	}
	return false
}

func TestARequestIsApprovedBySomebodyElseAndApplied(t *testing.T) {
	site := protectedSite(t, 1)
	page, path := asksFor(t, site)
	page.Sees("In review", "0 of 1", "ready for everybody", "You have written at it")
	if page.Find(`form[action$="/approve"]`).Length() > 0 {
		t.Error("the author is offered to approve")
	}
	abe := site.As("approver")
	abe.Opens("/flags").Sees("waiting for you")
	abe.Opens("/requests").Sees("Waiting for me", "eve@toprent.example")
	seen := abe.Opens(path).Sees("What it does")
	seen = abe.Submits(seen, "/approve", "comment", "looks right").Is(http.StatusOK).Sees("Ready to apply", "1 of 1", "looks right")
	if on(t, site, "production", "new-home") {
		t.Error("it is on before anybody has applied it")
	}
	abe.Submits(seen, "/apply").Is(http.StatusOK).Sees("Applied", "revision")
	if !on(t, site, "production", "new-home") {
		t.Error("it was applied, and is off")
	}
	abe.Opens("/requests?show=mine").Sees("Nothing waits for you")
	abe.Opens("/requests?show=done").Sees("Applied")
}

func TestApplyingTwiceTellsTheSecond(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	abe, eve := site.As("approver"), site.As("editor")
	seen := abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK)
	hers := eve.Opens(path)
	abe.Submits(seen, "/apply").Is(http.StatusOK)
	eve.Submits(hers, "/apply").Is(http.StatusConflict).Sees("It is applied already, by abe@toprent.example")
}

func TestASetOfRacersAppliesOnce(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	abe := site.As("approver")
	abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK)
	before, err := site.Store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	const racers = 8
	answers := make(chan int, racers)
	for range racers {
		b := site.As("editor")
		go func() {
			answers <- b.Sends(http.MethodPost, "/settings"+path+"/apply", "application/x-www-form-urlencoded", "round=1").Status
		}()
	}
	won, told := 0, 0
	for range racers {
		switch status := <-answers; status {
		case http.StatusSeeOther:
			won++
		case http.StatusConflict:
			told++
		default:
			t.Errorf("a racer is answered %d", status)
		}
	}
	after, err := site.Store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if won != 1 || told != racers-1 || after.Head != before.Head+1 {
		t.Errorf("%d won, %d were told, revisions %d to %d", won, told, before.Head, after.Head)
	}
}

func TestWhatOthersChangedIsAConflictThatPeopleLookAt(t *testing.T) {
	site := protectedSite(t, 1)
	abe, eve := site.As("approver"), site.As("editor")
	request := liveSettingsOf(t, site, eve)
	path := strings.TrimPrefix(request.URL, "/settings")
	seen := abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK)
	site.Protects("production", 0) // somebody is quicker
	if _, err := site.Changes.Kill(t.Context(), "production", "new-home", "ann", "it burns"); err != nil {
		t.Fatal(err)
	}
	site.Protects("production", 1)
	abe.Submits(seen, "/apply").Is(http.StatusConflict).Sees("Both versions are below", "Somebody else has changed the same since", "There now", "This request")
	abe.Opens("/requests/production/" + path[strings.LastIndex(path, "/")+1:]).Sees("conflict")
	hers := eve.Opens(path)
	eve.Submits(hers, "/rebase").Is(http.StatusOK).Sees("stands on top of theirs", "In review", "0 of 1")
	abe.Posts(path+"/apply", "round", "2").Is(http.StatusConflict).Sees("not approved yet")
	abe.Posts(path+"/apply", "round", "1").Is(http.StatusConflict).Sees("It was edited since this page was shown")
	final := abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK)
	abe.Submits(final, "/apply").Is(http.StatusOK)
	rows, err := site.Store.RowsAt(t.Context(), "production", head(t, site))
	if err != nil {
		t.Fatal(err)
	}
	flag, _ := site.Store.Flag(t.Context(), "new-home")
	for _, row := range rows.Flags {
		if row.FeatureID == flag.ID && !row.Killed {
			t.Error("applying the request has undone the kill")
		}
	}
}

func head(t *testing.T, site *settingstest.Site) int64 {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	return row.Head
}

// liveSettingsOf makes a request that has a base: the tier of a flag.
func liveSettingsOf(t *testing.T, site *settingstest.Site, who *settingstest.Browser) *settingstest.Page {
	t.Helper()
	at := who.Opens("/flags/new-home/production")
	return who.Submits(at, "/tier", "tier_required", "pro", "reason", "for those who pay").Is(http.StatusOK).Sees("In review")
}

func TestARequestsPagesSayWhatIsEmpty(t *testing.T) {
	site := protectedSite(t, 1)
	site.As("approver").Opens("/requests?show=mine").Sees("Nothing waits for you")
	site.As("viewer").Opens("/requests").Sees("No request is open").Lacks("Waiting for me")
	site.As("viewer").Opens("/requests?show=scheduled").Sees("Nothing is scheduled")
	site.As("viewer").Opens("/requests?show=done").Sees("Nothing is done yet")
	site.As("viewer").Opens("/requests?author=nobody&in=production").Sees("No request is like that")
	site.As("viewer").Gets("/settings/requests?in=atlantis").Is(http.StatusNotFound)
}

func TestManyRequestsArePaged(t *testing.T) {
	site := protectedSite(t, 1)
	for i := range 31 {
		_, err := site.Changes.Request(t.Context(), "production", changes.Actor{ID: "p-editor", Name: "Eve"}, changes.Content{Title: fmt.Sprintf("Number %d", i+1), Reason: "many",
			Steps: []changes.Planned{{Edits: []changes.Edit{changes.SetEnabled{Key: "new-home", Enabled: true}}}}}, true)
		if err != nil {
			t.Fatal(err)
		}
	}
	site.As("approver").Opens("/requests").Sees("1 to 30 of 31", "Number 31").Lacks("Number 1 ")
	site.As("approver").Opens("/requests?show=open&page=2").Sees("31 to 31 of 31", "Number 1")
	site.As("approver").Opens("/requests?show=open&page=900").Sees("31 to 31 of 31")
}

func TestACommentAndAnEditAreKept(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	eve := site.As("editor")
	eve.Submits(eve.Opens(path), "/comment", "text", "<b>please</b>").Is(http.StatusOK).Sees("<b>please</b>")
	eve.Submits(eve.Opens(path), "/comment", "text", " ").Is(http.StatusUnprocessableEntity).Sees("Write something")
	edited := eve.Submits(eve.Opens(path+"/edit"), "/edit", "title", "Enable it", "at1", "2037-04-01T09:00", "do", "send").Is(http.StatusOK).Sees("Enable it", "1 Apr 2037")
	abe := site.As("approver")
	abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK).Sees("Scheduled", "up to a day late")
	eve.Submits(edited, "/withdraw").Is(http.StatusOK).Sees("Withdrawn")
	eve.Gets("/settings" + path + "/edit").Is(http.StatusConflict)
}

func TestAKillInAProtectedEnvironmentIsLookedAtBySomebodyElse(t *testing.T) {
	site := protectedSite(t, 1)
	abe, ada := site.As("approver"), site.As("admin")
	abe.Submits(abe.Opens("/flags/winter-look/production/kill"), "/kill", "reason", "it burns").Is(http.StatusOK)
	at := fmt.Sprintf("/emergencies/production/%d", head(t, site))
	abe.Opens("/requests").Sees("Emergencies to be looked at", "winter-look")
	abe.Opens("/flags/winter-look/production").Sees("Somebody else has to look at this: Killed")
	abe.Opens(at).Sees("You did it")
	abe.Posts(at, "note", "all fine").Is(http.StatusConflict).Sees("You did it, so somebody else has to look at it")
	site.As("editor").Posts(at, "note", "all fine").Is(http.StatusForbidden)
	page := ada.Opens(at)
	ada.Submits(page, at, "note", " ").Is(http.StatusUnprocessableEntity).Sees("what you found")
	ada.Submits(page, at, "note", "it was right").Is(http.StatusOK).Sees("It is noted").Lacks("Emergencies to be looked at")
	ada.Opens(at).Sees("Reviewed", "it was right", "ada@toprent.example")
	site.As("admin").Posts(at, "note", "once more").Is(http.StatusConflict).Sees("has looked at it already")
	ada.Gets("/settings/emergencies/production/1").Is(http.StatusNotFound)
	ada.Gets("/settings/emergencies/production/x").Is(http.StatusNotFound)
}

func TestAFlagsPageSaysWhichOfItsChangesWait(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Protects("production", 1)
		_, path := asksFor(t, site)
		eve, abe := site.As("editor"), site.As("approver")
		for _, part := range []string{"", "/rules", "/overrides"} {
			eve.Opens("/flags/new-home/production"+part).Sees("A change of this flag waits here:", "ready for everybody (in review)")
		}
		eve.Opens("/flags/new-home/development").Lacks("waits here")
		eve.Opens("/flags/winter-look/production").Lacks("waits here")
		abe.Posts(path+"/approve", "round", "1").Is(http.StatusOK)
		eve.Opens("/flags/new-home/production").Sees("(approved)")
		eve.Posts(path+"/apply", "round", "1").Is(http.StatusOK)
		eve.Opens("/flags/new-home/production").Lacks("waits here")
		eve.Opens(path).Sees("enabled yes, was no")
	})
}
