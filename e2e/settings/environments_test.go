package settings

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func environmentRow(t *testing.T, site *settingstest.Site, name string) models.Environment {
	t.Helper()
	e, err := site.Store.Environment(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func environmentOrder(t *testing.T, site *settingstest.Site) (names []string) {
	t.Helper()
	all, err := site.Store.Environments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

func TestEnvironmentsShowWhatWasPublishedLast(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	if _, err := site.Changes.Kill(t.Context(), "production", "winter-look", "ada@toprent.example", "snow is over"); err != nil {
		t.Fatal(err)
	}
	p := site.As("viewer").Opens("/environments").Sees("4, of which 1 killed", "2 (Killed)", "by ada@toprent.example", "snow is over", "served by this instance", "Protected")
	if p.Find("form[method=post]").Length() > 0 || strings.Contains(p.Text(), "Apply now") {
		t.Error("a viewer is offered forms")
	}
	site.As("dev").Opens("/environments").Sees("Development").Lacks("Production", "Staging")
}

func TestAnAdminAddsAnEnvironmentAsAnExactCopy(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		ctx := t.Context()
		if _, err := site.Changes.Kill(ctx, "development", "winter-look", "ann", "snow is over"); err != nil {
			t.Fatal(err)
		}
		ada := site.As("admin")
		ada.Submits(ada.Opens("/new-environment"), "/new-environment", "name", "preview-1", "title", "Preview", "from", "development", "reason", "for the fair").
			Is(http.StatusOK).Sees("The environment Preview is there.", "for the fair", "1 (Copied)")
		from, to := environmentRow(t, site, "development"), environmentRow(t, site, "preview-1")
		if to.Head != 1 || to.Protected || to.Position != 4 || to.ChangedBy != "ada@toprent.example" {
			t.Errorf("added %+v", to)
		}
		want, err := store.Load(ctx, from.ID())
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Load(ctx, to.ID())
		if err != nil {
			t.Fatal(err)
		}
		if w, g := definitionText(t, want), definitionText(t, got); w != g {
			t.Errorf("the copy is\n%s\nwant\n%s", g, w)
		}
		flag := got.Flags[slices.IndexFunc(got.Flags, func(f ruleset.Flag) bool { return f.Key == "winter-look" })]
		if !flag.Killed {
			t.Error("what is killed there is not killed here")
		}
		if _, err := site.Changes.Lift(ctx, "preview-1", "winter-look", "ann", "it snows there"); err != nil {
			t.Fatal(err)
		}
		if after := environmentRow(t, site, "development"); after.Head != from.Head {
			t.Error("a change of the copy touched the original")
		}
		ada.Submits(ada.Opens("/new-environment"), "/new-environment", "name", "empty", "title", "Empty", "protected", "on").Is(http.StatusOK)
		if e := environmentRow(t, site, "empty"); e.Head != 0 || !e.Protected {
			t.Errorf("added %+v", e)
		}
		ada.Opens("/environments").Sees("nothing was published yet")
		ada.Opens("/plans/empty").Sees("No plans here yet")
	})
}

// definitionText is a definition as text.
func definitionText(t *testing.T, def ruleset.Definition) string {
	t.Helper()
	text, err := json.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatCannotBeAnEnvironmentIsRefused(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := site.As("admin")
	form := ada.Opens("/new-environment")
	for _, name := range []string{"", "Preview", "9lives", "a b", "../etc", "a_b", "*", strings.Repeat("a", 32), "production", "a\x00"} {
		p := ada.Submits(form, "/new-environment", "name", name, "title", "Kept").Is(http.StatusUnprocessableEntity)
		if p.Find("#name-error").Length() != 1 || p.Find("#title").AttrOr("value", "") != "Kept" {
			t.Errorf("%q: no error beside the name, or the title is lost:\n%s", name, p.Text())
		}
	}
	for _, title := range []string{"", "  ", strings.Repeat("x", 101), "a\x00b"} {
		if p := ada.Submits(form, "/new-environment", "name", "ok", "title", title).Is(http.StatusUnprocessableEntity); p.Find("#title-error").Length() != 1 {
			t.Errorf("%q: no error beside the title", title)
		}
	}
	ada.Submits(form, "/new-environment", "name", "ok", "title", "OK", "from", "nowhere").Is(http.StatusUnprocessableEntity)
	if got := environmentOrder(t, site); len(got) != 3 {
		t.Errorf("there are %v", got)
	}
}

func TestTwoAdminsOfAnEnvironmentLoseNothing(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		ada, other := site.As("admin"), site.As("admin")
		hers, theirs := ada.Opens("/environments/staging/edit"), other.Opens("/environments/staging/edit")
		ada.Submits(hers, "/edit", "title", "Rehearsal").Is(http.StatusOK)
		p := other.Submits(theirs, "/edit", "title", "Stage", "protected", "on").Is(http.StatusConflict).Sees("Rehearsal", "Stage")
		if p.Find("#title").AttrOr("value", "") != "Stage" || p.Find("#protected[checked]").Length() != 1 {
			t.Error("what was typed is lost")
		}
		if e := environmentRow(t, site, "staging"); e.Title != "Rehearsal" || e.Protected {
			t.Errorf("overwritten: %+v", e)
		}
		other.Submits(p, "/edit").Is(http.StatusOK)
		if e := environmentRow(t, site, "staging"); e.Title != "Stage" || !e.Protected || e.Version != 3 || e.ChangedBy != "ada@toprent.example" {
			t.Errorf("saved again: %+v", e)
		}
		if e := environmentRow(t, site, "staging"); e.Head != 1 {
			t.Errorf("renaming made revision %d", e.Head)
		}
		site.As("viewer").Opens("/plans/staging").Sees("Stage")
	})
}

