package e2e

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

// distrustCases are ways round approvals, and races about them, of somebody who knows the code.
var distrustCases = map[string]func(*testing.T, *storage){
	"a change that calls itself a kill or an import is refused": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		for _, environment := range []string{prod, "staging"} {
			for _, kind := range []string{"kill", "import", "copy", "lift", "recall", "anything"} {
				change := changes.Change{Environment: environment, Author: "ann", Reason: "now", Kind: kind, Edits: []changes.Edit{changes.SetEnabled{Key: "a"}}}
				before := s.head(environment)
				_, err := s.changes.Publish(t.Context(), change)
				wantError[*changes.RefusedError](t, err)
				_, err = s.changes.Propose(t.Context(), changes.Proposal{By: ann, Changes: []changes.Change{change}})
				wantError[*changes.RefusedError](t, err)
				if kind != "import" {
					_, err = s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "now", Kind: kind, Steps: []changes.Planned{{Edits: change.Edits}}}, true)
					wantError[*changes.RefusedError](t, err)
				}
				wantEqual(t, "the newest revision after a "+kind, s.head(environment), before)
			}
		}
	},
	"a later step does not undo what somebody else has changed before an earlier one": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flag := s.flag("a")
		r := s.plans(changes.Content{Steps: []changes.Planned{
			{At: in(time.Hour), Edits: []changes.Edit{changes.SetEnabled{Key: "a", Enabled: !flag.Enabled}}},
			{At: in(2 * time.Hour), Edits: []changes.Edit{raised(flag, 50_000, s.flagVersion("a"))}},
		}})
		theirs := raised(s.flag("a"), 1_000, s.flagVersion("a"))
		s.publishes(theirs)
		s.passes(s.request(r.ID), 90*time.Minute)
		wantEqual(t, "steps done", s.runsDue(), 1)
		s.passes(s.request(r.ID), 90*time.Minute)
		s.runsDue()
		wantEqual(t, "the share", s.flag("a").Rules[0].Percent.Share, theirs.Flag.Rules[0].Percent.Share)
		wantEqual(t, "the request", s.request(r.ID).Status, changes.Draft)
	},
	"two who approve at once are two": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(2)
		var meet sync.WaitGroup
		meet.Add(2)
		asked := map[string]bool{}
		var mu sync.Mutex
		s.changes = changes.New(s.store, changes.Options{MayApprove: func(_ context.Context, person, _ string) (bool, error) {
			mu.Lock()
			first := !asked[person]
			asked[person] = true
			mu.Unlock()
			if first { // neither knows of the other when it is asked whether they may
				meet.Done()
				meet.Wait()
			}
			return true, nil
		}})
		r := s.asks(s.enables("a", false))
		var approving sync.WaitGroup
		for _, who := range []changes.Actor{abe, eve} {
			approving.Go(func() {
				if _, err := s.changes.Approve(context.WithoutCancel(t.Context()), r.ID, r.Round, who, ""); err != nil {
					t.Error(err)
				}
			})
		}
		approving.Wait()
		wantEqual(t, "the request", s.request(r.ID).Status, changes.Approved)
		s.applies(r)
	},
	"who asked on the command line does not approve on the page": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		r, err := s.changes.Request(t.Context(), prod, changes.Actor{Name: abe.Name}, changes.Content{Reason: "mine", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}}, true)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.changes.Approve(t.Context(), r.ID, r.Round, abe, "mine too")
		wantError[*changes.RequestError](t, err)
		if r, err = s.changes.Revise(t.Context(), r.ID, r.Round, changes.Actor{Name: eve.Name}, r.Content(), true); err != nil {
			t.Fatal(err)
		}
		_, err = s.changes.Approve(t.Context(), r.ID, r.Round, eve, "edited")
		wantError[*changes.RequestError](t, err)
		s.approves(r, ann)
	},
	"times that no database can hold are refused": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))} {
			_, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "then", Steps: []changes.Planned{{At: &at, Edits: []changes.Edit{changes.SetEnabled{Key: "a"}}}}}, true)
			wantError[*changes.RefusedError](t, err)
			_, err = s.tries(changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u", Variant: "off", Expires: &at}})
			wantError[*changes.RefusedError](t, err)
		}
		_, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "then", Recurrence: &changes.Recurrence{Flags: []string{"a"}, Days: everyDay(),
			Opens: "22:00", Closes: "23:59", Zone: "America/New_York", From: "9999-12-31"}}, true)
		wantError[*changes.RefusedError](t, err)
	},
	"a title is one line that says what it shows": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		r := s.plans(changes.Content{Title: " A\r\nBcc: all@toprent.example\x1b[2J\u202Egpj ", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}})
		wantEqual(t, "the title", r.Title, "A Bcc: all@toprent.example [2J gpj")
	},
	"somebody who is called like a variant or an edit is forgotten, and requests stay what they are": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		names := []string{"on", "off", "true", "a", "put flag", "put override", "user", "production"}
		edits := []changes.Edit{s.enables("a", false), changes.PutSegment{Segment: ruleset.Segment{Key: "few", When: ruleset.Condition{All: []ruleset.Condition{
			{Attribute: "user", Operator: "in", Values: []string{"on", "u-2"}}, {Attribute: "plan", Operator: "in", Values: []string{"on"}}}}}}}
		for _, name := range append(names, "u-1") {
			edits = append(edits, changes.PutOverride{Override: ruleset.Override{Flag: "a", User: name, Variant: "on"}})
		}
		r := s.asks(edits...)
		r = s.approves(r, abe)
		if _, err := s.changes.Forget(t.Context(), names, "dpo"); err != nil {
			t.Fatal(err)
		}
		r = s.request(r.ID)
		text := ""
		for _, e := range r.Steps[0].Edits {
			switch e := e.(type) {
			case changes.PutOverride:
				wantEqual(t, "the flag", e.Override.Flag, "a")
				wantEqual(t, "the variant", e.Override.Variant, "on")
				text += e.Override.User + " "
			case changes.PutSegment:
				wantEqual(t, "the plans", e.Segment.When.All[1].Values[0], "on")
				text += strings.Join(e.Segment.When.All[0].Values, " ") + " "
			}
		}
		for _, word := range strings.Fields(text) {
			if word != "u-1" && word != "u-2" && !strings.HasPrefix(word, "forgotten-") {
				t.Errorf("%q was not forgotten", word)
			}
		}
	},
	"who has approved an open request is forgotten, and their approval counts no more": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		s.changes = changes.New(s.store, changes.Options{MayApprove: func(_ context.Context, person, _ string) (bool, error) {
			return person == abe.ID || person == eve.ID, nil
		}})
		r := s.approves(s.asks(s.enables("a", false)), abe)
		if _, err := s.changes.Forget(t.Context(), []string{abe.ID, abe.Name}, "dpo"); err != nil {
			t.Fatal(err)
		}
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, eve)
			wantError[*changes.RequestError](t, err)
		})
	},
	"an approval and an edit, a withdrawal, or an application at once leave one truth": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		for round := range 9 {
			r := s.asks(s.enables("a", !s.flag("a").Enabled))
			other := r.Content()
			other.Title = "edited"
			if round%3 > 0 {
				r = s.approves(r, abe)
			}
			before := s.head(prod)
			ctx := context.WithoutCancel(t.Context())
			var errs [4]error
			var racing sync.WaitGroup
			for i, do := range []func() error{
				func() error { _, err := s.changes.Apply(ctx, r.ID, r.Round, eve); return err },
				func() error { _, err := s.changes.Revise(ctx, r.ID, r.Round, ann, other, true); return err },
				func() error { _, err := s.changes.Withdraw(ctx, r.ID, r.Round, ann, ""); return err },
				func() error { _, err := s.changes.Approve(ctx, r.ID, r.Round, eve, ""); return err },
			} {
				racing.Go(func() { errs[i] = do() })
			}
			racing.Wait()
			for i, err := range errs {
				var told *changes.RequestError
				var moved *changes.ConflictError
				if err != nil && !errors.As(err, &told) && !errors.As(err, &moved) {
					t.Errorf("%d: %v", i, err)
				}
			}
			published := s.head(prod) != before
			r = s.request(r.ID)
			if published != (r.Status == changes.Applied) || published != (errs[0] == nil) {
				t.Errorf("published %v, %s, %v", published, r.Status, errs)
			}
			if r.Status == changes.InReview && len(r.Approvals()) > 0 {
				t.Errorf("an approval of before the edit counts: %+v", r.Events)
			}
			if r.Status == changes.InReview || r.Status == changes.Approved {
				_, err := s.changes.Withdraw(ctx, r.ID, r.Round, ann, "")
				if err != nil {
					t.Fatal(err)
				}
			}
			s.kills("a")
			if !s.flag("a").Killed {
				t.Fatal("a request has lifted the kill")
			}
		}
	},
}
