package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
)

// forges posts a form that no page has offered.
func forges(b *settingstest.Browser, path string, namesAndValues ...string) *settingstest.Page {
	form := url.Values{}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		form.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return b.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", form.Encode())
}

// asksAs makes somebody ask for a flag to be enabled in production, and returns the path of the request.
func asksAs(t *testing.T, site *settingstest.Site, who *settingstest.Browser, reason string) string {
	t.Helper()
	page := who.Submits(who.Opens("/flags/new-home/production/enable"), "/enable", "reason", reason).Is(http.StatusOK)
	return strings.TrimPrefix(page.URL, "/settings")
}

func TestNobodyApprovesTheirOwnRequest(t *testing.T) {
	site := protectedSite(t, 1)
	abe := site.As("approver")
	path := asksAs(t, site, abe, "my own")
	forges(abe, path+"/approve", "round", "1").Is(http.StatusConflict).Sees("You have written at it, so somebody else has to approve it")
	forges(abe, path+"/approve", "round", "1", "author", "eve", "person_id", "p-admin", "person", "Ada").Is(http.StatusConflict)
	forges(abe, path+"/apply", "round", "1", "status", "approved", "required", "0").Is(http.StatusConflict).Sees("not approved yet")
	if on(t, site, "production", "new-home") {
		t.Error("it is on")
	}
}

func TestWhoEditsARequestDoesNotApproveIt(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	abe := site.As("approver")
	abe.Submits(abe.Opens(path+"/edit"), "/edit", "title", "Mine now", "do", "send").Is(http.StatusOK)
	forges(abe, path+"/approve", "round", "2").Is(http.StatusConflict).Sees("You have written at it")
}

func TestAnEditVoidsApprovals(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	abe, eve := site.As("approver"), site.As("editor")
	abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK).Sees("1 of 1")
	eve.Submits(eve.Opens(path+"/edit"), "/edit", "reason", "another thing", "do", "send").Is(http.StatusOK).Sees("0 of 1", "counts no more")
	for _, round := range []string{"1", "2", "3", "-1", "", "x", "9223372036854775808"} {
		forges(eve, path+"/apply", "round", round).Is(http.StatusConflict)
	}
	if on(t, site, "production", "new-home") {
		t.Error("it is on")
	}
}

func TestOnePersonApprovesOnceHoweverManySessionsAndTokens(t *testing.T) {
	site := protectedSite(t, 2)
	_, path := asksFor(t, site)
	first, second := site.As("approver"), site.As("approver")
	first.Submits(first.Opens(path), "/approve").Is(http.StatusOK).Sees("1 of 2", "It takes more approvals than yours")
	forges(second, path+"/approve", "round", "1").Is(http.StatusConflict).Sees("has approved it already")
	secret := token(t, second, "approver", "production")
	status, answer := asks(t, site.URL, secret, "POST", "/environments"+strings.TrimPrefix(path, "/requests")[:len("/production")]+"/requests/1/approve", "{}")
	if status != http.StatusForbidden || answer["error"] != "A token does not approve" {
		t.Errorf("a token approves: %d %v", status, answer)
	}
	forges(first, path+"/apply", "round", "1").Is(http.StatusConflict).Sees("not approved yet")
	ada := site.As("admin")
	ada.Submits(ada.Opens(path), "/approve").Is(http.StatusOK).Sees("2 of 2")
}

func TestAnApprovalByWhoHasLostTheRoleCountsNoMore(t *testing.T) {
	h := standsAlone(t)
	h.Sample()
	h.Protects("production", 1)
	h.first()
	cem, eve := h.joins("cem@toprent.example", everywhere(access.Approver)), h.joins("eve@toprent.example", everywhere(access.Editor))
	path := asksAs(t, h.Site, eve, "now")
	cem.Submits(cem.Opens(path), "/approve").Is(http.StatusOK).Sees("1 of 1")
	cemAccount := h.account("cem@toprent.example")
	if err := h.accounts.SetRoles(t.Context(), cemAccount.ID, everywhere(access.Viewer), cemAccount.Version); err != nil {
		t.Fatal(err)
	}
	eve.Opens(path).Sees("0 of 1", "counts no more")
	forges(eve, path+"/apply", "round", "1").Is(http.StatusConflict).Sees("is no approver any more")
	if again := forges(cem, path+"/approve", "round", "1"); again.Status != http.StatusForbidden && !strings.Contains(again.Location, "/sign-in") {
		t.Errorf("who is no approver any more is answered %d", again.Status)
	}
	if on(t, h.Site, "production", "new-home") {
		t.Error("it is on")
	}
	dan := h.joins("dan@toprent.example", everywhere(access.Approver))
	dan.Submits(dan.Opens(path).Sees("An approval counts no more"), "/approve").Is(http.StatusOK).Sees("1 of 1").Lacks("An approval counts no more")
	eve.Submits(eve.Opens(path), "/apply").Is(http.StatusOK)
	if !on(t, h.Site, "production", "new-home") {
		t.Error("what somebody else has approved instead is not applied")
	}
}

