package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/toprent/flags/internal/settingstest"
)

// types presses keys, one after another.
func (b tab) types(keys string) {
	b.t.Helper()
	b.do("type "+keys, chromedp.KeyEvent(keys))
}

// slash presses "/" where the focus is. Keys that are sent from outside put their character in even if a page keeps it.
const slash = `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true, cancelable: true}))`

func TestTheListOfFlagsIsUsedByKeyboard(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := chromium(t).tab()
	ada.watches()
	ada.opens(site.URL + "/as/admin")
	ada.opens(site.URL + "/settings/flags")

	// "/" goes to the search; the results come while typing, and the focus stays.
	ada.runs(slash)
	ada.sees(`document.activeElement.id == "q"`)
	ada.types("home")
	ada.comesToSee(`document.querySelectorAll("a[data-row]").length == 1`)
	ada.sees(`document.activeElement.id == "q" && document.querySelector("#q").value == "home"`)
	ada.comesToSee(`location.search == "?q=home"`)
	ada.sees(`document.querySelector("#count").textContent.includes("1 of 4 flags")`)
	ada.runs(`document.querySelector("#q").value = ""; document.querySelector("#q").dispatchEvent(new Event("input", {bubbles: true}))`)
	ada.comesToSee(`document.querySelectorAll("a[data-row]").length == 4 && location.search == ""`)

	// Arrows, j and k go along the rows.
	row := func(n string) string {
		return `document.activeElement == document.querySelectorAll("a[data-row]")[` + n + `]`
	}
	ada.types(kb.ArrowDown)
	ada.sees(row("0"))
	ada.types("jj")
	ada.sees(row("2"))
	ada.types("k" + kb.ArrowUp)
	ada.sees(row("0"))
	ada.types("k")
	ada.sees(row("0"))
	ada.types(kb.ArrowUp)
	ada.sees(`document.activeElement.id == "q"`)

	// Sorting swaps the results and leaves the focus on the column; the search keeps to the order.
	ada.runs(`document.querySelector("#sort-key").focus(); document.querySelector("#sort-key").click()`)
	ada.comesToSee(`location.search == "?sort=key" && document.querySelector("tbody .key").textContent == "checkout"`)
	ada.comesToSee(`document.activeElement.id == "sort-key"`)
	ada.runs(slash)
	ada.types("e")
	ada.comesToSee(`location.search == "?q=e&sort=key"`)

	// Back shows the page as it was, and a filter chosen takes effect at once.
	ada.goesBack()
	ada.comesToSee(`document.readyState == "complete" && location.search == "?sort=key" && document.querySelectorAll("a[data-row]").length == 4`)
	ada.runs(`document.querySelector("#f-kind").value = "experiment"; document.querySelector("#f-kind").dispatchEvent(new Event("change", {bubbles: true}))`)
	ada.comesToSee(`document.querySelectorAll("a[data-row]").length == 1 && location.search == "?kind=experiment&sort=key"`)
}

func TestAFlagIsKilledFromTheListInTwoClicksAndAReason(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := chromium(t).tab()
	abe.opens(site.URL + "/as/approver")
	abe.opens(site.URL + "/settings/flags")
	abe.runs(`document.querySelector('a[data-dialog][href$="/winter-look/kill"]').click()`)
	abe.comesToSee(`document.querySelector("#dialog").open && document.activeElement.name == "reason"`)
	abe.sees(`document.querySelector("#dialog").getAttribute("aria-labelledby") == document.querySelector("#dialog h2").id`)

	// Without a reason the browser itself refuses.
	button := `document.querySelector('#dialog button[formaction$="/production/kill"]')`
	abe.runs(button + `.click()`)
	abe.sees(`document.querySelector("#dialog").open && document.querySelector("#reason").matches(":invalid")`)
	abe.types("it snows in July")
	abe.follows(button + `.click()`)
	abe.opens(site.URL + "/settings/flags")
	abe.sees(`[...document.querySelectorAll("tr")].find(r => r.textContent.includes("winter-look")).querySelectorAll('[data-state="killed"]').length == 1`)
	abe.opens(site.URL + "/settings/changes")
	abe.sees(`document.querySelector(".entry").textContent.includes("it snows in July")`)
}
