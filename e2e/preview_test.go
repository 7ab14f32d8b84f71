package e2e

import (
	"testing"
)

// A preview from the button to its end, as the command serves it: the page and window.flags agree all the way, the banner
// stands under the site's strict policy, and another browser sees nothing of it.
func TestAVariantIsPreviewedInOneBrowser(t *testing.T) {
	s := newCommand(t).serves()
	ada := chromium(t).window()
	ada.watches()
	ada.opens(s.firstLink(t)[1])
	ada.fills("#email", "ada@toprent.example")
	ada.fills("#password", "seven small green boats")
	ada.fills("#again", "seven small green boats")
	ada.follows(`document.querySelector("main form button").click()`)
	ada.opens(s.url + "/")
	ada.sees(`!flags.isEnabled("concierge-chat") && getComputedStyle(document.querySelector("#chat")).display == "none"`)

	ada.opens(s.url + "/settings/flags/concierge-chat/development")
	ada.asks(`a[data-dialog][href$="/preview?variant=on"]`)
	ada.follows(`document.querySelector("#dialog form button").click()`)
	ada.follows(`document.querySelector('main footer a[href*="/feature-values/preview?token="]').click()`)
	ada.sees(`document.querySelector("h1").textContent == "You are about to see a preview" && getComputedStyle(document.querySelector("button")).cursor == "pointer"`)
	ada.follows(`document.querySelector("form button").click()`)

	const row = `document.querySelector('[data-key="concierge-chat"]')`
	const server = row + `.querySelector("[data-server]").textContent`
	ada.sees(`location.pathname == "/"`)
	for _, path := range []string{"/", "/listings"} {
		ada.opens(s.url + path)
		ada.sees(`document.body.querySelector(".flags-preview [role=status]").textContent.startsWith("Preview: concierge-chat as “on”, until ")`)
		ada.sees(`getComputedStyle(document.querySelector(".flags-preview")).position == "sticky" && document.querySelector(".flags-preview").getBoundingClientRect().top == 0`)
		ada.sees(`flags.isEnabled("concierge-chat") && ` + server + ` == "true" && ` + row + `.textContent.includes("PREVIEW")`)
		ada.sees(`getComputedStyle(document.querySelector("#chat")).display != "none"`)
	}
	ada.runs(`fetch("/feature-values").then((a) => a.json()).then((v) => { if (v["concierge-chat"] !== true) throw new Error("asked for again it is off") })`)

	vera := chromium(t).window() // another browser
	vera.opens(s.url + "/listings")
	vera.sees(`!flags.isEnabled("concierge-chat") && !document.querySelector(".flags-preview") && ` + server + ` == "false"`)

	ada.follows(`document.querySelector(".flags-preview button").click()`)
	ada.sees(`location.pathname == "/listings" && !document.querySelector(".flags-preview")`)
	ada.sees(`!flags.isEnabled("concierge-chat") && ` + server + ` == "false"`)
}

func TestEverybodyCanUseAPreview(t *testing.T) {
	source := axe(t)
	s := newCommand(t).serves()
	ada := chromium(t).window(countsShifts)
	ada.opens(s.firstLink(t)[1])
	ada.fills("#email", "ada@toprent.example")
	ada.fills("#password", "seven small green boats")
	ada.fills("#again", "seven small green boats")
	ada.follows(`document.querySelector("main form button").click()`)
	ada.opens(s.url + "/settings/flags/concierge-chat/development/preview?variant=on")
	ada.follows(`document.querySelector("[data-sheet] form button").click()`)
	link := evaluated[string](ada, `document.querySelector("#secret").textContent`)
	look := func(what string) {
		t.Helper()
		if shift := evaluated[float64](ada, `shifted`); shift != 0 {
			t.Errorf("%s moves by %g while it loads", what, shift)
		}
		ada.isForEverybody(what, source)
	}
	look("the link")
	ada.opens(link)
	look("the beginning")
	ada.follows(`document.querySelector("form button").click()`)
	look("the banner")
	ada.opens(s.url + "/feature-values/preview")
	look("the page about the preview")
	ada.opens(link[:len(link)-2])
	look("the refusal")
}
