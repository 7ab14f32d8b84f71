package settings

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const calibrateAgain = "/flags/new-home/development/calibrate"

// arrive lets people from Germany be seen in development, seven to a tenant, and waits until the pages know of them.
func arrive(t testing.TB, site *settingstest.Site, from, to int) {
	t.Helper()
	at := models.At(time.Now())
	var rows []models.DirectorySubject
	for i := from; i < to; i++ {
		tenant := fmt.Sprint("guest-tenant-", i/7)
		rows = append(rows, models.DirectorySubject{Kind: models.SeenUser, ID: fmt.Sprint("guest-", i), Tenant: tenant, AddOns: "[]", Attributes: `{"country":"DE"}`, FirstSeen: at, LastSeen: at})
		if i%7 == 0 {
			rows = append(rows, models.DirectorySubject{Kind: models.SeenTenant, ID: tenant, AddOns: "[]", Attributes: "{}", FirstSeen: at, LastSeen: at})
		}
	}
	if err := site.Store.RecordSeen(t.Context(), "development", rows); err != nil {
		t.Fatal(err)
	}
	for {
		s, err := site.Directory.Snapshot(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		if len(s.People) >= to {
			return
		}
	}
}

// guestsWith are those of the guests who have new-home in development now.
func guestsWith(t *testing.T, site *settingstest.Site, guests int) map[int]bool {
	t.Helper()
	r, err := ruleset.Compile(ruleset.ID{}, definitionOf(t, site, "development"), nil)
	if err != nil {
		t.Fatal(err)
	}
	with, decider := map[int]bool{}, r.Decider("new-home")
	for i := range guests {
		if decider.Decide(&ruleset.Subject{User: fmt.Sprint("guest-", i), Tenant: fmt.Sprint("guest-tenant-", i/7), Attributes: map[string]any{"country": "DE"}}, time.Now()).Variant == "on" {
			with[i] = true
		}
	}
	return with
}

// exactSite has 1,000 people, of whom exactly 10 % have new-home.
func exactSite(t *testing.T) (*settingstest.Site, *settingstest.Browser) {
	t.Helper()
	site := sampleSite(t)
	arrive(t, site, 0, 1000)
	eve := site.As("editor")
	eve.Submits(eve.Opens(devRules), devRules, "rules.0.exact", "yes", "rules.0.share", "10").Is(http.StatusOK).Sees("Saved")
	return site, eve
}

func TestTenPercentOfAThousandKnownPeopleAreAHundred(t *testing.T) {
	site, eve := exactSite(t)
	if with := guestsWith(t, site, 1000); len(with) != 100 {
		t.Errorf("%d have it", len(with))
	}
	for _, path := range []string{devRules, "/flags/new-home/development"} {
		eve.Opens(path).Sees("Exact shares", "draws below ", "100 of 1,000 known", "10 %: 100 of 1,000",
			"xactly 10 % of users in segment germany", // at the beginning of a sentence or within one
		).Lacks("Drifted", "Calibrate again")
	}
	eve.Opens("/flags/new-home/development?why=1&user=guest-1&attributes=country%3DDE").Sees("the share is 10 %, made exact by a threshold frozen at ")
	vic := site.As("viewer")
	vic.Opens(devRules).Sees("Exactly 10 % of users in segment germany get on", "100 of 1,000 known")
}

func TestSavingAnExactShareAgainPublishesNothingAndMovesNobody(t *testing.T) {
	site, eve := exactSite(t)
	before := flagOf(t, site, "development", "new-home")
	arrive(t, site, 1000, 3000)
	eve.Submits(eve.Opens(devRules), devRules).Is(http.StatusOK).Sees("nothing was published")
	eve.Submits(eve.Opens(devRules), devRules, "rules.0.name", "another name", "rules.0.serve", "on").Sees("Saved")
	p := eve.Submits(eve.Opens(devRules), devRules, "do", "add-rule")
	eve.Submits(eve.Submits(p, devRules, "do", "up:rules.1"), devRules, "rules.0.serve", "off", "rules.0.action", "percent", "rules.0.share", "0").Sees("Saved")
	after := flagOf(t, site, "development", "new-home")
	if len(after.Rules) != 2 || !reflect.DeepEqual(after.Rules[1].Percent.Calibrated, before.Rules[0].Percent.Calibrated) {
		t.Errorf("was %+v, is %+v", before.Rules[0].Percent.Calibrated, after.Rules)
	}
}

func TestRaisingAnExactShareOnThePageRemovesNobody(t *testing.T) {
	site, eve := exactSite(t)
	before := guestsWith(t, site, 1000)
	for _, share := range []int{11, 25, 60} {
		eve.Submits(eve.Opens(devRules), devRules, "rules.0.share", fmt.Sprint(share)).Sees("Saved")
		after := guestsWith(t, site, 1000)
		if len(after) != 10*share {
			t.Errorf("%d %% are %d", share, len(after))
		}
		for guest := range before {
			if !after[guest] {
				t.Fatalf("guest %d has lost it", guest)
			}
		}
		before = after
	}
	eve.Submits(eve.Opens(devRules), devRules, "rules.0.share", "100").Sees("Saved")
	if with := guestsWith(t, site, 5000); len(with) != 5000 {
		t.Errorf("100 %% are %d of 5000", len(with))
	}
	eve.Submits(eve.Opens(devRules), devRules, "rules.0.share", "0").Sees("Saved")
	if with := guestsWith(t, site, 5000); len(with) != 0 {
		t.Errorf("0 %% are %d", len(with))
	}
}

// drift lets people come until the page offers to calibrate again, and tells how many there are then.
func drift(t *testing.T, site *settingstest.Site, who *settingstest.Browser) (page *settingstest.Page, guests int) {
	t.Helper()
	for guests = 1000; guests < 20_000; guests += 500 {
		arrive(t, site, guests, guests+500)
		if page = who.Opens(devRules); strings.Contains(page.Text(), "Drifted") {
			return page, guests + 500
		}
	}
	t.Fatal("the real share never drifts")
	return nil, 0
}

func TestADriftedShareIsCalibratedAgain(t *testing.T) {
	site, eve := exactSite(t)
	p, guests := drift(t, site, eve)
	if off := len(guestsWith(t, site, guests)) - guests/10; off > -2 && off < 2 {
		t.Errorf("the page says that it drifted by %d", off)
	}
	site.As("viewer").Opens(devRules).Sees("Drifted").Lacks("Calibrate again")
	stale := eve.Opens("/flags/new-home/development").Sees("Calibrate again")
	eve.Submits(p, calibrateAgain).Is(http.StatusOK).Sees("Saved").Lacks("Drifted")
	if with := guestsWith(t, site, guests); len(with) != guests/10 {
		t.Errorf("%d of %d have it", len(with), guests)
	}
	eve.Opens("/changes/development").Sees("Rule 1 calibrated again")
	eve.Submits(stale, calibrateAgain).Is(http.StatusConflict).Sees("Somebody else changed this")
	for _, place := range []string{"", "x", "-1"} {
		eve.Posts(calibrateAgain, "base", "1", "rule", place).Is(http.StatusBadRequest)
	}
	version := fmt.Sprint(versionOf(t, site, "new-home"))
	eve.Posts(calibrateAgain, "base", version, "rule", "7").Sees("nothing was published")
	site.As("viewer").Posts(calibrateAgain, "base", version, "rule", "0").Is(http.StatusForbidden)
	site.As("tenant").Posts(calibrateAgain, "base", version, "rule", "0").Is(http.StatusForbidden)
}

// versionOf is the base that an edit of a flag in development is made against.
func versionOf(t *testing.T, site *settingstest.Site, key string) int64 {
	t.Helper()
	versions, err := site.Changes.Versions(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	return versions[changes.Item{Kind: changes.ItemFlag, Key: key}]
}

func TestSharesOfTenantsAreExactOnThePage(t *testing.T) {
	site, eve := exactSite(t)
	eve.Submits(eve.Opens(devRules), devRules, "rules.0.unit", "tenant", "rules.0.share", "50").Sees("Saved", "72 of 143 known", "50 % of tenants")
	tenants := map[int]bool{}
	for guest := range guestsWith(t, site, 1000) {
		tenants[guest/7] = true
	}
	if len(tenants) != 72 {
		t.Errorf("%d of 143 tenants have it", len(tenants))
	}
}

func TestVisitorsSharesCannotBeExact(t *testing.T) {
	_, eve := exactSite(t)
	p := eve.Submits(eve.Opens(devRules), devRules, "rules.0.unit", "visitor").Is(http.StatusUnprocessableEntity).Sees("Visitors are not counted one by one")
	field := p.Find(`[name="rules.0.exact"]`)
	if about := field.AttrOr("aria-describedby", "none"); field.AttrOr("aria-invalid", "") != "true" || p.Find(`[id="`+about+`"]`).Length() != 1 {
		t.Errorf("the mistake does not stand beside its field")
	}
}

func TestAnExactShareThatNobodyCountedIsNotPublished(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		flag := flagOf(t, site, "development", "new-home")
		flag.Rules[0].Percent.Calibrated = &ruleset.Calibration{}
		change := changes.Change{Environment: "development", Author: "eve", Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: versionOf(t, site, "new-home")}}}
		var refused *changes.RefusedError
		if _, err := site.Changes.Publish(t.Context(), change); !errors.As(err, &refused) || !strings.Contains(err.Error(), "nobody has been counted yet") {
			t.Errorf("%v", err)
		}
		arrive(t, site, 0, 200)
		snapshot, err := site.Directory.Snapshot(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		frozen, err := changes.Calibrate(change, definitionOf(t, site, "development"), snapshot, time.Now())
		if err == nil {
			_, err = site.Changes.Publish(t.Context(), frozen)
		}
		if err != nil {
			t.Fatal(err)
		}
		if with := guestsWith(t, site, 200); len(with) != 50 {
			t.Errorf("%d of 200 have it", len(with))
		}
	})
}

