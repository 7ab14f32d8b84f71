package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

var (
	ann = changes.Actor{ID: "u-ann", Name: "Ann"}
	abe = changes.Actor{ID: "u-abe", Name: "Abe"}
	eve = changes.Actor{ID: "u-eve", Name: "Eve"}
)

// enables is the edit that enables a flag, or disables it, against what is live.
func (s *storage) enables(key string, enabled bool) changes.PutFlag {
	s.t.Helper()
	flag := s.flag(key)
	flag.Enabled = enabled
	return changes.PutFlag{Flag: &flag, Base: s.flagVersion(key)}
}

// asks makes a request of edits by Ann, sent for review.
func (s *storage) asks(edits ...changes.Edit) changes.Request {
	s.t.Helper()
	return s.plans(changes.Content{Steps: []changes.Planned{{Edits: edits}}})
}

func (s *storage) plans(content changes.Content) changes.Request {
	s.t.Helper()
	content.Reason = "a test"
	r, err := s.changes.Request(s.t.Context(), prod, ann, content, true)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *storage) approves(r changes.Request, by changes.Actor) changes.Request {
	s.t.Helper()
	approved, err := s.changes.Approve(s.t.Context(), r.ID, r.Round, by, "fine")
	if err != nil {
		s.t.Fatal(err)
	}
	return approved
}

