package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
)

// Somebody asks by telephone why the page looked otherwise at noon: Ada looks what it was then, why, and what is different
// now.
func TestAdaInspectsWhatSomebodyGotBeforeAKill(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := chromium(t).window()
	ada.watches()
	ada.opens(site.URL + "/as/admin")
	between := wholeSecond(t, site) // after the flags were published, before the kill

	ada.opens(site.URL + "/settings/flags/winter-look/production")
	ada.asks(`a[data-dialog][href$="/kill"]`)
	ada.fills("#dialog #reason", "it is too cold")
	ada.follows(`document.querySelector("#dialog form button").click()`)
	ada.sees(`document.querySelector("main").textContent.includes("Killed")`)

	// From the directory, where somebody who was not seen has a page too, to the inspector.
	ada.opens(site.URL + "/settings/subjects/production/one?user=u-zoe")
	ada.follows(`document.querySelector('main a[href*="/inspect?"]').click()`)
	ada.sees(row("winter-look", "off Killed"))

	// At the moment between, which she types in her own time zone.
	ada.runs(`document.querySelector("details.question summary").click()`)
	ada.fills("#at", evaluated[string](ada, fmt.Sprintf(`new Date(%d).toLocaleString("sv-SE").replace(" ", "T")`, between.UnixMilli())))
	ada.follows(`document.querySelector("details.question .actions button").click()`)
	ada.sees(fmt.Sprintf(`new URL(location).searchParams.get("at") == %q`, between.UTC().Format(time.RFC3339)))
	ada.sees(`document.querySelector(".sides").textContent.includes("could have been 0 or 1 then")`)
	ada.sees(row("winter-look", "on No rule matched")) // it is operational, so under each pin
	ada.sees(row("new-home", "revision 0 – There was no such flag. revision 1 off Disabled here"))

	// The session's pin is known, so there is no doubt.
	ada.runs(`document.querySelector("details.question summary").click()`)
	ada.fills("#pinned", "1")
	ada.follows(`document.querySelector("details.question .actions button").click()`)
	ada.sees(`document.querySelector(".sides").textContent.includes("The pin is known: revision 1")`)
	ada.sees(row("winter-look", "on No rule matched"))
	ada.follows(`[...document.querySelectorAll("table.inspected a")].find(a => a.textContent == "Explain winter-look").click()`)
	ada.sees(`document.querySelector("#explained .steps .decides").textContent.includes("nothing matched: serves \"on\"")`)

	// Side by side with now, and only what differs.
	ada.follows(`document.querySelector(".now a").click()`)
	ada.sees(`document.querySelectorAll(".sides section").length == 2`)
	ada.fills("#which", "differs") // which takes effect at once
	ada.comesToSee(`new URL(location).searchParams.get("which") == "differs" && document.querySelectorAll("table.inspected tbody tr").length == 1`)
	ada.sees(row("winter-look", "on No rule matched off Killed"))
}

// wholeSecond gives a whole second, as forms have them, before which everything so far happened, and after which everything
// else will.
func wholeSecond(t *testing.T, site *settingstest.Site) (second time.Time) {
	t.Helper()
	now := func() time.Time {
		now, err := site.Store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	second = now().Truncate(time.Second).Add(time.Second)
	eventually(t, "the next second", func() bool { return now().After(second) })
	return second
}

// row is an expression for what the inspector's list says of a flag, from its values on.
func row(key, says string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("table.inspected tbody tr")].some(tr => tr.querySelector(".key").textContent == %q &&
		[...tr.querySelectorAll("td[data-label]")].map(td => td.innerText).join(" ").replace(/\s+/g, " ").trim() == %q)`, key, says)
}
