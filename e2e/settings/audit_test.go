package settings

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestForgettingSomebodyLeavesTheChainsWhole(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		ctx := t.Context()
		if err := store.RecordSeen(ctx, "production", []models.DirectorySubject{{Kind: models.SeenUser, ID: "u-dora", AddOns: "[]", Attributes: "{}",
			FirstSeen: models.At(time.Now()), LastSeen: models.At(time.Now())}}); err != nil {
			t.Fatal(err)
		}
		history := changes.NewHistory(store)
		revisions, err := store.Revisions(ctx, "production", 20)
		if err != nil {
			t.Fatal(err)
		}
		before, err := history.Describe(ctx, revisions)
		if err != nil || !strings.Contains(fmt.Sprint(before), "u-dora") {
			t.Fatalf("the history does not name whom it is about: %v, %v", before, err)
		}
		seen := directory.New(store, directory.Options{})
		if s := picture(t, seen, "production"); len(s.People) != 1 {
			t.Fatalf("%+v", s)
		}

		forgotten, err := a.changes.Forget(ctx, []string{"u-dora"}, "dpo@toprent.example")
		if err != nil {
			t.Fatal(err)
		}
		if forgotten.Audit == 0 || forgotten.Directory != 1 || forgotten.Replaced == 0 || len(forgotten.Ended) != 1 {
			t.Errorf("%+v", forgotten)
		}
		a.isWhole(a.heads()...)
		for table, where := range map[string]string{"audit_personal": "value", "audit_entries": "lines || items || topics || personal", "feature_flag_overrides": "user_id", "directory_subjects": "id"} {
			if n := count(t, store, "SELECT count(*) FROM "+table+" WHERE "+where+" LIKE '%u-dora%'"); n != 0 {
				t.Errorf("%d rows of %s still name the person", n, table)
			}
		}
		if revisions, err = store.Revisions(ctx, "production", 20); err != nil {
			t.Fatal(err)
		}
		after, err := history.Describe(ctx, revisions)
		if err != nil || strings.Contains(fmt.Sprint(after), "u-dora") {
			t.Errorf("the history still names the person: %v, %v", after, err)
		}
		comesTo(t, func() bool { // the next look is a second away
			s, err := seen.Snapshot(ctx, "production")
			return err == nil && len(s.People) == 0
		})
		if entry, err := a.log.Entry(ctx, audit.Configuration, 3); err != nil || entry.Actor != "ann@toprent.example" || !strings.Contains(strings.Join(entry.Lines, " "), audit.Gone) {
			t.Errorf("what others did to the person reads %+v, %v", entry, err)
		}
		if len(forgotten.Held) == 0 || !strings.Contains(fmt.Sprint(forgotten.Held), "the reason of revisions") {
			t.Errorf("what still holds the name is not told: %v", forgotten.Held)
		}

		ann, err := a.changes.Forget(ctx, []string{"p-ann", "ann@toprent.example"}, "dpo@toprent.example")
		if err != nil || !strings.Contains(fmt.Sprint(ann.Held), "the author of revisions") {
			t.Errorf("%+v, %v", ann, err)
		}
		if n := count(t, store, "SELECT count(*) FROM audit_personal WHERE chain = 'configuration' AND number = 1 AND field IN ('actor', 'actor_id', 'address', 'agent', 'reason')"); n != 0 {
			t.Errorf("%d personal values are left of an entry that the person made", n)
		}
		a.isWhole(a.heads()...)
	})
}

func TestAfterForgetTamperingIsFoundAsBefore(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		a.must(a.changes.Forget(t.Context(), []string{"u-dora"}, "dpo"))
		a.isWhole()
		x := a.attacker()
		for _, statement := range []string{
			"UPDATE audit_entries SET action = 'publish' WHERE chain = 'configuration' AND action = 'forget'",
			"DELETE FROM audit_personal WHERE chain = 'configuration' AND number = 4 AND field = 'actor'",
			"UPDATE audit_entries SET items = replace(items, 'personal_values_removed\":', 'personal_values_removed\":1') WHERE action = 'forget'",
		} {
			x.does(statement)
			if a.verify().OK() {
				t.Errorf("not found: %s", statement)
			}
			x.restores()
		}
		a.isWhole()
	})
}

