package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/assets"
)

// fastClock makes a page's clock and its intervals run so many times faster, and takes the chance out of its waits.
func fastClock(times int) string {
	return fmt.Sprintf(`(() => {
		const { now } = Date, start = now(), every = setInterval;
		Date.now = () => start + (now() - start) * %[1]d;
		setInterval = (f, ms) => every(f, ms / %[1]d);
		Math.random = () => 1e-9;
	})()`, times)
}

// aDay are the seconds of a pin that no test outlives, however fast its clock: nobody asks again without being told to.
const aDay = "86400"

// showing is a page with the flags at the top of its head.
func showing(body string) string {
	return `<!doctype html><html><head><meta charset="utf-8">{flags}<title>Listings</title></head><body>` + body + `</body></html>`
}

// visible is an expression: is the element of that id displayed?
func visible(id string) string {
	return `getComputedStyle(document.getElementById("` + id + `")).display != "none"`
}

func TestAPageReadsItsValuesBeforeAnythingElseRuns(t *testing.T) {
	site := newClientSite(t, values{
		"on": true, "off": false, "button": "Book </script><!--", "text": "true", "one": 1, "nothing": nil,
		"theme":     map[string]any{"colours": []any{"red"}, "__proto__": map[string]any{"polluted": true}},
		"__proto__": true, "constructor": "is a key",
	})
	site.shows("/", endpoint, showing(`<script>early = [flags.isEnabled("on"), flags.value("button", "none")]</script>`))
	ann := chromium(t).tab()
	ann.opens(site.URL)

	ann.sees(`early[0] === true && early[1] === "Book </" + "script><!--"`)
	for _, key := range []string{"off", "button", "text", "one", "nothing", "theme", "absent", "constructor", "toString", ""} {
		ann.sees(`flags.isEnabled("` + key + `") === false`)
	}
	ann.sees(`flags.isEnabled("__proto__") === true`)
	ann.sees(`flags.value("constructor", "fallback") === "is a key"`)
	ann.sees(`flags.value("absent", "fallback") === "fallback" && flags.value("toString", 7) === 7`)
	ann.sees(`flags.value("off", true) === false && flags.value("nothing", "fallback") === null`)
	ann.sees(`flags.value("theme").colours[0] === "red" && flags.value("theme").polluted === undefined && {}.polluted === undefined`)
	ann.sees(`Object.getPrototypeOf(flags.all()) === null && Object.keys(flags.all()).length == 9`)
	ann.sees(`(({ isEnabled }) => isEnabled("on"))(flags)`)
}

func TestAPageCannotOverwriteItsFlags(t *testing.T) {
	site := newClientSite(t, values{"premium": false, "theme": map[string]any{"colours": []any{"red"}}})
	site.shows("/", endpoint, showing(`<div id="flags"></div><script>var flags = { isEnabled: () => true }</script>`))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	for _, attempt := range []string{
		`window.flags = { isEnabled: () => true }`,
		`Object.defineProperty(window, "flags", { value: { isEnabled: () => true } })`,
		`if (!delete window.flags) throw new TypeError()`,
		`flags.isEnabled = () => true`,
		`flags.all = () => ({ premium: true })`,
		`flags.all().premium = true`,
		`flags.all().more = true`,
		`flags.value("theme").colours.push("blue")`,
	} {
		// In strict code; elsewhere the assignments do nothing and say nothing.
		ann.sees(`(() => { try { new Function(` + "`'use strict'; " + attempt + "`" + `)() } catch (e) { return true } })() === true`)
		ann.runs(`try { ` + attempt + ` } catch {}`)
	}
	ann.sees(`window.flags.isEnabled("premium") === false && flags.all().premium === false && !("more" in flags.all())`)
	ann.sees(`flags.value("theme").colours.length == 1`)
}

