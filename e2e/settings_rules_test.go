package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

const checkoutRules = "/settings/flags/checkout/production/rules"

// keyboard is a tab whose person has no mouse.
type keyboard struct{ tab }

// types presses keys where the focus is.
func (k keyboard) types(keys string, modifiers ...chromedp.Modifier) {
	k.t.Helper()
	k.do("type "+keys, chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// tabsTo presses Tab until an element that the selector names has the focus.
func (k keyboard) tabsTo(selector string) {
	k.t.Helper()
	for range 200 {
		if evaluated[bool](k.tab, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
		k.types(kb.Tab)
	}
	k.t.Fatalf("no way with Tab to %s", selector)
}

// fills goes to a field and types.
func (k keyboard) fills(name, text string) {
	k.t.Helper()
	k.tabsTo(`[name="` + name + `"]`)
	k.types(text)
}

// presses goes to a button and presses it.
func (k keyboard) presses(selector string) {
	k.t.Helper()
	k.tabsTo(selector)
	k.types(kb.Enter)
}

func rulesOfCheckout(t *testing.T, site *settingstest.Site) []ruleset.Rule {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range def.Flags {
		if flag.Key == "checkout" {
			return flag.Rules
		}
	}
	return nil
}

func TestRulesAreBuiltAndReorderedByKeyboardAndMouse(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	k := keyboard{chromium(t).window()}
	k.opens(site.URL + "/as/editor")
	k.opens(site.URL + checkoutRules)

	k.presses(`[data-do="add-rule"]`)
	k.sees(`document.activeElement.name == "rules.0.name"`)
	k.types("Staff first")
	k.presses(`[value="add-condition:rules.0.when"]`)
	k.sees(`document.activeElement.name == "rules.0.when.0.attribute"`)
	k.types("email")
	k.fills("rules.0.when.0.operator", "ends")
	k.fills("rules.0.when.0.values", "@toprent.app")
	k.presses(`[value="add-group:rules.0.when"]`)
	k.sees(`document.activeElement.name == "rules.0.when.1.form"`)
	k.fills("rules.0.when.1.0.attribute", "country")
	k.fills("rules.0.when.1.0.values", "DE")
	k.fills("rules.0.action", "a percentage g")
	k.fills("rules.0.serve", "short")
	k.fills("rules.0.share", "12.5")
	k.comesToSee(`document.querySelector("[data-words]").textContent == "12.5 % of users where email ends with @toprent.app and country is DE get short"`)
	k.sees(`document.querySelector("[data-slider]").value == 13 || document.querySelector("[data-slider]").value == 12`)

	k.presses(`.actions > [data-do="add-rule"]`)
	k.fills("rules.1.action", "split")
	k.fills("rules.1.weights.control", "1")
	k.sees(`document.querySelectorAll("#rules\\.1 output")[0].textContent == "100 %"`)
	k.fills("rules.1.weights.short", "3")
	k.sees(`[...document.querySelectorAll("#rules\\.1 output")].map((o) => o.textContent).join() == "25 %,75 %,0 %"`)
	k.sees(`[...document.querySelectorAll("#rules\\.1 progress")].map((o) => o.value).join() == "250,750,0"`)

	k.types(kb.ArrowUp, chromedp.ModifierAlt)
	k.sees(`document.activeElement.name == "rules.0.weights.short" && document.activeElement.value == "3"`)
	k.sees(`document.querySelector("[data-announce]").textContent == "Moved to place 1 of 2."`)
	k.sees(`document.querySelector('[name="rules.1.name"]').value == "Staff first"`)
	k.comesToSee(`document.querySelector("#rules\\.1 [data-advice]").textContent.includes("Nobody comes this far: rule 1 already decides for everybody.")`)

	drag(k.tab, "#rules\\\\.0", "#rules\\\\.1")
	k.comesToSee(`document.querySelector('[name="rules.0.name"]').value == "Staff first"`)
	k.comesToSee(`document.querySelectorAll("[data-advice] p").length == 0`)
	k.sees(`!document.querySelector(".dragging, .dragged")`)
	k.tabsTo(`[name="save"]`)
	k.follows(`document.activeElement.click()`)
	k.confirms()
	k.comesToSee(`!!document.body?.textContent.includes("Saved. The rules are published") && document.readyState == "complete"`)

	rules := rulesOfCheckout(t, site)
	if len(rules) != 2 || rules[0].Percent == nil || rules[0].Percent.Share != 12_500 || rules[0].Percent.Serve != "short" || len(rules[0].When.All) != 2 || len(rules[0].When.All[1].Any) != 1 {
		t.Errorf("%+v", rules)
	}
	if len(rules) == 2 && (rules[1].Split == nil || rules[1].Split.Weights["short"] != 3000) {
		t.Errorf("%+v", rules[1])
	}
}

// drag pulls one rule by its handle to below another one, with the mouse.
func drag(b tab, rule, below string) {
	b.t.Helper()
	type point struct{ X, Y float64 }
	at := func(script string) point {
		return evaluated[point](b, `(() => { const box = `+script+`.getBoundingClientRect(); return { X: box.x + box.width / 2, Y: box.y + box.height / 2 }; })()`)
	}
	// Where the page is still gliding to would not be where the handle is.
	b.runs(fmt.Sprintf(`document.documentElement.style.scrollBehavior = "auto"; document.querySelector("%s [data-grip]").scrollIntoView({ block: "center", behavior: "instant" })`, rule))
	b.comesToSee(fmt.Sprintf(`new Promise((done) => requestAnimationFrame(() => {
		const grip = document.querySelector("%s [data-grip]"), top = grip.getBoundingClientRect().top;
		requestAnimationFrame(() => done(top > 0 && grip.getBoundingClientRect().top == top));
	}))`, rule))
	from := at(fmt.Sprintf(`document.querySelector("%s [data-grip]")`, rule))
	left := chromedp.Button("left")
	b.do("press the mouse", chromedp.MouseEvent(chromedp.MousePressed, from.X, from.Y, left, chromedp.ClickCount(1)))
	b.do("move the mouse", chromedp.MouseEvent(chromedp.MouseMoved, from.X, from.Y+4, left))
	b.comesToSee(`document.querySelector(".dragging .dragged") != null`)
	to := at(fmt.Sprintf(`document.querySelector("%s > header")`, below))
	b.do("move the mouse", chromedp.MouseEvent(chromedp.MouseMoved, to.X, to.Y+10, left))
	b.do("release the mouse", chromedp.MouseEvent(chromedp.MouseReleased, to.X, to.Y+10, left, chromedp.ClickCount(1)))
}

func TestWithoutScriptsRulesAreBuiltAllTheSame(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	b := chromium(t).window()
	b.do("turn scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	b.opens(site.URL + "/as/editor")
	b.opens(site.URL + checkoutRules)
	b.sees(`!document.querySelector(".grip")?.checkVisibility()`)
	// The debugger's own scripts stand for fingers: they type and press, and nothing else.
	types := func(name, text string) {
		b.runs(fmt.Sprintf("document.querySelector('form [name=%q]').value = %q", name, text))
	}
	presses := func(button string) {
		b.follows(fmt.Sprintf("document.querySelector('form [value=%q]').click()", button))
	}
	presses("add-rule")
	b.sees(`document.activeElement.name == "rules.0.name"`)
	types("rules.0.name", "Everybody else")
	types("rules.0.action", "split")
	types("rules.0.weights.control", "1")
	types("rules.0.weights.long", "1")
	presses("add-rule")
	b.sees(`[...document.querySelectorAll("#rules\\.0 progress")].map((o) => o.value).join() == "500,0,500"`)
	b.sees(`document.querySelector("#rules\\.0 .weights").checkVisibility() && !document.querySelector("#rules\\.0 .share").checkVisibility()`)
	presses("add-condition:rules.1.when")
	types("rules.1.when.0.attribute", "country")
	types("rules.1.when.0.values", "DE")
	types("rules.1.action", "percent")
	types("rules.1.serve", "short")
	types("rules.1.share", "5")
	presses("up:rules.1")
	b.sees(`document.querySelector("#rules\\.0 [data-words]").textContent == "5 % of users where country is DE get short"`)
	b.follows(`document.querySelector("[name=save]").click()`)
	b.confirms()
	b.sees(`document.body.textContent.includes("Saved. The rules are published")`)
	if rules := rulesOfCheckout(t, site); len(rules) != 2 || rules[0].Percent == nil || rules[1].Split == nil {
		t.Errorf("%+v", rules)
	}
}
