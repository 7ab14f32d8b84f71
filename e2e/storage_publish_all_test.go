package e2e

import (
	"errors"
	"slices"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// inAll is a change of each environment: the first creates the flag, all of them put it.
func inAll(key string) []changes.Change {
	var all []changes.Change
	for i, environment := range []string{"production", "development", "staging"} {
		edit := newFlag(key)
		if i > 0 {
			edit.About = nil
		}
		all = append(all, changes.Change{Environment: environment, Author: "ann", Edits: []changes.Edit{edit}})
	}
	return all
}

var publishAllCases = map[string]func(*testing.T, *storage){
	"a flag is created in several environments at once": func(t *testing.T, s *storage) {
		s.publishes(newFlag("before"))
		published, err := s.changes.PublishAll(t.Context(), inAll("a"))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []ruleset.ID{s.head(prod), s.head("development"), s.head("staging")} {
			if published[i].ID != want || !published[i].New {
				t.Errorf("%d: %+v, want %v", i, published[i], want)
			}
			if live := s.loads(want).Flags; !slices.ContainsFunc(live, func(f ruleset.Flag) bool { return f.Key == "a" }) {
				t.Errorf("%s has %+v", want.Environment, live)
			}
		}
		wantEqual(t, "revisions of production, development and staging", []int64{published[0].Number, published[1].Number, published[2].Number}, []int64{2, 1, 1})
		wantEqual(t, "what is told of the first", published[0].Changes, []string{`flag "a": made, a boolean release flag`, `flag "a": new, on for everybody`})
		wantEqual(t, "what is told of the second", published[1].Changes, []string{`flag "a": new, on for everybody`})
		wantEqual(t, "flags", s.count("feature_flags"), 2)
	},
	"a mistake in one environment changes none, and those of all are told": func(t *testing.T, s *storage) {
		all := inAll("a")
		for _, i := range []int{1, 2} {
			edit := all[i].Edits[0].(changes.PutFlag)
			edit.Flag.TierRequired = "none"
			all[i].Edits[0] = edit
		}
		_, err := s.changes.PublishAll(t.Context(), all)
		refused := wantError[*changes.RefusedError](t, err)
		var where []string
		for _, problem := range refused.Problems {
			where = append(where, problem.Environment+" "+problem.Path)
		}
		wantEqual(t, "the mistakes", where, []string{"development tier_required", "staging tier_required"})
		wantEqual(t, "flags", s.count("feature_flags"), 0)
		wantEqual(t, "revisions", s.count("revisions"), 0)
	},
	"a conflict in one environment changes none": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		all := inAll("a")
		first := all[0].Edits[0].(changes.PutFlag)
		first.About, first.Base = nil, 7
		all[0].Edits[0] = first
		all[0], all[2] = all[2], all[0]
		_, err := s.changes.PublishAll(t.Context(), all)
		conflict := wantError[*changes.ConflictError](t, err)
		if conflict.Environment != prod || conflict.Conflicts[0].Version != 1 {
			t.Errorf("%+v", conflict)
		}
		wantEqual(t, "revisions", s.count("revisions"), 1)
	},
	"a key is never used for a second flag, in whichever environment": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(changes.ArchiveFlag{Key: "a", Base: 1})
		_, err := s.changes.PublishAll(t.Context(), inAll("a")[:1])
		conflict := wantError[*changes.ConflictError](t, err)
		wantEqual(t, "the conflict", conflict.Conflicts[0].Item, changes.Item{Kind: changes.ItemAbout, Key: "a"})
	},
	"changes of several environments need authors, and one change for each environment that there is": func(t *testing.T, s *storage) {
		all := inAll("a")
		all[2].Author = " "
		if _, err := s.changes.PublishAll(t.Context(), all); err == nil {
			t.Error("published by nobody")
		}
		all = inAll("a")
		all[2].Environment = prod
		if _, err := s.changes.PublishAll(t.Context(), all); err == nil {
			t.Error("published twice in one environment")
		}
		all[2].Environment = "moon"
		_, err := s.changes.PublishAll(t.Context(), all)
		wantIs(t, err, errNoEnvironment)
		if _, err := s.store.Flag(t.Context(), "a"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the rest was made: %v", err)
		}
	},
	"those who create in several environments at once all win, whatever their order": func(t *testing.T, s *storage) {
		won, lost := atOnce(6, func(n int) error {
			all := inAll(key(n))
			if n%2 == 1 {
				slices.Reverse(all[1:])
			}
			_, err := s.changes.PublishAll(t.Context(), all)
			return err
		})
		if won != 6 {
			t.Errorf("%d won; %v", won, errors.Join(lost...))
		}
		wantEqual(t, "the heads", []int64{s.head(prod).Number, s.head("development").Number, s.head("staging").Number}, []int64{6, 6, 6})
	},
}
