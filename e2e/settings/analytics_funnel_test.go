package settings

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// happened is an event of an environment.
func happened(environment string, kind models.EventKind, at time.Time, who ruleset.Subject, flag string) models.FeatureFlagEvent {
	return models.FeatureFlagEvent{Day: models.Day(at), ID: uuid.NewString(), At: models.At(at), Kind: kind, Environment: environment, Flag: flag,
		UserID: who.User, VisitorID: who.Visitor, Tenant: who.Tenant, Plan: who.Plan, Share: int64(ruleset.Everyone)}
}

// movedAt is a tenant's change of plan.
func movedAt(environment string, at time.Time, tenant, from, to string) models.FeatureFlagEvent {
	e := happened(environment, models.EventPlan, at, ruleset.Subject{Tenant: tenant, Plan: to}, "")
	e.Name = from
	return e
}

func stores(t testing.TB, store *models.Store, events ...models.FeatureFlagEvent) {
	t.Helper()
	if _, _, err := store.RecordEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// gains: flag "b" is of pro and above, any other of max alone; free has none.
func gains(flag, from, to string) bool {
	has := func(plan string) bool { return plan == "max" || plan == "pro" && flag == "b" }
	return has(to) && !has(from)
}

func TestAFunnelCountsStepsInTheirOrder(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	ago := func(days float64) time.Time { return now.Add(-time.Duration(days * float64(24*time.Hour))) }
	ann, bob := ruleset.Subject{User: "ann", Visitor: "v1", Tenant: "acme"}, ruleset.Subject{User: "bob", Tenant: "acme"}
	prompt := func(days float64, who ruleset.Subject) models.FeatureFlagEvent {
		return happened("production", models.EventPrompt, ago(days), who, "b")
	}
	visit := func(days float64, who ruleset.Subject) models.FeatureFlagEvent {
		return happened("production", models.EventUpgrade, ago(days), who, "b")
	}
	move := func(days float64, from, to string) models.FeatureFlagEvent {
		return movedAt("production", ago(days), "acme", from, to)
	}
	elsewhere := move(1, "free", "pro")
	elsewhere.Environment = "staging"
	other := visit(8, ann)
	other.Flag = "c"
	exactly := now.Add(-40 * 24 * time.Hour)
	for _, c := range []struct {
		name   string
		events []models.FeatureFlagEvent
		want   models.Funnel
	}{
		{"all steps", []models.FeatureFlagEvent{prompt(9, ann), visit(8, ann), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1, TenantsBought: 1}},
		{"somebody else of the tenant came", []models.FeatureFlagEvent{prompt(9, ann), visit(8, bob), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1, TenantsVisited: 1, TenantsBought: 1}},
		{"without the upgrade page", []models.FeatureFlagEvent{prompt(9, ann), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1, TenantsBoughtElse: 1}},
		{"the page of another feature", []models.FeatureFlagEvent{prompt(9, ann), other, move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1, TenantsBoughtElse: 1}},
		{"the visit came first", []models.FeatureFlagEvent{visit(10, ann), prompt(9, ann), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1, TenantsBoughtElse: 1}},
		{"the move came first", []models.FeatureFlagEvent{move(10, "free", "pro"), prompt(9, ann), visit(8, ann)}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1}},
		{"the visit came after the move", []models.FeatureFlagEvent{prompt(9, ann), move(8, "free", "pro"), visit(7, ann)}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1, TenantsBoughtElse: 1}},
		{"too late", []models.FeatureFlagEvent{prompt(32, ann), visit(8, ann), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1}},
		{"the visit was too late", []models.FeatureFlagEvent{prompt(40, ann), visit(8, ann)}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1}},
		{"after 30 days to the microsecond", []models.FeatureFlagEvent{happened("production", models.EventPrompt, exactly, ann, "b"), movedAt("production", exactly.Add(models.FunnelSpan), "acme", "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1, TenantsBoughtElse: 1}},
		{"a microsecond later", []models.FeatureFlagEvent{happened("production", models.EventPrompt, exactly, ann, "b"), movedAt("production", exactly.Add(models.FunnelSpan+time.Microsecond), "acme", "free", "pro")}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1}},
		{"had it before", []models.FeatureFlagEvent{prompt(9, ann), visit(8, ann), move(1, "pro", "max")}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1}},
		{"to and fro counts once", []models.FeatureFlagEvent{prompt(9, ann), visit(8, ann), move(3, "free", "pro"), move(2, "pro", "free"), move(1, "free", "pro")}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1, TenantsPrompted: 1, TenantsVisited: 1, TenantsBought: 1}},
		{"another environment", []models.FeatureFlagEvent{prompt(9, ann), elsewhere}, models.Funnel{PeoplePrompted: 1, TenantsPrompted: 1}},
		{"a visitor is no user of that name", []models.FeatureFlagEvent{prompt(9, ruleset.Subject{Visitor: "ann"}), visit(8, ruleset.Subject{User: "ann"}), visit(8, ruleset.Subject{User: "bob", Visitor: "ann"})}, models.Funnel{PeoplePrompted: 1}},
		{"a visitor comes", []models.FeatureFlagEvent{prompt(9, ruleset.Subject{Visitor: "v"}), visit(8, ruleset.Subject{Visitor: "v"})}, models.Funnel{PeoplePrompted: 1, PeopleVisited: 1}},
		{"before the span", []models.FeatureFlagEvent{prompt(91, ann), visit(88, ann), move(87, "free", "pro")}, models.Funnel{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
				stores(t, store, c.events...)
				got, err := store.Funnels(t.Context(), "production", []string{"a", "b", "c"}, ago(90), gains)
				if err != nil {
					t.Fatal(err)
				}
				var want []models.Funnel
				if c.want != (models.Funnel{}) {
					c.want.Flag = "b"
					want = []models.Funnel{c.want}
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("counted %+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestFunnelsAreWhatACountMadeApartGives(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		random := rand.New(rand.NewPCG(6, 3))
		now := time.Now().UTC().Truncate(time.Microsecond)
		flags, plans := []string{"a", "b", "c"}, []string{"", "free", "pro", "max"}
		var events []models.FeatureFlagEvent
		for range 4000 {
			at := now.Add(-time.Duration(random.Int64N(int64(120 * 24 * time.Hour)))).Truncate(time.Microsecond)
			who := ruleset.Subject{}
			if n := random.IntN(60); n < 45 {
				who.User, who.Tenant = fmt.Sprint("u", n), fmt.Sprint("t", n%15)
			}
			if n := random.IntN(40); n < 30 {
				who.Visitor = fmt.Sprint("u", n) // such as a user may be called
			}
			environment := []string{"production", "production", "staging"}[random.IntN(3)]
			switch random.IntN(5) {
			case 0, 1:
				events = append(events, happened(environment, models.EventPrompt, at, who, flags[random.IntN(3)]))
			case 2, 3:
				events = append(events, happened(environment, models.EventUpgrade, at, who, flags[random.IntN(3)]))
			default:
				events = append(events, movedAt(environment, at, fmt.Sprint("t", random.IntN(25)), plans[random.IntN(4)], plans[random.IntN(4)]))
			}
		}
		stores(t, store, events...)
		for _, days := range []int{7, 30, 90} {
			since := now.AddDate(0, 0, -days)
			got, err := store.Funnels(t.Context(), "production", flags, since, gains)
			if err != nil {
				t.Fatal(err)
			}
			want := countedApart(events, flags, since)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d days:\ncounted %+v\nwant    %+v", days, got, want)
			}
			if days == 90 && (want[1].TenantsBought == 0 || want[1].PeopleVisited == 0 || want[1].PeopleVisited == want[1].PeoplePrompted) {
				t.Errorf("nothing to tell apart: %+v", want)
			}
		}
	})
}

