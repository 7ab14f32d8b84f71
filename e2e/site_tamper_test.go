package e2e

import (
	"testing"
)

// editsTheBlock changes the page's values as soon as the parser has met them, before the client reads them.
const editsTheBlock = `new MutationObserver(() => {
	const block = document.getElementById("feature-values");
	const honest = '"advanced-reports":false'; // a busy parser may pause in the middle of the block
	if (block && block.text.includes(honest)) block.text = block.text.replace(honest, '"advanced-reports":true');
}).observe(document, { childList: true, characterData: true, subtree: true })`

func TestWhatABrowserDoesToItsFlagsChangesNothingOnTheServer(t *testing.T) {
	site := newSampleSite(t)
	chrome := chromium(t)
	cem := site.welcomes(chrome, "u-cem")
	honest := cem.values()
	refused := func(after string) {
		t.Helper()
		if status := cem.status("/reports/advanced"); status != 403 {
			t.Errorf("after %s the advanced reports answer %d, want 403", after, status)
		}
	}
	refused("nothing")
	for _, attempt := range []string{
		`window.flags = { isEnabled: () => true }`,
		`delete window.flags`,
		`Object.defineProperty(window, "flags", { value: { isEnabled: () => true } })`,
		`flags.all()["advanced-reports"] = true`,
		`document.getElementById("feature-values").text = '{"values":{"advanced-reports":true}}'; flags.refresh()`,
		`document.cookie = "flags-pin=1.1.0000000000000000.9999999999.production; path=/"`,
		`document.cookie = "flags-pin=advanced-reports; path=/"; document.cookie = "plan=pro; path=/"; document.cookie = "advanced-reports=true; path=/"`,
	} {
		cem.runs(`(async () => { try { ` + attempt + ` } catch {} })()`)
		cem.sees(`flags.isEnabled("advanced-reports") === false`)
		refused(attempt)
	}
	for _, forged := range []string{
		`fetch("/reports/advanced?advanced-reports=true&flags=advanced-reports&plan=pro&experiment=advanced-reports")`,
		`fetch("/reports/advanced", { headers: { "X-Plan": "pro", "X-Flags": "advanced-reports", "Plan": "pro", "If-None-Match": "*" } })`,
		`fetch("/reports/advanced", { headers: { "Sec-Purpose": "prefetch", "Purpose": "prefetch", "HX-Request": "true" } })`,
	} {
		if status := evaluated[float64](cem.tab, forged+`.then((answer) => answer.status)`); status != 403 {
			t.Errorf("%s answers %v, want 403", forged, status)
		}
	}
	for _, forged := range []string{
		`fetch("/feature-values", { method: "POST", body: '{"advanced-reports":true}' })`,
		`fetch("/feature-values?advanced-reports=true", { headers: { "Content-Type": "application/json" } })`,
		`fetch("/plans", { method: "POST", body: new URLSearchParams({ "advanced-reports": "true", plan: "pro", _flags_pin: "forged" }) })`,
	} {
		cem.runs(forged)
		refused(forged)
	}
	cem.visits("/reports")
	cem.shows("offer", true)
	if after := cem.values(); after["advanced-reports"] != false || len(after) != len(honest) {
		t.Errorf("the next page has %v", after)
	}

	// Who edits the page before its client reads it deceives that page alone.
	liar := somebody{chrome.window(editsTheBlock), site}
	liar.visits("/reports")
	liar.sees(`flags.isEnabled("advanced-reports")`)
	refused("an edited block")
	liar.visits("/reports/advanced")
	liar.shows("upgrade", true)
	liar.visits("/reports")
	liar.runs(`flags.refresh()`)
	liar.shows("offer", true)
}
