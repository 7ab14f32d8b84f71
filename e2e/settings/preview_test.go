package settings

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/middleware"
)

var previewToken = regexp.MustCompile(`/feature-values/preview\?token=([\w.-]+)`)

// previewOf makes a link to a preview of a variant in development, and gives its token.
func previewOf(t *testing.T, b *settingstest.Browser, flag, variant, life string) string {
	t.Helper()
	asked := b.Opens("/flags/" + flag + "/development/preview?variant=" + variant)
	made := b.Submits(asked, "/preview", "life", life).Is(http.StatusOK).Sees("The link to the preview", "as “"+variant+"”")
	found := previewToken.FindStringSubmatch(made.Body)
	if found == nil {
		t.Fatalf("there is no link:\n%s", made.Body)
	}
	return found[1]
}

func TestAVariantIsPreviewedFromTheFlagsPage(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve, vic := site.As("editor"), site.As("viewer")
	eve.Opens("/flags/checkout/development").Sees("Preview in my browser")
	vic.Opens("/flags/checkout/development").Lacks("Preview in my browser")
	if at := eve.Opens("/flags/checkout/development").Find(`a[href$="/preview?variant=long"]`); at.Length() != 1 {
		t.Error("the variant has no link to its preview")
	}
	token := previewOf(t, eve, "checkout", "long", "1h")

	// Whoever has the link sees it, without an account; opening it alone does nothing.
	guest, other := site.As(""), site.As("")
	for _, b := range []*settingstest.Browser{guest, other} {
		b.Header.Set("Sec-Fetch-Dest", "document")
		if p := b.Gets("/"); strings.Contains(p.Body, "flags-preview") {
			t.Errorf("there is a banner:\n%s", p.Body)
		}
	}
	guest.Gets("/feature-values/preview?token="+token).Is(http.StatusOK).Sees("You are about to see a preview", "checkout as “long”")
	if p := guest.Gets("/"); strings.Contains(p.Body, "flags-preview") {
		t.Error("the link alone has begun the preview")
	}
	guest.Sends(http.MethodPost, "/feature-values/preview", "application/x-www-form-urlencoded", url.Values{"token": {token}}.Encode()).Is(http.StatusSeeOther)
	guest.Gets("/").Sees("Preview: checkout as “long”, until", "End preview")
	if p := other.Gets("/"); strings.Contains(p.Body, "flags-preview") {
		t.Error("somebody else sees the preview")
	}
}

func TestAPreviewIsAskedForByEditorsOfThatEnvironmentAlone(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for _, person := range []string{"viewer", "tenant", "nobody"} {
		site.As(person).Posts("/flags/checkout/development/preview", "variant", "long", "life", "1h").Is(http.StatusForbidden)
	}
	site.As("dev").Posts("/flags/checkout/development/preview", "variant", "long", "life", "1h").Is(http.StatusOK)
	site.As("dev").Posts("/flags/checkout/production/preview", "variant", "long", "life", "1h").Is(http.StatusForbidden)
}

func TestAPreviewOfAnotherEnvironmentSaysWhereItIsToBeHad(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Opens("/flags/checkout/staging/preview").Sees("Not on this site.", "serves Development", "A preview of Staging").Lacks("Make the link")
	if p := eve.Posts("/flags/checkout/staging/preview", "variant", "long", "life", "1h").Is(http.StatusUnprocessableEntity); previewToken.MatchString(p.Body) {
		t.Error("there is a link all the same")
	}
}

func TestAPreviewSaysWhatWillBeatIt(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Opens("/flags/reports/development/preview").Sees("It needs a plan, and no preview beats that")
	eve.Opens("/flags/checkout/development/preview").Lacks("needs a plan", "killed")
	if _, err := site.Changes.Kill(t.Context(), "development", "checkout", "test", "it breaks"); err != nil {
		t.Fatal(err)
	}
	eve.Opens("/flags/checkout/development/preview").Sees("It is killed here, and no preview beats that")
}

func TestAPreviewTakesOnlyWhatItOffers(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	for _, fields := range [][]string{{"variant", "none", "life", "1h"}, {"variant", "long", "life", "8760h"}, {"variant", "long"}, {}} {
		if p := eve.Posts("/flags/checkout/development/preview", fields...).Is(http.StatusUnprocessableEntity); previewToken.MatchString(p.Body) {
			t.Errorf("%v gives a link", fields)
		}
	}
	eve.Gets("/settings/flags/none/development/preview").Is(http.StatusNotFound)
	eve.Submits(eve.Opens("/flags/checkout/development/archive"), "/archive").Is(http.StatusOK)
	eve.Gets("/settings/flags/checkout/development/preview").Is(http.StatusConflict)
	eve.Opens("/flags/checkout/development").Lacks("Preview in my browser")
}

func TestWithoutASiteThereAreNoPreviews(t *testing.T) {
	for _, without := range []func(*settings.Config){func(c *settings.Config) { c.Preview = nil }, func(c *settings.Config) { c.Flags = nil }} {
		site := settingstest.New(t, without)
		site.Sample()
		eve := site.As("editor")
		eve.Opens("/flags/checkout/development").Lacks("Preview in my browser")
		eve.Gets("/settings/flags/checkout/development/preview").Is(http.StatusNotFound)
	}
}

func TestALinkOfASiteBehindAnAddressBeginsWithIt(t *testing.T) {
	site := settingstest.New(t, func(c *settings.Config) {
		c.Preview = &middleware.Preview{Key: []byte("another key, of 16 bytes or more"), URL: "https://www.toprent.example/"}
	})
	site.Sample()
	site.As("editor").Posts("/flags/checkout/development/preview", "variant", "long", "life", "24h").Is(http.StatusOK).
		Sees("https://www.toprent.example/feature-values/preview?token=")
}
