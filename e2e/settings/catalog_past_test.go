package settings

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Whatever the way to a past state, forwards or backwards from another one, it must be what was there then.
func TestAPastStateIsWhatItWasWhenItWasTheNewest(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		ctx, seed := t.Context(), uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 1))
		writing, asked := changes.New(store), catalog.New(store)
		then := map[int64]*catalog.Environment{0: environment(t, catalog.New(store))}
		for len(then) < 30 {
			versions, err := writing.Versions(ctx, "development")
			if err != nil {
				t.Fatal(err)
			}
			change := changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{randomEdit(random, versions)}}
			if _, err := writing.Publish(ctx, change); err == nil {
				e := environment(t, catalog.New(store))
				then[e.Head] = e
			}
		}
		for range 60 {
			number := random.Int64N(int64(len(then)))
			got, err := asked.At(ctx, "development", number)
			if err != nil {
				t.Fatal(err)
			}
			samePast(t, got, then[number])
		}
		if _, err := asked.At(ctx, "development", int64(len(then))); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a revision that is still to come gives %v", err)
		}
	})
}

func samePast(t *testing.T, got, want *catalog.Environment) {
	t.Helper()
	if got.ID() != want.ID() || got.Revision().ID() != want.ID() {
		t.Fatalf("it is %v, compiled %v, want %v", got.ID(), got.Revision().ID(), want.ID())
	}
	if !reflect.DeepEqual(got.Definition(), want.Definition()) {
		t.Fatalf("revision %d is now\n%+v\nand was\n%+v", want.Head, got.Definition(), want.Definition())
	}
	for i, flag := range got.Flags {
		if flag.Version != want.Flags[i].Version {
			t.Fatalf("at revision %d, %s has version %d, and had %d", want.Head, flag.Key, flag.Version, want.Flags[i].Version)
		}
	}
	subject := ruleset.Subject{User: "user-1", Plan: "plan-1", Attributes: map[string]any{"country": "3"}}
	for was := range want.Revision().Evaluate(subject, time.Unix(0, 0)).All() {
		if is := got.Revision().Evaluate(subject, time.Unix(0, 0)).Detail(was.Key); is != was {
			t.Fatalf("at revision %d, %s gives %+v, and gave %+v", want.Head, was.Key, is, was)
		}
	}
}

func TestRevisionsThatWereTheNewestWithinATimeAreFound(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
		err := store.Write(t.Context(), func(tx *models.Tx) error {
			for i, minute := range []int{0, 10, 12} {
				row := models.Revision{Environment: "development", Number: int64(i + 1), Digest: make([]byte, 32), Kind: "publish", Author: "ann", PublishedAt: models.At(start.Add(time.Duration(minute) * time.Minute))}
				if err := tx.AddRevision(t.Context(), row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after, until int // minutes
			want         []int64
			empty        bool
		}{
			{-9, -4, nil, true},
			{-4, 1, []int64{1}, true},
			{-4, 0, []int64{1}, true},
			{0, 4, []int64{1}, false},
			{5, 9, []int64{1}, false},
			{7, 11, []int64{1, 2}, false},
			{9, 13, []int64{1, 2, 3}, false},
			{10, 13, []int64{2, 3}, false},
			{30, 34, []int64{3}, false},
		} {
			at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
			rows, empty, err := store.NewestWithin(t.Context(), "development", at(c.after), at(c.until))
			var got []int64
			for _, row := range rows {
				got = append(got, row.Number)
			}
			if err != nil || !reflect.DeepEqual(got, c.want) || empty != c.empty {
				t.Errorf("after %d, until %d: %v, empty %v (%v); want %v, %v", c.after, c.until, got, empty, err, c.want, c.empty)
			}
		}
	})
}
