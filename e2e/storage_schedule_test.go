package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// passes makes every time of a request's steps earlier by that, as if it had been asked for so long ago.
func (s *storage) passes(r changes.Request, by time.Duration) {
	s.t.Helper()
	for _, step := range r.Steps {
		if step.At == nil || step.Status != models.StepWaiting {
			continue
		}
		s.writes("UPDATE change_request_steps SET at = ? WHERE request_id = ? AND position = ?", models.At(step.At.Add(-by)), r.ID, step.Position)
	}
	s.writes("UPDATE change_requests SET updated_at = ? WHERE id = ?", models.At(r.UpdatedAt.Add(-by)), r.ID)
}

// writes runs a statement behind the system's back.
func (s *storage) writes(statement string, args ...any) {
	s.t.Helper()
	if s.store.Dialect() == "postgres" {
		for n := 1; ; n++ {
			before := statement
			for i := range statement {
				if statement[i] == '?' {
					statement = statement[:i] + fmt.Sprintf("$%d", n) + statement[i+1:]
					break
				}
			}
			if before == statement {
				break
			}
		}
	}
	if _, err := sqlOf(s.t, s.store).ExecContext(s.t.Context(), statement, args...); err != nil {
		s.t.Fatal(err)
	}
}

// raised is the flag with a rule that gives it to a share of people.
func raised(flag ruleset.Flag, share ruleset.Share, base int64) changes.PutFlag {
	flag.Rules = []ruleset.Rule{{Name: "some", Percent: &ruleset.Percent{Serve: "on", Share: share}}}
	return changes.PutFlag{Flag: &flag, Base: base}
}

func in(d time.Duration) *time.Time {
	t := time.Now().Add(d)
	return &t
}

// shifts moves a recurring request's windows so that its next beginning or end was a minute ago, and the one after it is
// in an hour.
func (s *storage) shifts(r changes.Request, step changes.Step, opens bool) {
	s.t.Helper()
	just, soon := time.Now().UTC().Truncate(time.Minute).Add(-time.Minute), time.Now().UTC().Add(time.Hour)
	moved := *r.Recurrence
	if moved.Opens, moved.Closes = just.Format("15:04"), soon.Format("15:04"); !opens {
		moved.Opens, moved.Closes = moved.Closes, moved.Opens
	}
	text, err := json.Marshal(moved)
	if err != nil {
		s.t.Fatal(err)
	}
	s.writes("UPDATE change_requests SET recurrence = ? WHERE id = ?", string(text), r.ID)
	s.writes("UPDATE change_request_steps SET at = ? WHERE request_id = ? AND position = ?", models.At(just), r.ID, step.Position)
}