func TestManyWhoPublishAtOnceMakeOneChain(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var stores []*models.Store
	for range 4 {
		store, err := models.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		stores = append(stores, store)
	}
	a := newAudited(t, stores[0])
	before := a.heads()[0].Number
	var publishing sync.WaitGroup
	const each = 6
	environments := []string{"development", "staging", "production", "production"}
	for i, store := range stores {
		writing := changes.New(store, changes.Options{AuditKey: auditKey})
		publishing.Go(func() {
			for n := range each {
				if _, err := writing.Recall(t.Context(), environments[i], fmt.Sprint("publisher ", i), fmt.Sprint("recall ", n)); err != nil {
					t.Error(err)
				}
			}
		})
		publishing.Go(func() {
			for n := range each {
				if err := writing.AddAddOn(t.Context(), fmt.Sprint("t-", i, "-", n), "billing", "sales"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	a.isWhole()
	if got := a.heads()[0].Number - before; got != int64(2*len(stores)*each) {
		t.Errorf("there are %d more entries, want %d", got, 2*len(stores)*each)
	}
}

func TestWhatWasRolledBackLeavesNoGap(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		before := a.heads()[0]
		broken := errors.New("the connection broke")
		err := store.Write(t.Context(), func(tx *models.Tx) error {
			if err := a.log.Append(t.Context(), tx, audit.Entry{Action: "kill"}); err != nil {
				return err
			}
			tx.AtEnd(func() error { return broken }) // after the entry was appended
			return nil
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if after := a.heads()[0]; after.Number != before.Number {
			t.Errorf("the head moved from %d to %d", before.Number, after.Number)
		}
		a.must(a.changes.Recall(t.Context(), "production", "ann", "again"))
		a.isWhole()
	})
}

func TestAChainWithAKeyGoesOnWithThatKeyAlone(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		for _, key := range [][]byte{nil, []byte("another key of thirty-two bytes!")} {
			if _, err := changes.New(store, changes.Options{AuditKey: key}).Kill(t.Context(), "production", "search", "ann", "x"); !errors.Is(err, audit.ErrKey) {
				t.Errorf("with key %q: %v", key, err)
			}
			if report, err := audit.New(store, audit.Options{Key: key}).Verify(t.Context(), nil, nil); err != nil || report.OK() {
				t.Errorf("with key %q it is verified: %+v, %v", key, report, err)
			}
		}
		a.isWhole()
	})
}

func TestNotesThatFindNoPlaceAreCounted(t *testing.T) {
	t.Parallel()
	store := settingstest.SQLite(t)
	a := &audited{t, store, changes.New(store, changes.Options{AuditKey: auditKey}), audit.New(store, audit.Options{Key: auditKey, Queue: 3})}
	for n := range 10 {
		a.log.Note(t.Context(), audit.Entry{Action: "sign-in", Actor: fmt.Sprint("person ", n)})
	}
	a.flush()
	entries, err := a.log.Entries(t.Context(), models.AuditFilter{Chain: audit.Access}, 10)
	if err != nil || len(entries) != 4 || a.log.Dropped() != 0 {
		t.Fatalf("%d entries, %d dropped, %v", len(entries), a.log.Dropped(), err)
	}
	if entries[0].Action != "dropped" || !strings.Contains(entries[0].Lines[0], "7 ") || entries[1].Actor != "person 2" || entries[3].Actor != "person 0" {
		t.Errorf("%+v", entries)
	}
	a.log.Note(t.Context(), audit.Entry{Action: "sign-out"}) // Run is over: it is written at once
	if head := a.heads()[1]; head.Number != 5 {
		t.Errorf("the head is %d", head.Number)
	}
	a.isWhole()
}

func TestTheDatabaseRefusesToRewriteTheAudit(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		db, err := store.SQL()
		if err != nil {
			t.Fatal(err)
		}
		statements := []string{"UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries", "UPDATE audit_personal SET value = 'x'",
			"UPDATE audit_topics SET topic = 'x'", "DELETE FROM audit_topics", "DELETE FROM audit_heads", "UPDATE audit_heads SET number = 1",
			"UPDATE audit_heads SET number = number"}
		if store.Dialect() == "postgres" {
			statements = append(statements, "TRUNCATE audit_entries CASCADE", "TRUNCATE audit_personal", "TRUNCATE audit_topics", "TRUNCATE audit_heads")
		} else {
			statements = append(statements, "INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE number = 3", "INSERT OR REPLACE INTO audit_personal SELECT * FROM audit_personal")
		}
		for _, statement := range statements {
			if _, err := db.ExecContext(t.Context(), statement); err == nil {
				t.Errorf("%s is not refused", statement)
			}
		}
		a.isWhole()
	})
}

func count(t *testing.T, store *models.Store, query string) (n int) {
	t.Helper()
	db, err := store.SQL()
	if err == nil {
		err = db.QueryRowContext(t.Context(), query).Scan(&n)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
