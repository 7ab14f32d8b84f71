package e2e

import (
	"io"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// TestPagesThatAreFetchedAheadHaveTheirFlags lets the browser prefetch a page, or prerender it, and then go there. No
// debugger may look at that tab, or the browser prerenders nothing: the pages themselves go on, and tell what they read.
func TestPagesThatAreFetchedAheadHaveTheirFlags(t *testing.T) {
	const first = `<!doctype html><title>first</title><a id="next" href="/next">next</a>
		<script>fetch("/wait").then(() => document.getElementById("next").click())</script>`
	const next = `<!doctype html><title>next</title><script>
		const delivered = () => { const n = performance.getEntriesByType("navigation")[0]; return n.activationStart > 0 ? "prerendered" : n.deliveryType };
		const report = () => fetch("/saw", { method: "POST", body: JSON.stringify([flags.value("word", ""), flags.isEnabled("on"), delivered()]) });
		if (document.prerendering) {
			document.addEventListener("prerenderingchange", report);
			fetch("/ready");
		} else report();
	</script>`
	for kind, want := range map[string]string{
		"prefetch":  `["first",true,"navigational-prefetch"]`,
		"prerender": `["first",true,"prerendered"]`,
	} {
		t.Run(kind, func(t *testing.T) {
			ready, saw := make(chan bool, 10), make(chan string, 10)
			host := newHost(t, flagtest.Definition(t, "on", true, "word", "first"), func(*middleware.Config) {}, func(r *gin.Engine) {
				r.GET("/", sends(first+`<script type="speculationrules">{"`+kind+`":[{"source":"list","urls":["/next"],"eagerness":"immediate"}]}</script>`))
				r.GET("/next", func(c *gin.Context) {
					sends(next)(c)
					if kind == "prefetch" {
						ready <- true
					}
				})
				r.GET("/ready", func(c *gin.Context) { ready <- true })
				r.GET("/wait", func(c *gin.Context) {
					select {
					case <-ready:
					case <-c.Request.Context().Done():
					}
				})
				r.POST("/saw", func(c *gin.Context) {
					body, _ := io.ReadAll(c.Request.Body)
					saw <- string(body)
				})
			})
			chromium(t).window().runs(`window.open(` + quoted(host.URL) + `, "_blank", "noopener")`)
			eventually(t, "the page reports", func() bool { return len(saw) > 0 })
			if got := <-saw; got != want {
				t.Errorf("the page saw %s, want %s", got, want)
			}
			fetched := host.exchanges("/next")
			if len(fetched) != 1 {
				t.Fatalf("the page was fetched %d times", len(fetched))
			}
			if fetched[0].Header.Get("Sec-Purpose") == "" {
				t.Error("the browser did not say that it fetched ahead")
			}
			if cookies := fetched[0].answer["Set-Cookie"]; cookies != nil {
				t.Errorf("a page that nobody may ever see wrote %q", cookies)
			}
		})
	}
}
