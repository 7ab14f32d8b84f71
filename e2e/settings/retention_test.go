package settings

import (
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// yearAndMonth is how long the health of a day and who was seen are remembered.
const yearAndMonth = 400 * 24 * time.Hour

func TestWhatIsOlderThanAnyPageIsForgottenAndNothingElse(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		ctx := t.Context()
		now, err := store.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		long, recent := now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)
		makesKill(t, store, "old")
		makesKill(t, store, "recent")
		row := models.Instance{ID: "one", Environment: "development", Host: "web-1", Build: "v1", StartedAt: models.At(long), HeardAt: models.At(now), State: "live", Findings: "{}"}
		err = store.Write(ctx, func(tx *models.Tx) error {
			_, _, err := tx.HeardOf(ctx, row)
			for i, day := range []time.Time{long, recent} {
				if err == nil {
					err = tx.CountDecisions(ctx, row.ID, models.EvaluationDay{Environment: row.Environment, Day: models.Day(day), Decided: int64(10 * (i + 1))}, int64(10*i), 0)
				}
			}
			if err == nil {
				err = tx.AdoptKills(ctx, row, 0, 10, now)
			}
			return err
		})
		for _, at := range []time.Time{long, recent} {
			if err == nil {
				err = store.RecordSeen(ctx, "development", []models.DirectorySubject{{Kind: models.SeenUser, ID: models.Day(at), AddOns: "[]", Attributes: "{}", FirstSeen: models.At(long), LastSeen: models.At(at)}})
			}
			if err == nil {
				err = store.RecordMinted(ctx, "development", map[string]int64{models.Day(at): 5})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		db, err := store.SQL()
		if err == nil { // the kill of "old" was two years ago
			_, err = db.ExecContext(ctx, "UPDATE revisions SET published_at = '"+long.Format("2006-01-02 15:04:05+00:00")+"' WHERE number = 2")
		}
		if err == nil {
			err = store.ForgetHealth(ctx, yearAndMonth)
		}
		if err == nil {
			err = store.ForgetSeen(ctx, yearAndMonth)
		}
		if err != nil {
			t.Fatal(err)
		}

		days, err := store.EvaluationDays(ctx, time.Time{})
		if err != nil || len(days) != 1 || days[0].Day != models.Day(recent) {
			t.Errorf("days that are left: %v (%v)", days, err)
		}
		adoptions, err := store.KillAdoptions(ctx, time.Time{})
		if err != nil || len(adoptions) != 1 || adoptions[0].Revision != 4 {
			t.Errorf("adoptions that are left: %v (%v)", adoptions, err)
		}
		visitors, err := store.VisitorsMinted(ctx, "development", 10)
		if err != nil || len(visitors) != 1 || visitors[0].Day != models.Day(recent) {
			t.Errorf("days of visitors that are left: %v (%v)", visitors, err)
		}
		var left []string
		err = store.SubjectsSeen(ctx, "development", 0, func(s models.DirectorySubject) error { left = append(left, s.ID); return nil })
		if err != nil || len(left) != 1 || left[0] != models.Day(recent) {
			t.Errorf("people who are left: %v (%v)", left, err)
		}
	})
}

// makesKill makes a flag in development, and kills it: two revisions.
func makesKill(t *testing.T, store *models.Store, key string) {
	t.Helper()
	c := changes.New(store)
	_, err := c.Publish(t.Context(), changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{changes.PutFlag{
		About: &changes.FlagDocument{Key: key, Title: key, Kind: ruleset.Release, Type: ruleset.Boolean}, Flag: &ruleset.Flag{Key: key, Enabled: true}}}})
	if err == nil {
		_, err = c.Kill(t.Context(), "development", key, "ann", "to see")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinksAndBrowsersThatOpenNothingAnyMoreAreForgotten(t *testing.T) {
	h := standsAlone(t)
	h.first()
	h.joins("eve@toprent.example", nil)
	h.clock.passes(400 * 24 * time.Hour)
	signsIn(h.As(""), "ada@toprent.example", good).Is(303)
	db, err := h.Store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"one_time_links": 0, "account_sessions": 1, "account_devices": 1} {
		var left int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&left); err != nil || left != want {
			t.Errorf("%s has %d rows (%v), want %d", table, left, err, want)
		}
	}
}
