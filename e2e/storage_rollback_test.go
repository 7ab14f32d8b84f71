package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// rollsBack to a revision, which must be possible.
func (s *storage) rollsBack(to int64, only changes.Scope) changes.Rollback {
	s.t.Helper()
	r, err := s.triesToRollBack(to, only)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *storage) triesToRollBack(to int64, only changes.Scope) (changes.Rollback, error) {
	r, err := s.changes.RollbackEdits(s.t.Context(), prod, to, only)
	if err == nil {
		_, err = s.changes.Publish(s.t.Context(), changes.Change{Environment: prod, Author: "ann", Reason: "as it was", Kind: changes.KindRollback, Edits: r.Edits})
	}
	return r, err
}

// rollsBackTo is rollsBack in a random history, which is made as short as it can be if it fails.
func (h *history) rollsBackTo(to int64) {
	if _, err := h.triesToRollBack(to, changes.Scope{}); err != nil {
		h.r.Fatalf("rolling back to %d: %v", to, err)
	}
}

// pinnedAt is when values are compared: after some overrides have expired, before others.
func pinnedAt() time.Time { return *at(2) }

// valuesOf are the values of every flag that is not killed, for many subjects.
func (s *storage) valuesOf(def ruleset.Definition, killed map[string]bool) map[string]string {
	s.t.Helper()
	revision, err := ruleset.Compile(ruleset.ID{}, def, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	for n := range 12 {
		subject := ruleset.Subject{User: fmt.Sprintf("u-%d", n), Tenant: fmt.Sprintf("t-%d", n%3), Plan: []string{"pro", ""}[n%2], Attributes: map[string]any{"country": []string{"DE", "FR"}[n%2]}}
		values := revision.Evaluate(subject, pinnedAt())
		for k := range 6 {
			if !killed[key(k)] {
				all[fmt.Sprintf("%s for %s", key(k), subject.User)] = fmt.Sprint(values.Variant(key(k)), values.Bool(key(k), false))
			}
		}
	}
	return all
}

// killedIn are the flags that are killed in one of the definitions.
func killedIn(defs ...ruleset.Definition) map[string]bool {
	killed := map[string]bool{}
	for _, def := range defs {
		for _, flag := range def.Flags {
			killed[flag.Key] = killed[flag.Key] || flag.Killed
		}
	}
	return killed
}

// kill kills or lifts some flag.
func (h *history) kill() {
	flags := h.now().Flags
	if len(flags) == 0 {
		return
	}
	flag := rapid.SampledFrom(flags).Draw(h.r, "killed")
	if flag.Killed {
		h.lifts(flag.Key)
	} else {
		h.kills(flag.Key)
	}
}

// alter changes flags, overrides and a plan, whether something is killed or not.
func (h *history) alter() {
	var err error
	if h.versions, err = h.changes.Versions(h.t.Context(), prod); err != nil {
		h.r.Fatal(err)
	}
	var edits []changes.Edit
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID[int]).Draw(h.r, "flags") {
		edits = append(edits, h.putFlag(n, map[string]any{}))
		if rapid.Bool().Draw(h.r, "override") {
			edits = append(edits, h.putOverride(n, map[string]any{}))
		}
	}
	h.publishes(append(edits, h.putPlan(map[string]any{}))...)
}

// limit limits a flag to a segment, makes the segment another, or takes it out of what uses it.
func (h *history) limit() {
	flags := h.now().Flags
	segment := ruleset.Segment{Key: "some", When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{rapid.SampledFrom([]string{"DE", "FR", "IT"}).Draw(h.r, "country")}}}
	edits := []changes.Edit{changes.PutSegment{Segment: segment, Base: h.version(changes.Item{Kind: changes.ItemSegment, Key: "some"})}}
	if len(flags) > 0 {
		flag := rapid.SampledFrom(flags).Draw(h.r, "limited")
		flag.Rules = []ruleset.Rule{{Serve: "on", When: &ruleset.Condition{Segment: "some"}}}
		flag.Otherwise = "off"
		edits = append(edits, changes.PutFlag{Flag: &flag, Base: h.flagVersion(flag.Key)})
	}
	h.publishes(edits...)
}

