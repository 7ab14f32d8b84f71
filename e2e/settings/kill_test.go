package settings

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// killed reports whether a flag is killed in an environment.
func killed(t *testing.T, site *settingstest.Site, environment, key string) bool {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range def.Flags {
		if flag.Key == key {
			return flag.Killed
		}
	}
	t.Fatalf("%s has no %s", environment, key)
	return false
}

func headOf(t *testing.T, site *settingstest.Site, environment string) int64 {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	return row.Head
}

// posts sends a form and follows nothing: where it leads may belong to other pages.
func posts(b *settingstest.Browser, path, form string) *settingstest.Page {
	return b.Sends(http.MethodPost, "/settings"+path, "application/x-www-form-urlencoded", form)
}

func TestAFlagIsKilledAndLiftedWithReasons(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		abe := site.As("approver")
		abe.Opens("/flags/winter-look/production/kill").Sees("off for everybody in Production at once", "whatever sessions have pinned", "Nobody has it by override", "Production is protected")
		p := posts(abe, "/flags/winter-look/production/kill", "reason=it+snows+in+July")
		if p.Status != http.StatusSeeOther || p.Location != "/settings/flags/winter-look/production" {
			t.Fatalf("%d to %s", p.Status, p.Location)
		}
		abe.Opens("/flags").Sees("All access to winter-look in Production is disabled", "Killed")
		if !killed(t, site, "production", "winter-look") || killed(t, site, "staging", "winter-look") {
			t.Error("not killed in production alone")
		}

		// Again: nothing happens, and the page says by whom, when and why.
		head := headOf(t, site, "production")
		p = abe.Posts("/flags/winter-look/production/kill", "reason", "me too").Is(http.StatusOK)
		p.Sees("disabled already", "abe@toprent.example", "it snows in July").Lacks("me too")
		if headOf(t, site, "production") != head {
			t.Error("killing twice published twice")
		}

		asked := abe.Opens("/flags/winter-look/production/lift").Sees("Killed by abe@toprent.example", "it snows in July", "Everybody gets “on”")
		abe.Submits(asked, "/lift", "reason", "winter is back").Is(http.StatusOK).Sees("The kill of winter-look in Production is lifted")
		if killed(t, site, "production", "winter-look") {
			t.Error("not lifted")
		}
		abe.Posts("/flags/winter-look/production/lift", "reason", "again").Is(http.StatusOK).Sees("There is no kill to lift")

		// Killed a second time, by somebody else: the page tells of this time.
		posts(site.As("admin"), "/flags/winter-look/production/kill", "reason=no+again")
		abe.Opens("/flags/winter-look/production/kill").Sees("ada@toprent.example", "no again").Lacks("it snows in July")
		abe.Submits(asked, "/lift", "reason", "a form of before").Is(http.StatusConflict)
		if !killed(t, site, "production", "winter-look") {
			t.Error("the form of an earlier kill has lifted this one")
		}
		abe.Opens("/changes/production").Sees("it snows in July", "winter is back", `flag "winter-look": killed yes, was no`)
	})
}

func TestAKillSaysWhoHasTheFlagByOverride(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Opens("/flags/new-home/development/kill").Sees("One override gives it to somebody by name", "u-ann").Lacks("t-acme") // that one says off
	abe.Opens("/flags/new-home/production/lift").Sees("There is no kill to lift", "It is disabled here, so everybody gets “off”")
	posts(abe, "/flags/new-home/development/kill", "reason=x")
	abe.Opens("/flags/new-home/development/lift").Sees("25 % of users in segment germany get on", "Everybody else gets “off”", "One override is asked before the rules")
}

func TestAKillWantsAReasonAndLosesNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	for _, reason := range []string{"", "   ", "%00nul", "%ff%fe", strings.Repeat("x", 1001)} {
		for _, act := range []string{"kill", "lift"} {
			p := posts(abe, "/flags/new-home/development/"+act, "reason="+reason).Is(http.StatusUnprocessableEntity)
			if act == "kill" && p.Find("#reason-error").Length() != 1 {
				t.Errorf("nothing stands beside the reason %.20q", reason)
			}
		}
	}
	if headOf(t, site, "development") != 1 {
		t.Error("something was published")
	}
	posts(abe, "/flags/no-such-flag/development/kill", "reason=x").Is(http.StatusNotFound)
	posts(abe, "/flags/new-home/nowhere/kill", "reason=x").Is(http.StatusNotFound)
	abe.Gets("/settings/flags/no-such-flag/development/kill").Is(http.StatusNotFound)
	abe.Gets("/settings/flags/no-such-flag/kill").Is(http.StatusNotFound)
}

func TestAKillFromTheListIsTwoClicksAndAReason(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	posts(abe, "/flags/checkout/staging/kill", "reason=x")
	list := abe.Opens("/flags")
	if to := attr(t, list, `tbody tr:contains("checkout") a[data-dialog]`, "href"); to != "/settings/flags/checkout/kill" {
		t.Fatalf("the list leads to %s", to)
	}
	p := abe.Opens("/flags/checkout/kill").Sees("Disable in Development", "Disable in Production", "Killed in Staging already").Lacks("Disable in Staging")
	if to := attr(t, p, `button:contains("Production")`, "formaction"); to != "/settings/flags/checkout/production/kill" {
		t.Errorf("the button posts to %s", to)
	}
	if p.Find("[data-sheet] textarea[name=reason][required]").Length() != 1 {
		t.Error("the dialog asks for no reason")
	}
}

func TestAViewerAndAnEditorCannotKillOrLift(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	posts(site.As("approver"), "/flags/checkout/production/kill", "reason=x")
	for _, person := range []string{"viewer", "editor", "dev", "tenant", "nobody"} {
		b := site.As(person)
		for _, path := range []string{"/flags/winter-look/production/kill", "/flags/winter-look/development/kill", "/flags/checkout/production/lift"} {
			posts(b, path, "reason=x&role=admin&author=ada@toprent.example").Is(http.StatusForbidden)
			b.Gets("/settings" + path).Is(http.StatusForbidden)
		}
		b.Gets("/settings/flags/winter-look/kill").Is(http.StatusForbidden)
	}
	nobody := posts(site.As(""), "/flags/winter-look/production/kill", "reason=x")
	if nobody.Status != http.StatusSeeOther || nobody.Location != "/sign-in" {
		t.Errorf("somebody who is not signed in gets %d to %s", nobody.Status, nobody.Location)
	}
	if killed(t, site, "production", "winter-look") || !killed(t, site, "production", "checkout") {
		t.Error("it worked all the same")
	}
}

// devApprover makes "dev" an approver, in development only.
func devApprover(config *settings.Config) {
	ask := config.Person
	config.Person = func(c *gin.Context) (settings.Person, error) {
		person, err := ask(c)
		if person.ID == "p-dev" {
			person.Roles = map[string]settings.Role{"development": settings.Approver}
		}
		return person, err
	}
}

func TestAnApproverOfDevelopmentCannotKillInProduction(t *testing.T) {
	site := settingstest.New(t, devApprover)
	site.Sample()
	dev := site.As("dev")
	for _, form := range []string{"reason=x", "reason=x&env=development&environment=development"} {
		posts(dev, "/flags/winter-look/production/kill", form).Is(http.StatusForbidden)
		posts(dev, "/flags/winter-look/production/kill?env=development", form).Is(http.StatusForbidden)
	}
	posts(dev, "/flags/winter-look/development%2F..%2Fproduction/kill", "reason=x")
	posts(dev, "/flags/winter-look/development/../production/kill", "reason=x")
	posts(dev, "/flags//winter-look/production/kill", "reason=x")
	posts(dev, "/flags/winter-look/development;/../production/kill", "reason=x")
	if killed(t, site, "production", "winter-look") {
		t.Fatal("killed in production")
	}
	dev.Opens("/flags/winter-look/kill").Sees("Disable in Development").Lacks("Production", "Staging")
	posts(dev, "/flags/winter-look/development/kill", "reason=mine").Is(http.StatusSeeOther)
	if !killed(t, site, "development", "winter-look") || killed(t, site, "production", "winter-look") {
		t.Error("not killed in development alone")
	}
}

