package settings

import (
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

const (
	devRules  = "/flags/new-home/development/rules"
	prodRules = "/flags/new-home/production/rules"
)

// definitionOf is what decides values in an environment now.
func definitionOf(t *testing.T, site *settingstest.Site, environment string) ruleset.Definition {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// flagOf is a flag as it is stored now.
func flagOf(t *testing.T, site *settingstest.Site, environment, key string) ruleset.Flag {
	t.Helper()
	for _, flag := range definitionOf(t, site, environment).Flags {
		if flag.Key == key {
			return flag
		}
	}
	t.Fatalf("there is no flag %s in %s", key, environment)
	return ruleset.Flag{}
}

func sampleSite(t *testing.T) *settingstest.Site {
	t.Helper()
	site := settingstest.New(t)
	site.Sample()
	return site
}

func TestANestedRuleIsBuiltWithButtonsAloneAndSaved(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens(prodRules).Sees("No rules yet", "Otherwise")
	p = eve.Submits(p, prodRules, "do", "add-rule").Is(http.StatusOK).Sees("Everybody gets nothing yet")
	p = eve.Submits(p, prodRules, "do", "add-condition:rules.0.when", "rules.0.name", "Half of the staff", "rules.0.action", "percent", "rules.0.serve", "on", "rules.0.share", "12.5")
	p = eve.Submits(p, prodRules, "do", "add-group:rules.0.when", "rules.0.when.0.attribute", "email", "rules.0.when.0.operator", "ends_with", "rules.0.when.0.values", "@toprent.app\r\n@toprent.example")
	p = eve.Submits(p, prodRules, "do", "add-segment:rules.0.when.1", "rules.0.when.1.0.attribute", "country", "rules.0.when.1.0.values", "FR", "rules.0.when.1.form", "not")
	p.Sees(`12.5 % of users where email ends with @toprent.app or @toprent.example and not`)
	if got := flagOf(t, site, "production", "new-home"); len(got.Rules) != 0 {
		t.Fatalf("a button that only changes the form has saved: %+v", got.Rules)
	}
	eve.Submits(p, prodRules, "rules.0.when.1.1.segment", "germany", "reason", "staff first").Is(http.StatusOK).Sees("Saved. The rules are published")
	rules := flagOf(t, site, "production", "new-home").Rules
	if len(rules) != 1 || rules[0].Percent == nil || rules[0].Percent.Share != 12_500 || rules[0].When == nil || len(rules[0].When.All) != 2 {
		t.Fatalf("%+v", rules)
	}
	if not := rules[0].When.All[1].Not; not == nil || len(not.Any) != 2 || not.Any[1].Segment != "germany" {
		t.Fatalf("%+v", rules[0].When.All[1])
	}
}

func TestSavingWithoutAChangePublishesNothing(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	for _, path := range []string{devRules, "/flags/checkout/development/rules", "/flags/reports/staging/rules"} {
		eve.Submits(eve.Opens(path), path).Is(http.StatusOK).Sees("nothing was published")
	}
}

func TestRulesAreReorderedCopiedAndRemovedWithoutScripts(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens(devRules)
	p = eve.Submits(p, devRules, "do", "add-rule")
	p = eve.Submits(p, devRules, "do", "up:rules.1", "rules.1.name", "first now", "rules.1.serve", "off")
	if name, _ := p.Find(`[name="rules.0.name"]`).Attr("value"); name != "first now" {
		t.Fatalf("the first rule is %q", name)
	}
	p.Sees("Nobody comes this far: rule 1 already decides for everybody.")
	p = eve.Submits(p, devRules, "do", "duplicate:rules.1")
	p = eve.Submits(p, devRules, "do", "remove:rules.0")
	p.Sees("It reaches nobody: whoever is in its 25 % is in the 25 % of rule 1 already.")
	if n := p.Find("form li.rule").Length(); n != 2 {
		t.Fatalf("%d rules", n)
	}
	eve.Submits(p, devRules, "rules.1.share", "40").Sees("Saved")
	if rules := flagOf(t, site, "development", "new-home").Rules; len(rules) != 2 || rules[1].Percent.Share != 40_000 {
		t.Fatalf("%+v", rules)
	}
}

func TestBarsOfASplitAreRightAfterARoundTrip(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	const path = "/flags/checkout/development/rules"
	p := eve.Opens(path)
	p = eve.Submits(p, path, "do", "show", "rules.0.weights.control", "1", "rules.0.weights.short", "3", "rules.0.weights.long", "")
	p.Sees("75 % get short, 25 % get control")
	var shares []string
	for _, bar := range p.Find("form .weight progress").EachIter() {
		value, _ := bar.Attr("value")
		shares = append(shares, value)
	}
	if got := strings.Join(shares, " "); got != "250 750 0" {
		t.Errorf("bars at %s", got)
	}
}

func TestMistakesStandBesideTheirFieldsAndNothingIsLost(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens(devRules)
	for range 2 {
		p = eve.Submits(p, devRules, "do", "add-condition:rules.0.when")
	}
	broken := []string{"rules.0.share", "lots", "rules.0.when.1.attribute", "email", "rules.0.when.1.operator", "matches", "rules.0.when.1.values", "^u\n(unclosed", "reason", "why not"}
	p = eve.Submits(p, devRules, broken...).Is(http.StatusUnprocessableEntity)
	invalid := func(p *settingstest.Page, name string) {
		t.Helper()
		field := p.Find(`[name="` + name + `"]`)
		if v, _ := field.Attr("aria-invalid"); v != "true" {
			t.Errorf("%s is not marked", name)
		}
		about, _ := field.Attr("aria-describedby")
		if p.Find(`[id="`+about+`"]`).Length() != 1 {
			t.Errorf("%s: nothing says why", name)
		}
	}
	invalid(p, "rules.0.share")
	invalid(p, "rules.0.when.2.attribute")
	if v, _ := p.Find(`[name="rules.0.share"]`).Attr("value"); v != "lots" {
		t.Errorf("the share is now %q", v)
	}
	p = eve.Submits(p, devRules, "rules.0.share", "30", "rules.0.when.2.attribute", "plan.rank", "rules.0.when.2.operator", "gte", "rules.0.when.2.values", "ten").Is(http.StatusUnprocessableEntity)
	invalid(p, "rules.0.when.1.values")
	invalid(p, "rules.0.when.2.values")
	p.Sees("is no regular expression", `"ten" is no number`)
	if text := p.Find(`[name="rules.0.when.1.values"]`).Text(); text != "^u\n(unclosed" {
		t.Errorf("the values are now %q", text)
	}
	if v, _ := p.Find(`[name="reason"]`).Attr("value"); v != "why not" {
		t.Errorf("the reason is now %q", v)
	}
	if rules := flagOf(t, site, "development", "new-home").Rules; rules[0].Percent.Share != 25_000 {
		t.Errorf("what was refused has changed something: %+v", rules)
	}
}

func TestTwoEditorsOfTheSameRulesSeeBothVersionsAndLoseNothing(t *testing.T) {
	site := sampleSite(t)
	eve, bob := site.As("editor"), site.As("bob")
	mine, theirs := eve.Opens(devRules), bob.Opens(devRules)
	bob.Submits(theirs, devRules, "rules.0.share", "50").Is(http.StatusOK)
	p := eve.Submits(mine, devRules, "rules.0.share", "75").Is(http.StatusConflict)
	p.Sees("Somebody else changed this while you were editing", "50 % of users in segment germany get on", "75 % of users in segment germany get on")
	if v, _ := p.Find(`[name="rules.0.share"]`).Attr("value"); v != "75" {
		t.Errorf("the share is now %q", v)
	}
	eve.Submits(p, devRules).Is(http.StatusOK).Sees("Saved")
	if rules := flagOf(t, site, "development", "new-home").Rules; rules[0].Percent.Share != 75_000 {
		t.Errorf("%+v", rules)
	}
}

func TestTimesAreTypedInTheZoneInWhichTheFormWasWritten(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens(devRules) // no zone is known yet: UTC
	eve.Header.Set("Cookie", "person=editor; flags-zone=Europe%2FParis")
	eve.Submits(p, devRules, "rules.0.action", "moving", "rules.0.from", "0", "rules.0.to", "100", "rules.0.start", "2027-06-01T09:00", "rules.0.end", "2027-06-08T09:00").Sees("Saved")
	percent := flagOf(t, site, "development", "new-home").Rules[0].Percent
	if got := percent.Start.UTC().Format("2006-01-02T15:04"); got != "2027-06-01T09:00" {
		t.Errorf("begins at %s UTC", got)
	}
	p = eve.Opens(devRules).Sees("1 Jun 2027, 11:00 CEST")
	if v, _ := p.Find(`[name="rules.0.start"]`).Attr("value"); v != "2027-06-01T11:00" {
		t.Errorf("the field says %s", v)
	}
	eve.Submits(p, devRules).Sees("nothing was published")
}

func TestViewersReadRulesInPlainWordsAndMayPostNothing(t *testing.T) {
	site := sampleSite(t)
	vic := site.As("viewer")
	p := vic.Opens(devRules).Sees("25 % of users in segment germany get on", "Otherwise: off")
	if n := p.Find("main form").Length(); n != 0 {
		t.Errorf("a viewer sees %d forms", n)
	}
	for _, path := range []string{devRules, prodRules, "/segments/development/germany", "/segments/development/germany/remove", "/new-segment/development"} {
		vic.Posts(path, "base", "1", "key", "mine", "title", "mine", "rules.0.action", "serve", "rules.0.serve", "on").Is(http.StatusForbidden)
	}
	vic.Opens("/segments/development").Sees("People in Germany")
	vic.Opens("/segments/development/germany").Sees("Used by", "new-home")
	for _, path := range []string{"/new-segment/development", "/segments/development/germany/remove"} {
		vic.Gets("/settings" + path).Is(http.StatusForbidden)
	}
}

func TestAnEditorOfDevelopmentCannotPostToProduction(t *testing.T) {
	site := sampleSite(t)
	dev := site.As("dev")
	dev.Submits(dev.Opens(devRules), devRules, "rules.0.share", "26").Sees("Saved")
	for _, path := range []string{prodRules, "/segments/production/germany", "/segments/production/germany/remove", "/new-segment/production"} {
		dev.Posts(path, "base", "1", "environment", "development", "env", "development", "key", "mine").Is(http.StatusForbidden)
		dev.Gets("/settings" + path).Is(http.StatusForbidden)
	}
	if rules := flagOf(t, site, "production", "new-home").Rules; len(rules) != 0 {
		t.Errorf("%+v", rules)
	}
}

func TestOnlyRulesAndOtherwiseAreTakenFromTheForm(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	before := flagOf(t, site, "development", "new-home")
	p := eve.Opens(devRules)
	eve.Submits(p, devRules, "rules.0.share", "26", "killed", "true", "enabled", "", "archived", "true", "salt", "other", "kind", "operational", "tier_required", "pro",
		"key", "reports", "author", "p-admin", "Author", "p-admin", "version", "0", "variants.0.value", "false", "rules.0.percent", `{"share":100}`, "rules", `[{"serve":"on"}]`).Sees("Saved")
	after := flagOf(t, site, "development", "new-home")
	if after.Rules[0].Percent.Share != 26_000 {
		t.Fatalf("%+v", after.Rules)
	}
	after.Rules = before.Rules
	if after.Killed != before.Killed || after.Enabled != before.Enabled || after.Archived != before.Archived || after.Salt != before.Salt || after.Kind != before.Kind || after.TierRequired != "" {
		t.Errorf("was %+v, is %+v", before, after)
	}
	environment, err := site.Store.Environment(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	revision, err := site.Store.Revision(t.Context(), "development", environment.Head)
	if err != nil || revision.Author != "eve@toprent.example" {
		t.Errorf("by %q, %v", revision.Author, err)
	}
}

func TestWhatIsTypedIntoRulesIsNeverMarkup(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	const evil = `</textarea></option>"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	p := eve.Submits(eve.Opens(devRules), devRules, "do", "add-condition:rules.0.when")
	typed := []string{"rules.0.name", evil, "rules.0.seed", evil, "rules.0.unit", evil, "rules.0.when.1.attribute", evil, "rules.0.when.1.values", evil, "reason", evil}
	eve.Submits(p, devRules, append(typed, "rules.0.when.1.operator", evil, "rules.0.share", evil)...).Is(http.StatusUnprocessableEntity)
	clean := func(p *settingstest.Page) {
		t.Helper()
		if strings.Contains(p.Body, "<script>alert") || strings.Contains(p.Body, "<img src=x") {
			t.Errorf("%s carries the markup", p.URL)
		}
	}
	clean(eve.Submits(p, devRules, append(typed, "do", evil)...))
	saved := eve.Submits(p, devRules, typed...).Is(http.StatusOK).Sees("Saved")
	clean(saved)
	if v, _ := saved.Find(`[name="rules.0.name"]`).Attr("value"); v != evil {
		t.Errorf("the name is now %q", v)
	}
	clean(site.As("viewer").Opens(devRules))
	p = eve.Opens("/new-segment/development")
	eve.Submits(p, "/new-segment/development", "key", "evil", "title", evil, "when.0.attribute", evil, "when.0.values", evil).Is(http.StatusOK).Sees("Saved")
	for _, path := range []string{"/segments/development", "/segments/development/evil", "/segments/development/evil/remove", devRules} {
		clean(eve.Opens(path))
	}
}

func TestHostileFormsAreRefusedWithAClearWord(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	eve.Posts(devRules, "base", "1", "rules.0.action", "serve", "rules.0.when.0.values", strings.Repeat("x", 10<<20)).Is(http.StatusRequestEntityTooLarge).Sees("At most 4 MB")
	deep := []string{"base", "1", "rules.0.action", "serve", "rules.0.serve", "on"}
	path := "rules.0.when"
	for range 200 {
		path += ".0"
		deep = append(deep, path+".form", "not")
	}
	eve.Posts(devRules, deep...).Is(http.StatusUnprocessableEntity).Sees("nested at most 12 levels deep")
	wide := []string{"base", "1"}
	for i := range 500 {
		wide = append(wide, "rules."+itoa(i)+".action", "serve", "rules."+itoa(i)+".serve", "on")
	}
	eve.Posts(devRules, wide...).Is(http.StatusUnprocessableEntity).Sees("at most 200 rules")
	eve.Posts(devRules, "rules.0.action", "serve", "rules.0.serve", "on").Is(http.StatusBadRequest)
	eve.Posts(devRules, "base", "-9223372036854775808", "rules.0.action", "serve", "rules.0.serve", "on").Is(http.StatusConflict)
	eve.Posts(devRules, "do", "add-condition:rules.99.when.-1.7").Is(http.StatusOK)
	if rules := flagOf(t, site, "development", "new-home").Rules; len(rules) != 1 || rules[0].Percent.Share != 25_000 {
		t.Errorf("%+v", rules)
	}
}

func TestAnotherSiteCannotPostRulesOrSegments(t *testing.T) {
	site := sampleSite(t)
	for _, path := range []string{devRules, "/segments/development/germany", "/segments/development/germany/remove", "/new-segment/development"} {
		eve := site.As("editor")
		eve.Header.Set("Origin", "https://evil.example")
		eve.Header.Set("Sec-Fetch-Site", "cross-site")
		eve.Posts(path, "base", "1", "rules.0.action", "serve", "rules.0.serve", "on").Is(http.StatusForbidden)
		eve = site.As("editor")
		eve.Sends(http.MethodPost, "/settings"+path, "text/plain", `{"base":1}`).Is(http.StatusUnsupportedMediaType)
	}
}

func TestRulesOfAnArchivedOrAbsentFlagCannotBeChanged(t *testing.T) {
	site := sampleSite(t)
	eve := site.As("editor")
	p := eve.Opens("/flags/winter-look/staging/rules")
	versions, err := site.Changes.Versions(t.Context(), "staging")
	if err != nil {
		t.Fatal(err)
	}
	base := versions[changes.Item{Kind: changes.ItemFlag, Key: "winter-look"}]
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "staging", Author: "test", Edits: []changes.Edit{changes.ArchiveFlag{Key: "winter-look", Base: base}}}); err != nil {
		t.Fatal(err)
	}
	eve.Submits(p, "/flags/winter-look/staging/rules", "do", "").Is(http.StatusConflict).Sees("archived")
	if n := eve.Opens("/flags/winter-look/staging/rules").Find("main form").Length(); n != 0 {
		t.Error("an archived flag's rules can be edited")
	}
	for _, path := range []string{"/flags/none/development/rules", "/flags/new-home/nowhere/rules"} {
		eve.Gets("/settings" + path).Is(http.StatusNotFound)
		eve.Posts(path, "base", "1").Is(http.StatusNotFound)
	}
}
