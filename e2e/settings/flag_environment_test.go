package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

func TestTheOverviewSaysWhoGetsWhat(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	vic := site.As("viewer")
	vic.Opens("/flags/new-home/development").Sees("On for 25 % of users in segment germany, otherwise off.",
		"By override: 1 user and 1 tenant", "browsers are told its value", "by test, revision 1: import").Lacks("Enable", "Look at the change", "Archive")
	vic.Opens("/flags/checkout/development").Sees("split: ", "Book this place now")
	vic.Opens("/flags/reports/production").Sees("Only with Pro and above, or as an add-on.", "Included in Pro, Enterprise; not in Free.")
}

func TestTheOverviewExplainsWhySomebodyGetsWhatTheyGet(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	vic := site.As("viewer")
	vic.Opens("/flags/new-home/development?why=1&user=u-ann").Sees("They get “on”: true", `override for user "u-ann"`, "this decides")
	vic.Opens("/flags/new-home/development?why=1&user=u-zoe&attributes=country%3DDE").Sees("in segment", "drew", "the share is 25 %.")
	vic.Opens("/flags/reports/development?why=1&plan=free").Sees("An upgrade would turn it on")
	vic.Opens("/flags/new-home/development?why=1&attributes=nonsense").Sees("Write each attribute on a line of its own")
	vic.Opens("/flags/new-home/development?why=1&user=" + strings.Repeat("x", 300)).Sees("This cannot be asked")
}

func TestAFlagIsEnabledAndDisabled(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Submits(eve.Opens("/flags/new-home/production/enable").Sees("Enable “New home page” in Production?"), "/enable", "reason", "we begin").
		Is(http.StatusOK).Sees("new-home is enabled in Production.", "we begin", "eve@toprent.example")
	if !stored(t, site, "production", "new-home").Enabled {
		t.Error("it is not enabled")
	}
	eve.Submits(eve.Opens("/flags/new-home/production/disable").Sees("Nobody has an override that would beat this."), "/disable").Is(http.StatusOK)
	if stored(t, site, "production", "new-home").Enabled {
		t.Error("it is not disabled")
	}
}

func TestTheDisableDialogSaysWhoStillHasItByOverride(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	var edits []changes.Edit
	for i := range 14 {
		edits = append(edits, changes.PutOverride{Override: ruleset.Override{Flag: "new-home", User: fmt.Sprintf("u-%02d", i), Variant: "on"}})
	}
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "test", Edits: edits}); err != nil {
		t.Fatal(err)
	}
	p := site.As("editor").Opens("/flags/new-home/development/disable").Sees("15 overrides still give it", "Overrides beat disabling", "user u-00", "and 5 more",
		"an approver can disable all access").Lacks("t-acme", "u-13")
	if p.Find(`[data-sheet] li a`).Length() != 11 {
		t.Errorf("%d links", p.Find(`[data-sheet] li a`).Length())
	}
	if p := site.As("approver").Opens("/flags/new-home/development/disable"); p.Find(`a[href$="/flags/new-home/development/kill"]`).Length() != 1 {
		t.Error("an approver is not offered the kill")
	}
}

func TestATierIsSetInWords(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Submits(eve.Opens("/flags/winter-look/production"), "/tier", "tier_required", "enterprise").Is(http.StatusOK).
		Sees("Only with Enterprise and above, or as an add-on.", "Included in Enterprise; not in Free, Pro.")
	eve.Submits(eve.Opens("/flags/winter-look/production"), "/tier", "tier_required", "gold").Is(http.StatusUnprocessableEntity).Sees(`There is no plan "gold"`)
	eve.Submits(eve.Opens("/flags/winter-look/production"), "/tier", "tier_required", "").Is(http.StatusOK).Sees("No plan is needed")
}

