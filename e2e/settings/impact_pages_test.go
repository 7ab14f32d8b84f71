package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// three are two people of one tenant and one of another.
func three() []ruleset.Subject {
	return []ruleset.Subject{person("u-ann", "t-acme", "pro", "DE"), person("u-bob", "t-acme", "free", "FR"), person("u-cid", "t-bolt", "pro", "FR")}
}

func TestADialogTellsWhomDisablingReaches(t *testing.T) {
	site := seeing(t, three()...)
	editor := site.As("editor")
	editor.Opens("/flags/winter-look/development/disable").Sees("Turns off for 3 people in 2 tenants.", "on → off", "100 %",
		"u-ann of t-acme, plan pro", "Evaluated for the 3 people and 2 tenants seen in Development")
	editor.Opens("/flags/reports/development/disable").Sees("Turns off for 2 people in 2 tenants.", "u-cid").Lacks("u-bob")
	editor.Opens("/flags/winter-look/development/archive").Sees("Turns off for 3 people in 2 tenants.", "on → the code’s fallback")
}

func TestADialogSaysThatNobodyGetsAnythingElse(t *testing.T) {
	site := seeing(t, three()...)
	site.As("editor").Opens("/flags/new-home/production/enable").Sees("Nobody was seen in this environment yet")
	for _, s := range three() {
		site.Directory.Saw("production", s)
	}
	flush(t, site.Directory)
	for {
		seen, err := site.Directory.Snapshot(t.Context(), "production")
		if err != nil {
			t.Fatal(err)
		}
		if len(seen.People) == 3 {
			break
		}
	}
	site.As("editor").Opens("/flags/new-home/production/enable").Sees("Nobody who was seen gets anything else.", "Evaluated for the 3 people").Lacks("Who, for example")
}

func TestAKillTellsWhoLosesTheFlagAndLiftingWhoGetsItAgain(t *testing.T) {
	site := seeing(t, three()...)
	approver := site.As("approver")
	approver.Opens("/flags/winter-look/development/kill").Sees("Turns off for 3 people in 2 tenants.")
	if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "test", "it burns"); err != nil {
		t.Fatal(err)
	}
	approver.Opens("/flags/winter-look/development/lift").Sees("Turns on for 3 people in 2 tenants.")
	approver.Opens("/flags/winter-look/development/kill").Lacks("Whom it reaches")
}

// A flag that others require cannot be archived; what would become of those is said before.
func TestADialogNamesTheFlagsThatCouldNoLongerBeEvaluated(t *testing.T) {
	site := settingstest.New(t)
	site.Imports(`version: 1
flags:
  - {key: base, title: Base, purpose: p, owner: o, kind: operational, type: boolean, environments: {development: {enabled: true, otherwise: on}}}
  - {key: above, title: Above, purpose: p, owner: o, kind: operational, type: boolean, environments: {development: {enabled: true, otherwise: on, prerequisites: [{flag: base, variant: on}]}}}
`)
	site.Directory.Saw("development", person("u-ann", "t-acme", "pro", "DE"))
	flush(t, site.Directory)
	untilSeen(t, site, 1)
	site.As("editor").Opens("/flags/base/development/archive").Sees("1 person in 1 tenant gets something else, in 2 flags.", "“above” turns off for 1 person in 1 tenant.", "“above” could no longer be evaluated")
	site.As("editor").Opens("/flags/base/development/disable").Sees("“above” turns off for 1 person in 1 tenant.").Lacks("could no longer")
}

// While who was seen has not been read, nothing can be counted; the page says so and leads back to itself.
func TestThePageThatCountsLeadsToItself(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.Directory.Saw("development", person(`u"><b>ann`, "t-acme", "pro", "DE"))
	flush(t, site.Directory)
	untilSeen(t, site, 1)
	p := site.As("editor").Opens("/flags/winter-look/development/disable").Sees("Turns off for 1 person in 1 tenant.")
	if links := p.Find(`.impact dd a`); links.Length() != 1 || links.Text() != `u"><b>ann` {
		t.Errorf("names %q", links.Text())
	}
	if href, _ := p.Find(`.impact dd a`).Attr("href"); site.As("editor").Gets(href).Status != http.StatusOK {
		t.Errorf("%s cannot be opened", href)
	}
}
