package router_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
)

func TestAGORMSideTakesRowsWhole(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		side, err := cutover.GORMSide[string, int, string, client](w.db)
		must(t, err)
		key, err := cutover.GORMKey[client](w.db)
		must(t, err)
		mail := "ann@example.com"
		when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		ann := client{ID: 7, Name: "ann", Email: &mail, Active: true, Visits: 3, CreatedAt: when, UpdatedAt: when}
		bob := client{ID: -7, Name: "bob", CreatedAt: when, UpdatedAt: when, DeletedAt: gorm.DeletedAt{Time: when, Valid: true}}
		refused := client{ID: 8, Name: "refused", CreatedAt: when, UpdatedAt: when} // a hook would refuse it
		must(t, side.Put(t.Context(), []client{ann, bob, refused}))
		ann.Email, ann.Active, ann.Visits, ann.Name = nil, false, 0, "ada"
		must(t, side.Store.Within(t.Context(), func(ctx context.Context) error { return side.Put(ctx, []client{ann}) }))
		if got := rows[client](t, w.old); !reflect.DeepEqual(got, []client{bob, ann, refused}) {
			t.Errorf("stored are %+v", got)
		}
		got, err := side.Get(t.Context(), []string{key(bob), key(ann), key(client{ID: 99})})
		if err != nil || len(got) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
		must(t, side.Remove(t.Context(), []string{key(bob), key(client{ID: 99})}))
		if left, err := side.Scan(t.Context(), "", 10); err != nil || len(left) != 2 || left[0].Name != "ada" {
			t.Errorf("left are %+v, %v", left, err)
		}
	})
}

func TestKeysAreInTheOrderOfTheRows(t *testing.T) {
	letters := []string{"a", "B", "ä", "Z", "\x01", "\x02", " ", "-", "10", "9"}
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		side, err := cutover.GORMSide[string, int, string, note](w.db)
		must(t, err)
		key, err := cutover.GORMKey[note](w.db)
		must(t, err)
		var notes []note
		var keys []string
		for i := range 500 {
			var slug strings.Builder
			for range rand.IntN(4) {
				slug.WriteString(letters[rand.IntN(len(letters))])
			}
			n := note{ClientID: []int64{-1 << 63, -20, -3, 0, 4, 1<<63 - 1}[rand.IntN(6)], Slug: fmt.Sprint(slug.String(), "/", i)}
			notes, keys = append(notes, n), append(keys, key(n))
		}
		must(t, side.Put(t.Context(), notes))
		slices.Sort(keys)
		var scanned []string
		for after := ""; ; after = scanned[len(scanned)-1] {
			some, err := side.Scan(t.Context(), after, 7)
			must(t, err)
			if len(some) == 0 {
				break
			}
			for _, n := range some {
				scanned = append(scanned, key(n))
			}
		}
		if !slices.Equal(scanned, keys) {
			t.Errorf("scanned are\n%q\nwhich are not the keys in order\n%q", scanned, keys)
		}
		if got, err := side.Get(t.Context(), keys); err != nil || len(got) != len(notes) {
			t.Errorf("%d of %d rows are found by their keys, %v", len(got), len(notes), err)
		}
		must(t, side.Remove(t.Context(), keys))
		if left := rows[note](t, w.old); len(left) != 0 {
			t.Errorf("left are %v", left)
		}
	})
}
