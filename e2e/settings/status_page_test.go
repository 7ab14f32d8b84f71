package settings

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// instance is another process on the same database, as far as the database can tell.
type instance struct {
	*service.FeatureFlagService
	*report.Reporter
	t *testing.T
}

// instanceOn starts one that follows nothing by itself: refreshes and reports does it when told to.
func instanceOn(t *testing.T, store *models.Store, host string) *instance {
	t.Helper()
	flags, err := service.New(t.Context(), service.Config{Source: store, Environment: "development"})
	if err != nil {
		t.Fatal(err)
	}
	return &instance{flags, report.New(store, flags, report.Options{Host: host, Build: "v1.2.3"}), t}
}

func (i *instance) reports() {
	i.t.Helper()
	if err := i.Report(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) refreshes() {
	i.t.Helper()
	if err := i.Refresh(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}

// ends reports the end, as a process does that is asked to.
func (i *instance) ends() {
	i.t.Helper()
	ctx, cancel := cancelled()
	defer cancel()
	_ = i.Reporter.Run(ctx)
}

// reports lets a site's instance tell how it is doing, once its pages have told: of two that tell at the same time, the one
// that knew less may be the last.
func reports(t *testing.T, site *settingstest.Site) {
	t.Helper()
	until(t, "the pages have told", func() bool {
		rows, err := site.Store.Instances(t.Context(), time.Time{})
		return err == nil && slices.ContainsFunc(rows, func(i models.Instance) bool { return i.ID == site.Flags.Instance() })
	})
	if err := report.New(site.Store, site.Flags, report.Options{}).Report(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func executes(t *testing.T, store *models.Store, statement string) {
	t.Helper()
	db, err := store.SQL()
	if err == nil {
		_, err = db.ExecContext(t.Context(), statement)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// row is the text of the table row, in the section of that id, that contains a text.
func row(p *settingstest.Page, section, text string) string {
	rows := p.Find("section[aria-labelledby=" + section + "] tbody tr")
	for i := range rows.Length() {
		if got := strings.Join(strings.Fields(rows.Eq(i).Text()), " "); strings.Contains(got, text) {
			return got
		}
	}
	return ""
}

func TestTheHealthPageShowsThisInstanceAndTheDatabase(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		kind := map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}[store.Dialect()]
		site.As("viewer").Opens("/health").Sees("All is well", "Reachable", kind, "this one", "Live", "Schema", "version ", "Every stored flag can be evaluated",
			"The code asks only for flags that exist", "Nothing was killed", "Nothing was decided here")
	})
}

func TestAllInstancesAreShownAndThoseThatAreGoneAreMarked(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		web, job, lost := instanceOn(t, store, "web-2"), instanceOn(t, store, "job-1"), instanceOn(t, store, "web-9")
		web.reports()
		job.reports()
		lost.reports()
		p := site.As("viewer").Opens("/health")
		for _, host := range []string{"web-2", "job-1", "web-9"} {
			if got := row(p, "instances", host); !strings.Contains(got, "Live") || !strings.Contains(got, "v1.2.3") || !strings.Contains(got, "only polls") {
				t.Errorf("%s: %q", host, got)
			}
		}
		job.ends()
		executes(t, store, "UPDATE instances SET heard_at = '"+time.Now().UTC().Add(-5*time.Minute).Format("2006-01-02 15:04:05+00:00")+"' WHERE host = 'web-9'")
		p = site.As("viewer").Opens("/health").Sees("An instance fell silent")
		if got := row(p, "instances", "job-1"); !strings.Contains(got, "Ended") {
			t.Errorf("the one that ended: %q", got)
		}
		if got := row(p, "instances", "web-9"); !strings.Contains(got, "Silent") || !strings.Contains(got, "Look whether it still runs") {
			t.Errorf("the one that fell silent: %q", got)
		}
		executes(t, store, "UPDATE instances SET heard_at = '"+time.Now().UTC().Add(-25*time.Hour).Format("2006-01-02 15:04:05+00:00")+"' WHERE host = 'web-9'")
		instanceOn(t, store, "new").reports() // which removes those that are gone for a day
		site.As("viewer").Opens("/health").Lacks("web-9")
		instances, err := store.Instances(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range instances {
			if i.Host == "web-9" {
				t.Error("an instance that is gone for a day is still stored")
			}
		}
	})
}

func TestAnInstanceThatIsBehindIsMarked(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	behind := instanceOn(t, site.Store, "slow-1")
	if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "Ada Admin", "a test"); err != nil {
		t.Fatal(err)
	}
	behind.reports()
	p := site.As("viewer").Opens("/health").Sees("behind the newest revision")
	if got := row(p, "instances", "slow-1"); !strings.Contains(got, "Behind 2") {
		t.Errorf("%q", got)
	}
	behind.refreshes()
	behind.reports()
	if err := site.Flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	site.As("viewer").Opens("/health").Lacks("An instance is behind", "instances are behind")
}

func TestAMalformedFlagIsShownWithTheReasonAndWhatToDo(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		executes(t, store, "UPDATE feature_flag_environments SET rollout_strategy = '{broken' WHERE environment = 'development' AND feature_id = (SELECT id FROM feature_flags WHERE name = 'new-home')")
		executes(t, store, "UPDATE feature_flag_environments SET otherwise_variant = 'gone' WHERE environment = 'staging' AND feature_id = (SELECT id FROM feature_flags WHERE name = 'winter-look')")
		other := settingstest.On(t, store) // which has not seen the rows as they were
		values := other.Flags.Values(t.Context(), ruleset.Subject{User: "u-1"})
		values.On("new-home")
		values.On("new-home")
		reports(t, other)
		p := other.As("viewer").Opens("/health").Sees("2 stored mistakes", "Below 99.9 %")
		if got := row(p, "malformed", "new-home"); !strings.Contains(got, "development") || !strings.Contains(got, "save it again with right values") || !strings.Contains(got, "A kill works all the same") {
			t.Errorf("%q", got)
		}
		if got := row(p, "malformed", "winter-look"); !strings.Contains(got, "staging") || !strings.Contains(got, "gone") {
			t.Errorf("that of an environment that this instance does not serve: %q", got)
		}
		if link, _ := p.Find("section[aria-labelledby=malformed] a").First().Attr("href"); link != "/settings/flags/new-home/development" {
			t.Errorf("it leads to %q", link)
		}
		if got := row(p, "failures", "new-home"); !strings.Contains(got, "2") || !strings.Contains(got, "rollout_strategy") {
			t.Errorf("its failures: %q", got)
		}
		if got := row(p, "rate", "Rate"); got != "" {
			t.Errorf("%q", got)
		}
		other.As("dev").Opens("/health").Sees("new-home").Lacks("winter-look", "staging")
	})
}

