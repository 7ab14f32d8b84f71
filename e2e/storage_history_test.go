package e2e

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

var historyCases = map[string]func(*testing.T, *storage){
	"any past revision loads as what was published then": func(t *testing.T, s *storage) {
		rapid.Check(t, func(r *rapid.T) { (&history{storage: s, r: r}).run() })
	},
	"what is published comes back as it was": func(t *testing.T, s *storage) {
		s.publishes(newFlag("base"), everything())
		want := *everything().Flag
		got := s.flag("everything")
		want.Kind, want.Type, want.Salt = got.Kind, got.Type, got.Salt
		wantEqual(t, "the flag", got, want)
	},
	"digests chain": func(t *testing.T, s *storage) {
		seen := map[ruleset.Digest]bool{}
		s.publishes(newFlag("a"))
		for range 5 {
			seen[s.kills("a").Digest] = true
			seen[s.lifts("a").Digest] = true
		}
		if len(seen) != 10 || seen[ruleset.Digest{}] {
			t.Errorf("10 revisions have %d digests", len(seen))
		}
	},
	"two databases with the same changes have other digests": func(t *testing.T, s *storage) {
		a := s.publishes(newFlag("a"))
		other := newStorage(t, openSQLite(t))
		b := other.publishes(newFlag("a"))
		if a.Number != b.Number || a.Digest == b.Digest {
			t.Errorf("%v and %v", a.ID, b.ID)
		}
		if _, err := other.store.Load(t.Context(), a.ID); err == nil {
			t.Error("one database loads the other's revision")
		}
	},
	"recent revisions are those that were the newest since then": func(t *testing.T, s *storage) {
		var ids []ruleset.ID
		var times []time.Time
		for _, edit := range []changes.Edit{newFlag("a"), newFlag("b"), newFlag("c")} {
			ids = append(ids, s.publishes(edit).ID)
			head, err := s.store.Head(t.Context(), prod)
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, head.PublishedAt)
			waitFor(t, "the clock to go on", func() bool { now, _ := s.store.Now(t.Context()); return now.After(head.PublishedAt) })
		}
		recent := func(since time.Time) []ruleset.ID {
			got, err := s.store.Recent(t.Context(), prod, since)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		wantEqual(t, "since before all", recent(times[0].Add(-time.Hour)), ids)
		wantEqual(t, "since the second", recent(times[1]), ids[1:])
		wantEqual(t, "since just before the second", recent(times[1].Add(-time.Microsecond)), ids)
		wantEqual(t, "since after all", recent(times[2].Add(time.Hour)), ids[2:])
		got, err := s.store.Recent(t.Context(), "staging", times[0])
		if err != nil || len(got) != 0 {
			t.Errorf("in an environment in which nothing was published: %v, %v", got, err)
		}
	},
}

// everything is a flag with all that a flag can have.
func everything() changes.PutFlag {
	return changes.PutFlag{
		About: &changes.FlagDocument{Key: "everything", Title: "Everything", Kind: ruleset.Experiment, Type: ruleset.JSON, Owner: "ann",
			PlannedRemoval: at(9)},
		Flag: &ruleset.Flag{Key: "everything", ClientVisible: true, Enabled: true,
			Variants: []ruleset.Variant{
				{Name: "z", Value: json.RawMessage(`{"b":1,"a":[1.50,"<b>&"]}`)}, {Name: "a", Value: json.RawMessage(`{}`)}},
			Off: "z", Otherwise: "a", Default: "z",
			Prerequisites: []ruleset.Prerequisite{{Flag: "base", Variant: "on"}},
			Rules: []ruleset.Rule{
				{Name: "some", Serve: "a", When: &ruleset.Condition{Any: []ruleset.Condition{
					{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE", "AT"}},
					{Not: &ruleset.Condition{Attribute: "age", Operator: ruleset.Greater, Values: ruleset.Texts{"5"}}}}}},
				{Name: "more and more", Percent: &ruleset.Percent{Unit: "user", Serve: "a", From: 1_000, To: 33_333, Start: at(1), End: at(2)}},
				{Name: "all", Seed: "own", Split: &ruleset.Split{Unit: "tenant", Weights: map[string]ruleset.Weight{"a": 33_300, "z": 66_700}}},
			}},
	}
}

// history makes random changes and keeps what each published.
type history struct {
	*storage
	r        *rapid.T
	versions map[changes.Item]int64
}

func (h *history) run() {
	published := map[ruleset.ID]ruleset.Definition{}
	for range rapid.IntRange(1, 12).Draw(h.r, "changes") {
		h.change()
		published[h.head(prod)] = h.now()
	}
	for id, want := range published {
		if got := h.loads(id); !reflect.DeepEqual(got, want) {
			h.r.Fatalf("revision %d:\n got %+v\nwant %+v", id.Number, got, want)
		}
	}
}

// change publishes some edits, and checks that what is live then is what was live before with the edits made.
func (h *history) change() {
	var err error
	if h.versions, err = h.changes.Versions(h.t.Context(), prod); err != nil {
		h.r.Fatal(err)
	}
	want := index(h.now())
	var edits []changes.Edit
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID[int]).Draw(h.r, "flags") {
		edits = append(edits, h.putFlag(n, want))
		if rapid.Bool().Draw(h.r, "override") {
			edits = append(edits, h.putOverride(n, want))
		}
	}
	if rapid.Bool().Draw(h.r, "plan") {
		edits = append(edits, h.putPlan(want))
	}
	if _, err := h.tries(edits...); err != nil {
		h.r.Fatal(err)
	}
	if got := index(h.now()); !reflect.DeepEqual(got, want) {
		h.r.Fatalf("after a change:\n got %+v\nwant %+v", got, want)
	}
}

