package settings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestWhoeverAsksForAnAbsurdAddressStopsNoNotes(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := &audited{t, store, changes.New(store), audit.New(store, audit.Options{})}
		site := settingstest.On(t, store)
		site.Sample()
		var absurd strings.Builder
		for range 3000 { // random, so that it cannot be made smaller
			fmt.Fprintf(&absurd, "%c", 'a'+rand.N[rune](26))
		}
		site.As("viewer").Gets("/settings/flags/" + absurd.String() + "/production/kill").Is(403)
		a.log.Note(t.Context(), audit.Entry{Action: "refused", Actor: "mallory", Topics: []string{audit.Topic("flag", absurd.String())}})
		a.log.Note(t.Context(), audit.Entry{Action: "sign-in", Actor: "the next one"})
		a.flush()
		if n := count(t, store, "SELECT count(*) FROM audit_personal WHERE value = 'the next one'"); n != 1 {
			t.Errorf("the note after the absurd one was written %d times", n)
		}
		a.isWhole()
	})
}

func TestNothingPersonalStandsInAChainItself(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		by := changes.Actor{ID: "p-nora-id", Name: "nora@toprent.example"}
		edits := func(user string) []changes.Edit {
			return []changes.Edit{changes.PutOverride{Override: ruleset.Override{Flag: "search", User: user, Variant: "off", Reason: "Otto Secretname asked"}}}
		}
		condition := ruleset.Condition{Any: []ruleset.Condition{{Attribute: "user", Operator: "in", Values: []string{"u-secret-1", "u-secret-2"}}, {Attribute: "email", Operator: "in", Values: []string{"u-secret-3@toprent.example"}}}}
		a.must(a.changes.Publish(t.Context(), changes.Change{Environment: "development", Author: by.Name, Reason: "for u-secret-4", Edits: []changes.Edit{
			changes.PutSegment{Segment: ruleset.Segment{Key: "few", When: condition}}}}))
		revisions, err := store.Revisions(t.Context(), "development", 1)
		if err != nil {
			t.Fatal(err)
		}
		condition.Any[0].Values = []string{"u-secret-5"}
		a.must(a.changes.Publish(t.Context(), changes.Change{Environment: "development", Author: by.Name, Reason: "another", Edits: []changes.Edit{
			changes.PutSegment{Segment: ruleset.Segment{Key: "few", When: condition}, Base: revisions[0].Number}}}))
		r, err := a.changes.Request(t.Context(), "production", by, changes.Content{Title: "What Otto Secretname wants", Reason: "Otto Secretname rang", Steps: []changes.Planned{{Edits: edits("u-secret-6")}}}, true)
		if err != nil {
			t.Fatal(err)
		}
		a.must(nil, a.changes.Comment(t.Context(), r.ID, by, "Otto Secretname again"))
		a.must(a.changes.Withdraw(t.Context(), r.ID, r.Round, by, "Otto Secretname thought better of it"))
		a.must(a.changes.Request(t.Context(), "production", by, changes.Content{Reason: "Secretname, without a title", Steps: []changes.Planned{{Edits: edits("u-secret-7")}}}, true))
		// Long enough not to stand in a commitment by chance, which is random.
		for _, name := range []string{"u-secret", "Secretname", "nora@", "p-nora"} {
			for _, column := range []string{"lines", "items", "topics", "personal"} {
				if n := count(t, store, "SELECT count(*) FROM audit_entries WHERE "+column+" LIKE '%"+name+"%'"); n != 0 {
					t.Errorf("%d entries hold %q in their %s", n, name, column)
				}
			}
		}
		page, err := a.log.Entries(t.Context(), models.AuditFilter{Chain: audit.Configuration, Action: "request-comment"}, 10)
		if err != nil || len(page) != 1 || len(page[0].Lines) != 1 || page[0].Lines[0] != r.Title {
			t.Errorf("the title is not told: %+v, %v", page, err)
		}
		a.isWhole()
	})
}

