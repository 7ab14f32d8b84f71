package settings

import (
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// three are two people of one tenant and one of another.
func three() []ruleset.Subject {
	return []ruleset.Subject{person("u-ann", "t-acme", "pro", "DE"), person("u-bob", "t-acme", "free", "FR"), person("u-cid", "t-bolt", "pro", "FR")}
}

// reaching opens a page that tells whom something reaches, once that is counted: a page waits for it for a moment only.
func reaching(t *testing.T, who *settingstest.Browser, path string) (p *settingstest.Page) {
	t.Helper()
	until(t, "it is counted whom it reaches", func() bool {
		p = who.Opens(path)
		return p.Find("section.impact[hx-get], section.impact[hx-post]").Length() == 0
	})
	return p
}

func TestADialogTellsWhomDisablingReaches(t *testing.T) {
	site := seeing(t, three()...)
	editor := site.As("editor")
	reaching(t, editor, "/flags/winter-look/development/disable").Sees("Turns off for 3 people in 2 tenants.", "on → off", "100 %",
		"u-ann of t-acme, plan pro", "Evaluated for the 3 people and 2 tenants seen in Development")
	reaching(t, editor, "/flags/reports/development/disable").Sees("Turns off for 2 people in 2 tenants.", "u-cid").Lacks("u-bob")
	reaching(t, editor, "/flags/winter-look/development/archive").Sees("Turns off for 3 people in 2 tenants.", "on → the code’s fallback")
}

func TestADialogSaysThatNobodyGetsAnythingElse(t *testing.T) {
	site := seeing(t, three()...)
	picture(t, site.Directory, "production") // nobody, and that is known
	reaching(t, site.As("editor"), "/flags/new-home/production/enable").Sees("Nobody was seen in this environment yet")
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
	editor := site.As("editor")
	var p *settingstest.Page
	until(t, "those who came are counted", func() bool { // a count that took its time is shown again for a while
		p = reaching(t, editor, "/flags/new-home/production/enable")
		return strings.Contains(p.Text(), "Evaluated for the 3 people")
	})
	p.Sees("Nobody who was seen gets anything else.").Lacks("Who, for example")
}

func TestAKillTellsWhoLosesTheFlagAndLiftingWhoGetsItAgain(t *testing.T) {
	site := seeing(t, three()...)
	approver := site.As("approver")
	reaching(t, approver, "/flags/winter-look/development/kill").Sees("Turns off for 3 people in 2 tenants.")
	if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "test", "it burns"); err != nil {
		t.Fatal(err)
	}
	reaching(t, approver, "/flags/winter-look/development/lift").Sees("Turns on for 3 people in 2 tenants.")
	reaching(t, approver, "/flags/winter-look/development/kill").Lacks("Whom it reaches")
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
	reaching(t, site.As("editor"), "/flags/base/development/archive").Sees("1 person in 1 tenant gets something else, in 2 flags.", "“above” turns off for 1 person in 1 tenant.", "“above” could no longer be evaluated")
	reaching(t, site.As("editor"), "/flags/base/development/disable").Sees("“above” turns off for 1 person in 1 tenant.").Lacks("could no longer")
}

// While who was seen has not been read, nothing can be counted; the page says so and leads back to itself.
func TestThePageThatCountsLeadsToItself(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.Directory.Saw("development", person(`u"><b>ann`, "t-acme", "pro", "DE"))
	flush(t, site.Directory)
	untilSeen(t, site, 1)
	p := reaching(t, site.As("editor"), "/flags/winter-look/development/disable").Sees("Turns off for 1 person in 1 tenant.")
	if links := p.Find(`.impact dd a`); links.Length() != 1 || links.Text() != `u"><b>ann` {
		t.Errorf("names %q", links.Text())
	}
	if href, _ := p.Find(`.impact dd a`).Attr("href"); site.As("editor").Gets(href).Status != http.StatusOK {
		t.Errorf("%s cannot be opened", href)
	}
}
