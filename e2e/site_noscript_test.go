package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestWithoutScriptsThePagesWork needs no script of the pages: the debugger's own still look at them.
func TestWithoutScriptsThePagesWork(t *testing.T) {
	site := newSampleSite(t)
	ann := somebody{chromium(t).window(), site}
	ann.watches()
	ann.do("turn scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	for _, path := range everyPage {
		ann.visits(path)
		ann.sees(`typeof flags == "undefined" && document.querySelectorAll("h1").length == 1 && ` + displayed("decisions"))
		ann.shows("chat", false)
	}

	ann.visits("/listings")
	ann.shows("map", false)
	ann.sees(`document.querySelector(".person button").checkVisibility()`)
	ann.follows(`document.getElementById("person").value = "u-ann"; document.querySelector(".person button").click()`)
	ann.sees(`location.pathname == "/listings" && document.getElementById("person").value == "u-ann"`)
	ann.shows("map", true)
	ann.shows("chat", false) // it is on for Ann, but a browser without scripts cannot know
	ann.sees(`document.querySelectorAll("#flag-table tr[data-key]").length >= 12`)
}