func (h *history) putFlag(n int, want map[string]any) changes.Edit {
	edit := newFlag(key(n))
	edit.Flag.Enabled = rapid.Bool().Draw(h.r, "enabled")
	edit.Flag.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", Share: ruleset.Share(rapid.IntRange(1, 100_000).Draw(h.r, "share"))}}}
	edit.Base = h.versions[changes.Item{Kind: changes.ItemFlag, Key: key(n)}]
	edit.AboutBase = h.versions[changes.Item{Kind: changes.ItemAbout, Key: key(n)}]
	expected := *edit.Flag
	expected.Kind, expected.Type = ruleset.Release, ruleset.Boolean
	want["flag "+key(n)] = expected
	return edit
}

func (h *history) putOverride(n int, want map[string]any) changes.Edit {
	o := ruleset.Override{Flag: key(n), User: "u-1", Variant: rapid.SampledFrom([]string{"on", "off"}).Draw(h.r, "variant"), Expires: at(n)}
	base := h.versions[changes.Item{Kind: changes.ItemOverride, Key: key(n), User: "u-1"}]
	if base > 0 && rapid.Bool().Draw(h.r, "remove") {
		delete(want, "override "+key(n))
		return changes.RemoveOverride{Flag: key(n), User: "u-1", Base: base}
	}
	want["override "+key(n)] = o
	return changes.PutOverride{Override: o, Base: base}
}

func (h *history) putPlan(want map[string]any) changes.Edit {
	p := ruleset.Plan{Key: "pro", Title: "Pro", Rank: rapid.IntRange(0, 3).Draw(h.r, "rank"),
		Features: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"z", "a", "m"}), 1, 3, rapid.ID[string]).Draw(h.r, "features")}
	want["plan pro"] = p
	return changes.PutPlan{Plan: p, Base: h.versions[changes.Item{Kind: changes.ItemPlan, Key: "pro"}]}
}

// index gives the items of a definition by name, without salts.
func index(def ruleset.Definition) map[string]any {
	items := map[string]any{}
	for _, f := range def.Flags {
		f.Salt = ""
		items["flag "+f.Key] = f
	}
	for _, o := range def.Overrides {
		items["override "+o.Flag] = o
	}
	for _, p := range def.Plans {
		items["plan "+p.Key] = p
	}
	for _, s := range def.Segments {
		items["segment "+s.Key] = s
	}
	return items
}

var readingCases = map[string]func(*testing.T, *storage){
	"an environment in which nothing was published has revision 0": func(t *testing.T, s *storage) {
		head, err := s.store.Head(t.Context(), "staging")
		if err != nil || head.Number != 0 || !head.PublishedAt.IsZero() || head.Digest != (ruleset.Digest{}) {
			t.Errorf("%+v, %v", head, err)
		}
		wantEqual(t, "its definition", s.loads(head.ID), ruleset.Definition{})
	},
	"the head tells the database's clock": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		head, err := s.store.Head(t.Context(), prod)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Since(head.Now).Abs(); off > time.Minute || head.PublishedAt.After(head.Now) || head.Now.Location() != time.UTC {
			t.Errorf("it is %s, published at %s", head.Now, head.PublishedAt)
		}
	},
	"an unknown environment is an error": func(t *testing.T, s *storage) {
		_, headErr := s.store.Head(t.Context(), "nowhere")
		_, loadErr := s.store.Load(t.Context(), ruleset.ID{Environment: "nowhere"})
		_, recentErr := s.store.Recent(t.Context(), "nowhere", time.Now())
		_, killErr := s.changes.Kill(t.Context(), "nowhere", "a", "ann", "why not")
		for _, err := range []error{headErr, loadErr, recentErr, killErr} {
			wantIs(t, err, errNoEnvironment)
		}
	},
	"a revision of another digest is not found": func(t *testing.T, s *storage) {
		id := s.publishes(newFlag("a")).ID
		id.Digest[0]++
		_, err := s.store.Load(t.Context(), id)
		wantIs(t, err, models.ErrNotFound)
		id.Number++
		_, err = s.store.Load(t.Context(), id)
		wantIs(t, err, models.ErrNotFound)
	},
	"reads are kept by day, the latest of each": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		for _, read := range []struct {
			at   time.Time
			keys []string
		}{
			{noon, []string{"a", "b", "a", "unknown"}}, {noon.Add(-time.Hour), []string{"a"}},
			{noon.Add(24 * time.Hour), []string{"a"}}, {noon.Add(time.Hour), []string{"b"}}, {noon, nil},
		} {
			if err := s.store.RecordReads(t.Context(), prod, read.at, read.keys); err != nil {
				t.Fatal(err)
			}
		}
		last, err := s.store.LastReads(t.Context(), prod)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "last reads", last, map[string]time.Time{"a": noon.Add(24 * time.Hour), "b": noon.Add(time.Hour)})
		wantEqual(t, "days", s.count("feature_flag_reads"), 3)
	},
}

func (s *storage) count(table string) (n int) {
	s.t.Helper()
	if err := sqlOf(s.t, s.store).QueryRowContext(s.t.Context(), fmt.Sprintf("SELECT count(*) FROM %s", table)).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}
