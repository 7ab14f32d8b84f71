package settings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// A catalog that follows changes one by one must see what one sees that reads everything anew.
func TestFollowingChangesSeesWhatReadingEverythingSees(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		ctx := t.Context()
		writing, following := changes.New(store), catalog.New(store)
		random := rand.New(rand.NewPCG(1, 2))
		published := 0
		for step := range 60 {
			change := changes.Change{Environment: "development", Author: "ann"}
			versions, err := writing.Versions(ctx, "development")
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + random.IntN(3) {
				change.Edits = append(change.Edits, randomEdit(random, versions))
			}
			_, err = writing.Publish(ctx, change)
			var refused *changes.RefusedError
			var conflict *changes.ConflictError // two edits of one thing
			switch {
			case err == nil:
				published++
			case !errors.As(err, &refused) && !errors.As(err, &conflict):
				t.Fatal(err)
			}
			if step%3 == 0 {
				same(t, following, catalog.New(store))
			}
		}
		same(t, following, catalog.New(store))
		if published < 20 {
			t.Errorf("only %d of 60 changes were published, which proves little", published)
		}
	})
}

// randomEdit puts or removes something; bases are right, contents need not be.
func randomEdit(random *rand.Rand, versions map[changes.Item]int64) changes.Edit {
	key := fmt.Sprint("flag-", random.IntN(4))
	switch random.IntN(6) {
	case 0, 1:
		return changes.PutFlag{
			About:     &changes.FlagDocument{Key: key, Title: fmt.Sprint("title ", random.IntN(3)), Kind: ruleset.Release, Type: ruleset.Boolean},
			AboutBase: versions[changes.Item{Kind: changes.ItemAbout, Key: key}],
			Flag:      &ruleset.Flag{Key: key, Enabled: random.IntN(2) == 0, Otherwise: []string{"on", "off"}[random.IntN(2)]},
			Base:      versions[changes.Item{Kind: changes.ItemFlag, Key: key}],
		}
	case 2:
		user := fmt.Sprint("user-", random.IntN(3))
		return changes.PutOverride{Override: ruleset.Override{Flag: key, User: user, Variant: []string{"on", "off"}[random.IntN(2)]},
			Base: versions[changes.Item{Kind: changes.ItemOverride, Key: key, User: user}]}
	case 3:
		user := fmt.Sprint("user-", random.IntN(3))
		return changes.RemoveOverride{Flag: key, User: user, Base: versions[changes.Item{Kind: changes.ItemOverride, Key: key, User: user}]}
	case 4:
		plan := fmt.Sprint("plan-", random.IntN(3))
		return changes.PutPlan{Plan: ruleset.Plan{Key: plan, Rank: random.IntN(50), Features: []string{key}}, Base: versions[changes.Item{Kind: changes.ItemPlan, Key: plan}]}
	default:
		segment := fmt.Sprint("segment-", random.IntN(3))
		if base := versions[changes.Item{Kind: changes.ItemSegment, Key: segment}]; base > 0 && random.IntN(2) == 0 {
			return changes.RemoveSegment{Key: segment, Base: base}
		}
		return changes.PutSegment{Segment: ruleset.Segment{Key: segment, When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{fmt.Sprint(random.IntN(9))}}},
			Base: versions[changes.Item{Kind: changes.ItemSegment, Key: segment}]}
	}
}

func same(t *testing.T, following, fresh *catalog.Catalog) {
	t.Helper()
	a, b := environment(t, following), environment(t, fresh)
	if !reflect.DeepEqual(a.Definition(), b.Definition()) {
		t.Fatalf("at revision %d, following gives\n%+v\nand reading everything\n%+v", b.Head, a.Definition(), b.Definition())
	}
	if !slices.EqualFunc(a.Flags, b.Flags, func(x, y *catalog.Flag) bool {
		return x.Version == y.Version && slices.EqualFunc(x.Overrides, y.Overrides, func(x, y *catalog.Override) bool { return *x == *y })
	}) {
		t.Fatalf("at revision %d, the versions of flags or overrides differ", b.Head)
	}
	if !reflect.DeepEqual(a.Plans, b.Plans) || !reflect.DeepEqual(a.Segments, b.Segments) {
		t.Fatalf("at revision %d, the versions of plans or segments differ", b.Head)
	}
	if a.Revision().ID() != b.Revision().ID() {
		t.Fatalf("one is at %v, the other at %v", a.Revision().ID(), b.Revision().ID())
	}
}

func environment(t *testing.T, c *catalog.Catalog) *catalog.Environment {
	t.Helper()
	e, err := c.Environment(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatIsWrittenAboutAFlagIsSeenAtOnce(t *testing.T) {
	store := settingstest.SQLite(t)
	writing, c := changes.New(store), catalog.New(store)
	put := func(title string, base int64) {
		t.Helper()
		_, err := writing.Publish(t.Context(), changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{changes.PutFlag{
			About: &changes.FlagDocument{Key: "reports", Title: title, Kind: ruleset.Release, Type: ruleset.Boolean}, AboutBase: base}}})
		if err != nil {
			t.Fatal(err)
		}
		flags, err := c.Flags(t.Context())
		if err != nil || flags.ByKey["reports"].Title != title {
			t.Errorf("the title is %q (%v), want %q", flags.ByKey["reports"].Title, err, title)
		}
	}
	put("Reports", 0)
	put("Better reports", 1)
}

func TestAnUnknownEnvironmentIsSaidToBeUnknown(t *testing.T) {
	_, err := catalog.New(settingstest.SQLite(t)).Environment(context.Background(), "nowhere")
	if !errors.Is(err, service.ErrNoEnvironment) {
		t.Errorf("got %v", err)
	}
}