func TestUnknownFlagsAreShownWithWhatWasMeant(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	values := site.Flags.Values(t.Context(), ruleset.Subject{User: "u-1"})
	for range 3 {
		values.On("new-hone")
	}
	values.On("something-else")
	reports(t, site)
	second := instanceOn(t, site.Store, "web-2")
	second.Values(t.Context(), ruleset.Subject{}).On("new-hone")
	second.reports()
	p := site.As("viewer").Opens("/health").Sees("2 keys are asked for that are no flags")
	if got := row(p, "unknown", "new-hone"); !strings.Contains(got, "4") || !strings.Contains(got, "Was new-home meant?") {
		t.Errorf("%q", got)
	}
	if got := row(p, "unknown", "something-else"); !strings.Contains(got, "Create it, or remove the call") || strings.Contains(got, "meant") {
		t.Errorf("%q", got)
	}
}

func TestHostNamesAndUnknownKeysCannotWriteScriptsIntoThePage(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
		other := instanceOn(t, site.Store, hostile)
		values := other.Values(t.Context(), ruleset.Subject{})
		values.On(hostile)
		values.On("\x00\xff" + hostile)
		values.On("javascript:alert(3)")
		values.On("../../people")
		other.reports()
		p := site.As("admin").Opens("/health").Sees("<script>alert(1)</script>")
		if strings.Contains(p.Body, "<script>alert") || strings.Contains(p.Body, "<img src=x") || p.Find("[onerror]").Length() > 0 {
			t.Error("what a host or a key is called is taken for HTML")
		}
		p.Find("main a").Each(func(_ int, a *goquery.Selection) {
			if href, _ := a.Attr("href"); !strings.HasPrefix(href, "/settings") && !strings.HasPrefix(href, "#") {
				t.Errorf("a link leads to %q", href)
			}
		})
		executes(t, site.Store, `UPDATE instances SET findings = '{"unknown": 7, "failures": [{"flag": 1}]}'`)
		site.As("admin").Opens("/health") // what another version told is nothing, not an error
		for i := range 100 {
			values.On(fmt.Sprint(i, strings.Repeat("\x00", 1000)))
		}
		other.reports()
		rows, err := store.Instances(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if len(row.Findings) > 32<<10 {
				t.Errorf("%d bytes are stored of what an instance found", len(row.Findings))
			}
		}
	})
}

