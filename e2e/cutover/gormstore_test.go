package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
)

// onStores runs a test on a prepared store of each kind of database.
func onStores(t *testing.T, run func(t *testing.T, store cutover.Store, db *gorm.DB)) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		db := empty()
		store := cutover.GORM(db)
		must(t, store.Prepare(t.Context()))
		run(t, store, db)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSeveralInstancesMayPrepareASideAtOnce(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		db := empty()
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				if err := cutover.GORM(db).Prepare(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
}

func TestNumbersAreStoredWithTheTransactionAndGoneWithIt(t *testing.T) {
	onStores(t, func(t *testing.T, store cutover.Store, _ *gorm.DB) {
		wanted := map[string]cutover.Number{"a": {N: 3}, "b": {N: 0}, "ü": {N: 1 << 60, Skipped: true}}
		must(t, store.Within(t.Context(), func(ctx context.Context) error { return store.SetNumbers(ctx, "clients", wanted) }))
		gone := errors.New("changed my mind")
		err := store.Within(t.Context(), func(ctx context.Context) error {
			if before, err := store.Numbers(ctx, "clients", []string{"new", "a", "a"}); err != nil || !maps.Equal(before, map[string]cutover.Number{"a": {N: 3}}) {
				t.Errorf("a transaction saw %v, %v", before, err)
			}
			must(t, store.SetNumbers(ctx, "clients", map[string]cutover.Number{"a": {N: 4}, "new": {N: 1}}))
			return gone
		})
		if !errors.Is(err, gone) {
			t.Fatal(err)
		}
		numbers, err := store.Numbers(t.Context(), "clients", []string{"a", "b", "ü", "new"})
		if err != nil || !maps.Equal(numbers, wanted) {
			t.Errorf("stored are %v, %v", numbers, err)
		}
		if others, err := store.Numbers(t.Context(), "bookings", []string{"a", "b"}); err != nil || len(others) != 0 {
			t.Errorf("another entity has %v, %v", others, err)
		}
		// A key that was looked at under a lock, and no more, was never numbered.
		must(t, store.Within(t.Context(), func(ctx context.Context) error {
			_, err := store.Numbers(ctx, "clients", []string{"looked at"})
			return err
		}))
		if looked, err := store.Numbers(t.Context(), "clients", []string{"looked at"}); err != nil || len(looked) != 0 {
			t.Errorf("a key that was looked at has %v, %v", looked, err)
		}
	})
}

func TestTransactionsThatCountTheSameRowsDoSoOneAfterTheOther(t *testing.T) {
	const writers, times = 8, 10
	onStores(t, func(t *testing.T, store cutover.Store, _ *gorm.DB) {
		keys := make([]string, 30)
		for i := range keys {
			keys[i] = fmt.Sprintf("key %d", i)
		}
		var wait sync.WaitGroup
		for writer := range writers {
			wait.Go(func() {
				mine := slices.Clone(keys)
				for i := range times {
					// In another order each time: a store that locks them so would deadlock.
					mine = append(mine[(i+writer)%30:], mine[:(i+writer)%30]...)
					err := store.Within(t.Context(), func(ctx context.Context) error {
						numbers, err := store.Numbers(ctx, "clients", mine)
						if err != nil {
							return err
						}
						for _, key := range mine {
							numbers[key] = cutover.Number{N: numbers[key].N + 1}
						}
						return store.SetNumbers(ctx, "clients", numbers)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		numbers, err := store.Numbers(t.Context(), "clients", keys)
		must(t, err)
		for _, key := range keys {
			if numbers[key].N != writers*times {
				t.Errorf("%s was counted to %d, not %d", key, numbers[key].N, writers*times)
			}
		}
	})
}

func TestAKeyThatWasMarkedAgainStaysMarked(t *testing.T) {
	onStores(t, func(t *testing.T, store cutover.Store, _ *gorm.DB) {
		ctx := t.Context()
		must(t, store.Mark(ctx, "clients", []string{"b", "a", "b"}))
		must(t, store.Mark(ctx, "bookings", []string{"a"}))
		first, total, err := store.Marked(ctx, "clients", 10)
		if err != nil || total != 2 || len(first) != 2 {
			t.Fatalf("marked are %v of %d, %v", first, total, err)
		}
		must(t, store.Mark(ctx, "clients", []string{first[0].Key}))
		must(t, store.Unmark(ctx, "clients", first))
		left, total, err := store.Marked(ctx, "clients", 10)
		if err != nil || total != 1 || left[0].Key != first[0].Key || left[0].Serial <= first[0].Serial {
			t.Errorf("after %v, marked are %v of %d, %v", first, left, total, err)
		}
		// Serials are not given again, even when no mark is left to tell which there were.
		must(t, store.Unmark(ctx, "clients", left))
		must(t, store.Mark(ctx, "clients", []string{first[0].Key}))
		must(t, store.Unmark(ctx, "clients", append(first, left...)))
		if among, err := store.MarkedAmong(ctx, "clients", []string{first[0].Key, first[1].Key}); err != nil || len(among) != 1 || among[0].Key != first[0].Key {
			t.Errorf("marked are %v, %v", among, err)
		}
	})
}

func TestMarksAreTakenAThousandAtATimeAndAllAreCounted(t *testing.T) {
	onStores(t, func(t *testing.T, store cutover.Store, _ *gorm.DB) {
		ctx := t.Context()
		keys := make([]string, 1000)
		numbers := map[string]cutover.Number{}
		for i := range keys {
			keys[i] = fmt.Sprintf("%04d", i)
			numbers[keys[i]] = cutover.Number{N: int64(i)}
		}
		must(t, store.Within(ctx, func(ctx context.Context) error {
			if _, err := store.Numbers(ctx, "clients", keys); err != nil {
				return err
			}
			return errors.Join(store.SetNumbers(ctx, "clients", numbers), store.Mark(ctx, "clients", keys))
		}))
		if read, err := store.Numbers(ctx, "clients", keys); err != nil || !maps.Equal(read, numbers) {
			t.Errorf("%d numbers of 1,000 are back, %v", len(read), err)
		}
		marks, total, err := store.Marked(ctx, "clients", 300)
		if err != nil || len(marks) != 300 || total != 1000 || marks[0].Key != "0000" {
			t.Errorf("%d of %d marks, %v", len(marks), total, err)
		}
		among, err := store.MarkedAmong(ctx, "clients", keys)
		must(t, err)
		must(t, store.Unmark(ctx, "clients", among))
		if left, total, err := store.Marked(ctx, "clients", 300); err != nil || len(left) != 0 || total != 0 {
			t.Errorf("%d marks of %d are left, %v", len(left), total, err)
		}
	})
}

func TestAMarkInAnOpenTransactionDoesNotHoldUpTheRepair(t *testing.T) {
	db := databases.Postgres(t)
	store := cutover.GORM(db)
	must(t, store.Prepare(t.Context()))
	must(t, store.Mark(t.Context(), "clients", []string{"a"}))
	must(t, store.Within(t.Context(), func(inside context.Context) error {
		must(t, store.Mark(inside, "clients", []string{"a"}))
		marks, _, err := store.Marked(t.Context(), "clients", 10) // outside: the old mark
		must(t, err)
		return store.Unmark(t.Context(), "clients", marks)
	}))
	if marks, total, err := store.Marked(t.Context(), "clients", 10); err != nil || total != 1 {
		t.Errorf("marked are %v, %v", marks, err)
	}
}

func TestTheTransactionsOfTwoSidesDoNotHideEachOther(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		oldDB, newDB := empty(), empty()
		must(t, oldDB.Exec("CREATE TABLE rows (id INTEGER)").Error)
		must(t, newDB.Exec("CREATE TABLE rows (id INTEGER)").Error)
		undone := errors.New("undone")
		err := cutover.GORM(oldDB).Within(t.Context(), func(ctx context.Context) error {
			must(t, cutover.GORM(newDB).Within(ctx, func(ctx context.Context) error {
				must(t, cutover.DB(ctx, oldDB).Exec("INSERT INTO rows VALUES (1)").Error)
				return cutover.DB(ctx, newDB).Exec("INSERT INTO rows VALUES (2)").Error
			}))
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		for side, wanted := range map[*gorm.DB]int{oldDB: 0, newDB: 1} {
			var n int
			must(t, cutover.DB(t.Context(), side).Raw("SELECT count(*) FROM rows").Scan(&n).Error)
			if n != wanted {
				t.Errorf("a side has %d rows, not %d", n, wanted)
			}
		}
	})
}