func (s *storage) applies(r changes.Request) changes.Published {
	s.t.Helper()
	published, err := s.changes.Apply(s.t.Context(), r.ID, r.Round, abe)
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

func (s *storage) request(id int64) changes.Request {
	s.t.Helper()
	r, err := s.changes.ReadRequest(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// unchanged expects that nothing was published while do ran.
func (s *storage) unchanged(do func()) {
	s.t.Helper()
	before := s.head(prod)
	do()
	wantEqual(s.t, "the newest revision", s.head(prod), before)
}

var requestCases = map[string]func(*testing.T, *storage){
	"a protected environment takes nothing but requests": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), changes.PutSegment{Segment: segmentOf("vip")}, changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Rank: 1}})
		s.protects(1)
		edits := map[string]changes.Edit{
			"a flag":             s.enables("a", false),
			"a new flag":         newFlag("b"),
			"an archived flag":   changes.ArchiveFlag{Key: "a", Base: 1},
			"a switch":           changes.SetEnabled{Key: "a"},
			"a segment":          changes.PutSegment{Segment: segmentOf("new")},
			"a segment less":     changes.RemoveSegment{Key: "vip", Base: 1},
			"a plan":             changes.PutPlan{Plan: ruleset.Plan{Key: "max", Rank: 2}},
			"a plan less":        changes.RemovePlan{Key: "pro", Base: 1},
			"an override":        changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u", Variant: "off"}},
			"that all apply now": changes.Recall{},
		}
		for what, edit := range edits {
			s.unchanged(func() {
				_, err := s.tries(edit)
				if e := wantError[*changes.ProtectedError](t, err); e.Environment.Name != prod {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		s.unchanged(func() {
			_, err := s.changes.Import(t.Context(), documentWith(s, func(f *ruleset.Flag) { f.Enabled = false }), changes.ImportOptions{Author: "ann"})
			wantError[*changes.ProtectedError](t, err)
			_, err = s.changes.Recall(t.Context(), prod, "ann", "now")
			wantError[*changes.ProtectedError](t, err)
		})
		s.kills("a")
		s.unchanged(func() {
			_, err := s.changes.Lift(t.Context(), prod, "a", "ann", "mended")
			wantError[*changes.ProtectedError](t, err)
		})
	},
	"an import asks for what has to be approved, and publishes the rest": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		doc := documentWith(s, func(f *ruleset.Flag) { f.Enabled = false })
		staging := changes.EnvironmentDocument{Name: "staging", Definition: ruleset.Definition{Flags: []ruleset.Flag{*newFlag("a").Flag}}}
		doc.Environments = append(doc.Environments, staging)
		var imported changes.Imported
		s.unchanged(func() {
			var err error
			if imported, err = s.changes.Import(t.Context(), doc, changes.ImportOptions{Author: "ann", Requests: true}); err != nil {
				t.Fatal(err)
			}
		})
		if len(imported.Requests) != 1 || imported.Requests[0].Status != changes.InReview || s.head("staging").Number != 1 {
			t.Fatalf("%+v", imported)
		}
		s.applies(s.approves(imported.Requests[0], abe))
		if s.flag("a").Enabled {
			t.Error("what was asked for is not what was applied")
		}
	},
	"an empty protected environment is filled by one import": func(t *testing.T, s *storage) {
		s.protects(2)
		_, err := s.tries(newFlag("a"))
		wantError[*changes.ProtectedError](t, err)
		doc := changes.Document{Flags: []changes.FlagDocument{*newFlag("a").About},
			Environments: []changes.EnvironmentDocument{{Name: prod, Definition: ruleset.Definition{Flags: []ruleset.Flag{*newFlag("a").Flag}}}}}
		s.imports(doc)
		doc.Environments[0].Definition.Flags[0].Enabled = false
		_, err = s.changes.Import(t.Context(), doc, changes.ImportOptions{Author: "ann"})
		wantError[*changes.ProtectedError](t, err)
	},
	"a request is reviewed, approved and applied": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(2)
		r := s.asks(s.enables("a", false))
		if r.Status != changes.InReview || r.Required != 2 || r.ID == 0 {
			t.Fatalf("%+v", r)
		}
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			wantError[*changes.RequestError](t, err)
		})
		if r = s.approves(r, abe); r.Status != changes.InReview {
			t.Fatalf("one approval of two makes it %s", r.Status)
		}
		if r = s.approves(r, eve); r.Status != changes.Approved {
			t.Fatalf("two approvals make it %s", r.Status)
		}
		published := s.applies(r)
		revision, err := s.store.Revision(t.Context(), prod, published.Number)
		if err != nil || revision.Author != "Ann" || s.flag("a").Enabled {
			t.Errorf("%+v, %v", revision, err)
		}
		notes, err := s.store.RevisionNotes(t.Context(), prod, []int64{published.Number})
		if err != nil || notes[published.Number].RequestID == nil || *notes[published.Number].RequestID != r.ID {
			t.Errorf("%+v, %v", notes, err)
		}
		if r = s.request(r.ID); r.Status != changes.Applied || !r.Done() {
			t.Errorf("%+v", r)
		}
	},
	"how many approvals it takes is frozen when it is sent": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(2)
		r := s.asks(s.enables("a", false))
		s.protects(1)
		if r = s.approves(r, abe); r.Status != changes.InReview {
			t.Errorf("it takes fewer than when it was sent: %s", r.Status)
		}
	},
	"nobody approves what they have written at": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		r := s.asks(s.enables("a", false))
		_, err := s.changes.Approve(t.Context(), r.ID, r.Round, ann, "")
		wantError[*changes.RequestError](t, err)
		renamed := changes.Actor{ID: ann.ID, Name: "Another Name"}
		_, err = s.changes.Approve(t.Context(), r.ID, r.Round, renamed, "")
		wantError[*changes.RequestError](t, err)
		_, err = s.changes.Approve(t.Context(), r.ID, r.Round, changes.Actor{Name: "command line"}, "")
		wantError[*changes.RequestError](t, err)

		// Abe edits it, so that he has written at it as well.
		r, err = s.changes.Revise(t.Context(), r.ID, r.Round, abe, changes.Content{Reason: "better", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}}, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []changes.Actor{ann, abe} {
			_, err = s.changes.Approve(t.Context(), r.ID, r.Round, by, "")
			wantError[*changes.RequestError](t, err)
		}
		s.approves(r, eve)
	},
	"nobody approves twice, with however many sessions": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(2)
		r := s.asks(s.enables("a", false))
		var approving sync.WaitGroup
		failed := make([]error, 8)
		for i := range failed {
			approving.Go(func() { _, failed[i] = s.changes.Approve(context.Background(), r.ID, r.Round, abe, "") })
		}
		approving.Wait()
		once := 0
		for _, err := range failed {
			if err == nil {
				once++
			}
		}
		if r = s.request(r.ID); once != 1 || len(r.Approvals()) != 1 || r.Status != changes.InReview {
			t.Errorf("%d of 8 went through: %+v", once, r)
		}
	},
	"editing voids the approvals": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		s.protects(1)
		r := s.approves(s.asks(s.enables("a", false)), abe)
		old := r.Round
		r, err := s.changes.Revise(t.Context(), r.ID, r.Round, ann, changes.Content{Reason: "something else", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("b", false)}}}}, true)
		if err != nil || r.Status != changes.InReview || len(r.Approvals()) != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			wantError[*changes.RequestError](t, err)
			_, err = s.changes.Apply(t.Context(), r.ID, old, ann)
			wantError[*changes.ConflictError](t, err)
			_, err = s.changes.Approve(t.Context(), r.ID, old, eve, "") // of what she saw before
			wantError[*changes.ConflictError](t, err)
		})
	},
	"the approval of somebody who has lost the role counts no more": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		approver := map[string]bool{abe.ID: true}
		s.changes = changes.New(s.store, changes.Options{MayApprove: func(_ context.Context, person, environment string) (bool, error) {
			return approver[person] && environment == prod, nil
		}})
		r := s.asks(s.enables("a", false))
		_, err := s.changes.Approve(t.Context(), r.ID, r.Round, eve, "")
		wantError[*changes.RequestError](t, err)
		r = s.approves(r, abe)
		approver[abe.ID] = false
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			wantError[*changes.RequestError](t, err)
		})
		approver[abe.ID] = true
		s.applies(r)
	},
	"another approval takes the place of one that counts no more": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		approver := map[string]bool{abe.ID: true}
		s.changes = changes.New(s.store, changes.Options{MayApprove: func(_ context.Context, person, _ string) (bool, error) {
			return approver[person], nil
		}})
		r := s.approves(s.asks(s.enables("a", false)), abe)
		later := s.approves(s.plans(changes.Content{Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{changes.SetEnabled{Key: "a"}}}}}), abe)
		approver[eve.ID] = true
		_, err := s.changes.Approve(t.Context(), r.ID, r.Round, eve, "") // nothing lacks yet
		wantError[*changes.RequestError](t, err)
		approver[abe.ID] = false
		for _, by := range []changes.Actor{ann, abe} {
			_, err = s.changes.Approve(t.Context(), r.ID, r.Round, by, "")
			wantError[*changes.RequestError](t, err)
		}
		if r = s.approves(r, eve); r.Status != changes.Approved {
			t.Errorf("it is %s", r.Status)
		}
		s.applies(r)
		if later = s.approves(later, eve); later.Status != changes.Scheduled {
			t.Errorf("the scheduled one is %s", later.Status)
		}
	},
	"a request whose base has moved is not applied": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		r := s.asks(s.enables("a", false))
		if r.Status != changes.Approved {
			t.Fatalf("where no approval is needed, it is %s", r.Status)
		}
		s.publishes(s.enables("b", false)) // what others do to other flags is no conflict
		other := s.flag("a")
		other.Otherwise = "off"
		s.publishes(changes.PutFlag{Flag: &other, Base: s.flagVersion("a")})
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			if conflict := wantError[*changes.ConflictError](t, err); conflict.Conflicts[0].Item.Key != "a" {
				t.Errorf("%v", err)
			}
		})
		r, err := s.changes.Revise(t.Context(), r.ID, r.Round, ann, changes.Content{Reason: "again", Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}}, true)
		if err != nil {
			t.Fatal(err)
		}
		s.applies(r)
	},
	"of two who apply the same request one is told": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		r := s.approves(s.asks(s.enables("a", false)), abe)
		before := s.head(prod).Number
		var applying sync.WaitGroup
		failed := make([]error, 10)
		for i := range failed {
			applying.Go(func() { _, failed[i] = s.changes.Apply(context.Background(), r.ID, r.Round, abe) })
		}
		applying.Wait()
		won := 0
		for _, err := range failed {
			if err == nil {
				won++
				continue
			}
			wantError[*changes.RequestError](t, err)
		}
		if won != 1 || s.head(prod).Number != before+1 {
			t.Errorf("%d applied it, and there are %d new revisions", won, s.head(prod).Number-before)
		}
	},
	"what was asked for before the protection does not get round it": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		r := s.asks(s.enables("a", false))
		timed := s.plans(changes.Content{Steps: []changes.Planned{{At: at(0), Edits: []changes.Edit{changes.SetEnabled{Key: "a"}}}}})
		if r.Status != changes.Approved || timed.Status != changes.Scheduled {
			t.Fatalf("%s, %s", r.Status, timed.Status)
		}
		s.protects(1)
		s.unchanged(func() {
			_, err := s.changes.Apply(t.Context(), r.ID, r.Round, ann)
			wantError[*changes.RequestError](t, err)
		})
	},
	"what has ended stays as it ended": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		edit := s.enables("a", false)
		withdrawn, rejected := s.asks(edit), s.asks(edit)
		if _, err := s.changes.Withdraw(t.Context(), withdrawn.ID, withdrawn.Round, ann, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.changes.Reject(t.Context(), rejected.ID, rejected.Round, abe, "not now"); err != nil {
			t.Fatal(err)
		}
		for _, r := range []changes.Request{withdrawn, rejected} {
			_, err := s.changes.Approve(t.Context(), r.ID, r.Round, eve, "")
			wantError[*changes.RequestError](t, err)
			_, err = s.changes.Apply(t.Context(), r.ID, r.Round, eve)
			wantError[*changes.RequestError](t, err)
			_, err = s.changes.Revise(t.Context(), r.ID, r.Round, ann, changes.Content{Reason: "again", Steps: []changes.Planned{{Edits: []changes.Edit{edit}}}}, true)
			wantError[*changes.RequestError](t, err)
		}
	},
	"a request that could not be published is not made": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		for what, edit := range map[string]changes.Edit{
			"nothing":         s.enables("a", true),
			"an unknown plan": changes.PutFlag{Flag: &ruleset.Flag{Key: "a", TierRequired: "nowhere"}, Base: 1},
			"no such segment": changes.RemoveSegment{Key: "none"},
			"a stale base":    changes.ArchiveFlag{Key: "a", Base: 7},
		} {
			if r, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "why not", Steps: []changes.Planned{{Edits: []changes.Edit{edit}}}}, true); err == nil {
				t.Errorf("%s is asked for: %+v", what, r)
			}
		}
		if _, err := s.changes.Request(t.Context(), prod, ann, changes.Content{Steps: []changes.Planned{{Edits: []changes.Edit{s.enables("a", false)}}}}, true); err == nil {
			t.Error("it is sent for review without a reason")
		}
		rows, total, err := s.store.ChangeRequests(t.Context(), models.RequestFilter{Environments: []string{prod}}, 0, 10)
		if err != nil || total != 0 {
			t.Errorf("%+v, %v", rows, err)
		}
	},
	"nothing but a lift undoes a kill": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(s.enables("a", false))
		doc := s.exports()
		stale := s.enables("a", true)
		stale.Flag.Otherwise = "off"
		request, scheduled := s.asks(stale), s.plans(changes.Content{Steps: []changes.Planned{{At: past(), Edits: []changes.Edit{changes.SetEnabled{Key: "a", Enabled: true}}}}})
		s.kills("a")
		killed := func(after string) {
			t.Helper()
			if !s.flag("a").Killed {
				t.Errorf("%s has undone the kill", after)
			}
		}
		_, err := s.tries(stale)
		wantError[*changes.ConflictError](t, err)
		_, err = s.changes.Apply(t.Context(), request.ID, request.Round, ann)
		wantError[*changes.ConflictError](t, err)
		killed("a stale form")
		s.imports(doc)
		killed("an import")
		s.runsDue()
		killed(fmtStatus("a schedule", s.request(scheduled.ID)))
		fresh := s.flag("a")
		fresh.Killed, fresh.Otherwise = false, "off"
		s.publishes(changes.PutFlag{Flag: &fresh, Base: s.flagVersion("a")})
		killed("a form")
		_, err = s.changes.Request(t.Context(), prod, ann, changes.Content{Reason: "at night", Steps: []changes.Planned{{At: past(), Edits: []changes.Edit{changes.LiftFlag{Key: "a", Base: s.flagVersion("a")}}}}}, true)
		wantError[*changes.RefusedError](t, err)
		lift := s.asks(changes.LiftFlag{Key: "a", Base: s.flagVersion("a")})
		s.applies(lift)
		if s.flag("a").Killed {
			t.Error("the lift has not lifted it")
		}
	},
	"a lift that was asked for before another kill does not lift that": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		s.kills("a")
		first := s.approves(s.asks(changes.LiftFlag{Key: "a", Base: s.flagVersion("a")}), abe)
		second := s.approves(s.asks(changes.LiftFlag{Key: "a", Base: s.flagVersion("a")}), abe)
		s.applies(first)
		s.kills("a")
		_, err := s.changes.Apply(t.Context(), second.ID, second.Round, ann)
		wantError[*changes.ConflictError](t, err)
		if !s.flag("a").Killed {
			t.Error("the later kill is lifted")
		}
	},
	"a kill in a protected environment is looked at by somebody else": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		published, err := s.changes.KillBy(t.Context(), prod, "a", ann, "it burns")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, ann, "I was right"); err == nil {
			t.Error("who killed has looked at it alone")
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, abe, "it did burn"); err != nil {
			t.Error(err)
		}
		if err := s.changes.ReviewEmergency(t.Context(), prod, published.Number, eve, "me too"); err == nil {
			t.Error("it is looked at twice")
		}
		if open, _, err := s.store.Emergencies(t.Context(), []string{prod}, "", 10); err != nil || len(open) != 0 {
			t.Errorf("%+v, %v", open, err)
		}
	},
	"a proposal does all of it or nothing": func(t *testing.T, s *storage) {
		s.protects(1)
		create := newFlag("a")
		all := []changes.Change{
			{Environment: "development", Reason: "new", Edits: []changes.Edit{create}},
			{Environment: prod, Reason: "new", Edits: []changes.Edit{changes.PutFlag{Flag: create.Flag}}},
		}
		bad := []changes.Change{all[0], {Environment: prod, Reason: "new", Edits: []changes.Edit{changes.PutFlag{Flag: &ruleset.Flag{Key: "a", TierRequired: "nowhere"}}}}}
		_, err := s.changes.Propose(t.Context(), changes.Proposal{By: ann, Changes: bad})
		wantError[*changes.RefusedError](t, err)
		if s.head("development").Number != 0 {
			t.Fatal("half of it is done")
		}
		done, err := s.changes.Propose(t.Context(), changes.Proposal{By: ann, Changes: all})
		if err != nil || len(done.Requests) != 1 || s.head("development").Number != 1 || s.head(prod).Number != 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		s.applies(s.approves(done.Requests[0], abe))
		if !s.flag("a").Enabled {
			t.Error("the flag is not there")
		}
	},
}

func past() *time.Time {
	t := time.Now().Add(-time.Minute)
	return &t
}

func fmtStatus(what string, r changes.Request) string { return what + " (" + r.Status + ")" }

func segmentOf(key string) ruleset.Segment {
	return ruleset.Segment{Key: key, When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}}}
}

// documentWith is what Export gives of production, with its flags changed.
func documentWith(s *storage, change func(*ruleset.Flag)) changes.Document {
	s.t.Helper()
	doc := s.exports()
	for _, environment := range doc.Environments {
		if environment.Name == prod {
			for i := range environment.Definition.Flags {
				change(&environment.Definition.Flags[i])
			}
			doc.Environments = []changes.EnvironmentDocument{environment}
		}
	}
	return doc
}

// runsDue runs what is due, as one instance does.
func (s *storage) runsDue() int {
	s.t.Helper()
	ran, err := s.changes.RunDue(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return ran
}
