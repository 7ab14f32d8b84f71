package settings

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/internal/review"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// ages makes all that is stored as old as if it had been written so many days ago.
func ages(t *testing.T, store *models.Store, days int) {
	t.Helper()
	db, err := store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().UTC().AddDate(0, 0, -days).Format("2006-01-02 15:04:05-07:00")
	for _, change := range []string{"UPDATE revisions SET published_at = '" + then + "'", "UPDATE feature_flags SET created_at = '" + then + "'"} {
		if _, err := db.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
}

// agedSite runs a host on flags that were made 45 days ago: those that it had in memory before they aged are another's.
func agedSite(t *testing.T, store *models.Store) *settingstest.Site {
	t.Helper()
	settingstest.On(t, store).Sample()
	ages(t, store, 45)
	return settingstest.On(t, store)
}

// day is a day from today on as forms have it.
func day(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }

// wants gives the keys that stand in the queue.
func wants(p *settingstest.Page) (keys []string) {
	p.Find("table.review tbody .key").Each(func(_ int, s *goquery.Selection) { keys = append(keys, s.Text()) })
	slices.Sort(keys)
	return keys
}

func TestTheQueueSaysWhyAndSeveralFlagsAreKeptAtOnce(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := agedSite(t, store)
		eve := site.As("editor")
		p := eve.Opens("/review").Sees("It has been off for everybody in Production since", "It has been on for everybody in Production since", "No code has read it since it was made")
		if got := wants(p); !slices.Equal(got, []string{"checkout", "new-home", "reports", "winter-look"}) {
			t.Fatalf("the queue has %v", got)
		}
		if got := wants(eve.Opens("/review?reason=off&in=production")); !slices.Contains(got, "new-home") || slices.Contains(got, "winter-look") {
			t.Errorf("off in production: %v", got)
		}
		eve.Opens("/review?owner=brand-team").Sees("winter-look").Lacks("new-home")
		eve.Submits(p, "/review", "flag", "new-home@1", "flag", "checkout@1", "keep_until", day(-1)).Is(http.StatusUnprocessableEntity).Sees("Choose a day to come.")
		eve.Submits(p, "/review", "flag", "new-home@1", "keep_until", day(900)).Is(http.StatusUnprocessableEntity).Sees("at most two years")
		eve.Submits(p, "/review", "keep_until", day(90)).Is(http.StatusUnprocessableEntity).Sees("Choose at least one flag.")
		eve.Submits(p, "/review", "flag", "new-home@1", "flag", "checkout@1", "keep_until", day(90)).Is(http.StatusOK).Sees("2 flags are kept until")
		if got := wants(eve.Opens("/review")); !slices.Equal(got, []string{"reports", "winter-look"}) {
			t.Errorf("after the review the queue has %v", got)
		}
		eve.Opens("/review?show=kept").Sees("new-home", "checkout", "by eve@toprent.example")
		flag, err := store.Flag(t.Context(), "new-home")
		if err != nil || flag.ReviewedBy == "" || flag.ReviewedAt == nil || flag.Version != 2 {
			t.Errorf("the review is not kept: %+v, %v", flag, err)
		}
		eve.Opens("/flags?stale=on").Sees("winter-look", "Stale").Lacks("new-home")
		eve.Opens("/flags/winter-look").Sees("Review", "It has been on for everybody", "Not known: send it with the command")
	})
}

func TestWhoWasOvertakenInAReviewIsToldAndLosesNothing(t *testing.T) {
	site := agedSite(t, settingstest.SQLite(t))
	eve, bob := site.As("editor"), site.As("bob")
	p := eve.Opens("/review")
	bob.Posts("/review/deprecate", "deprecate", "new-home@1").Is(http.StatusOK).Sees("marked as deprecated", "Deprecated")
	eve.Submits(p, "/review", "flag", "new-home@1", "flag", "checkout@1", "keep_until", day(30)).Is(http.StatusConflict).Sees("Somebody else changed the definition of new-home")
	if flag, _ := site.Store.Flag(t.Context(), "checkout"); flag.KeepUntil != nil {
		t.Error("half of what was refused was kept")
	}
	bob.Opens("/flags/new-home").Sees("Deprecated")
	bob.Opens("/flags").Sees("Deprecated")
}

func TestOnlyEditorsReview(t *testing.T) {
	site := agedSite(t, settingstest.SQLite(t))
	vic := site.As("viewer")
	if p := vic.Opens("/review"); p.Find("#keep_until, button[name=deprecate]").Length() > 0 {
		t.Error("a viewer is offered what only editors may do")
	}
	vic.Posts("/review", "flag", "new-home@1", "keep_until", day(30)).Is(http.StatusForbidden)
	vic.Posts("/review/deprecate", "deprecate", "new-home@1").Is(http.StatusForbidden)
	site.As("nobody").Gets("/settings/review").Is(http.StatusForbidden)
	// Somebody who sees development alone is told nothing of production.
	site.As("dev").Opens("/review").Lacks("Production")
}

func TestAStateThatThereIsNotIsRefusedEverywhere(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Submits(eve.Opens("/flags/new-home/edit"), "/edit", "lifecycle", "rolling out", "planned_removal", "2027-04-02").Is(http.StatusUnprocessableEntity).Sees("Choose active or deprecated.")
	var refused *changes.RefusedError
	_, err := site.Changes.Import(t.Context(), changes.Document{Flags: []changes.FlagDocument{{Key: "new-home", Lifecycle: "sunset"}}}, changes.ImportOptions{Author: "test"})
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "use active or deprecated") {
		t.Errorf("an import took it: %v", err)
	}
	if _, err := flagfile.Read("flags.yaml", []byte("version: 1\nflags:\n  - {key: a, kind: release, type: boolean, lifecycle: retired}\n")); err == nil || !strings.Contains(err.Error(), "must be one of active, deprecated") {
		t.Errorf("a file took it: %v", err)
	}
}

