package e2e

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/securecookie"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// everybody is all people of the sample site, and a visitor.
var everybody = []string{"", "u-ann", "u-ben", "u-cem", "u-dora", "u-eve", "u-tom"}

// everyPage is all pages of the sample site, and one that is not there.
var everyPage = []string{"/", "/listings", "/clients", "/reports", "/reports/advanced", "/plans", "/nowhere"}

func TestWhatTheServerDecidedIsWhatEverybodyReadsOnEveryPage(t *testing.T) {
	site := newSampleSite(t)
	who := site.welcomes(chromium(t), "")
	visitor := who.visitorID()
	for _, person := range everybody {
		if person != "" {
			who.becomes(person)
		}
		want := site.decides(person, visitor)
		for _, path := range everyPage {
			who.visits(path)
			who.agrees()
			// Through each of the doors.
			for door, all := range map[string]string{
				"the block":            `JSON.parse(document.getElementById("feature-values").text).values`,
				"flags.all":            `flags.all()`,
				"flags.value":          `Object.fromEntries(Object.keys(flags.all()).map((key) => [key, flags.value(key, "none")]))`,
				"the refresh endpoint": `fetch("/feature-values").then((answer) => answer.json())`,
			} {
				if got := evaluated[map[string]any](who.tab, all); !reflect.DeepEqual(got, want) {
					t.Errorf("%q on %s reads in %s\n%v, but the server decides\n%v", person, path, door, got, want)
				}
			}
			who.sees(`Object.entries(flags.all()).every(([key, value]) => flags.isEnabled(key) === (value === true))`)
		}
	}
}

// decides is what the service says by itself, with no page and no middleware.
func (s *sampleSite) decides(person, visitor string) map[string]any {
	s.t.Helper()
	var subject ruleset.Subject
	if person != "" {
		var err error
		if subject, err = (sample.Subjects{Store: s.store}).Subject(s.t.Context(), person); err != nil {
			s.t.Fatal(err)
		}
	}
	subject.Visitor = visitor
	var values map[string]any
	if err := json.Unmarshal(s.flags.Values(s.t.Context(), subject).JSON(), &values); err != nil {
		s.t.Fatal(err)
	}
	if len(values) < 12 {
		s.t.Fatalf("only %d values", len(values))
	}
	return values
}

// visitorID reads the cookie that scripts cannot see with the key that only the site has.
func (p somebody) visitorID() string {
	p.t.Helper()
	found, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	const name = "flags-visitor"
	for _, cookie := range found.Cookies {
		if cookie.Name != name {
			continue
		}
		var text string
		if err := securecookie.DecodeMulti(name, cookie.Value, &text, middleware.NewCookieStore(sampleKey).Codecs...); err != nil {
			p.t.Fatal(err)
		}
		_, id, _ := strings.Cut(text, ".")
		return id
	}
	p.t.Fatal("the browser has no visitor's id")
	return ""
}

func TestADocumentThatAnswersAFormHasItsFlags(t *testing.T) {
	site := newSampleSite(t)
	ann := site.welcomes(chromium(t), "u-ann")
	ann.visits("/plans")
	before := len(site.exchanges("/plan"))
	ann.follows(`(() => { const form = document.querySelector("form[action='/plan']"); form.elements.plan.value = "gold"; form.submit() })()`)
	answers := site.exchanges("/plan")
	if len(answers) != before+1 || answers[before].Method != "POST" || answers[before].status != 422 {
		t.Fatalf("the form got %+v", answers)
	}
	if cookies := answers[before].answer["Set-Cookie"]; cookies != nil {
		t.Errorf("a POST wrote %q", cookies)
	}
	ann.sees(`document.querySelector("h1").textContent == "There is no such plan"`)
	ann.sees(`flags.isEnabled("advanced-reports") && ` + displayed("chat"))
	ann.agrees()
}
