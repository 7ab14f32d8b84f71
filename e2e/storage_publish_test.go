package e2e

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

var errNoEnvironment = service.ErrNoEnvironment

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func sqlOf(t *testing.T, store *models.Store) *sql.DB {
	t.Helper()
	db, err := store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	return db
}

var publishCases = map[string]func(*testing.T, *storage){
	"revisions are numbered from 1": func(t *testing.T, s *storage) {
		for want := int64(1); want <= 3; want++ {
			published := s.publishes(newFlag(key(int(want))))
			if published.Number != want || !published.New || published.ID != s.head(prod) {
				t.Errorf("got %+v, want revision %d", published, want)
			}
		}
	},
	"an edit that changes nothing publishes nothing": func(t *testing.T, s *storage) {
		s.publishes(newFlag("base"), everything())
		again := everything()
		again.Base, again.AboutBase = 1, 1
		published := s.publishes(again)
		if published.New || published.Number != 1 || len(published.Changes) != 0 {
			t.Errorf("%+v", published)
		}
	},
	"what is written about a flag changes without a revision": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		published := s.publishes(changes.PutFlag{About: &changes.FlagDocument{Key: "a", Title: "Better", Owner: "bob"}, AboutBase: 1})
		if published.New || len(published.Changes) != 2 {
			t.Errorf("%+v", published)
		}
		flag, err := s.store.Flag(t.Context(), "a")
		if err != nil || flag.Title != "Better" || flag.Owner != "bob" || flag.Version != 2 {
			t.Errorf("%+v, %v", flag, err)
		}
		_, err = s.tries(changes.PutFlag{About: &changes.FlagDocument{Key: "a", Title: "Worse"}, AboutBase: 1})
		conflict := wantError[*changes.ConflictError](t, err)
		if theirs := conflict.Conflicts[0].Theirs.(changes.FlagDocument); theirs.Title != "Better" {
			t.Errorf("theirs is %+v", theirs)
		}
	},
	"a stale base conflicts and shows theirs": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		theirs := ruleset.Flag{Key: "a", Off: "off", Otherwise: "off", Default: "off"}
		s.publishes(changes.PutFlag{Flag: &theirs, Base: 1})
		mine := ruleset.Flag{Key: "a", Enabled: true, ClientVisible: true}
		for _, edit := range []changes.Edit{changes.PutFlag{Flag: &mine, Base: 1}, changes.PutFlag{Flag: &mine}, changes.ArchiveFlag{Key: "a", Base: 1}} {
			_, err := s.tries(edit)
			conflict := wantError[*changes.ConflictError](t, err)
			c := conflict.Conflicts[0]
			if c.Item != (changes.Item{Kind: changes.ItemFlag, Key: "a"}) || c.Version != 2 || c.Theirs.(ruleset.Flag).Enabled {
				t.Errorf("%+v", c)
			}
		}
		wantEqual(t, "the head", s.head(prod).Number, int64(2))
	},
	"every kind of item conflicts by itself": func(t *testing.T, s *storage) {
		segment := ruleset.Segment{Key: "pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"acme"}}}
		plan := ruleset.Plan{Key: "pro", Rank: 1}
		override := ruleset.Override{Flag: "a", User: "u-1", Variant: "off"}
		s.publishes(newFlag("a"), changes.PutSegment{Segment: segment}, changes.PutPlan{Plan: plan}, changes.PutOverride{Override: override})
		segment.Title, plan.Title, override.Reason = "Pilots", "Pro", "asked for it"
		_, err := s.tries(newFlag("b"), changes.PutSegment{Segment: segment}, changes.PutPlan{Plan: plan, Base: 7}, changes.PutOverride{Override: override},
			changes.RemovePlan{Key: "free", Base: 1})
		conflict := wantError[*changes.ConflictError](t, err)
		var names []string
		for _, c := range conflict.Conflicts {
			names = append(names, c.Item.String())
		}
		wantEqual(t, "conflicts", names, []string{`segment "pilots"`, `plan "pro"`, `override of flag "a" for user "u-1"`, `plan "free"`})
		if _, err := s.store.Flag(t.Context(), "b"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the rest of a change in conflict was made: %v", err)
		}
		s.publishes(changes.PutSegment{Segment: segment, Base: 1}, changes.PutPlan{Plan: plan, Base: 1}, changes.PutOverride{Override: override, Base: 1})
	},
	"of those who edit one item at once, one wins": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		won, lost := atOnce(8, func(n int) error {
			flag := ruleset.Flag{Key: "a", TierRequired: "", Enabled: true, Otherwise: "off", Rules: []ruleset.Rule{{Name: key(n), Serve: "on"}}}
			_, err := s.tries(changes.PutFlag{Flag: &flag, Base: 1})
			return err
		})
		if won != 1 {
			t.Errorf("%d won", won)
		}
		for _, err := range lost {
			wantError[*changes.ConflictError](t, err)
		}
		wantEqual(t, "the head", s.head(prod).Number, int64(2))
	},
	"those who edit different items at once all win": func(t *testing.T, s *storage) {
		won, lost := atOnce(8, func(n int) error {
			_, err := s.tries(newFlag(key(n)))
			return err
		})
		if won != 8 {
			t.Errorf("%d won; %v", won, errors.Join(lost...))
		}
		wantEqual(t, "the head", s.head(prod).Number, int64(8))
		wantEqual(t, "flags", len(s.now().Flags), 8)
	},
	"every mistake is reported at once, and nothing is changed": func(t *testing.T, s *storage) {
		bad := newFlag("bad")
		bad.Flag.Otherwise = "maybe"
		bad.Flag.Rules = []ruleset.Rule{{Serve: "perhaps"}}
		_, err := s.tries(newFlag("good"), bad, changes.PutPlan{Plan: ruleset.Plan{Key: "NO"}}, changes.PutOverride{Override: ruleset.Override{Flag: "none", User: "u", Variant: "on"}})
		refused := wantError[*changes.RefusedError](t, err)
		text := refused.Error()
		for _, want := range []string{`"maybe"`, `"perhaps"`, `plan "NO"`, `"none"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is missing in:\n%s", want, text)
			}
		}
		problem := wantError[ruleset.Problem](t, err)
		if problem.Message == "" {
			t.Error("a problem without a message")
		}
		wantEqual(t, "the head", s.head(prod), ruleset.ID{Environment: prod})
		wantEqual(t, "flags", s.count("feature_flags"), 0)
	},
	"a removal that others still need is refused": func(t *testing.T, s *storage) {
		flag := newFlag("a")
		flag.Flag.Rules = []ruleset.Rule{{Serve: "off", When: &ruleset.Condition{Segment: "pilots"}}}
		s.publishes(flag, changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: ruleset.Condition{Attribute: "x", Operator: ruleset.Exists}}})
		_, err := s.tries(changes.RemoveSegment{Key: "pilots", Base: 1})
		wantError[*changes.RefusedError](t, err)
		wantEqual(t, "segments", len(s.now().Segments), 1)
	},
	"what a flag is never changes": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		for _, doc := range []changes.FlagDocument{
			{Key: "a", Kind: ruleset.Premium}, {Key: "a", Type: ruleset.String}, {Key: "a", Salt: "another"},
		} {
			_, err := s.tries(changes.PutFlag{About: &doc, AboutBase: 1})
			wantError[*changes.RefusedError](t, err)
		}
		_, err := s.tries(changes.PutFlag{Flag: &ruleset.Flag{Key: "a", Type: ruleset.Number}, Base: 1})
		wantError[*changes.RefusedError](t, err)
		for _, change := range []string{"name = 'b'", "kind = 'premium'", "type = 'string'", "salt = 'x'"} {
			if s.executes("UPDATE feature_flags SET "+change) == nil {
				t.Errorf("the database allows %s", change)
			}
		}
	},
	"an archived flag keeps its key": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		salt := s.flag("a").Salt
		s.publishes(changes.ArchiveFlag{Key: "a", Base: 1})
		if !s.flag("a").Archived {
			t.Error("it is not archived")
		}
		_, err := s.tries(newFlag("a"))
		wantError[*changes.ConflictError](t, err)
		if s.executes("DELETE FROM feature_flags") == nil {
			t.Error("the database forgets a flag")
		}
		wantEqual(t, "the salt", s.flag("a").Salt, salt)
	},
	"a publish needs an author": func(t *testing.T, s *storage) {
		if _, err := s.changes.Publish(t.Context(), changes.Change{Environment: prod, Author: " ", Edits: []changes.Edit{newFlag("a")}}); err == nil {
			t.Error("published by nobody")
		}
		wantEqual(t, "the head", s.head(prod).Number, int64(0))
	},
	"texts that no database can hold are refused": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		for _, text := range []string{"a\x00b", "\xff"} {
			flag := newFlag("b")
			flag.About.Title = text
			for _, edit := range []changes.Edit{
				flag, changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Title: text}},
				changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", Title: text, When: ruleset.Condition{Attribute: "x", Operator: ruleset.Exists}}},
				changes.PutOverride{Override: ruleset.Override{Flag: "a", User: text, Variant: "on"}},
				changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u", Variant: "on", Reason: text}},
			} {
				_, err := s.tries(edit)
				wantError[*changes.RefusedError](t, err)
			}
			if _, err := s.changes.Kill(t.Context(), prod, "a", "ann", text); err == nil {
				t.Errorf("killed because of %q", text)
			}
		}
		wantEqual(t, "the head", s.head(prod).Number, int64(1))
	},
	"environments know nothing of each other": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		wantEqual(t, "staging", s.head("staging"), ruleset.ID{Environment: "staging"})
	},
	"variants of every type come back": func(t *testing.T, s *storage) {
		flag := newFlag("text")
		flag.About.Type = ruleset.String
		flag.Flag = &ruleset.Flag{Key: "text", Off: "b", Otherwise: "a", Default: "b", Variants: []ruleset.Variant{
			{Name: "b", Value: json.RawMessage(`"Book <now> & 💚"`)}, {Name: "a", Value: json.RawMessage(`"Reserve"`)}}}
		s.publishes(flag, changes.PutOverride{Override: ruleset.Override{Flag: "text", Tenant: "acme", Variant: "b"}},
			newFlag("plain"), changes.PutOverride{Override: ruleset.Override{Flag: "plain", Tenant: "acme", Variant: "on"}})
		wantEqual(t, "variants", s.flag("text").Variants, flag.Flag.Variants)
		wantEqual(t, "overrides", s.now().Overrides, []ruleset.Override{{Flag: "plain", Tenant: "acme", Variant: "on"}, {Flag: "text", Tenant: "acme", Variant: "b"}})
		wantEqual(t, "is_enabled", s.one("SELECT count(*) FROM feature_flag_overrides WHERE is_enabled AND variant IS NULL"), 1)
		wantEqual(t, "variant", s.one("SELECT count(*) FROM feature_flag_overrides WHERE is_enabled IS NULL AND variant = 'b'"), 1)
		records, err := s.store.Overrides(t.Context(), prod)
		if err != nil || len(records) != 2 || records[0].CreatedBy != "ann" || records[0].CreatedAt.IsZero() {
			t.Errorf("records %+v, %v", records, err)
		}
	},
}

func (s *storage) one(question string) (n int) {
	s.t.Helper()
	if err := sqlOf(s.t, s.store).QueryRowContext(s.t.Context(), question).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// atOnce does something n times at once, and says how often it went well and what went wrong.
func atOnce(n int, do func(n int) error) (won int, lost []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := do(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				lost = append(lost, err)
			}
		})
	}
	all.Wait()
	return won, lost
}

var killCases = map[string]func(*testing.T, *storage){
	"a kill and its lift are revisions": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		before := s.flag("a")
		if killed := s.kills("a"); killed.Number != 2 || !killed.New || !s.flag("a").Killed || s.flag("b").Killed {
			t.Errorf("%+v", killed)
		}
		s.lifts("a")
		wantEqual(t, "the flag", s.flag("a"), before)
		revisions, err := s.store.Revisions(t.Context(), prod, 10)
		if err != nil || len(revisions) != 3 || revisions[1].Kind != "kill" || revisions[1].Author != "ann" || revisions[1].Reason != "it hurts" {
			t.Errorf("%+v, %v", revisions, err)
		}
	},
	"a recall raises the floor to a revision in which nothing differs": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		before := s.now()
		recalled, err := s.changes.Recall(t.Context(), prod, "ann", "everybody should have it now")
		if err != nil || recalled.Number != 2 || !recalled.New {
			t.Fatalf("%+v, %v", recalled, err)
		}
		head, err := s.store.Head(t.Context(), prod)
		if err != nil || head.ID != recalled.ID || head.Floor != 2 {
			t.Errorf("%+v, %v", head, err)
		}
		wantEqual(t, "the definition", s.now(), before)
		if _, err := s.changes.Recall(t.Context(), prod, "ann", ""); err == nil {
			t.Error("recalled for no reason")
		}
		s.publishes(newFlag("b"))
		if head, err = s.store.Head(t.Context(), prod); err != nil || head.Number != 3 || head.Floor != 2 {
			t.Errorf("after another change: %+v, %v", head, err)
		}
	},
	"killing what is killed changes nothing": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		first, again := s.kills("a"), s.kills("a")
		if again.New || again.ID != first.ID {
			t.Errorf("%+v, then %+v", first, again)
		}
	},
	"a kill needs an author, a reason and a flag": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		if _, err := s.changes.Kill(t.Context(), prod, "a", "", "why"); err == nil {
			t.Error("killed by nobody")
		}
		if _, err := s.changes.Lift(t.Context(), prod, "a", "ann", "  "); err == nil {
			t.Error("lifted for no reason")
		}
		_, err := s.changes.Kill(t.Context(), prod, "b", "ann", "why")
		wantIs(t, err, changes.ErrNoFlag)
		_, err = s.changes.Kill(t.Context(), "staging", "a", "ann", "why")
		wantIs(t, err, changes.ErrNoFlag)
	},
	"no publish and no import lifts a kill, or kills": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		s.kills("a")
		for _, name := range []string{"a", "b"} {
			flag := s.flag(name)
			flag.Killed = !flag.Killed
			flag.ClientVisible = true
			s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion(name)})
		}
		doc := s.exports()
		for _, environment := range doc.Environments {
			for i := range environment.Definition.Flags {
				environment.Definition.Flags[i].Killed = !environment.Definition.Flags[i].Killed
				environment.Definition.Flags[i].TierRequired = ""
				environment.Definition.Flags[i].ClientVisible = false
			}
		}
		s.imports(doc)
		if !s.flag("a").Killed || s.flag("b").Killed || s.flag("a").ClientVisible {
			t.Errorf("a %+v, b %+v", s.flag("a"), s.flag("b"))
		}
	},
	"a kill works on a flag that cannot be read, among others that cannot": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		if err := s.executes("UPDATE feature_flag_environments SET rollout_strategy = '{broken', variants = 'x'"); err != nil {
			t.Fatal(err)
		}
		s.kills("a")
		if flag := s.flag("a"); !flag.Killed || flag.Malformed == "" {
			t.Errorf("%+v", flag)
		}
		s.lifts("a")
	},
	"a kill works on an archived flag, for the sessions that have it pinned": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(changes.ArchiveFlag{Key: "a", Base: 1})
		s.kills("a")
		if flag := s.flag("a"); !flag.Killed || !flag.Archived {
			t.Errorf("%+v", flag)
		}
	},
}
