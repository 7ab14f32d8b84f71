package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what must happen, on a machine that is busy with something else too; a test that passes
// never waits that long.
const patience = time.Minute

// browser is a browser of its own: its tabs share cookies and storage with each other and with no other browser.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// tab is one tab of a browser. Its methods end the test when the browser refuses.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// shared is the Chromium found on PATH, headless. All tests have it together, since to start one takes longer than most of
// them do.
var shared struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

func startChromium() {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		shared.err = errors.New("these tests need Chromium on PATH: apt-get install chromium")
		return
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// A tab in the background must be hidden as it is for people.
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
	)...)
	ctx, end := chromedp.NewContext(allocator)
	shared.ctx, shared.end = ctx, func() { end(); stop() }
	if err := chromedp.Do(ctx); err != nil {
		shared.err = fmt.Errorf("start %s: %w", path, err)
	}
}

// chromium opens a browser with a profile that is fresh, and gone with the test. Without Chromium the test fails, since a
// skipped promise is an unkept one.
func chromium(t *testing.T) browser {
	t.Helper()
	if shared.once.Do(startChromium); shared.err != nil {
		t.Fatal(shared.err)
	}
	ctx, closeBrowser := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a browser: %v", err)
	}
	return browser{t, ctx}
}

// tab opens a tab in front of the others, which hides them. The scripts run in each of its documents before all others.
func (b browser) tab(scripts ...string) tab {
	b.t.Helper()
	return b.open(false, scripts)
}

// window opens a tab in a window of its own, so that it and the others stay visible. Scripts as for tab.
func (b browser) window(scripts ...string) tab {
	b.t.Helper()
	return b.open(true, scripts)
}

func (b browser) open(window bool, scripts []string) tab {
	b.t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewWindow(window))
	b.t.Cleanup(closeTab)
	// The context of the first step is the tab's life, so it has no deadline.
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("open a tab: %v", err)
	}
	opened := tab{b.t, ctx}
	opened.do("prepare a tab", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, script := range scripts {
			params := page.AddScriptToEvaluateOnNewDocumentParams{Source: script}
			if _, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, params); err != nil {
				return err
			}
		}
		return nil
	}))
	return opened
}

// opens goes to the address and waits until it has loaded.
func (b tab) opens(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// goesBack goes one step back in the tab's history and waits until that page is in front, which a page from the
// back/forward cache is without loading.
func (b tab) goesBack() {
	b.t.Helper()
	left := evaluated[string](b, `location.href`)
	b.do("go back", chromedp.Evaluate[chromedp.Void](`history.back()`))
	eventually(b.t, "another page than "+left, func() bool {
		at, err := chromedp.Run(b.ctx, chromedp.Location())
		return err == nil && at != left
	})
}

// follows runs what leads to another page, and waits until that page has loaded.
func (b tab) follows(script string) {
	b.t.Helper()
	const origin = `performance.timeOrigin`
	left := evaluated[float64](b, origin)
	b.runs(script)
	eventually(b.t, "another page after "+script, func() bool {
		// Between the pages there may be nothing that could answer.
		at, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.readyState == "complete" ? `+origin+` : 0`))
		return err == nil && at != 0 && at != left
	})
}

// confirms goes on from the page that shows what a form would do.
func (b tab) confirms() {
	b.t.Helper()
	b.sees(`document.querySelector("form[data-review]") != null`)
	b.follows(`document.querySelector("form[data-review] footer button[value=yes]").click()`)
}

// comesToFront shows the tab and hides the one that was in front.
func (b tab) comesToFront() {
	b.t.Helper()
	b.do("come to the front", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.BringToFront, cdp.Empty{})
		return err
	}))
}

// runs evaluates JavaScript for what it does, and waits for the promise that it may return.
func (b tab) runs(script string) {
	b.t.Helper()
	b.do("run "+script, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
}

// sees asserts that a JavaScript expression is true now.
func (b tab) sees(expression string) {
	b.t.Helper()
	if !evaluated[bool](b, expression) {
		b.t.Errorf("not true in the browser: %s", expression)
	}
}

// comesToSee waits until a JavaScript expression is true. It asks from outside the page, whose own timers stand still
// or crawl while it is hidden.
func (b tab) comesToSee(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		// Between the pages there may be nothing that could answer, or not all of what the expression looks for.
		sees, err := evaluate[bool](b, expression)
		if err == nil && sees {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("did not come true in %v in the browser: %s (%v)", patience, expression, err)
		}
	}
}

func (b tab) do(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, step); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// evaluate gives the value of a JavaScript expression, or what the promise that it returns resolves to.
func evaluate[T any](b tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// evaluated is what evaluate gives, which must be possible.
func evaluated[T any](b tab, expression string) T {
	b.t.Helper()
	value, err := evaluate[T](b, expression)
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not come true in %v: %s", patience, what)
		}
	}
}