// migration is a migration flag that is on for everybody in all environments.
const migration = `version: 1
flags:
  - key: new-store
    kind: migration
    type: boolean
    environments:
      development: {enabled: true, otherwise: on}
      staging: {enabled: true, otherwise: on}
      production: {enabled: true, otherwise: on}
`

func TestAMigrationFlagStaysForThirtyDaysAfterItReachedEveryoneByEverySideDoor(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Imports(migration)
		from := time.Now().UTC().AddDate(0, 0, 1).Format("2 Jan 2006")
		ages(t, store, 29)
		doors := map[string]func(environment string) error{
			"archive": func(environment string) error {
				_, err := site.Changes.Publish(t.Context(), changes.Change{Environment: environment, Author: "test", Edits: []changes.Edit{changes.ArchiveFlag{Key: "new-store", Base: aboutVersionOf(t, site, environment)}}})
				return err
			},
			"put": func(environment string) error {
				flag := ruleset.Flag{Key: "new-store", Archived: true, Off: "off", Otherwise: "off"}
				_, err := site.Changes.Publish(t.Context(), changes.Change{Environment: environment, Author: "test", Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: aboutVersionOf(t, site, environment)}}})
				return err
			},
			"import": func(environment string) error {
				file, err := flagfile.Read("flags.yaml", []byte("version: 1\nflags:\n  - {key: new-store, kind: migration, type: boolean, environments: {"+environment+": {archived: true}}}\n"))
				if err != nil {
					t.Fatal(err)
				}
				_, err = site.Changes.Import(t.Context(), file.Document, changes.ImportOptions{Author: "test"})
				return err
			},
		}
		for _, environment := range []string{"development", "staging", "production"} {
			for name, door := range doors {
				var refused *changes.RefusedError
				if err := door(environment); !errors.As(err, &refused) || !strings.Contains(err.Error(), "kept for 30 days after it reached everyone") || !strings.Contains(err.Error(), "can be archived from "+from) {
					t.Errorf("%s in %s: %v", name, environment, err)
				}
			}
		}
		eve := site.As("editor")
		eve.Submits(eve.Opens("/flags/new-store/development/archive"), "/archive").Is(http.StatusUnprocessableEntity).Sees("kept for 30 days")
		// Disabling it first is no way round.
		eve.Submits(eve.Opens("/flags/new-store/staging/disable"), "/disable").Is(http.StatusOK)
		if err := doors["archive"]("staging"); err == nil {
			t.Error("disabled first, it can be archived")
		}
		ages(t, store, 31)
		if err := doors["archive"]("production"); err != nil {
			t.Errorf("after 31 days: %v", err)
		}
	})
}

func aboutVersionOf(t *testing.T, site *settingstest.Site, environment string) int64 {
	t.Helper()
	all, err := site.Changes.Versions(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	return all[changes.Item{Kind: changes.ItemFlag, Key: "new-store"}]
}

func TestOwnersAreToldOnceAWeekHoweverManyInstancesRun(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		server, trusted := newMailServer(t)
		fill := changes.New(store)
		file, err := flagfile.Read("flags.yaml", []byte(strings.ReplaceAll(migration, "kind: migration", "kind: release\n    owner: ann@toprent.example")+strings.ReplaceAll(strings.SplitN(migration, "flags:\n", 2)[1], "new-store", "other")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fill.Import(t.Context(), file.Document, changes.ImportOptions{Author: "test"}); err != nil {
			t.Fatal(err)
		}
		ages(t, store, 45)
		var instances []*review.Letters
		for range 8 {
			telling, err := alerts.New(store, alerts.Options{Mail: alerts.Mail{URL: "smtp://" + server.address + "/?from=flags@toprent.example", TLS: trusted}, URL: "https://www.toprent.example/settings"})
			if err != nil {
				t.Fatal(err)
			}
			if len(instances) == 0 {
				channel, _, err := telling.Create(t.Context(), alerts.Typed{Name: "Reviews", Kind: alerts.Email, Target: "team@toprent.example"}, "test")
				if err == nil {
					err = telling.Watch(t.Context(), channel.ID, "", "", models.AlertReviews, "test")
				}
				if err == nil { // and it may hear of kills beside
					err = telling.Watch(t.Context(), channel.ID, "", "", models.AlertKills, "test")
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			instances = append(instances, review.NewLetters(review.New(store, catalog.New(store)), telling, slog.New(slog.DiscardHandler)))
		}
		for range 3 {
			var running sync.WaitGroup
			for _, instance := range instances {
				running.Go(func() {
					if err := instance.Tell(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			running.Wait()
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		slices.Sort(server.receives)
		if !slices.Equal(server.receives, []string{"ann@toprent.example", "team@toprent.example"}) {
			t.Errorf("sent to %v; want one letter to the owner and, for the flag that nobody owns, one to the channel", server.receives)
		}
		if all := strings.Join(server.messages, "\n"); !strings.Contains(all, "new-store") || !strings.Contains(all, "toprent.example/settings/review") {
			t.Errorf("the letters say\n%s", all)
		}
	})
}