func TestTheAuthorOfAKillIsWhoAsks(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	posts(site.As("approver"), "/flags/winter-look/production/kill", "reason=x&author=mallory&by=mallory&person=p-admin&version=99&key=checkout&killed=false").Is(http.StatusSeeOther)
	site.As("viewer").Opens("/changes/production").Sees("abe@toprent.example").Lacks("mallory")
	if killed(t, site, "production", "checkout") {
		t.Error("the form chose the flag")
	}
}

func TestOtherSitesCannotKill(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	host := strings.TrimPrefix(site.URL, "http://")
	form := "application/x-www-form-urlencoded"
	for name, attack := range map[string]struct {
		header      http.Header
		contentType string
		body        string
	}{
		"another site":         {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, form, "reason=x"},
		"a sibling of ours":    {http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://evil." + host}}, form, "reason=x"},
		"an old browser":       {http.Header{"Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}}, form, "reason=x"},
		"a sandboxed frame":    {http.Header{"Sec-Fetch-Site": nil, "Origin": {"null"}}, form, "reason=x"},
		"nobody knows who":     {http.Header{"Sec-Fetch-Site": nil, "Origin": nil}, form, "reason=x"},
		"JSON as plain text":   {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, "text/plain", `{"reason":"x"}`},
		"plain text from here": {http.Header{}, "text/plain", "reason=x"},
		"JSON from here":       {http.Header{}, "application/json", `{"reason":"x"}`},
		"no type at all":       {http.Header{}, "", "reason=x"},
	} {
		t.Run(name, func(t *testing.T) {
			abe := site.As("approver")
			abe.Header = attack.header
			for _, act := range []string{"kill", "lift"} {
				p := abe.Sends(http.MethodPost, "/settings/flags/winter-look/production/"+act, attack.contentType, attack.body)
				if p.Status != http.StatusForbidden && p.Status != http.StatusUnsupportedMediaType {
					t.Errorf("%s is answered with %d", act, p.Status)
				}
			}
		})
	}
	if killed(t, site, "production", "winter-look") {
		t.Error("killed")
	}
	site.As("approver").Gets("/settings/flags/winter-look/production/kill?reason=x")
	if killed(t, site, "production", "winter-look") {
		t.Error("killed by following a link")
	}
}

func TestAKillWhileTheDatabaseIsAwayKeepsTheReason(t *testing.T) {
	site, server := sampleOnServer(t)
	abe := site.As("approver")
	server.Stop()
	var p *settingstest.Page
	for _, act := range []string{"lift", "kill"} {
		p = posts(abe, "/flags/winter-look/production/"+act, "reason=because+of+the+snow").Is(http.StatusServiceUnavailable)
		p.Sees("cannot be reached", "because of the snow")
		posts(abe, "/flags/winter-look/production/"+act, "reason=").Is(http.StatusServiceUnavailable)
		abe.Gets("/settings/flags/winter-look/production/" + act).Is(http.StatusServiceUnavailable)
	}
	for _, path := range []string{"/flags", "/changes", "/changes.atom", "/changes/production/1", "/flags/winter-look/kill"} {
		abe.Gets("/settings" + path).Is(http.StatusServiceUnavailable)
	}
	server.Start()
	abe.Submits(p, "/kill") // what was typed is sent again
	if !killed(t, site, "production", "winter-look") {
		t.Error("not killed")
	}
	abe.Opens("/flags/winter-look/production/kill").Sees("because of the snow")
}
