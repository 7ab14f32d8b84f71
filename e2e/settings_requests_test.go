package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// The whole way of a change in a protected environment, as everybody on it goes: Eve asks, Abe looks and approves, the
// scheduler applies it, and Bob takes it back, which Abe approves too. Ann is who visits the site.
func TestAChangeIsAskedForApprovedAppliedAndRolledBack(t *testing.T) {
	source := axe(t)
	site := newSampleSite(t)
	site.protects(1)
	before, first := site.now(), site.head(prod).Number
	pages := settingstest.On(t, site.store)
	for user, tenant := range map[string]string{"u-ann": "acme", "u-ben": "acme", "u-cem": "globex", "u-dora": "globex", "u-eve": "initech"} {
		pages.Directory.Saw(prod, ruleset.Subject{User: user, Tenant: tenant})
	}
	pages.Directory.Saw(prod, ruleset.Subject{Visitor: "somebody"})
	if err := pages.Directory.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eve, abe, bob := works(t, pages, "editor"), works(t, pages, "approver"), works(t, pages, "bob")
	ann := site.welcomes(chromium(t), "u-ann")
	ann.hasTheChat(true)

	// The request: what it does, and for how many, stands there before it is sent.
	eve.opens(pages.URL + "/settings/flags/concierge-chat/production/rules")
	eve.fills(`[data-rule] [data-f="serve"]`, "off")
	eve.fills("#reason", "it rings all night")
	eve.follows(`document.querySelector('button[name="save"]').click()`)
	eve.tells("form[data-review] h2", "Production", "takes one approval")
	eve.tells("form[data-review] .lines", "concierge-chat")
	eve.comesToTell("#impact-production", "Turns off for 5 people in 3 tenants", "on → off")
	eve.isForEverybody("the review of a change", source)
	if head := site.head(prod).Number; head != first {
		t.Fatalf("it is revision %d before it is sent", head)
	}

	// It is sent for a moment that does not come before the test lets it.
	eve.runs(`document.querySelector(".later").open = true`)
	later := evaluated[string](eve, `(() => { const now = new Date(); return new Date(now - now.getTimezoneOffset() * 60000 + 3600000).toISOString().slice(0, 16) })()`)
	eve.fills("#at", later)
	eve.follows(`document.querySelector('form[data-review] button[value="at"]').click()`)
	eve.tells("main", "Change request 1 is sent for review", "it rings all night", "0 of 1", "so somebody else has to approve it")
	eve.sees(`document.querySelector('form[action$="/approve"]') == null`)

	// The review: Abe finds it among what waits for him, sees the words and the impact, and approves.
	abe.opens(pages.URL + "/settings/requests")
	abe.follows(`document.querySelector('main ul.requests a[href$="/requests/production/1"]').click()`)
	abe.tells("main .steps", "concierge-chat")
	abe.tells("main", "it rings all night")
	abe.comesToTell("#impact", "Turns off for 5 people in 3 tenants")
	abe.fills("#comment", "they have complained here too")
	abe.follows(`document.querySelector('form[action$="/approve"] button').click()`)
	abe.tells("main", "1 of 1", "Scheduled", "they have complained here too")
	if head := site.head(prod).Number; head != first {
		t.Fatalf("it is revision %d before its time", head)
	}
	ann.hasTheChat(true)

	// Once its time has come, the scheduler applies it, with nobody's help.
	site.passes(site.request(1), time.Hour)
	waitFor(t, "the schedule", func() bool { return site.head(prod).Number > first })
	ann.hasTheChat(false)
	abe.opens(pages.URL + "/settings/requests/production/1")
	abe.tells("main", "Applied")
	abe.isForEverybody("a request that was applied", source)

	// Bob rolls back to what was before, in one click and a look at what that does.
	bob.opens(pages.URL + "/settings/changes/production")
	bob.tells("main .entry", "it rings all night", "concierge-chat")
	bob.follows(`document.querySelector('form[action$="/changes/production/` + decimal(first) + `/rollback"] button').click()`)
	bob.tells("form[data-review] .lines", "concierge-chat")
	bob.comesToTell("#impact-production", "Turns on for 5 people in 3 tenants")
	bob.isForEverybody("the review of a roll back", source)
	bob.fills("#reason", "the bell is mended")
	bob.follows(`document.querySelector('form[data-review] footer button[value="yes"]').click()`)
	bob.tells("main", "Change request 2 is sent for review", "the bell is mended")
	ann.hasTheChat(false)

	abe.opens(pages.URL + "/settings/requests/production/2")
	abe.comesToTell("#impact", "Turns on for 5 people in 3 tenants")
	abe.follows(`document.querySelector('form[action$="/approve"] button').click()`)
	abe.tells("main", "it can be applied now")
	ann.hasTheChat(false)
	bob.opens(pages.URL + "/settings/requests/production/2")
	bob.follows(`document.querySelector('form[action$="/apply"] button').click()`)
	bob.tells("main", "Applied: it is revision "+decimal(first+2)+" now.")
	ann.hasTheChat(true)
	wantEqual(t, "all flags after the roll back", site.now().Flags, before.Flags)
	bob.opens(pages.URL + "/settings/changes/production/" + decimal(first+2))
	bob.tells("main", "the bell is mended", "concierge-chat")
	bob.isForEverybody("the revision of a roll back", source)
}

// works opens a browser of somebody who is signed in at the settings pages.
func works(t *testing.T, site *settingstest.Site, person string) tab {
	t.Helper()
	who := chromium(t).window()
	who.watches()
	who.opens(site.URL + "/as/" + person)
	return who
}

// tells asserts that a part of the page says all that now.
func (b tab) tells(selector string, texts ...string) {
	b.t.Helper()
	said := evaluated[string](b, saidIn(selector))
	for _, text := range texts {
		if !strings.Contains(said, text) {
			b.t.Errorf("%s does not say %q, but:\n%s", selector, text, said)
		}
	}
}

// comesToTell waits until a part of the page says all that.
func (b tab) comesToTell(selector string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.comesToSee(saidIn(selector) + `.includes(` + quoted(text) + `)`)
	}
}

func saidIn(selector string) string {
	return `[...document.querySelectorAll(` + quoted(selector) + `)].map((part) => part.textContent.replace(/\s+/g, " ")).join("\n")`
}

// hasTheChat asserts what the next page after the pin has expired shows.
func (p somebody) hasTheChat(want bool) {
	p.t.Helper()
	p.site.pinsExpire()
	p.site.polls()
	p.visits("/listings")
	p.sees(`flags.isEnabled("concierge-chat") == ` + strconv.FormatBool(want))
	p.shows("chat", want)
	p.agrees()
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
