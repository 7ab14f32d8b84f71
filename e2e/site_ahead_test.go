package e2e

import (
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// TestPagesThatAreFetchedAheadHaveTheirFlags lets the browser prefetch one page and prerender another, and goes there.
func TestPagesThatAreFetchedAheadHaveTheirFlags(t *testing.T) {
	// The pages tell the server what they read, as a prerendered page is another to the debugger.
	const reports = `<script>
		const report = () => fetch("/saw", { method: "POST", body: JSON.stringify([flags.value("word", ""), flags.isEnabled("on"), delivered()]) });
		const delivered = () => { const n = performance.getEntriesByType("navigation")[0]; return n.activationStart > 0 ? "prerendered" : n.deliveryType };
		document.prerendering ? document.addEventListener("prerenderingchange", report) : report();
	</script>`
	for _, kind := range []string{"prefetch", "prerender"} {
		t.Run(kind, func(t *testing.T) {
			saw := make(chan string, 10)
			host := newHost(t, flagtest.Definition(t, "on", true, "word", "first"), func(*middleware.Config) {}, func(r *gin.Engine) {
				r.GET("/", sends(`<!doctype html><title>x</title><a id="next" href="/next">next</a>
					<script type="speculationrules">{"`+kind+`":[{"source":"list","urls":["/next"],"eagerness":"immediate"}]}</script>`))
				r.GET("/next", sends(`<!doctype html><title>next</title>`+reports))
				r.POST("/saw", func(c *gin.Context) {
					body, _ := io.ReadAll(c.Request.Body)
					saw <- string(body)
					c.Status(http.StatusNoContent)
				})
			})
			ann := chromium(t).window()
			ann.opens(host.URL)
			eventually(t, "the page is fetched ahead", func() bool { return len(host.exchanges("/next")) == 1 })
			ann.runs(`document.getElementById("next").click()`)
			want := map[string]string{"prefetch": `["first",true,"navigational-prefetch"]`, "prerender": `["first",true,"prerendered"]`}[kind]
			if got := <-saw; got != want {
				t.Errorf("the page saw %s, want %s", got, want)
			}
			fetched := host.exchanges("/next")
			if len(fetched) != 1 {
				t.Fatalf("the page was fetched %d times", len(fetched))
			}
			if purpose := fetched[0].Header.Get("Sec-Purpose"); purpose == "" {
				t.Error("the browser did not say that it fetched ahead")
			}
			if cookies := fetched[0].answer["Set-Cookie"]; cookies != nil {
				t.Errorf("a page that nobody may ever see wrote %q", cookies)
			}
		})
	}
}