func TestToForgetSomebodyLeavesWhoIsCalledAlike(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		for _, who := range []string{"eva", "eva-maria", "eva@toprent.example", "x.eva", "on"} {
			a.must(a.changes.Publish(t.Context(), changes.Change{Environment: "production", Author: who, Reason: "carry on", Edits: []changes.Edit{
				changes.PutOverride{Override: ruleset.Override{Flag: "search", User: "of-" + who, Variant: "on"}}}}))
		}
		a.must(a.changes.Forget(t.Context(), []string{"eva"}, "dpo"))
		a.isWhole()
		for who, want := range map[string]int{"eva": 0, "eva-maria": 1, "eva@toprent.example": 1, "x.eva": 1, "of-eva": 1, "of-eva-maria": 1} {
			if n := count(t, store, "SELECT count(*) FROM audit_personal WHERE value = '"+who+"'"); n != want {
				t.Errorf("%s stands %d times, not %d", who, n, want)
			}
		}
		a.must(a.changes.Forget(t.Context(), []string{"on", "off", "true"}, "dpo"))
		a.isWhole()
		if n := count(t, store, "SELECT count(*) FROM feature_flag_overrides WHERE variant NOT IN ('on', 'off')"); n != 0 {
			t.Errorf("%d overrides have another variant", n)
		}
	})
}

const distrusted = `version: 1
flags:
  - {key: search, type: boolean, kind: release, environments: {production: {enabled: true}, staging: {enabled: true}, development: {enabled: true}}}
  - {key: billing, type: boolean, kind: release, environments: {production: {enabled: true}, staging: {enabled: true}, development: {enabled: true}}}
`