func TestARequestIsNotReachedThroughAnotherEnvironment(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	id := path[strings.LastIndex(path, "/")+1:]
	dev := site.As("dev") // an editor of development alone
	through := "/requests/development/" + id
	dev.Gets("/settings" + through).Is(http.StatusNotFound)
	dev.Gets("/settings" + path).Is(http.StatusForbidden)
	for _, act := range []string{"send", "withdraw", "apply", "comment", "rebase", "edit"} {
		forges(dev, through+"/"+act, "round", "1", "text", "x", "reason", "x", "environment", "production").Is(http.StatusNotFound)
		forges(dev, path+"/"+act, "round", "1", "text", "x", "reason", "x").Is(http.StatusForbidden)
	}
	abe := site.As("approver")
	for _, act := range []string{"approve", "reject"} {
		forges(abe, through+"/"+act, "round", "1", "why", "x").Is(http.StatusNotFound)
	}
	secret := token(t, abe, "approver", "development")
	if status, _ := asks(t, site.URL, secret, "GET", "/environments/development/requests/"+id, ""); status != http.StatusNotFound {
		t.Errorf("the API gives %d", status)
	}
	dev.Opens("/requests").Lacks("ready for everybody")
	dev.Gets("/settings/requests?in=production").Is(http.StatusNotFound)
	for _, wrong := range []string{"0", "-1", "99999", "x", "1e3", "9223372036854775808", "%00", "1%20OR%201=1"} {
		abe.Gets("/settings/requests/production/" + wrong).Is(http.StatusNotFound)
	}
	site.As("editor").Opens(path).Sees("In review")
}

func TestAViewerDoesNothingWithARequest(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	vic, eve := site.As("viewer"), site.As("editor")
	page := vic.Opens(path).Sees("In review")
	if n := page.Find(`main form[method="post"]`).Length(); n != 0 {
		t.Errorf("a viewer is offered %d forms", n)
	}
	for _, act := range []string{"send", "approve", "reject", "withdraw", "apply", "comment", "rebase", "edit"} {
		forges(vic, path+"/"+act, "round", "1", "text", "x", "why", "x", "reason", "x").Is(http.StatusForbidden)
	}
	for _, act := range []string{"approve", "reject"} {
		forges(eve, path+"/"+act, "round", "1", "why", "x").Is(http.StatusForbidden)
	}
	eve.Opens(path).Sees("In review").Lacks("Withdrawn")
}

func TestAStaleRoundIsToldAndDoesNothing(t *testing.T) {
	site := protectedSite(t, 1)
	_, path := asksFor(t, site)
	abe, eve := site.As("approver"), site.As("editor")
	before := abe.Opens(path)
	eve.Submits(eve.Opens(path+"/edit"), "/edit", "title", "Something else", "do", "send").Is(http.StatusOK)
	abe.Submits(before, "/approve").Is(http.StatusConflict).Sees("It was edited since this page was shown", "Something else", "0 of 1")
	abe.Submits(before, "/reject", "why", "no").Is(http.StatusConflict)
	forges(eve, path+"/edit", "round", "1", "title", "Over it", "reason", "x").Is(http.StatusConflict).Sees("Something else")
	forges(eve, path+"/rebase", "round", "1").Is(http.StatusConflict)
	forges(eve, path+"/withdraw", "round", "1").Is(http.StatusConflict)
	abe.Opens(path).Sees("In review", "Something else")
}

func TestAFormThatSaysYesByItselfIsStillOnlyARequest(t *testing.T) {
	site := protectedSite(t, 1)
	eve := site.As("editor")
	page := eve.Opens("/flags/new-home/production/enable")
	base, _ := page.Find(`form[action$="/enable"] input[name="base"]`).Attr("value")
	forges(eve, "/flags/new-home/production/enable", "base", base, "reason", "hidden", "confirm", "yes", "approved", "1", "protected", "").Is(http.StatusSeeOther)
	if on(t, site, "production", "new-home") {
		t.Error("it is on without an approval")
	}
	eve.Opens("/requests").Sees("hidden", "In review")
}