func TestSettingsAreSavedAndWhatTheyDoNotShowStays(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	form := eve.Opens("/flags/checkout/development/settings")
	form = eve.Submits(form, "/settings", "do", "prerequisite-add").Is(http.StatusOK)
	if form.Find(`table.prerequisites tbody input[name="prerequisite.flag"]`).Length() != 1 {
		t.Fatal("no row was added")
	}
	eve.Submits(form, "/settings", "prerequisite.flag", "new-home", "prerequisite.variant", "on", "tier_required", "pro", "client_visible", "on", "otherwise", "2",
		"variant.value", "Book", "variant.value", "Go!", "variant.value", "Book <this> & that").Is(http.StatusOK).Sees("The settings of checkout are saved", "Book <this> & that")
	flag := stored(t, site, "development", "checkout")
	if len(flag.Prerequisites) != 1 || flag.TierRequired != "pro" || !flag.ClientVisible || flag.Otherwise != "long" || flag.Off != "control" || len(flag.Rules) != 1 || !flag.Enabled {
		t.Errorf("%+v", flag)
	}
	if got := string(flag.Variants[1].Value); got != `"Go!"` {
		t.Errorf("the value is %s", got)
	}
	eve.Opens("/flags/new-home/development").Sees("Required by", "checkout")
	before := heads(t, site)
	eve.Submits(eve.Opens("/flags/checkout/development/settings"), "/settings").Is(http.StatusOK)
	eve.Submits(eve.Opens("/flags/new-home/development/settings"), "/settings").Is(http.StatusOK)
	if after := heads(t, site); after != before {
		t.Errorf("saving what is there published: %v, then %v", before, after)
	}
}

func TestWhatIsWrongWithSettingsStandsBesideTheFields(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	form := eve.Opens("/flags/checkout/development/settings")
	for _, c := range []struct {
		at     string
		fields []string
	}{
		{"prerequisite-flag-0", []string{"prerequisite.flag", "none", "prerequisite.variant", "on"}},
		{"prerequisite-variant-0", []string{"prerequisite.flag", "new-home", "prerequisite.variant", "maybe"}},
		{"prerequisite-flag-0", []string{"prerequisite.flag", "", "prerequisite.variant", "on"}},
		{"variant-name-1", []string{"variant.name", "control", "variant.name", "control", "variant.name", "long"}},
		{"tier_required", []string{"tier_required", "gold"}},
	} {
		p := eve.Submits(form, "/settings", c.fields...).Is(http.StatusUnprocessableEntity)
		if p.Find("#"+c.at+"-error").Length() != 1 {
			t.Errorf("nothing is said beside %s:\n%s", c.at, p.Text())
		}
	}
	eve.Submits(form, "/settings", "variant.name", "control", "variant.name", "short", "variant.name", "renamed").Is(http.StatusUnprocessableEntity).
		Sees("This was not saved", `there is no variant "long"`)
	eve.Submits(eve.Opens("/flags/new-home/development/settings"), "/settings", "boolean.off", "on").Is(http.StatusUnprocessableEntity).Sees("is true: name one that is false")
}

func TestTwoWhoEditSettingsBothSeeBothVersions(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve, bob := site.As("editor"), site.As("bob")
	mine := eve.Opens("/flags/checkout/development/settings")
	bob.Submits(bob.Opens("/flags/checkout/development/settings"), "/settings", "tier_required", "enterprise").Is(http.StatusOK)
	conflict := eve.Submits(mine, "/settings", "variant.value", "Reserve", "variant.value", "Go", "variant.value", "Longer").Is(http.StatusConflict).
		Sees("from enterprise on", "everybody", "control: \"Reserve\"")
	if got := conflict.Find("#variant-value-0").Text(); got != "Reserve" {
		t.Errorf("what was typed became %q", got)
	}
	if flag := stored(t, site, "development", "checkout"); flag.TierRequired != "enterprise" || string(flag.Variants[0].Value) != `"Book"` {
		t.Errorf("%+v", flag)
	}
	eve.Submits(conflict, "/settings").Is(http.StatusOK)
	if flag := stored(t, site, "development", "checkout"); flag.TierRequired != "" || string(flag.Variants[0].Value) != `"Reserve"` {
		t.Errorf("%+v", flag)
	}
}