// TestEverythingAtOnceNeitherLocksUpNorBreaksTheChain has many do everything that is done in three environments.
func TestEverythingAtOnceNeitherLocksUpNorBreaksTheChain(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		file, err := flagfile.Read("flags.yaml", []byte(distrusted))
		if err != nil {
			t.Fatal(err)
		}
		a.must(a.changes.Import(t.Context(), file.Document, changes.ImportOptions{Author: "ann"}))
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
		defer cancel()
		environments := []string{"production", "staging", "development"}
		var mu sync.Mutex
		did := map[string]int{}
		acts := map[string]func(n int, env string) error{
			"kill": func(_ int, env string) error {
				_, err := a.changes.Kill(ctx, env, "search", "ann", "it hurts")
				return err
			},
			"lift": func(_ int, env string) error {
				_, err := a.changes.Lift(ctx, env, "search", "ann", "mended")
				return err
			},
			"publish": func(n int, env string) error {
				_, err := a.changes.Publish(ctx, changes.Change{Environment: env, Author: "ann", Reason: "n", Edits: []changes.Edit{changes.SetEnabled{Key: "billing", Enabled: n%2 == 0}}})
				return err
			},
			"publish all": func(n int, env string) error {
				var all []changes.Change
				for i := range environments { // in another order each time
					all = append(all, changes.Change{Environment: environments[(i+n)%3], Author: "ann", Reason: "n", Edits: []changes.Edit{changes.SetEnabled{Key: "search", Enabled: n%2 == 0}}})
				}
				_, err := a.changes.PublishAll(ctx, all)
				return err
			},
			"edit an environment": func(n int, env string) error {
				row, err := store.Environment(ctx, env)
				if err != nil {
					return err
				}
				return a.changes.EditEnvironment(ctx, changes.EnvironmentEdit{Name: env, Title: env, Protected: n%2 == 0, Approvals: n % 3, Author: "ann", Base: row.Version})
			},
			"forget": func(n int, _ string) error {
				_, err := a.changes.Forget(ctx, []string{fmt.Sprintf("u-%d", n)}, "dpo")
				return err
			},
			"override": func(n int, env string) error {
				_, err := a.changes.Publish(ctx, changes.Change{Environment: env, Author: "ann", Reason: "n", Edits: []changes.Edit{
					changes.PutOverride{Override: ruleset.Override{Flag: "search", User: fmt.Sprintf("u-%d", n), Variant: "on"}}}})
				return err
			},
			"import": func(int, string) error {
				_, err := a.changes.Import(ctx, file.Document, changes.ImportOptions{Author: "ann", Requests: true})
				return err
			},
			"plan of a tenant": func(int, string) error { return a.changes.AddAddOn(ctx, "t-1", "billing", "ann") },
			"request": func(n int, env string) error {
				r, err := a.changes.Request(ctx, env, changes.Actor{ID: "p-1", Name: "one"}, changes.Content{Reason: "n", Steps: []changes.Planned{{Edits: []changes.Edit{
					changes.PutOverride{Override: ruleset.Override{Flag: "billing", User: fmt.Sprintf("u-%d-%d", n, rand.Int()), Variant: "on"}}}}}}, true)
				for i := 0; i < r.Required && err == nil; i++ {
					_, err = a.changes.Approve(ctx, r.ID, r.Round, changes.Actor{ID: fmt.Sprintf("p-%d", i+2), Name: fmt.Sprintf("other %d", i)}, "")
				}
				if err == nil {
					_, err = a.changes.Apply(ctx, r.ID, r.Round, changes.Actor{ID: "p-1", Name: "one"})
				}
				return err
			},
			"schedule": func(n int, env string) error {
				at := time.Now().Add(-time.Second)
				_, err := a.changes.Request(ctx, env, changes.Actor{ID: "p-1", Name: "one"}, changes.Content{Reason: "n", Steps: []changes.Planned{{At: &at, Edits: []changes.Edit{changes.SetEnabled{Key: "billing", Enabled: n%2 == 0}}}}}, true)
				if err == nil {
					_, err = a.changes.RunDue(ctx)
				}
				return err
			},
			"note": func(int, string) error { a.log.Note(ctx, audit.Entry{Action: "sign-in", Actor: "ann"}); return nil },
		}
		names := []string{"kill", "lift", "publish", "publish all", "edit an environment", "forget", "override", "import", "plan of a tenant", "request", "schedule", "note", "kill", "request", "publish", "schedule"}
		end := time.Now().Add(4 * time.Second)
		goesOn := func() bool { // for a while, and until each was done once: some are refused most of the time
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Before(end) || len(did) < len(acts) && ctx.Err() == nil && !t.Failed()
		}
		var doing sync.WaitGroup
		for i, name := range names {
			doing.Go(func() {
				for n := i; goesOn(); n++ {
					err := acts[name](n, environments[n%3])
					if err != nil && !isTold(err) {
						t.Errorf("%s: %v", name, err)
						return
					}
					if err == nil {
						mu.Lock()
						did[name]++
						mu.Unlock()
					}
				}
			})
		}
		doing.Wait()
		a.flush()
		for name := range acts {
			if did[name] == 0 {
				t.Errorf("%s was never done: %v", name, did)
			}
		}
		a.isWhole()
		for _, env := range environments {
			row, err := store.Environment(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			if n := count(t, store, "SELECT count(*) FROM revisions WHERE environment = '"+env+"'"); int64(n) != row.Head {
				t.Errorf("%s is at %d and has %d revisions", env, row.Head, n)
			}
			if n := count(t, store, "SELECT count(*) FROM audit_entries WHERE revision > 0 AND environment = '"+env+"' AND action <> 'emergency-reviewed'"); int64(n) != row.Head {
				t.Errorf("the audit tells of %d revisions of %s, which has %d", n, env, row.Head)
			}
			if n := count(t, store, "SELECT count(*) FROM (SELECT feature_id FROM feature_flag_environments WHERE environment = '"+env+"' AND to_revision IS NULL GROUP BY feature_id HAVING count(*) > 1) AS twice"); n != 0 {
				t.Errorf("%d flags are live twice in %s", n, env)
			}
		}
	})
}

// isTold reports whether an error tells somebody why nothing was done.
func isTold(err error) bool {
	var protected *changes.ProtectedError
	var conflict *changes.ConflictError
	var refused *changes.RefusedError
	var request *changes.RequestError
	return errors.As(err, &protected) || errors.As(err, &conflict) || errors.As(err, &refused) || errors.As(err, &request)
}