func TestNoSideDoorChangesAProtectedEnvironment(t *testing.T) {
	site := protectedSite(t, 1)
	before := head(t, site)
	ada := site.As("admin")
	secret := token(t, ada, "admin", "production")
	status, answer := asks(t, site.URL, secret, "POST", "/environments/production/flags/new-home/enable", `{"reason":"quickly"}`)
	if status != http.StatusAccepted || answer["change_request"] != 1.0 || answer["url"] != "/settings/requests/production/1" {
		t.Errorf("enable by token: %d %v", status, answer)
	}
	if _, err := site.Changes.Import(t.Context(), changes.Document{}, changes.ImportOptions{Author: "cli"}); err != nil {
		t.Errorf("an import that changes nothing is refused: %v", err)
	}
	ada.Submits(ada.Opens("/environments/production/recall"), "/recall", "reason", "now").Is(http.StatusOK).Sees("In review")
	ada.Posts("/flags/new-home/production/schedule", "at1", "2037-01-01T00:00", "do1", "enable", "reason", "later").Is(http.StatusOK).Sees("In review")
	status, _ = asks(t, site.URL, secret, "POST", "/environments/production/flags/winter-look/kill", `{"reason":"it burns"}`)
	if status != http.StatusOK || head(t, site) != before+1 {
		t.Errorf("a kill waits for something: %d", status)
	}
	status, answer = asks(t, site.URL, secret, "POST", "/environments/production/flags/winter-look/lift", `{"reason":"it is out"}`)
	if status != http.StatusAccepted || head(t, site) != before+1 {
		t.Errorf("lift by token: %d %v", status, answer)
	}
	status, answer = asks(t, site.URL, secret, "GET", "/environments/production/requests", "")
	if list, _ := answer["requests"].([]any); status != http.StatusOK || len(list) != 4 {
		t.Errorf("the API lists %d %v", status, answer)
	}
	status, answer = asks(t, site.URL, secret, "GET", "/environments/production/requests/1", "")
	if status != http.StatusOK || answer["approvals"] != 0.0 || answer["required"] != 1.0 || answer["status"] != "review" {
		t.Errorf("the API tells %d %v", status, answer)
	}
}

func TestTakingProtectionAwayAndGivingItBackLeavesNothingOpen(t *testing.T) {
	site := protectedSite(t, 0) // requests that are sent now take no approval
	eve, ada := site.As("editor"), site.As("admin")
	r, err := site.Changes.Request(t.Context(), "production", changes.Actor{ID: "p-editor", Name: "eve"}, changes.Content{Reason: "early",
		Steps: []changes.Planned{{Edits: []changes.Edit{changes.SetEnabled{Key: "new-home", Enabled: true}}}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/requests/production/%d", r.ID)
	eve.Opens(path).Sees("Ready to apply", "Nobody else looks at changes here")
	form := ada.Opens("/environments/production/edit")
	ada.Submits(form, "/edit", "approvals", "2").Is(http.StatusOK)
	forges(eve, path+"/apply", "round", "1").Is(http.StatusConflict).Sees("has been protected since")
	if on(t, site, "production", "new-home") {
		t.Error("it is on without an approval")
	}
}

func TestAdminsAloneSayHowManyApprovalsAnEnvironmentTakes(t *testing.T) {
	site := protectedSite(t, 1)
	ada, abe := site.As("admin"), site.As("approver")
	forges(abe, "/environments/production/edit", "title", "Production", "protected", "on", "approvals", "0", "base", "1").Is(http.StatusForbidden)
	form := ada.Opens("/environments/production/edit")
	for _, wrong := range []string{"", "-1", "11", "many", "1e1"} {
		ada.Submits(form, "/edit", "approvals", wrong).Is(http.StatusUnprocessableEntity).Sees("Write a number from 0 to 10")
	}
	ada.Submits(form, "/edit", "approvals", "0").Is(http.StatusOK).Sees("Nobody else looks at changes here")
	ada.Opens("/flags/new-home/production").Sees("Nobody else looks at changes here")
	review := forges(site.As("editor"), "/flags/new-home/production/enable", "base", enableBase(t, site), "reason", "x")
	review.Is(http.StatusOK).Sees("Nobody else looks at changes here")
	ada.Submits(ada.Opens("/new-environment"), "/new-environment", "name", "preview", "title", "Preview", "protected", "on", "approvals", "3").Is(http.StatusOK).Sees("which take 3 approvals")
}

func enableBase(t *testing.T, site *settingstest.Site) string {
	t.Helper()
	base, _ := site.As("editor").Opens("/flags/new-home/production/enable").Find(`form[action$="/enable"] input[name="base"]`).Attr("value")
	return base
}