func TestNothingButItsFieldsIsTakenFromTheEnvironmentsForm(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := site.As("admin")
	ada.Submits(ada.Opens("/environments/production/edit"), "/edit", "title", "Live", "name", "hacked", "head", "99", "floor", "1", "position", "1", "version", "99", "digest", "x", "author", "eve").Is(http.StatusOK)
	e := environmentRow(t, site, "production")
	if e.Title != "Live" || e.Head != 1 || e.Floor != 0 || e.Position != 3 || e.Version != 2 || e.ChangedBy != "ada@toprent.example" {
		t.Errorf("%+v", e)
	}
	ada.Submits(ada.Opens("/new-environment"), "/new-environment", "name", "more", "title", "More", "head", "7", "floor", "7", "position", "-1").Is(http.StatusOK)
	if e := environmentRow(t, site, "more"); e.Head != 0 || e.Floor != 0 || e.Position != 4 {
		t.Errorf("%+v", e)
	}
}

func TestEnvironmentsAreMovedOneByOne(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		ada := site.As("admin")
		stale := ada.Opens("/environments")
		ada.Submits(stale, "/environments/production/move", "to", "up").Is(http.StatusOK).Sees("The order was saved.")
		if got := environmentOrder(t, site); !slices.Equal(got, []string{"development", "production", "staging"}) {
			t.Errorf("%v", got)
		}
		ada.Submits(stale, "/environments/staging/move", "to", "up").Is(http.StatusConflict)
		ada.Submits(ada.Opens("/environments"), "/environments/development/move", "to", "up").Is(http.StatusOK)
		if got := environmentOrder(t, site); !slices.Equal(got, []string{"development", "production", "staging"}) {
			t.Errorf("%v", got)
		}
		ada.Posts("/environments/nowhere/move", "to", "up", "base", "1").Is(http.StatusNotFound)
	})
}

func TestARecallTakesAReasonAndAnApprover(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	p := abe.Opens("/environments/development/recall").Sees("on their next page", "changes no setting")
	abe.Submits(p, "/recall", "reason", "  ").Is(http.StatusUnprocessableEntity).Sees("in a few words why")
	if e := environmentRow(t, site, "development"); e.Floor != 0 {
		t.Errorf("recalled without a reason: %+v", e)
	}
	abe.Submits(p, "/recall", "reason", "the price was wrong").Is(http.StatusOK).Sees("applies now", "the price was wrong", "revision 2: no session stays below it")
	if e := environmentRow(t, site, "development"); e.Floor != 2 || e.Head != 2 {
		t.Errorf("%+v", e)
	}
	for _, person := range []string{"editor", "dev", "viewer", "tenant"} {
		site.As(person).Posts("/environments/development/recall", "reason", "x").Is(http.StatusForbidden)
	}
}

