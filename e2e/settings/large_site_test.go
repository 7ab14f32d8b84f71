package settings

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// largeHost is a host with the large configuration and all that comes with it: a past, people and tenants who were seen,
// subscriptions, alerts, instances, accounts and tokens. The same database is shown by pages that stand alone, whose
// people sign in there.
type largeHost struct {
	*settingstest.Site
	sqlite  bool
	alone   *settings.Settings
	engine  *gin.Engine // of those that stand alone
	session string      // of the admin there
	token   string      // an admin's API token

	kill, request int64 // a kill to be looked at, and a change request

	channel, account, join string // a channel's and an account's ids; the secret of a link to join
}

// largeSite makes it.
func largeSite(t testing.TB, store *models.Store) *largeHost {
	t.Helper()
	h := &largeHost{Site: settingstest.On(t, store, inside), sqlite: store.Dialect() == "sqlite"}
	document := largeDocument()
	if _, err := h.Changes.Import(t.Context(), document, changes.ImportOptions{Author: "test", Reason: "a large configuration"}); err != nil {
		t.Fatal(err)
	}
	for _, fill := range []func(testing.TB) error{h.fillPast, h.fillDirectory, h.fillSubscriptions, h.fillAlerts, h.fillInstances, h.fillAccounts, h.fillRequests, h.fillEntities, h.fillUse, h.fillEvents} {
		if err := fill(t); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// fillPast kills and lifts, which is the quickest way to many revisions.
func (h *largeHost) fillPast(t testing.TB) error {
	for n := range largeHistory {
		do := h.Changes.Kill
		if n%2 == 1 {
			do = h.Changes.Lift
		}
		if _, err := do(t.Context(), "production", largeKey(1+n/2), fmt.Sprintf("team-%d@toprent.example", n%20), "to see what happens"); err != nil {
			return err
		}
	}
	return nil
}

// fillDirectory stores who was seen in production: as many people to each tenant.
func (h *largeHost) fillDirectory(t testing.TB) error {
	at := models.At(time.Now())
	rows := make([]models.DirectorySubject, 0, largePeople+largeTenants)
	for n := range largePeople {
		rows = append(rows, models.DirectorySubject{Kind: models.SeenUser, ID: fmt.Sprintf("u-%05d", n), Tenant: largeTenant(n % largeTenants), Plan: fmt.Sprintf("plan-%d", n%largePlans), AddOns: "[]",
			Attributes: fmt.Sprintf(`{"country":%q,"email":"u-%05d@toprent.example"}`, []string{"DE", "FR", "IT", "ES"}[n%4], n), FirstSeen: at, LastSeen: at})
	}
	for n := range largeTenants {
		rows = append(rows, models.DirectorySubject{Kind: models.SeenTenant, ID: largeTenant(n), Plan: fmt.Sprintf("plan-%d", n%largePlans), AddOns: "[]", Attributes: "{}", FirstSeen: at, LastSeen: at})
	}
	return h.Store.RecordSeen(t.Context(), "production", rows)
}

func largeTenant(n int) string { return fmt.Sprintf("t-%05d", n) }

// fillSubscriptions gives every tenant a plan and one before it, and some an add-on.
func (h *largeHost) fillSubscriptions(t testing.TB) error {
	err := h.Store.Write(t.Context(), func(tx *models.Tx) error {
		now, err := tx.Now(t.Context())
		for n := range 2 * largeTenants {
			if err == nil {
				err = tx.AddTenantPlan(t.Context(), models.TenantPlan{OrgID: largeTenant(n % largeTenants), Plan: fmt.Sprintf("plan-%d", n%largePlans), ChangedAt: models.At(now), ChangedBy: "billing"})
			}
		}
		return err
	})
	for n := 0; n < largeTenants && err == nil; n += 10 {
		err = h.Store.AddAddOn(t.Context(), largeTenant(n), largeKey(2+n%100), "sales")
	}
	return err
}

// fillAlerts makes channels and watches, and what was delivered: of every revision of the past for every watch.
func (h *largeHost) fillAlerts(t testing.TB) error {
	receiver := newReceiver(t)
	admin := h.As("admin")
	for n := range largeChannels {
		h.channel = channelAt(t, admin, fmt.Sprint("channel ", n), "slack", receiver.URL)
		for _, flag := range []string{"", largeKey(n), largeKey(n + 50)} {
			watches(t, admin, h.channel, "staging", flag, "kills")
		}
	}
	db, err := h.Store.SQL()
	if err != nil {
		return err
	}
	watching, err := h.Store.AlertWatches(t.Context())
	if err != nil {
		return err
	}
	revisions, err := h.Store.Revisions(t.Context(), "production", largeHistory)
	for _, revision := range revisions {
		var rows []string
		for _, watch := range watching {
			rows = append(rows, fmt.Sprintf("('%s', 'production', %d, '%s', '%s', true, 'sent', 1, '2026-11-01 00:00:00+00:00', '200: The receiver took it.', '2026-11-01 00:00:00+00:00', '2026-11-01 00:00:00+00:00')",
				uuid.NewString(), revision.Number, watch.ID, watch.ChannelID))
		}
		if err == nil {
			_, err = db.ExecContext(t.Context(), "INSERT INTO alert_deliveries (id, environment, revision, watch_id, channel_id, urgent, status, attempts, next_at, answer, created_at, ended_at) VALUES "+strings.Join(rows, ", "))
		}
	}
	return err
}

// fillInstances lets many instances tell of themselves, for thirty days, and some of them when they adopted each kill.
func (h *largeHost) fillInstances(t testing.TB) error {
	return h.Store.Write(t.Context(), func(tx *models.Tx) error {
		now, err := tx.Now(t.Context())
		for n := range largeInstances {
			row := models.Instance{ID: fmt.Sprint("instance-", n), Environment: "production", Host: fmt.Sprint("web-", n), Build: "v1.0.0", StartedAt: models.At(now.AddDate(0, -1, 0)), HeardAt: models.At(now),
				State: "live", Revision: largeHistory + 1, Findings: `{"unknown":[{"key":"flag-0oo1"},{"key":"flags-0002"}]}`}
			if err == nil {
				_, _, err = tx.HeardOf(t.Context(), row)
			}
			for day := range 30 {
				if err == nil {
					counted := int64(1000 * (day + 1))
					err = tx.CountDecisions(t.Context(), row.ID, models.EvaluationDay{Environment: "production", Day: models.Day(now.AddDate(0, 0, -day)), Decided: counted, Failed: int64(day)}, counted-1000, 0)
				}
			}
			if err == nil && n%25 == 0 {
				err = tx.AdoptKills(t.Context(), row, 1, largeHistory+1, now)
			}
		}
		return err
	})
}

// largeRequests is how many change requests are open.
const largeRequests = 200

// fillRequests makes change requests: every second of them scheduled.
func (h *largeHost) fillRequests(t testing.TB) error {
	rows, _, err := h.Store.Emergencies(t.Context(), []string{"production"}, "", 1)
	if err != nil {
		return err
	}
	h.kill = rows[0].Revision
	at := time.Now().AddDate(1, 0, 0)
	for n := range largeRequests {
		content := changes.Content{Title: fmt.Sprintf("Part %d", n), Reason: "to have many", Steps: []changes.Planned{{Edits: []changes.Edit{changes.Recall{}}}}}
		if n%2 == 1 {
			content.Steps[0] = changes.Planned{At: &at, Edits: []changes.Edit{changes.SetEnabled{Key: largeKey(n), Enabled: true}, changes.Recall{}}}
		}
		r, err := h.Changes.Request(t.Context(), "production", changes.Actor{ID: fmt.Sprintf("p-%d", n%20), Name: fmt.Sprintf("team-%d@toprent.example", n%20)}, content, true)
		if err != nil {
			return err
		}
		h.request = r.ID
	}
	return nil
}

// fillAccounts makes accounts and tokens, and mounts the pages that stand alone.
func (h *largeHost) fillAccounts(t testing.TB) error {
	accounts, err := access.NewAccounts(h.Store, access.Options{})
	if err != nil {
		return err
	}
	first, err := accounts.FirstLink(t.Context())
	if err != nil {
		return err
	}
	in, err := accounts.Use(t.Context(), access.First, first, "ada@toprent.example", "Ada", good, access.Client{Agent: "a test"})
	if err != nil {
		return err
	}
	h.session = in.Secret
	tokens := access.NewTokens(h.Store, nil, nil)
	for n := range largeAccounts {
		account, secret, err := accounts.Invite(t.Context(), fmt.Sprintf("person-%d@toprent.example", n), "", everywhere(access.Viewer), "ada")
		if err != nil {
			return err
		}
		h.account, h.join = account.ID, secret
		if h.token, err = tokens.New(t.Context(), settingstest.People["admin"], fmt.Sprint("robot ", n), access.Admin, access.Everywhere, time.Now().Add(24*time.Hour)); err != nil {
			return err
		}
	}
	h.alone, err = settings.New(settings.Config{Store: h.Store, Accounts: accounts, Flags: h.Flags, Directory: h.Directory, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	h.engine = gin.New()
	return h.alone.Mount(h.engine.Group("/settings"))
}

// publishes changes one flag in production, as an editor does.
func (h *largeHost) publishes(t testing.TB, n int) {
	t.Helper()
	environment := largeDefinition(2)
	flag := environment.Flags[slices.IndexFunc(environment.Flags, func(f ruleset.Flag) bool { return f.Key == largeKey(n) })]
	versions, err := h.Changes.Versions(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	flag.Enabled = !flag.Enabled
	change := changes.Change{Environment: "production", Author: "ann", Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: flag.Key}]}}}
	if _, err := h.Changes.Publish(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// fillUse stores of every flag who had it on and how often it was read for weeks, and of the flag whose pages are measured
// whom it was shown today: everybody.
func (h *largeHost) fillUse(t testing.TB) error {
	db, err := h.Store.SQL()
	if err != nil {
		return err
	}
	now := time.Now()
	days := []string{"SELECT '" + models.Day(now) + "'"}
	for ago := 1; ago < largeUseDays; ago++ {
		days = append(days, "SELECT '"+models.Day(now.AddDate(0, 0, -ago))+"'")
	}
	day, stamp := "days.day", "'"+now.UTC().Format("2006-01-02 15:04:05.000000+00:00")+"'"
	if !h.sqlite {
		day, stamp = "CAST(days.day AS date)", "CAST("+stamp+" AS timestamptz)"
	}
	plans := []string{"SELECT ''"}
	for n := range largePlans {
		plans = append(plans, fmt.Sprintf("SELECT 'plan-%d'", n))
	}
	all := func(with string) string {
		return fmt.Sprintf("WITH days(day) AS (%s), plans(plan) AS (%s), kinds(kind) AS (SELECT 'user' UNION ALL SELECT 'tenant'), variants(variant) AS (SELECT 'on' UNION ALL SELECT 'off') %s",
			strings.Join(days, " UNION ALL "), strings.Join(plans, " UNION ALL "), with)
	}
	for _, statement := range []string{
		all("INSERT INTO feature_flag_adoption SELECT 'production', name, " + day + ", kinds.kind, plans.plan, 400, 1000, " + stamp + " FROM feature_flags, days, kinds, plans"),
		all("INSERT INTO feature_flag_check_days SELECT 'production', name, " + day + ", variants.variant, 12345, " + stamp + ", " + stamp + " FROM feature_flags, days, variants"),
		all("INSERT INTO feature_flag_exposure_days SELECT 'production', name, " + day + ", variants.variant, 500, 20, 500 FROM feature_flags, days, variants"),
		"INSERT INTO feature_flag_adoption_counts (environment, counted_at) VALUES ('production', " + stamp + ")",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			return fmt.Errorf("%s: %w", statement[max(0, len(statement)-200):], err)
		}
	}
	batch := models.Batch{Instance: models.AnalyticsInstance{Instance: "one", Environment: "production", Batch: 1, StartedAt: models.At(now), FlushedAt: models.At(now), Every: 10_000, Refused: "{}"}}
	for n := range largePeople {
		batch.Events = append(batch.Events, models.FeatureFlagEvent{Day: models.Day(now), ID: fmt.Sprintf("00000000-0000-8000-8000-%012d", n), At: models.At(now), Kind: models.EventExposure,
			Environment: "production", Flag: largeKey(largeFlags / 2), Variant: []string{"on", "off"}[n%2], UserID: fmt.Sprintf("u-%05d", n), Share: 100_000})
	}
	for n := range 60 {
		at := now.Add(-time.Duration(n) * time.Minute)
		batch.Checks = append(batch.Checks, models.FeatureFlagCheck{Day: models.Day(at), Minute: models.At(at.Truncate(time.Minute)), Environment: "production", Flag: largeKey(largeFlags / 2), Variant: "on", Checks: 1000})
	}
	if _, err = h.Store.RecordBatch(t.Context(), batch); err == nil && !h.sqlite {
		_, err = db.ExecContext(t.Context(), "ANALYZE feature_flag_adoption, feature_flag_check_days, feature_flag_exposure_days, feature_flag_events")
	}
	return err
}

// cookies of the admin, at the host and at the pages that stand alone.
func (h *largeHost) signsIn(r *http.Request) {
	r.AddCookie(&http.Cookie{Name: "person", Value: "admin"})
	r.AddCookie(&http.Cookie{Name: "flags-session", Value: h.session})
}
