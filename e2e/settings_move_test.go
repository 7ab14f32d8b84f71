package e2e

import (
	"fmt"
	"testing"
)

// The whole way of an entity, as an admin steps it on the board while a tenant works with it: from its old database to the
// new one, and a step back. Whatever database answers, what was written before is there.
func TestAnEntitysWholeWay(t *testing.T) {
	source := axe(t)
	databases(t, func(t *testing.T, c *command) {
		s := c.serves()
		ada := chromium(t).window()
		ada.isTheFirst(s)
		ben := tenantAtWork{somebody{chromium(t).window(), nil}, s.url}
		ben.opens(s.url + "/")
		ben.becomes("u-ben")
		total := ben.worksIn("off", "Original database", 0, 100)

		board := s.url + "/settings/migrations/development"
		ada.opens(board)
		ada.tells("main", "clients-database", "none known")
		ada.isForEverybody("the board", source)
		for i, step := range []struct{ stage, title, database string }{
			{"dualwrite", "Dual write", "Original database"},
			{"shadow", "Shadow", "Original database"},
			{"live", "Live", "New database"},
			{"rampdown", "Ramp-down", "New database"},
			{"complete", "Complete", "New database"},
			{"rampdown", "Ramp-down", "New database"}, // and back
		} {
			ada.steps(board+"/clients-database", step.stage)
			ada.tells("main", "Published in revision")
			ada.tells(`.way [aria-current="step"]`, step.title)
			ada.isForEverybody("the page of an entity in "+step.stage, source)
			if got := ben.worksIn(step.stage, step.database, 100+i, 101+i); got != total {
				t.Errorf("in %s the page says %q, and %q before", step.stage, got, total)
			}
		}
		eventually(t, "a kill that has something to go back to", func() bool { // as soon as everything is copied back
			ada.opens(board + "/clients-database")
			return evaluated[bool](ada, saidIn("section:has(#kill)")+`.includes("Tenants in rampdown go back to shadow")`)
		})
	})
}

// isTheFirst makes the first account of a site.
func (b tab) isTheFirst(s *site) {
	b.t.Helper()
	b.opens(s.firstLink(b.t)[1])
	b.fills("#email", "ada@toprent.example")
	b.fills("#name", "Ada")
	b.fills("#password", "seven small green boats")
	b.fills("#again", "seven small green boats")
	b.follows(`document.querySelector("main form button").click()`)
	b.sees(`location.pathname == "/settings/flags" && document.querySelector(".top-end").textContent.includes("Ada")`)
}

// steps brings everybody to a stage, as soon as the board lets it: a step waits for what the one before has begun.
func (b tab) steps(board, stage string) {
	b.t.Helper()
	button := `document.querySelector('form[action$="/step"]:has([name=group][value=all]) button[value=` + stage + `]')`
	eventually(b.t, "a step to "+stage, func() bool {
		b.opens(board)
		b.sees(button + ` != null`)
		b.follows(button + `.click()`)
		if !evaluated[bool](b, `document.querySelector("form[data-review]") != null`) {
			return false
		}
		b.follows(`document.querySelector("form[data-review] footer button[value=yes]").click()`)
		return evaluated[bool](b, `document.querySelector("form[data-review]") == null && document.body.textContent.includes("Published in revision")`)
	})
}

// tenantAtWork is somebody who works with clients while they move.
type tenantAtWork struct {
	somebody
	url string
}

// worksIn waits until the clients are in a stage, expects what was written last, writes anew, and reads it back. It tells
// how many clients there are, as the page says.
func (b tenantAtWork) worksIn(stage, database string, before, now int) (total string) {
	b.t.Helper()
	eventually(b.t, "the clients in "+stage, func() bool {
		b.opens(b.url + "/clients")
		return evaluated[string](b.tab, `document.querySelector("#answered strong").textContent`) == stage
	})
	const field = `document.querySelector("#clients [name=nights]")`
	b.sees(`document.querySelector("#database").textContent == ` + quoted(database))
	if before > 0 {
		b.sees(fmt.Sprintf(`%s.value == "%d"`, field, before))
	}
	b.follows(fmt.Sprintf(`%s.value = "%d"; %s.form.querySelector("button").click()`, field, now, field))
	b.opens(b.url + "/clients")
	b.sees(fmt.Sprintf(`%s.value == "%d"`, field, now))
	return evaluated[string](b.tab, `document.querySelector("#total").textContent`)
}