func TestThresholdsTravelWithAFlagsFile(t *testing.T) {
	site, _ := exactSite(t)
	document, err := site.Changes.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"flags.yaml": func(b *bytes.Buffer) error { return flagfile.Write(b, document) },
		"flags.json": func(b *bytes.Buffer) error { return flagfile.WriteJSON(b, document) },
	} {
		var file bytes.Buffer
		if err := write(&file); err != nil {
			t.Fatal(err)
		}
		elsewhere := settingstest.New(t)
		read, err := flagfile.Read(name, file.Bytes())
		if err == nil {
			_, err = elsewhere.Changes.Import(t.Context(), read.Document, changes.ImportOptions{Author: "test", Reason: "a copy"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if a, b := guestsWith(t, site, 2000), guestsWith(t, elsewhere, 2000); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %d have it here, %d there", name, len(a), len(b))
		}
		if a, b := flagOf(t, site, "development", "new-home").Rules, flagOf(t, elsewhere, "development", "new-home").Rules; !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %+v is %+v", name, a[0].Percent.Calibrated, b[0].Percent.Calibrated)
		}
	}
}

// A tenant counts by each of its people, since conditions look at people's attributes; one without people counts alone.
func TestASharesSubjectsArePeopleAndTenantsWithoutPeople(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		d := newDirectory(store)
		for _, s := range []ruleset.Subject{{User: "u-1", Tenant: "t-1", Attributes: map[string]any{"country": "DE"}}, {User: "u-2", Tenant: "t-1"}, {User: "u-3"}, {Tenant: "t-2", Plan: "pro"}, {User: "u-4", Tenant: "t-3"}} {
			d.Saw("development", s)
		}
		flush(t, d)
		s := picture(t, d, "development")
		for unit, want := range map[string]string{"user": "u-1/t-1 u-2/t-1 u-3/ u-4/t-3", "country": "u-1/t-1 u-2/t-1 u-3/ u-4/t-3", "tenant": "u-1/t-1 u-2/t-1 u-3/ u-4/t-3 /t-2"} {
			var all []string
			for _, part := range s.Subjects(unit) {
				for subject := range part(nil) {
					all = append(all, subject.User+"/"+subject.Tenant)
				}
				for range part(nil) {
					break // who has seen enough may stop
				}
			}
			if got := strings.Join(all, " "); got != want {
				t.Errorf("by %s: %s, want %s", unit, got, want)
			}
		}
	})
}