var scheduleCases = map[string]func(*testing.T, *storage){
	"a step is applied once, however many instances run": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		before := s.head(prod).Number
		r := s.plans(changes.Content{Steps: []changes.Planned{{At: past(), Edits: []changes.Edit{s.enables("a", false)}}}})
		var instances sync.WaitGroup
		var mu sync.Mutex
		ran := 0
		for range 50 {
			instances.Go(func() {
				n, err := changes.New(s.store).RunDue(context.Background())
				mu.Lock()
				defer mu.Unlock()
				if ran += n; err != nil {
					t.Error(err)
				}
			})
		}
		instances.Wait()
		if ran != 1 || s.head(prod).Number != before+1 || s.request(r.ID).Status != changes.Applied {
			t.Errorf("%d instances ran it, %d new revisions, %s", ran, s.head(prod).Number-before, s.request(r.ID).Status)
		}
	},
	"nothing is applied before its time": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		r := s.plans(changes.Content{Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{s.enables("a", false)}}}})
		s.unchanged(func() { s.runsDue() })
		s.passes(r, 2*time.Hour)
		s.runsDue()
		if s.flag("a").Enabled {
			t.Error("its time has come, and nothing happened")
		}
	},
	"what is scheduled is approved first": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		r := s.plans(changes.Content{Steps: []changes.Planned{{At: past(), Edits: []changes.Edit{s.enables("a", false)}}}})
		s.unchanged(func() { s.runsDue() })
		if r = s.approves(r, abe); r.Status != changes.Scheduled {
			t.Fatalf("it is %s", r.Status)
		}
		s.runsDue()
		if s.flag("a").Enabled {
			t.Error("it is approved and due, and nothing happened")
		}
	},
	"several steps follow each other, and each starts from the one before": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flag, base := s.flag("a"), s.flagVersion("a")
		r := s.plans(changes.Content{Steps: []changes.Planned{
			{At: in(1 * time.Hour), Edits: []changes.Edit{raised(flag, 10_000, base)}},
			{At: in(2 * time.Hour), Edits: []changes.Edit{raised(flag, 50_000, base)}},
			{At: in(3 * time.Hour), Edits: []changes.Edit{raised(flag, 100_000, base)}},
		}})
		for i, want := range []ruleset.Share{10_000, 50_000, 100_000} {
			s.passes(s.request(r.ID), time.Hour+time.Minute)
			s.runsDue()
			if got := s.flag("a").Rules[0].Percent.Share; got != want {
				t.Fatalf("after step %d the share is %d, want %d: %+v", i+1, got, want, s.request(r.ID).Events)
			}
		}
		if r = s.request(r.ID); r.Status != changes.Applied {
			t.Errorf("it is %s", r.Status)
		}
	},
	"a step whose base has moved stops the request, and nothing is overwritten": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flag, base := s.flag("a"), s.flagVersion("a")
		r := s.plans(changes.Content{Steps: []changes.Planned{
			{At: in(1 * time.Hour), Edits: []changes.Edit{raised(flag, 10_000, base)}},
			{At: in(2 * time.Hour), Edits: []changes.Edit{raised(flag, 50_000, base)}},
		}})
		s.passes(r, 61*time.Minute)
		s.runsDue()
		theirs := s.flag("a")
		theirs.Otherwise = "off"
		s.publishes(changes.PutFlag{Flag: &theirs, Base: s.flagVersion("a")})
		s.passes(s.request(r.ID), 61*time.Minute)
		s.unchanged(func() { s.runsDue(); s.runsDue() })
		if r = s.request(r.ID); r.Status != changes.Draft || r.Events[len(r.Events)-1].Kind != changes.EventFailed {
			t.Errorf("%s: %+v", r.Status, r.Events)
		}
	},
	"a step that is late is applied, unless it is more than a day late": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"), newFlag("b"))
		hours := s.plans(changes.Content{Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{s.enables("a", false)}}}})
		days := s.plans(changes.Content{Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{s.enables("b", false)}}}})
		s.passes(hours, 20*time.Hour)
		s.passes(days, 30*time.Hour)
		s.runsDue()
		if s.flag("a").Enabled || !s.flag("b").Enabled || s.request(days.ID).Status != changes.Draft {
			t.Errorf("hours late: %v, days late: %v, %s", s.flag("a").Enabled, s.flag("b").Enabled, s.request(days.ID).Status)
		}
	},
	"an approver who has lost the role stops a schedule": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.protects(1)
		may := true
		s.changes = changes.New(s.store, changes.Options{MayApprove: func(context.Context, string, string) (bool, error) { return may, nil }})
		r := s.approves(s.plans(changes.Content{Steps: []changes.Planned{{At: past(), Edits: []changes.Edit{s.enables("a", false)}}}}), abe)
		may = false
		s.unchanged(func() { s.runsDue() })
		if r = s.request(r.ID); r.Status != changes.Draft {
			t.Errorf("it is %s", r.Status)
		}
	},
	"a window opens and closes again and again": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(s.enables("a", false))
		now := time.Now().UTC()
		r := s.plans(changes.Content{Recurrence: &changes.Recurrence{Flags: []string{"a"}, Days: everyDay(), Zone: "UTC",
			Opens: now.Add(time.Hour).Format("15:04"), Closes: now.Add(2 * time.Hour).Format("15:04"), From: now.AddDate(0, 0, -2).Format(time.DateOnly)}})
		for i, want := range []bool{true, false, true} {
			r = s.request(r.ID)
			waiting := r.Waiting()
			if len(waiting) != 1 || r.Status != changes.Scheduled {
				t.Fatalf("%d: %s, %+v", i, r.Status, r.Steps)
			}
			s.shifts(r, waiting[0], want)
			s.runsDue()
			if s.flag("a").Enabled != want {
				t.Fatalf("window %d: enabled is %v: %+v", i, s.flag("a").Enabled, s.request(r.ID).Events)
			}
			if next := s.request(r.ID).Waiting(); len(next) != 1 || !next[0].At.After(time.Now()) || *next[0].Opens == want {
				t.Fatalf("window %d: next is %+v", i, next)
			}
			if i == 1 { // meanwhile others change other things about the flag
				flag := s.flag("a")
				flag.ClientVisible = true
				s.publishes(changes.PutFlag{Flag: &flag, Base: s.flagVersion("a")})
			}
		}
		if !s.flag("a").ClientVisible {
			t.Error("a window has undone what somebody else has changed")
		}
	},
	"windows that were missed altogether are skipped": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(s.enables("a", false))
		now := time.Now().UTC()
		r := s.plans(changes.Content{Recurrence: &changes.Recurrence{Flags: []string{"a"}, Days: everyDay(), Zone: "UTC",
			Opens: now.Add(-3 * time.Hour).Format("15:04"), Closes: now.Add(-2 * time.Hour).Format("15:04"), From: now.AddDate(0, 0, -9).Format(time.DateOnly)}})
		s.passes(r, 3*24*time.Hour) // for three days nothing ran
		before := s.head(prod).Number
		for range 20 {
			s.runsDue()
		}
		if n := s.head(prod).Number - before; n > 0 || s.flag("a").Enabled {
			t.Errorf("%d revisions were made for windows that are over; enabled: %v", n, s.flag("a").Enabled)
		}
		if next := s.request(r.ID).Waiting(); len(next) != 1 || !next[0].At.After(time.Now()) {
			t.Errorf("next is %+v", next)
		}
	},
	"a time that is no window's by now is passed over": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		s.publishes(s.enables("a", false))
		now := time.Now().UTC()
		r := s.plans(changes.Content{Recurrence: &changes.Recurrence{Flags: []string{"a"}, Days: everyDay(), Zone: "UTC",
			Opens: now.Add(2 * time.Hour).Format("15:04"), Closes: now.Add(3 * time.Hour).Format("15:04"), From: now.AddDate(0, 0, -2).Format(time.DateOnly)}})
		begins := r.Waiting()[0].At.Time
		s.passes(r, 2*time.Hour+time.Minute) // as if the zone's clocks had been other ones when it was planned
		s.unchanged(func() { s.runsDue() })
		r = s.request(r.ID)
		if next := r.Waiting(); s.flag("a").Enabled || len(next) != 1 || !next[0].At.Equal(begins) || !*next[0].Opens {
			t.Errorf("enabled: %v, next is %+v", s.flag("a").Enabled, next)
		}
		if last := r.Steps[0]; last.Status != models.StepSkipped || last.Note == "" {
			t.Errorf("%+v", last)
		}
	},
	"a schedule that is taken back does nothing": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		r := s.plans(changes.Content{Steps: []changes.Planned{{At: in(time.Hour), Edits: []changes.Edit{s.enables("a", false)}}}})
		if _, err := s.changes.Withdraw(t.Context(), r.ID, r.Round, ann, "not wanted"); err != nil {
			t.Fatal(err)
		}
		s.passes(r, 2*time.Hour)
		s.unchanged(func() { s.runsDue() })
	},
}

func everyDay() []time.Weekday {
	return []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}
}