func TestNamesInThePageDoNotMisleadTheClient(t *testing.T) {
	clobbers := `<script type="application/json" id="feature-values">{"values":{"on":false},"url":"/astray"}</script>
		<form id="feature-values"><input name="text"></form>`
	for _, name := range []string{"currentScript", "hidden", "visibilityState", "adoptedStyleSheets", "defaultView", "flags", "location"} {
		clobbers += `<img name="` + name + `" id="` + name + `"><embed name="` + name + `">`
	}
	site := newClientSite(t, values{"on": true, "off": false})
	site.pinsLeave("5")
	// Around the block, as in a template that places it late.
	site.shows("/", endpoint, `<!doctype html><body>`+clobbers+`{flags}`+clobbers+`<p id="p" data-flag="off">off</p>`)
	ann := chromium(t).tab(fastClock(50))
	ann.opens(site.URL)
	ann.sees(`document.visibilityState instanceof Element || document.visibilityState.length > 1`)
	ann.sees(`flags.isEnabled("on") && !(` + visible("p") + `)`)
	eventually(t, "a refresh by itself", func() bool { return len(site.requests()) > 0 })
}

func TestMarkedElementsFollowTheirFlags(t *testing.T) {
	site := newClientSite(t, values{"on": true, "off": false, "text": "true", "1.5_a-b": true})
	site.shows("/", endpoint, showing(`
		<style>.row { display: flex } #o.loud { display: block !important }</style>
		<p id="a" data-flag="on"></p>              <p id="b" data-flag="off"></p>
		<p id="c" data-flag-off="on"></p>          <p id="d" data-flag-off="off"></p>
		<p id="e" data-flag="text"></p>            <p id="f" data-flag-off="text"></p>
		<p id="g" data-flag="absent"></p>          <p id="h" data-flag-off="absent"></p>
		<p id="i" data-flag="1.5_a-b"></p>         <p id="j" data-flag-off="1.5_a-b"></p>
		<p id="k" data-flag="on" data-flag-off="off"></p>  <p id="l" data-flag="on" data-flag-off="on"></p>
		<p id="m" data-flag="off" data-flag-off="off"></p> <p id="n" data-flag="on" class="row"></p>
		<p id="o" data-flag="off" class="row loud" style="display: block"></p> <p id="q"></p>
		<script>first = [...document.querySelectorAll("p")].filter(p => getComputedStyle(p).display != "none").map(p => p.id).join("")</script>`))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	ann.sees(`first == "adfhiknq"`)
	ann.sees(`getComputedStyle(document.getElementById("n")).display == "flex"`)

	ann.runs(`document.body.insertAdjacentHTML("beforeend", '<p id="late" data-flag="off"></p><p id="late2" data-flag="on"></p>'); q.dataset.flag = "off"`)
	ann.sees(`!(` + visible("late") + `) && ` + visible("late2") + ` && !(` + visible("q") + `)`)

	site.turns(endpoint, values{"on": false, "off": true})
	ann.runs(`flags.refresh()`)
	ann.sees(`[...document.querySelectorAll("p")].filter(p => getComputedStyle(p).display != "none").map(p => p.id).join(" ") == "b c f h j o q late"`)
}

func TestAChangeIsHeardByEveryListenerUntilItLeaves(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	ann.runs(`
		heard = [];
		const same = (all) => heard.push("same", all === flags.all());
		leave = flags.on("change", same);
		flags.on("change", same);
		flags.on("change", () => { throw new Error("a listener's own mistake") });
		flags.on("change", (all) => heard.push(all.on));
		flags.on("turn", () => heard.push("never"));`)

	ann.runs(`flags.refresh()`)
	ann.sees(`heard.length == 0`)

	site.turns(endpoint, values{"on": true})
	ann.runs(`before = flags.all(); flags.refresh().then(() => settled = flags.isEnabled("on"))`)
	ann.sees(`settled && before.on === false && heard.join() == "same,true,same,true,true"`)

	ann.runs(`heard = []; leave(); leave()`)
	site.turns(endpoint, values{"on": "a"})
	ann.runs(`flags.refresh()`)
	ann.sees(`heard.join() == "same,true,a"`)
}

func TestAClientAsksAgainWhenThePinHasExpired(t *testing.T) {
	site := newClientSite(t, values{"on": true})
	site.pinsLeave("20.500")
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab(fastClock(100), `asked = []; const send = fetch; fetch = (...a) => (asked.push(Date.now()), send(...a)); opened = Date.now()`)
	ann.opens(site.URL)
	ann.comesToSee(`asked.length >= 3`)
	ann.sees(`asked.every((at, i) => at - (asked[i - 1] ?? opened) >= 20500)`)
	for _, r := range site.requests() {
		if r.Method != http.MethodGet || r.Header.Get("If-None-Match") != etag(values{"on": true}) || r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("asked %s with %v, want the page's ETag and no cache", r.Method, r.Header)
		}
	}
	ann.sees(`flags.isEnabled("on")`)

	site.pinsLeave("")
	ann.runs(`asked = []; flags.refresh()`)
	ann.comesToSee(`asked.length >= 2`)
	ann.sees(`asked[1] - asked[0] >= 270000`)
}