func TestHowLongAKillTookIsShown(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		prompt, slow, ended, crashed := instanceOn(t, store, "prompt-1"), instanceOn(t, store, "slow-1"), instanceOn(t, store, "ended-1"), instanceOn(t, store, "crashed-1")
		for _, i := range []*instance{prompt, slow, ended, crashed} {
			i.reports()
		}
		if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "Ada Admin", "it hurts"); err != nil {
			t.Fatal(err)
		}
		prompt.refreshes()
		prompt.reports()
		slow.reports() // it has not seen the kill
		p := site.As("viewer").Opens("/health").Sees("A kill has not reached every running instance")
		if got := row(p, "kills", "winter-look"); !strings.Contains(got, "slow-1") || !strings.Contains(got, "not reached") || !strings.Contains(got, "so far") || !strings.Contains(got, "by Ada Admin") {
			t.Errorf("before all have it: %q", got)
		}
		late := instanceOn(t, store, "late-1") // which never served an old value
		late.reports()
		slow.refreshes()
		slow.reports()
		ended.ends()
		executes(t, store, "UPDATE instances SET heard_at = '"+time.Now().UTC().Add(-time.Hour).Format("2006-01-02 15:04:05+00:00")+"' WHERE host = 'crashed-1'")
		if err := site.Flags.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		reports(t, site)
		p = site.As("viewer").Opens("/health").Lacks("A kill has not reached")
		got := row(p, "kills", "winter-look")
		for _, want := range []string{"3 of 5 served it; 2 ended or fell silent first", "prompt-1", "ended before it served the kill", "fell silent before"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %q", want, got)
			}
		}
		if !regexp.MustCompile(`served the last old value (less than )?[0-9.]+ (ms|s) after the kill`).MatchString(got) {
			t.Errorf("%q does not say how long it took", got)
		}
		if strings.Contains(got, "late-1") {
			t.Errorf("an instance that was started after the kill counts: %q", got)
		}
		kills := health(t, site, "viewer").Kills
		if len(kills) != 1 || kills[0].Took <= 0 || kills[0].Took > int64(time.Minute) || kills[0].Last == "" || kills[0].Last == "prompt-1" {
			t.Errorf("%+v", kills)
		}
	})
}

func TestAKillIsSeenAsAdoptedByWhoFollowsTheDatabase(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		reports(t, site)
		if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "Ada Admin", "it hurts"); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; { // until the pages' own reporter has told
			if kills := health(t, site, "viewer").Kills; len(kills) == 1 && kills[0].Adopted == 1 {
				t.Logf("it took %s", time.Duration(kills[0].Took))
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the kill was never adopted")
			}
		}
	})
}

// answer is what the tests read of /health.json.
type answer struct {
	Database struct {
		Reachable bool
		Error     string
	}
	This *struct {
		Status struct{ Error string }
	}
	Instances []struct{ Environment, Host string }
	Rates     []struct {
		Environment     string
		Decided, Failed int64
	}
	Kills []struct {
		Flag             string
		Took             int64
		Last             string
		Adopted, Waiting int
	}
}