// countedApart counts funnels in the plainest way: each combination of events that makes a step.
func countedApart(events []models.FeatureFlagEvent, flags []string, since time.Time) (rows []models.Funnel) {
	person := func(e models.FeatureFlagEvent) string {
		switch {
		case e.UserID != "":
			return "user " + e.UserID
		case e.VisitorID != "":
			return "visitor " + e.VisitorID
		}
		return ""
	}
	for _, flag := range flags {
		sets := [6]map[string]bool{{}, {}, {}, {}, {}, {}}
		add := func(step int, who string) {
			if who != "" {
				sets[step][who] = true
			}
		}
		var prompts, visits, moves []models.FeatureFlagEvent
		for _, e := range events {
			switch {
			case e.Environment != "production" || e.At.Before(since):
			case e.Kind == models.EventPrompt && e.Flag == flag:
				prompts = append(prompts, e)
			case e.Kind == models.EventUpgrade && e.Flag == flag:
				visits = append(visits, e)
			case e.Kind == models.EventPlan && gains(flag, e.Name, e.Plan):
				moves = append(moves, e)
			}
		}
		follows := func(p, e models.FeatureFlagEvent) bool {
			return !e.At.Before(p.At.Time) && e.At.Sub(p.At.Time) <= models.FunnelSpan
		}
		for _, p := range prompts {
			add(0, person(p))
			add(1, p.Tenant)
			for _, v := range visits {
				if follows(p, v) && person(p) == person(v) {
					add(2, person(p))
				}
				if follows(p, v) && p.Tenant == v.Tenant {
					add(3, p.Tenant)
				}
			}
			for _, m := range moves {
				if !follows(p, m) || p.Tenant != m.Tenant {
					continue
				}
				add(5, p.Tenant)
				for _, v := range visits {
					if v.Tenant == p.Tenant && !v.At.Before(p.At.Time) && !v.At.After(m.At.Time) {
						add(4, p.Tenant)
					}
				}
			}
		}
		if len(prompts) > 0 {
			rows = append(rows, models.Funnel{Flag: flag, PeoplePrompted: len(sets[0]), TenantsPrompted: len(sets[1]), PeopleVisited: len(sets[2]),
				TenantsVisited: len(sets[3]), TenantsBought: len(sets[4]), TenantsBoughtElse: len(sets[5]) - len(sets[4])})
		}
	}
	return rows
}