func TestBrowsersDoNotAskInStep(t *testing.T) {
	site := newClientSite(t, values{})
	site.pinsLeave("1")
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab(fastClock(20), `Math.random = () => 0.999; asked = []; const send = fetch; fetch = (...a) => (asked.push(Date.now()), send(...a)); opened = Date.now()`)
	ann.opens(site.URL)
	ann.comesToSee(`asked.length >= 1`)
	ann.sees(`asked[0] - opened >= 14900`)
}

// Some proxies take tags away. Then every answer comes whole, and only a different one is a change.
func TestWithoutTagsEveryChangeIsStillTaken(t *testing.T) {
	site := newClientSite(t, values{"on": true})
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	ann.runs(`changes = 0; flags.on("change", () => changes++)`)
	for _, on := range []bool{false, true, false} {
		site.answersWith(func(w http.ResponseWriter, r *http.Request) { w.Write(encoded(values{"on": on})) })
		ann.runs(`flags.refresh().then(() => flags.refresh())`)
		if !evaluated[bool](ann, fmt.Sprintf(`flags.isEnabled("on") == %t`, on)) {
			t.Errorf("the turn to %t is not taken", on)
		}
	}
	ann.sees(`changes == 3`)
}

func TestAnAnswerThatCannotBeUsedChangesNothing(t *testing.T) {
	site := newClientSite(t, values{"on": true})
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	ann.runs(`changes = 0; flags.on("change", () => changes++)`)
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"another"`)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, bad := range map[string]http.HandlerFunc{
		"an error":         says(500, `{"on":false}`),
		"not found":        says(404, `{"on":false}`),
		"a sign-in page":   says(200, `<!doctype html>`),
		"half an object":   says(200, `{"on":false`),
		"an array":         says(200, `[false]`),
		"null":             says(200, `null`),
		"a string":         says(200, `"on"`),
		"no content":       says(204, ``),
		"a cut connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		site.answersWith(bad)
		before := len(site.requests())
		ann.runs(`flags.refresh()`)
		if len(site.requests()) == before {
			t.Errorf("%s: the client did not ask", name)
		}
		if !evaluated[bool](ann, `flags.isEnabled("on") && changes == 0`) {
			t.Errorf("%s changed the values", name)
		}
	}
	site.answersWith(nil)
	site.turns(endpoint, values{"on": false})
	ann.runs(`flags.refresh()`)
	ann.sees(`!flags.isEnabled("on") && changes == 1`)
}

func TestErrorsMakeAClientAskLessOftenButAtLeastEveryFiveMinutes(t *testing.T) {
	site := newClientSite(t, values{"on": true})
	site.pinsLeave("1")
	site.shows("/", endpoint, showing(``))
	site.answersWith(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
	ann := chromium(t).tab(byHand, `Math.random = () => 1e-9`)
	ann.opens(site.URL)
	ann.runs(`passes(1001)`)
	ann.sees(`asked == 1`)
	for i, wait := range []int{14, 28, 56, 112, 224, 286, 286} {
		ann.runs(fmt.Sprintf(`passes(%d)`, wait*1000-1))
		ann.sees(fmt.Sprintf(`asked == %d`, i+1))
		ann.runs(`passes(2)`)
		ann.sees(fmt.Sprintf(`asked == %d`, i+2))
	}
	ann.sees(`flags.isEnabled("on")`)
}

func TestAHiddenTabAsksNothingAndCatchesUp(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.pinsLeave("10")
	site.shows("/", endpoint, showing(``))
	chrome := chromium(t)
	ann := chrome.tab(fastClock(50))
	front := chrome.tab()
	ann.comesToSee(`document.hidden`) // before it has the page
	front.comesToSee(`!document.hidden`)
	ann.opens(site.URL)
	ann.sees(`document.hidden`)
	site.turns(endpoint, values{"on": true})
	ann.runs(`opened = Date.now()`)
	ann.comesToSee(`Date.now() - opened > 60000`)
	if n := len(site.requests()); n > 0 {
		t.Fatalf("a hidden tab asked %d times", n)
	}
	ann.comesToFront()
	ann.comesToSee(`flags.isEnabled("on")`)
}

func TestABaseElementDoesNotLeadTheClientAstray(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.shows("/", endpoint, `<!doctype html><head><base href="https://elsewhere.example/a/">{flags}<title>x</title>`)
	ann := chromium(t).tab()
	ann.opens(site.URL)
	site.turns(endpoint, values{"on": true})
	ann.runs(`flags.refresh()`)
	ann.sees(`flags.isEnabled("on")`)
}

func TestTabsTurnTogetherEachWithItsOwnValues(t *testing.T) {
	site := newClientSite(t, values{"tenant": "acme", "new": false})
	site.pinsLeave(aDay)
	site.turns("/globex/values", values{"tenant": "globex", "new": false})
	site.shows("/", endpoint, showing(``))
	site.shows("/globex", "/globex/values", showing(``))
	chrome := chromium(t)
	messages := `messages = []; new BroadcastChannel("feature-values").onmessage = (e) => messages.push(e.data)`
	acme, globex := chrome.window(fastClock(50), messages), chrome.window(fastClock(50), messages)
	acme.opens(site.URL)
	globex.opens(site.URL + "/globex")

	site.turns(endpoint, values{"tenant": "acme", "new": true})
	site.turns("/globex/values", values{"tenant": "globex", "new": "variant"})
	acme.runs(`flags.refresh()`)
	acme.sees(`flags.value("tenant", "") == "acme" && flags.isEnabled("new")`)
	globex.comesToSee(`flags.value("tenant", "") == "globex" && flags.value("new", "") == "variant"`)

	// A tab that turned because it was told tells nobody: one message in all, then silence, here for a minute.
	globex.runs(`turned = Date.now()`)
	globex.comesToSee(`Date.now() - turned > 60000`)
	globex.sees(`messages.length == 1 && messages[0] === 0`)
	acme.sees(`messages.length == 1`)
	if n := len(site.requests()); n != 2 {
		t.Errorf("the tabs asked %d times, want once each", n)
	}
}

func TestTabsThatTurnAtTheSameTimeComeToRest(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.pinsLeave(aDay)
	site.shows("/", endpoint, showing(``))
	chrome := chromium(t)
	ann, bob := chrome.window(fastClock(50)), chrome.window(fastClock(50))
	ann.opens(site.URL)
	bob.opens(site.URL)
	release := make(chan struct{})
	site.answersWith(func(w http.ResponseWriter, r *http.Request) {
		<-release
		answer(w, r, values{"on": true}, aDay)
	})
	for _, tab := range []tab{ann, bob} {
		tab.runs(`void flags.refresh()`)
	}
	eventually(t, "both ask", func() bool { return len(site.requests()) == 2 })
	close(release)
	for _, tab := range []tab{ann, bob} {
		tab.comesToSee(`flags.isEnabled("on")`)
		tab.runs(`turned = Date.now()`)
		tab.comesToSee(`Date.now() - turned > 60000`)
	}
	if n := len(site.requests()); n > 4 {
		t.Errorf("two tabs asked %d times, want at most once more each", n)
	}
}

func TestATabThatIsToldDuringARequestAsksOnceMore(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.pinsLeave(aDay)
	site.shows("/", endpoint, showing(``))
	chrome := chromium(t)
	ann, bob := chrome.window(fastClock(50)), chrome.window()
	ann.opens(site.URL)
	bob.opens(site.URL)
	release := make(chan struct{})
	site.answersWith(func(w http.ResponseWriter, r *http.Request) {
		<-release
		answer(w, r, values{"on": false}, aDay)
	})
	// Its own channel hears in the order in which the client's does.
	ann.runs(`new BroadcastChannel("feature-values").onmessage = () => told = true; told = false; void flags.refresh()`)
	eventually(t, "the request", func() bool { return len(site.requests()) == 1 })
	bob.runs(`new BroadcastChannel("feature-values").postMessage(0)`)
	ann.comesToSee(`told`)
	site.answersWith(nil)
	site.turns(endpoint, values{"on": true})
	close(release)
	ann.comesToSee(`flags.isEnabled("on")`)
}

func TestOneRequestIsSharedByAllWhoAsk(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.shows("/", endpoint, showing(``))
	ann := chromium(t).tab()
	ann.opens(site.URL)
	site.turns(endpoint, values{"on": true})
	ann.runs(`first = flags.refresh(); second = flags.refresh(); first`)
	ann.sees(`first === second && flags.isEnabled("on")`)
	if n := len(site.requests()); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	ann.runs(`flags.refresh()`)
	if n := len(site.requests()); n != 2 {
		t.Errorf("asked %d times, want a second request after the first", n)
	}
}

func TestAStrictPolicyAllowsTheClientAsAFileAndByItsHash(t *testing.T) {
	site := newClientSite(t, values{"on": true, "off": false})
	body := `<p id="shown" data-flag="on"></p><p id="gone" data-flag="off"></p>`
	policy := func(scripts string) string {
		return "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'; script-src " + scripts
	}
	site.shows("/file", endpoint, strings.ReplaceAll(showing(body), "{flags}", "{block}{file}"), "Content-Security-Policy", policy("'self'"))
	site.shows("/inline", endpoint, showing(body), "Content-Security-Policy", policy(assets.ClientCSPHash))
	chrome := chromium(t)
	for _, page := range []string{"/file", "/inline"} {
		ann := chrome.tab(`violations = []; addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI))`)
		ann.opens(site.URL + page)
		ann.sees(`flags.isEnabled("on") && ` + visible("shown") + ` && !(` + visible("gone") + `)`)
		site.turns(endpoint, values{"on": false, "off": true, "page": page})
		ann.runs(`flags.refresh()`)
		ann.sees(`flags.isEnabled("off") && !(` + visible("shown") + `) && ` + visible("gone"))
		if broken := evaluated[[]string](ann, `violations`); len(broken) > 0 {
			t.Errorf("%s breaks the policy: %v", page, broken)
		}
		site.turns(endpoint, values{"on": true, "off": false})
	}
}

func TestAPageFromTheBackForwardCacheAsksAtOnce(t *testing.T) {
	site := newClientSite(t, values{"on": false})
	site.shows("/", endpoint, showing(``))
	site.page("/next", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `<!doctype html><title>next</title>`) })
	ann := chromium(t).tab()
	ann.opens(site.URL)
	ann.runs(`kept = true`)
	ann.opens(site.URL + "/next")
	site.turns(endpoint, values{"on": true})
	ann.goesBack()
	ann.sees(`window.kept === true`)
	ann.comesToSee(`flags.isEnabled("on")`)
}

func TestWithoutItsBlockAClientGivesFallbacksAndAsks(t *testing.T) {
	site := newClientSite(t, values{"on": true})
	others := `<script type="application/ld+json">{"@type":"Organization","url":"/astray","values":{"astray":true}}</script>`
	for path, head := range map[string]string{
		"/none":       `{client}`,
		"/other":      others + `{client}`,
		"/unreadable": `<script type="application/json" id="feature-values">{"values":{"on":tr</script>{client}`,
		"/null":       `<script type="application/json" id="feature-values">null</script>{client}`,
		"/odd":        `<script type="application/json" id="feature-values">{"values":null}</script>{client}`,
	} {
		site.shows(path, endpoint, strings.ReplaceAll(showing(`<p id="p" data-flag="on"></p><p id="q" data-flag-off="on"></p>
			<script>early = [flags.isEnabled("on"), flags.value("on", "fallback"), Object.keys(flags.all()).length, `+visible("p")+`, `+visible("q")+`].join()</script>`),
			"{flags}", head))
	}
	chrome := chromium(t)
	for _, path := range []string{"/none", "/other", "/unreadable", "/null", "/odd"} {
		ann := chrome.tab(fastClock(20))
		ann.opens(site.URL + path)
		if early := evaluated[string](ann, `early`); early != "false,fallback,0,false,true" {
			t.Errorf("%s: read %s before the first refresh", path, early)
		}
		ann.comesToSee(`flags.isEnabled("on") && ` + visible("p"))
	}
}