func health(t *testing.T, site *settingstest.Site, person string) (a answer) {
	t.Helper()
	p := site.As(person).Gets("/settings/health.json")
	if err := json.Unmarshal([]byte(p.Body), &a); err != nil {
		t.Fatalf("%d %s: %v", p.Status, p.Body, err)
	}
	return a
}

// A monitor cannot sign in as a person does.
func TestAMonitorMayUseAToken(t *testing.T) {
	h := standsAlone(t)
	secret := token(t, h.first(), "viewer", "*")
	monitor := h.As("")
	monitor.Header.Set("Authorization", "Bearer "+secret)
	if p := monitor.Gets("/settings/health.json").Is(http.StatusOK); !strings.Contains(p.Body, `"reachable":true`) {
		t.Error(p.Body)
	}
	monitor.Header.Set("Authorization", "Bearer "+secret+"x")
	monitor.Gets("/settings/health.json").Is(http.StatusUnauthorized)
}

func TestMonitorsReadTheSameAsJSONWithTheSameRights(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	reports(t, site)
	if p := site.As("viewer").Gets("/settings/health.json").Is(http.StatusOK); !strings.HasPrefix(p.Header.Get("Content-Type"), "application/json") {
		t.Errorf("it is %s", p.Header.Get("Content-Type"))
	}
	if a := health(t, site, "viewer"); !a.Database.Reachable || len(a.Instances) != 1 || len(a.Rates) != 3 {
		t.Errorf("%+v", a)
	}
	if a := health(t, site, "dev"); len(a.Rates) != 1 || a.Rates[0].Environment != "development" {
		t.Errorf("who may see development sees %+v", a.Rates)
	}
	site.As("nobody").Gets("/settings/health.json").Is(http.StatusForbidden)
	site.As("tenant").Gets("/settings/health").Is(http.StatusForbidden)
	if p := site.As("").Gets("/settings/health.json"); p.Status != http.StatusSeeOther {
		t.Errorf("who is not signed in gets %d", p.Status)
	}
}

func TestWhileTheDatabaseIsDownThePageShowsWhatTheInstanceKnowsAndNoSecrets(t *testing.T) {
	site, server := sampleOnServer(t)
	site.Flags.Values(t.Context(), ruleset.Subject{User: "u-1"}).On("new-hone")
	viewer, admin := site.As("viewer"), site.As("admin")
	viewer.Opens("/health").Sees("Reachable")
	server.Stop()
	_ = site.Flags.Refresh(t.Context())
	p := viewer.Gets("/settings/health").Is(http.StatusServiceUnavailable).
		Sees("The database cannot be reached", "Flags are served as before", "new-hone", "Counters of this instance", "stale, revision 1")
	if p.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
	for _, secret := range []string{"connect", "user=", "host=", "127.0.0.1", "dial"} {
		if strings.Contains(p.Text(), secret) {
			t.Errorf("a viewer reads %q", secret)
		}
	}
	admin.Gets("/settings/health").Is(http.StatusServiceUnavailable).Sees("connect").Lacks("password")
	if p := viewer.Gets("/settings/health.json"); p.Status != http.StatusServiceUnavailable || strings.Contains(p.Body, "dial") || !strings.Contains(p.Body, `"reachable":false`) {
		t.Errorf("%d %s", p.Status, p.Body)
	}
	server.Start()
	if err := site.Flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	reports(t, site) // what was found meanwhile is not lost
	viewer.Opens("/health").Sees("Reachable", "new-hone")
}

func TestAPasswordOfTheDatabaseIsOnNoPage(t *testing.T) {
	store, err := models.Open(t.Context(), "postgres://flags:s3cret-word@127.0.0.1:1/flags?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	site := settingstest.On(t, store)
	for _, person := range []string{"admin", "viewer"} {
		for _, path := range []string{"/settings/health", "/settings/health.json"} {
			if p := site.As(person).Gets(path).Is(http.StatusServiceUnavailable); strings.Contains(p.Body, "s3cret") || person == "viewer" && strings.Contains(p.Body, "127.0.0.1:1") {
				t.Errorf("%s reads on %s: %s", person, path, p.Body)
			}
		}
	}
	site.As("admin").Gets("/settings/health").Sees("failed to connect", "fallbacks")
}
