package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// flagPages is an editor with a browser at the pages of a site.
type flagPages struct {
	tab
	site *settingstest.Site
}

func anEditor(t *testing.T) flagPages {
	t.Helper()
	site := settingstest.New(t)
	site.Sample()
	p := flagPages{chromium(t).tab(), site}
	p.opens(site.URL + "/as/editor")
	return p
}

func (p flagPages) goes(path string) {
	p.t.Helper()
	p.opens(p.site.URL + "/settings" + path)
}

// writes puts a text into a field as typing does.
func (p flagPages) writes(selector, text string) {
	p.t.Helper()
	p.runs(`(() => { const field = document.querySelector(` + "`" + selector + "`" + `); field.value = ` + "`" + text + "`" + `; field.dispatchEvent(new Event("input", {bubbles: true})); field.dispatchEvent(new Event("change", {bubbles: true})) })()`)
}

// created is the flag that the forms below make.
func (p flagPages) created(key string) ruleset.Flag {
	p.t.Helper()
	head, err := p.site.Store.Head(p.t.Context(), "staging")
	if err != nil {
		p.t.Fatal(err)
	}
	definition, err := p.site.Store.Load(p.t.Context(), head.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, flag := range definition.Flags {
		if flag.Key == key {
			return flag
		}
	}
	p.t.Fatalf("there is no flag %q in staging", key)
	return ruleset.Flag{}
}

func (p flagPages) wantVariants(key string) {
	p.t.Helper()
	flag := p.created(key)
	names := ""
	for _, v := range flag.Variants {
		names += v.Name + "=" + string(v.Value) + " "
	}
	if want := "many=50 few=20 "; names != want || flag.Off != "few" || flag.Otherwise != "many" || flag.Default != "few" || flag.Enabled {
		p.t.Errorf("variants %q, off %q, otherwise %q, default %q, enabled %t", names, flag.Off, flag.Otherwise, flag.Default, flag.Enabled)
	}
}

func TestAFlagWithVariantsIsCreatedInABrowser(t *testing.T) {
	p := anEditor(t)
	p.goes("/new-flag")
	p.sees(`!document.querySelector(".for-variants").checkVisibility() && document.querySelector(".for-boolean").checkVisibility()`)
	shows := func(what string, does bool) {
		t.Helper()
		p.sees(fmt.Sprintf(`document.querySelector("%s").checkVisibility() == %t`, what, does))
	}
	p.writes("#kind", "migration")
	shows(".for-migration", true)
	p.writes("#type", "string")
	shows(".for-variants", false)
	shows(".for-stages", true)
	shows(".for-plans", false)
	p.writes("#kind", "release")
	shows(".for-variants", true)
	shows(".for-stages", false)
	shows(".for-plans", true)
	p.writes("#type", "boolean")
	shows(".for-migration", false)
	p.writes("#title", "Größe der Liste: 2. Versuch")
	p.sees(`document.querySelector("#key").value === "grosse-der-liste-2.-versuch"`)
	p.writes("#key", "list-size")
	p.writes("#title", "Size of lists")
	p.sees(`document.querySelector("#key").value === "list-size"`)
	p.writes("#purpose", "Find out how much people read")
	p.writes("#planned_removal", "2027-05-01")
	p.writes("#type", "number")
	p.sees(`document.querySelector(".for-variants").checkVisibility() && !document.querySelector(".for-boolean").checkVisibility()`)

	p.runs(`document.querySelector('button[value=variant-add]').click()`)
	p.sees(`document.querySelectorAll(".variants tbody tr").length === 3 && document.activeElement.id === "variant-name-2"`)
	p.writes("#variant-name-0", "few")
	p.writes("#variant-value-0", "20")
	p.writes("#variant-name-2", "many")
	p.writes("#variant-value-2", "50")
	p.runs(`document.querySelector('input[name=otherwise][value="2"]').click()`)
	p.runs(`document.querySelector('button[value=variant-remove-1]').click()`)
	p.sees(`document.querySelectorAll(".variants tbody tr").length === 2 && document.querySelector("#variant-name-1").value === "many"`)
	p.runs(`document.querySelector('button[value=variant-up-1]').click()`)
	p.sees(`document.querySelector("#variant-name-0").value === "many" && document.activeElement.value === "variant-up-0"`)
	p.sees(`document.querySelector('input[name=otherwise]:checked').value === "0" && document.querySelector('input[name=off]:checked').value === "1"`)
	p.sees(`document.querySelector("#variant-name-0").getAttribute("aria-label") === "Name of variant 1"`)
	p.follows(`document.querySelector("#new-flag p.actions button").click()`)
	p.confirms()
	p.sees(`location.pathname === "/settings/flags/list-size" && document.body.textContent.includes("Size of lists is created")`)
	p.wantVariants("list-size")

	p.goes("/flags/list-size/staging")
	p.runs(`document.querySelector('a[href$="/enable"]').click()`)
	p.comesToSee(`document.querySelector("dialog[open] h1")?.textContent === "Enable “Size of lists” in Staging?"`)
	p.follows(`document.querySelector("dialog form button").click()`)
	p.sees(`document.body.textContent.includes("list-size is enabled in Staging.")`)
	if !p.created("list-size").Enabled {
		t.Error("it is not enabled")
	}

	p.goes("/flags/list-size/staging/settings")
	p.runs(`document.querySelector('button[value=prerequisite-add]').click()`)
	p.sees(`document.activeElement.id === "prerequisite-flag-0"`)
	p.writes("#prerequisite-flag-0", "new-home")
	p.writes("#prerequisite-variant-0", "on")
	p.follows(`document.querySelector(".flag-form footer button").click()`)
	p.confirms()
	if got := p.created("list-size").Prerequisites; len(got) != 1 || got[0] != (ruleset.Prerequisite{Flag: "new-home", Variant: "on"}) {
		t.Errorf("prerequisites %v", got)
	}
}

func TestAFlagWithVariantsIsCreatedWithoutScripts(t *testing.T) {
	p := anEditor(t)
	p.do("turn scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	p.goes("/new-flag")
	p.writes("#title", "Size of lists")
	p.sees(`document.querySelector("#key").value === ""`)
	p.writes("#key", "list-size")
	p.writes("#type", "number")
	p.sees(`document.querySelector(".for-variants").checkVisibility() && !document.querySelector(".for-boolean").checkVisibility()`)
	// Buttons for rows ask nothing of the other fields, and lose nothing of them.
	p.follows(`document.querySelector('button[value=variant-add]').click()`)
	p.sees(`document.querySelectorAll(".variants tbody tr").length === 3 && document.querySelector("#title").value === "Size of lists"`)
	p.writes("#variant-name-0", "few")
	p.writes("#variant-value-0", "20")
	p.writes("#variant-name-2", "many")
	p.writes("#variant-value-2", "50")
	p.runs(`document.querySelector('input[name=otherwise][value="2"]').checked = true`)
	p.follows(`document.querySelector('button[value=variant-remove-1]').click()`)
	p.follows(`document.querySelector('button[value=variant-up-1]').click()`)
	p.sees(`document.querySelector("#variant-name-0").value === "many" && document.querySelector('input[name=otherwise]:checked').value === "0"`)
	p.writes("#purpose", "Find out how much people read")
	p.writes("#planned_removal", "2027-05-01")
	p.follows(`document.querySelector("#new-flag p.actions button").click()`)
	p.confirms()
	p.sees(`location.pathname === "/settings/flags/list-size" && document.body.textContent.includes("Size of lists is created")`)
	p.wantVariants("list-size")

	p.goes("/flags/list-size/staging")
	p.follows(`document.querySelector('a[href$="/enable"]').click()`)
	p.sees(`document.querySelector("h1").textContent === "Enable “Size of lists” in Staging?"`)
	p.follows(`document.querySelector("main form button").click()`)
	if !p.created("list-size").Enabled {
		t.Error("it is not enabled")
	}
}