func TestASwitchThatWasOvertakenIsAskedAgain(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve, bob := site.As("editor"), site.As("bob")
	for _, c := range []struct{ path, says string }{{"disable", "Disable"}, {"archive", "Archive"}} {
		mine := eve.Opens("/flags/checkout/development/" + c.path)
		bob.Submits(bob.Opens("/flags/checkout/development/settings"), "/settings", "client_visible", "on", "reason", c.path, "tier_required", map[string]string{"disable": "pro", "archive": "free"}[c.path]).Is(http.StatusOK)
		again := eve.Submits(mine, "/"+c.path, "reason", "typed by Eve").Is(http.StatusConflict).Sees("Somebody else changed this", c.says)
		if got, _ := again.Find("#reason").Attr("value"); got != "typed by Eve" {
			t.Errorf("the reason became %q", got)
		}
		eve.Submits(again, "/"+c.path).Is(http.StatusOK)
	}
	tier := eve.Opens("/flags/winter-look/development")
	bob.Submits(bob.Opens("/flags/winter-look/development"), "/tier", "tier_required", "pro").Is(http.StatusOK)
	conflict := eve.Submits(tier, "/tier", "tier_required", "enterprise").Is(http.StatusConflict).Sees("from pro on", "from enterprise on")
	eve.Submits(conflict, "/tier").Is(http.StatusOK)
	if got := stored(t, site, "development", "winter-look").TierRequired; got != "enterprise" {
		t.Errorf("the tier is %q", got)
	}
}

func TestAFlagIsArchivedUnlessOthersNeedItAndComesBack(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	needs := eve.Submits(eve.Opens("/flags/checkout/development/settings"), "/settings", "do", "prerequisite-add")
	eve.Submits(needs, "/settings", "prerequisite.flag", "new-home", "prerequisite.variant", "on").Is(http.StatusOK)
	dialog := eve.Opens("/flags/new-home/development/archive").Sees("Other flags require it", "checkout")
	eve.Submits(dialog, "/archive").Is(http.StatusUnprocessableEntity).Sees("This was not saved", "it cannot be archived while other flags require it: checkout")
	eve.Submits(eve.Opens("/flags/checkout/development/settings"), "/settings", "prerequisite.flag", "", "prerequisite.variant", "").Is(http.StatusOK)
	eve.Submits(dialog, "/archive").Is(http.StatusOK).Sees("new-home is archived in Development.", "Bring back")
	if !stored(t, site, "development", "new-home").Archived || stored(t, site, "production", "new-home").Archived {
		t.Error("it is archived in the wrong place")
	}
	eve.Submits(eve.Opens("/flags/new-home/development/unarchive"), "/unarchive").Is(http.StatusOK).Sees("new-home is back")
	if flag := stored(t, site, "development", "new-home"); flag.Archived || len(flag.Rules) != 1 {
		t.Errorf("%+v", flag)
	}
}

func TestAFlagThatCannotBeReadHasAPageAndCanBeMended(t *testing.T) {
	store := settingstest.SQLite(t)
	settingstest.On(t, store).Sample()
	db, err := store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE feature_flag_environments SET rollout_strategy = '{broken' WHERE environment = 'development' AND feature_id = (SELECT id FROM feature_flags WHERE name = 'checkout')"); err != nil {
		t.Fatal(err)
	}
	site := settingstest.On(t, store) // whose pages have not read the flag before
	eve := site.As("editor")
	eve.Opens("/flags/checkout").Sees("It cannot be evaluated")
	eve.Opens("/flags/checkout/development").Sees("This flag cannot be evaluated, so it serves its default.", "rollout_strategy")
	eve.Opens("/flags/checkout/development?why=1&user=u-1").Sees("cannot be evaluated")
	eve.Submits(eve.Opens("/flags/checkout/development/disable"), "/disable").Is(http.StatusUnprocessableEntity).Sees("cannot be read")
	if _, err := site.Changes.Kill(t.Context(), "development", "checkout", "ann", "it is broken"); err != nil {
		t.Fatal(err)
	}
	eve.Opens("/flags/checkout/development").Sees("Killed.")
	eve.Submits(eve.Opens("/flags/checkout/development/settings").Sees("cannot be read", "begins anew"), "/settings").Is(http.StatusOK).Lacks("cannot be evaluated")
	if flag := stored(t, site, "development", "checkout"); flag.Malformed != "" || len(flag.Variants) != 3 || !flag.Killed {
		t.Errorf("%+v", flag)
	}
}

func TestAFlagThatIsEnabledForNobodySaysWhatToDoNext(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Submits(eve.Opens("/flags/new-home/production/enable"), "/enable").Sees("It is enabled, but nobody gets it yet", "Say who does in its rules")
	eve.Opens("/flags/new-home/staging").Lacks("nobody gets it yet")
	eve.Opens("/flags/checkout/production").Lacks("nobody gets it yet") // it is disabled
}
