package settings

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// stored is a flag as it is stored in an environment; nil: it is not there.
func stored(t *testing.T, site *settingstest.Site, environment, key string) *ruleset.Flag {
	t.Helper()
	head, err := site.Store.Head(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	definition, err := site.Store.Load(t.Context(), head.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range definition.Flags {
		if flag.Key == key {
			return &flag
		}
	}
	return nil
}

func heads(t *testing.T, site *settingstest.Site) (all [3]int64) {
	t.Helper()
	for i, name := range []string{"development", "staging", "production"} {
		head, err := site.Store.Head(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = head.Number
	}
	return all
}

// aFlag are the fields of a new flag: those given, and what is required beside them.
func aFlag(given ...string) []string {
	for _, required := range [][2]string{{"title", "Faster search"}, {"key", "faster-search"}, {"purpose", "Find things sooner"}, {"planned_removal", "2027-06-30"}} {
		if !slices.Contains(given, required[0]) {
			given = append(given, required[0], required[1])
		}
	}
	return given
}

func TestAFlagIsCreatedEverywhereDisabled(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		eve := site.As("editor")
		form := eve.Opens("/new-flag")
		if form.Find(`input[name="in"][checked]`).Length() != 3 {
			t.Error("not every environment is chosen at first")
		}
		eve.Submits(form, "/new-flag", aFlag("client_visible", "on", "tier_required", "pro", "boolean.otherwise", "on", "owner", "search-team")...).
			Is(http.StatusOK).Sees("Faster search is created", "Development", "Staging", "Production", "search-team")
		for _, environment := range []string{"development", "staging", "production"} {
			flag := stored(t, site, environment, "faster-search")
			if flag == nil || flag.Enabled || flag.Killed || !flag.ClientVisible || flag.TierRequired != "pro" || flag.Otherwise != "on" {
				t.Errorf("%s has %+v", environment, flag)
			}
		}
		if got := heads(t, site); got != [3]int64{2, 2, 2} {
			t.Errorf("revisions %v", got)
		}
	})
}

func TestAFlagWithVariantsIsCreatedRowByRow(t *testing.T) {
	site := settingstest.New(t)
	eve := site.As("editor")
	form := eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag("type", "json", "variant.name", "small", "variant.name", "large",
		"variant.value", `{"rows": 20}`, "variant.value", `{"rows": 50}`, "otherwise", "1", "do", "variant-add")...).Is(http.StatusOK)
	if rows := form.Find(`input[name="variant.name"]`).Length(); rows != 3 {
		t.Fatalf("%d rows after one was added", rows)
	}
	if stored(t, site, "development", "faster-search") != nil {
		t.Fatal("adding a row created the flag")
	}
	form = eve.Submits(form, "/new-flag", "do", "variant-up-1")
	if name, _ := form.Find("#variant-name-0").Attr("value"); name != "large" {
		t.Errorf("the first row is %q", name)
	}
	if _, checked := form.Find(`input[name="otherwise"][value="0"]`).Attr("checked"); !checked {
		t.Error("the chosen variant did not move with its row")
	}
	form = eve.Submits(form, "/new-flag", "do", "variant-remove-2")
	eve.Submits(form, "/new-flag", "in", "staging").Is(http.StatusOK).Sees("is created")
	flag := stored(t, site, "staging", "faster-search")
	if flag == nil || len(flag.Variants) != 2 || flag.Variants[0].Name != "large" || flag.Off != "small" || flag.Otherwise != "large" {
		t.Fatalf("%+v", flag)
	}
	var value struct{ Rows int }
	if json.Unmarshal(flag.Variants[0].Value, &value) != nil || value.Rows != 50 {
		t.Errorf("its value is %s", flag.Variants[0].Value)
	}
	if stored(t, site, "development", "faster-search") != nil {
		t.Error("it is where nobody wanted it")
	}
}

func TestWhatIsWrongWithANewFlagStandsBesideTheFields(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	form := eve.Opens("/new-flag")
	errors := func(p *settingstest.Page, fields ...string) {
		t.Helper()
		p.Is(http.StatusUnprocessableEntity)
		for _, field := range fields {
			if p.Find(`[id="`+field+`-error"]`).Length() != 1 {
				t.Errorf("nothing is said beside %s:\n%s", field, p.Text())
			}
		}
	}
	p := eve.Submits(form, "/new-flag", "title", "", "purpose", "", "planned_removal", "", "key", "No Good", "type", "number",
		"variant.name", "few many", "variant.name", "", "variant.value", "3", "variant.value", "lots", "description", "kept <as> typed")
	errors(p, "title", "purpose", "planned_removal", "key", "variant-value-1", "variant-name-1")
	if got := p.Find("#description").Text(); got != "kept <as> typed" {
		t.Errorf("the description became %q", got)
	}
	errors(eve.Submits(form, "/new-flag", aFlag("type", "string", "variant.name", "a b", "variant.value", "x")...), "variant-name-0")
	errors(eve.Submits(form, "/new-flag", aFlag("type", "string")...), "variants")
	errors(eve.Submits(form, "/new-flag", aFlag("variant.name", "on", "variant.value", "true")...), "variants")
	errors(eve.Submits(form, "/new-flag", aFlag("kind", "god", "type", "array")...), "kind", "type")
	errors(eve.Submits(form, "/new-flag", aFlag("planned_removal", "soon")...), "planned_removal")
	errors(eve.Submits(form, "/new-flag", aFlag("tier_required", "none")...), "tier_required")
	errors(eve.Posts("/new-flag", aFlag("kind", "release", "type", "boolean")...), "in")
	errors(eve.Submits(form, "/new-flag", aFlag("key", "new-home")...), "key")
	if got := heads(t, site); got != [3]int64{1, 1, 1} {
		t.Errorf("revisions %v", got)
	}
}

func TestAnEditorOfDevelopmentCreatesFlagsThereOnly(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	dev := site.As("dev")
	form := dev.Opens("/new-flag")
	if form.Find(`input[name="in"]`).Length() != 1 {
		t.Error("other environments are offered")
	}
	dev.Submits(form, "/new-flag", aFlag("in", "development", "in", "production")...).Is(http.StatusForbidden)
	if got := heads(t, site); got != [3]int64{1, 1, 1} {
		t.Errorf("revisions %v", got)
	}
	dev.Submits(form, "/new-flag", aFlag()...).Is(http.StatusOK).Sees("is created")
	if stored(t, site, "development", "faster-search") == nil || stored(t, site, "production", "faster-search") != nil {
		t.Error("it is not where it should be")
	}
}

func TestAFlagIsAddedToAnEnvironmentLater(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag("type", "string", "variant.name", "a", "variant.name", "b", "variant.value", "A", "variant.value", "B",
		"in", "development", "tier_required", "pro")...).Is(http.StatusOK)
	missing := eve.Opens("/flags/faster-search/production").Sees("Production does not have this flag yet")
	site.As("viewer").Opens("/flags/faster-search/production").Lacks("Add it here")
	site.As("viewer").Opens("/flags/faster-search").Lacks("Add it here")
	eve.Opens("/flags/faster-search").Sees("Add it here")
	eve.Submits(missing, "/add").Is(http.StatusOK).Sees("faster-search is added")
	if flag := stored(t, site, "production", "faster-search"); flag == nil || flag.Enabled || len(flag.Variants) != 2 || flag.TierRequired != "pro" {
		t.Errorf("%+v", flag)
	}
	eve.Posts("/flags/faster-search/production/add", "x", "").Sees("was there already")
	eve.Posts("/flags/none/production/add", "x", "").Is(http.StatusNotFound)
}