var rollbackCases = map[string]func(*testing.T, *storage){
	"rolling back restores every value, and rolling that back too": func(t *testing.T, s *storage) {
		rapid.Check(t, func(r *rapid.T) {
			h := &history{storage: s, r: r}
			for range rapid.IntRange(1, 5).Draw(r, "changes") {
				switch rapid.IntRange(0, 4).Draw(r, "what") {
				case 0:
					h.kill()
				case 1:
					h.limit()
				default:
					h.alter()
				}
			}
			present := s.head(prod)
			if present.Number == 0 {
				return
			}
			to := rapid.Int64Range(max(0, present.Number-8), present.Number).Draw(r, "to")
			then, before := ruleset.Definition{}, s.loads(present)
			if to > 0 {
				row, err := s.store.Revision(t.Context(), prod, to)
				if err != nil {
					r.Fatal(err)
				}
				then = s.loads(row.ID())
			}
			compare := func(what string, want ruleset.Definition) {
				is := s.now()
				if killed := killedIn(is); !mapsEqual(killed, killedIn(before)) {
					r.Fatalf("%s changes what is killed: %v, was %v", what, killed, killedIn(before))
				}
				killed := killedIn(is, want)
				got := s.valuesOf(is, killed)
				for who, value := range s.valuesOf(want, killed) {
					if got[who] != value {
						r.Fatalf("%s to %d: %s is %s, want %s", what, to, who, got[who], value)
					}
				}
			}
			h.rollsBackTo(to)
			compare("rolling back", then)
			h.rollsBackTo(present.Number)
			compare("rolling that back", before)
		})
	},
	"overrides go and come back, expired ones too": func(t *testing.T, s *storage) {
		past := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
		s.publishes(newFlag("a"), changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u-1", Variant: "off"}},
			changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u-2", Variant: "off", Expires: &past}})
		s.publishes(changes.RemoveOverride{Flag: "a", User: "u-1", Base: 1}, changes.RemoveOverride{Flag: "a", User: "u-2", Base: 1},
			changes.PutOverride{Override: ruleset.Override{Flag: "a", Tenant: "t-1", Variant: "off"}})
		want := s.loads(s.revision(1)).Overrides
		r := s.rollsBack(1, changes.Scope{})
		wantEqual(t, "the overrides", s.now().Overrides, want)
		wantSays(t, r.Notes, "one override that is put back has expired meanwhile")
	},
	"a flag that was not there is archived, and comes back": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(newFlag("b"))
		r := s.rollsBack(1, changes.Scope{})
		if !s.flag("b").Archived || s.flag("a").Archived {
			t.Error("it archives the wrong one")
		}
		wantSays(t, r.Notes, `flag "b" was not there at revision 1`)
		s.rollsBack(2, changes.Scope{})
		if s.flag("b").Archived {
			t.Error("it is not brought back")
		}
	},
	"what an archived flag names stays": func(t *testing.T, s *storage) {
		limited := newFlag("a")
		limited.Flag.TierRequired = "pro"
		limited.Flag.Rules = []ruleset.Rule{{Serve: "on", When: &ruleset.Condition{Segment: "outer"}}}
		s.publishes(newFlag("before"))
		country := ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}}
		s.publishes(limited, changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 1}},
			changes.PutSegment{Segment: ruleset.Segment{Key: "inner", When: country}},
			changes.PutSegment{Segment: ruleset.Segment{Key: "outer", When: ruleset.Condition{Segment: "inner"}}},
			changes.PutSegment{Segment: ruleset.Segment{Key: "other", When: country}})
		r := s.rollsBack(1, changes.Scope{})
		now := s.now()
		if !s.flag("a").Archived || len(now.Segments) != 2 || len(now.Plans) != 1 {
			t.Errorf("there are segments %v and plans %v", now.Segments, now.Plans)
		}
		wantSays(t, r.Notes, `segment "inner" was not there at revision 1: it stays, because flags that are archived name it`)
		s.rollsBack(2, changes.Scope{})
		if s.flag("a").Archived || len(s.now().Segments) != 3 {
			t.Error("it does not come back")
		}
	},
	"rolling back never touches a kill": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		s.kills("b")
		s.kills("a")
		s.lifts("b")
		if r := s.rollsBack(1, changes.Scope{}); !s.flag("a").Killed {
			t.Error("the kill is lifted")
		} else {
			wantSays(t, r.Notes, `flag "a" is killed and stays so`)
		}
		if r := s.rollsBack(3, changes.Scope{}); s.flag("b").Killed || !s.flag("a").Killed {
			t.Error("what is killed is another")
		} else {
			wantSays(t, r.Notes, `flag "b" was killed at revision 3 and is not killed now`)
		}
		if r, err := s.changes.RollbackEdits(t.Context(), prod, 2, changes.Scope{Revision: 3}); err != nil || len(r.Edits) != 0 {
			t.Errorf("undoing the kill alone gives %v, %v", r.Edits, err)
		}
		if s.head(prod).Number != 4 {
			t.Error("something was published")
		}
	},
	"one flag is rolled back alone, with its overrides": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		a, b := *newFlag("a").Flag, *newFlag("b").Flag
		a.Enabled, b.Enabled = false, false
		s.publishes(changes.PutFlag{Flag: &a, Base: 1}, changes.PutFlag{Flag: &b, Base: 1}, changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u-1", Variant: "on"}},
			changes.PutOverride{Override: ruleset.Override{Flag: "b", User: "u-1", Variant: "on"}})
		s.rollsBack(1, changes.Scope{Flag: "a"})
		if !s.flag("a").Enabled || s.flag("b").Enabled || len(s.now().Overrides) != 1 || s.now().Overrides[0].Flag != "b" {
			t.Errorf("it gives %+v", s.now())
		}
	},
	"a change alone is undone, unless its items have moved on": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		a, b := *newFlag("a").Flag, *newFlag("b").Flag
		a.Enabled = false
		s.publishes(changes.PutFlag{Flag: &a, Base: 1}, changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u-1", Variant: "on"}})
		b.Enabled = false
		s.publishes(changes.PutFlag{Flag: &b, Base: 1})
		s.kills("a") // which is not its settings moving on
		s.rollsBack(1, changes.Scope{Revision: 2})
		if !s.flag("a").Enabled || s.flag("b").Enabled || len(s.now().Overrides) != 0 || !s.flag("a").Killed {
			t.Errorf("it gives %+v", s.now())
		}
		b.Enabled, b.ClientVisible = true, true
		s.publishes(changes.PutFlag{Flag: &b, Base: 3})
		r, err := s.changes.RollbackEdits(t.Context(), prod, 2, changes.Scope{Revision: 3})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.tries(r.Edits...)
		if conflict := wantError[*changes.ConflictError](t, err); len(conflict.Conflicts) != 1 || conflict.Conflicts[0].Item.Key != "b" {
			t.Errorf("it conflicts on %v", conflict.Conflicts)
		}
	},
	"a flag that could not be read then is refused by name": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		if err := s.executes("UPDATE feature_flag_environments SET rollout_strategy = '{broken' WHERE feature_id = (SELECT id FROM feature_flags WHERE name = 'b')"); err != nil {
			t.Fatal(err)
		}
		s.publishes(changes.PutFlag{Flag: newFlag("b").Flag, Base: 1})
		_, err := s.changes.RollbackEdits(t.Context(), prod, 1, changes.Scope{})
		if refused := wantError[*changes.RefusedError](t, err); refused.Problems[0].Flag != "b" {
			t.Errorf("it refuses %v", refused.Problems)
		}
		if _, err := s.changes.RollbackEdits(t.Context(), prod, 1, changes.Scope{Flag: "a"}); err != nil {
			t.Errorf("the other one: %v", err)
		}
	},
	"a revision of another environment is none to roll back to": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(newFlag("b"))
		for _, to := range []int64{-1, 1, 2, 1 << 40} {
			if _, err := s.changes.RollbackEdits(t.Context(), "staging", to, changes.Scope{}); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("revision %d of staging: %v", to, err)
			}
		}
	},
	"where changes are approved, a roll back is asked for": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(newFlag("b"))
		s.protects(1)
		r, err := s.changes.RollbackEdits(t.Context(), prod, 1, changes.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		change := changes.Change{Environment: prod, Author: "ann", Reason: "as it was", Kind: changes.KindRollback, Edits: r.Edits}
		_, err = s.changes.Publish(t.Context(), change)
		wantError[*changes.ProtectedError](t, err)
		done, err := s.changes.Propose(t.Context(), changes.Proposal{By: changes.Actor{ID: "p-ann", Name: "ann"}, Changes: []changes.Change{change}})
		if err != nil || len(done.Requests) != 1 || done.Requests[0].Kind != changes.KindRollback || s.flag("b").Archived {
			t.Errorf("it makes %+v, %v", done, err)
		}
	},
}

// revision names a revision of production.
func (s *storage) revision(n int64) ruleset.ID {
	s.t.Helper()
	row, err := s.store.Revision(s.t.Context(), prod, n)
	if err != nil {
		s.t.Fatal(err)
	}
	return row.ID()
}

func mapsEqual(a, b map[string]bool) bool {
	for _, m := range []map[string]bool{a, b} {
		for key := range m {
			if a[key] != b[key] {
				return false
			}
		}
	}
	return true
}

func wantSays(t *testing.T, lines []string, text string) {
	t.Helper()
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) }) {
		t.Errorf("%q does not say %q", lines, text)
	}
}
