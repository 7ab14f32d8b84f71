package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/toprent/flags/internal/settingstest"
)

// The whole way of a flag, as those go who decide about it: once with an account of the pages' own on either database, and
// once in a host that has its own sign-in.
func TestAFlagsWholeWay(t *testing.T) {
	t.Run("stand-alone", func(t *testing.T) {
		databases(t, func(t *testing.T, c *command) {
			s := c.serves()
			ada := chromium(t).window()
			ada.watches()
			ada.isTheFirst(s)
			travels(t, ada, s.url)
		})
	})
	t.Run("in a host", func(t *testing.T) {
		site := settingstest.New(t)
		ada := chromium(t).window()
		ada.watches()
		ada.opens(site.URL + "/settings/flags")
		ada.sees(`document.body.textContent.includes("Sign in here")`)
		ada.opens(site.URL + "/as/admin")
		travels(t, ada, site.URL)
	})
}

// travels creates a flag, gives it to a tenth, and kills and lifts it, and looks each time what a visitor gets.
func travels(t *testing.T, ada tab, url string) {
	t.Helper()
	ada.opens(url + "/settings/flags")
	ada.follows(`document.querySelector('main a[href$="/new-flag"]').click()`)
	ada.fills("#title", "The way of a flag")
	ada.fills("#key", "whole-way")
	ada.fills("#purpose", "See whether everything works together")
	ada.fills("#planned_removal", "2027-06-30")
	ada.runs(`document.querySelector("#client_visible").checked = true`)
	ada.follows(`document.querySelector("#new-flag .actions button").click()`)
	ada.confirms()
	ada.sees(`location.pathname == "/settings/flags/whole-way"`)

	ada.opens(url + "/settings/flags/whole-way/development")
	ada.asks(`a[data-dialog][href$="/enable"]`)
	ada.follows(`document.querySelector("#dialog form button").click()`)

	ada.opens(url + "/settings/flags/whole-way/development/rules")
	ada.runs(`document.querySelector('[data-do="add-rule"]').click()`)
	ada.comesToSee(`document.querySelector('[data-f="action"]') != null`)
	ada.fills(`[data-f="action"]`, "percent")
	ada.fills(`[data-f="share"]`, "10")
	ada.fills(`[data-rule] [data-f="serve"]`, "on")
	ada.follows(`document.querySelector('button[name="save"]').click()`)
	ada.confirms()
	ada.sees(`document.querySelector("main").textContent.includes("10 %")`)

	vera := visitor{chromium(t).window(), url}
	vera.isOneOfTheTenth()
	ada.opens(url + "/settings/flags/whole-way/development")
	ada.asks(`a[data-dialog][href$="/kill"]`)
	ada.fills("#dialog #reason", "it breaks the checkout")
	ada.follows(`document.querySelector("#dialog form button").click()`)
	ada.sees(`document.querySelector("main").textContent.includes("Killed")`)
	vera.comesToHave(false)

	ada.asks(`a[data-dialog][href$="/lift"]`)
	ada.fills("#dialog #reason", "it is mended")
	ada.follows(`document.querySelector("#dialog form button").click()`)
	vera.comesToHave(true)
}

// fills puts a text into a field, or chooses an option, as a person does.
func (b tab) fills(selector, text string) {
	b.t.Helper()
	b.sees(`document.querySelector(` + quoted(selector) + `) != null`)
	b.runs(`(() => { const field = document.querySelector(` + quoted(selector) + `); field.value = ` + quoted(text) +
		`; field.dispatchEvent(new Event("input", { bubbles: true })); field.dispatchEvent(new Event("change", { bubbles: true })) })()`)
}

// asks follows a link that opens a dialog, and waits for it.
func (b tab) asks(selector string) {
	b.t.Helper()
	b.sees(`document.querySelectorAll(` + quoted(selector) + `).length > 0`)
	b.runs(`document.querySelector(` + quoted(selector) + `).click()`)
	b.comesToSee(`document.querySelector("#dialog[open] form") != null`)
}

// visitor is somebody who browses the site.
type visitor struct {
	tab
	url string
}

// isOneOfTheTenth comes back as somebody new until the flag is on.
func (v visitor) isOneOfTheTenth() {
	v.t.Helper()
	for range 300 {
		v.do("become somebody new", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
			return err
		}))
		v.opens(v.url + "/")
		if evaluated[bool](v.tab, `flags.isEnabled("whole-way")`) {
			return
		}
	}
	v.t.Fatal("of 300 visitors none is one of the tenth, which happens to one of 10,000,000,000,000 tests")
}

// comesToHave waits until the flag is on, or off, on the next page.
func (v visitor) comesToHave(on bool) {
	v.t.Helper()
	eventually(v.t, "the visitor's next page", func() bool {
		v.opens(v.url + "/")
		return evaluated[bool](v.tab, `flags.isEnabled("whole-way")`) == on
	})
}