func TestTitlesOfEnvironmentsAreTextsOnEveryPage(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := site.As("admin")
	const evil = `<script>alert(1)</script>"><img src=x onerror=alert(2)>`
	theirs := site.As("admin").Opens("/environments/staging/edit")
	ada.Submits(ada.Opens("/environments/staging/edit"), "/edit", "title", evil).Is(http.StatusOK)
	ada.Posts("/environments/staging/recall", "reason", evil).Is(http.StatusOK)
	for _, p := range []*settingstest.Page{
		ada.Opens("/environments"), ada.Opens("/environments/staging/edit"), ada.Opens("/environments/staging/recall"), ada.Opens("/new-environment"),
		ada.Opens("/plans/staging"), ada.Opens("/plans/staging/pro"), ada.Opens("/plans/staging/free/remove"), ada.Opens("/new-plan/staging"),
		ada.Submits(theirs, "/edit", "title", evil+"2").Is(http.StatusConflict),
		ada.Submits(ada.Opens("/new-environment"), "/new-environment", "name", evil, "title", evil).Is(http.StatusUnprocessableEntity),
	} {
		if p.Find("body script, img[onerror]").Length() > 0 {
			t.Errorf("%s has markup of somebody else", p.URL)
		}
	}
}

func TestOneOfManyWhoAddTheSameEnvironmentSucceeds(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		const many = 6
		errs := make(chan error, many)
		for range many {
			go func() {
				_, err := site.Changes.AddEnvironment(t.Context(), changes.NewEnvironment{Name: "preview", Title: "Preview", From: "production", Author: "ada"})
				errs <- err
			}()
		}
		done := 0
		for range many {
			var refused *changes.RefusedError
			if err := <-errs; err == nil {
				done++
			} else if !errors.As(err, &refused) {
				t.Error(err)
			}
		}
		if done != 1 || environmentRow(t, site, "preview").Head != 1 {
			t.Errorf("%d succeeded: %+v", done, environmentRow(t, site, "preview"))
		}
		if _, err := site.Changes.AddEnvironment(t.Context(), changes.NewEnvironment{Name: "other", Title: "Other", From: "nowhere", Author: "ada"}); !errors.Is(err, service.ErrNoEnvironment) {
			t.Errorf("a copy of nothing gives %v", err)
		}
		if got := environmentOrder(t, site); slices.Contains(got, "other") {
			t.Error("it was added all the same")
		}
	})
}

func TestNothingTypedIsLostWhileTheDatabaseIsAway(t *testing.T) {
	store, err := models.Open(t.Context(), "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	ada := settingstest.On(t, store).As("admin")
	for path, kept := range map[string][]string{
		"/new-plan/production":            {"#key", "#title", "#rank", "#reason", "[name=feature][checked]"},
		"/plans/production/pro/edit":      {"#title", "#rank", "#reason", "[name=feature][checked]"},
		"/plan-ranks/production":          {"[name=rank-pro]"},
		"/tenant/plan":                    {"[name=plan] option[selected]", "[name=tenant]"},
		"/tenant/add-on":                  {"[name=feature] option[selected]", "[name=tenant]"},
		"/new-environment":                {"#name", "#title", "#reason", "[name=from] option[selected]", "#protected[checked]"},
		"/environments/production/edit":   {"#title", "#protected[checked]"},
		"/environments/production/recall": {"#reason"},
	} {
		p := ada.Posts(path, "key", "7", "title", "7", "rank", "7", "rank-pro", "7", "reason", "7", "feature", "7", "plan", "7", "tenant", "7", "base", "7", "base-pro", "7",
			"name", "seven", "from", "7", "protected", "on").Is(http.StatusServiceUnavailable).Sees("The database cannot be reached", "still here")
		for _, field := range kept {
			if got, _ := p.Find(field).Attr("value"); got != "7" && got != "seven" && got != "on" {
				t.Errorf("%s: %s is %q", path, field, got)
			}
		}
		if base := p.Find("[name^=base]"); base.Length() > 0 && base.AttrOr("value", "") != "7" {
			t.Errorf("%s: the base is %q", path, base.AttrOr("value", ""))
		}
	}
}
