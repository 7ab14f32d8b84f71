package cutover

import (
	"errors"
	"fmt"
	"testing"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// staged is a migration flag that has everybody at one stage but those tenants.
func staged(key string, otherwise ruleset.Stage, tenants map[string]ruleset.Stage) ruleset.Definition {
	flag := ruleset.Flag{Key: key, Kind: ruleset.Migration, Type: ruleset.String, Salt: key, Enabled: true, Otherwise: otherwise.String(), Off: otherwise.String(), Default: otherwise.String()}
	d := ruleset.Definition{}
	for tenant, stage := range tenants {
		flag.Rules = append(flag.Rules, ruleset.Rule{When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{tenant}}, Serve: stage.String()})
	}
	d.Flags = append(d.Flags, flag)
	return d
}

// routed is a router whose journal has nothing.
func routed(t testing.TB, source *flagtest.Source, key string) (*router, *service.FeatureFlagService) {
	flags := flagtest.Service(t, source)
	c, err := New(Options{Flags: flags, Journal: &Journal{}})
	if err != nil {
		t.Fatal(err)
	}
	r := c.newRouter(key)
	r.asked = true
	return r, flags
}

func (r *router) stageOf(t *testing.T, tenant string) ruleset.Stage {
	t.Helper()
	place, err := r.Begin(&ruleset.Subject{Tenant: tenant}, true)
	if err != nil {
		t.Fatal(err)
	}
	place.end()
	return place.Stage
}

func TestACallFollowsTheNewestRevisionAtOnce(t *testing.T) {
	source := flagtest.NewSource()
	source.Publish(staged("clients", ruleset.StageOff, nil))
	r, flags := routed(t, source, "clients")
	if got := r.stageOf(t, "a"); got != ruleset.StageOff {
		t.Errorf("at first: %s", got)
	}
	source.Publish(staged("clients", ruleset.StageOff, map[string]ruleset.Stage{"a": ruleset.StageDualWrite}))
	if err := flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := r.stageOf(t, "a"), r.stageOf(t, "b"); a != ruleset.StageDualWrite || b != ruleset.StageOff {
		t.Errorf("a is at %s and b at %s", a, b)
	}
}

func TestARevisionIsAcknowledgedWhenOlderCallsHaveEnded(t *testing.T) {
	source := flagtest.NewSource()
	source.Publish(staged("clients", ruleset.StageOff, nil))
	r, flags := routed(t, source, "clients")
	slow, err := r.Begin(&ruleset.Subject{Tenant: "a"}, true)
	if err != nil {
		t.Fatal(err)
	}
	acknowledges := func(want int64) {
		t.Helper()
		if at := r.current(); at.rules != nil {
			at.rules.durable.Store(true)
		}
		if n, ok := r.acknowledged(); n != want || ok != (want > 0) {
			t.Errorf("acknowledged %d, %t; want %d", n, ok, want)
		}
	}
	acknowledges(1)
	source.Publish(staged("clients", ruleset.StageDualWrite, nil))
	if err := flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	acknowledges(0)
	slow.end()
	acknowledges(2)
	r.current().rules.durable.Store(false)
	if _, ok := r.acknowledged(); ok {
		t.Error("a stage that is not stored durably is acknowledged")
	}
}

func TestAMalformedFlagAndAnOlderRevisionLeaveTheStageAsItWas(t *testing.T) {
	for _, stage := range ruleset.Stages {
		source := flagtest.NewSource()
		source.Publish(staged("clients", stage, nil))
		source.Publish(staged("clients", stage, map[string]ruleset.Stage{"b": stage}))
		r, flags := routed(t, source, "clients")
		r.stageOf(t, "a")
		broken := staged("clients", ruleset.StageOff, nil)
		broken.Flags[0].Malformed = "the row cannot be read"
		for name, change := range map[string]func(){
			"malformed": func() { source.Publish(broken) },
			"gone":      func() { source.Publish(ruleset.Definition{}) },
			"of another kind": func() {
				source.Publish(ruleset.Definition{Flags: []ruleset.Flag{{Key: "clients", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "s", Enabled: true}}})
			},
			"restored from a backup": func() { source.Restore(1) },
		} {
			change()
			if err := flags.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := r.stageOf(t, "a"); got != stage {
				t.Errorf("%s: %s became %s", name, stage, got)
			}
			if r.trouble() == nil {
				t.Errorf("%s: nobody is told", name)
			}
		}
	}
}

func TestAnArchivedFlagLeavesItsEntityWhereItIs(t *testing.T) {
	source := flagtest.NewSource()
	d := staged("clients", ruleset.StageComplete, nil)
	d.Flags[0].Archived = true
	source.Publish(d)
	r, _ := routed(t, source, "clients")
	if got := r.stageOf(t, "a"); got != ruleset.StageComplete || r.trouble() != nil {
		t.Errorf("%s, %v", got, r.trouble())
	}
}

func TestWithoutAnyStageNothingIsReadOrWritten(t *testing.T) {
	source := flagtest.NewSource()
	source.Down()
	r, flags := routed(t, source, "clients")
	if _, err := r.Begin(&ruleset.Subject{Tenant: "a"}, true); !errors.Is(err, ErrNoStage) {
		t.Errorf("%v", err)
	}
	if err := r.ready(); !errors.Is(err, ErrNoStage) {
		t.Errorf("ready: %v", err)
	}
	source.Up()
	source.Publish(staged("bookings", ruleset.StageOff, nil))
	if err := flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Begin(&ruleset.Subject{Tenant: "a"}, true); !errors.Is(err, ErrNoStage) {
		t.Errorf("an entity without a flag: %v", err)
	}
}

func TestAKillLeadsBackToShadowAtMost(t *testing.T) {
	for _, stage := range ruleset.Stages {
		source := flagtest.NewSource()
		d := staged("clients", stage, nil)
		d.Flags[0].Killed = true
		source.Publish(d)
		r, _ := routed(t, source, "clients")
		if got := r.stageOf(t, "a"); got != stage.Capped() {
			t.Errorf("killed at %s: %s", stage, got)
		}
	}
}

func TestWhoAsksForAllTenantsNeedsOneAuthority(t *testing.T) {
	const none = ruleset.Stage(99)
	for _, test := range []struct{ otherwise, tenant, reads, writes ruleset.Stage }{
		{ruleset.StageOff, ruleset.StageOff, ruleset.StageOff, ruleset.StageOff},
		{ruleset.StageOff, ruleset.StageDualWrite, ruleset.StageOff, none},
		{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageDualWrite, none},
		{ruleset.StageShadow, ruleset.StageLive, none, none},
		{ruleset.StageLive, ruleset.StageRampdown, ruleset.StageRampdown, none},
		{ruleset.StageRampdown, ruleset.StageComplete, ruleset.StageComplete, none},
		{ruleset.StageShadow, ruleset.StageShadow, ruleset.StageShadow, ruleset.StageShadow},
	} {
		source := flagtest.NewSource()
		source.Publish(staged("clients", test.otherwise, map[string]ruleset.Stage{"a": test.tenant}))
		r, _ := routed(t, source, "clients")
		for writing, want := range map[bool]ruleset.Stage{false: test.reads, true: test.writes} {
			place, err := r.Begin(&ruleset.Subject{}, writing)
			if err == nil {
				place.end()
			}
			if (want == none) != errors.Is(err, ErrManyStages) || want != none && place.Stage != want {
				t.Errorf("%s and %s, writing %t: %s, %v", test.otherwise, test.tenant, writing, place.Stage, err)
			}
		}
	}
}

func TestAChangeOfAuthorityIsATurn(t *testing.T) {
	turns := map[ruleset.Stage]bool{ruleset.StageLive: true}
	source := flagtest.NewSource()
	r, flags := routed(t, source, "clients")
	r.synced = func() bool { return true }
	var last uint64
	for _, stage := range ruleset.Stages {
		source.Publish(staged("clients", stage, nil))
		if err := flags.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		place, err := r.Begin(&ruleset.Subject{Tenant: "a"}, true)
		if err != nil {
			t.Fatal(err)
		}
		place.end()
		if (place.Turn > last) != turns[stage] || place.Trailing != turns[stage] {
			t.Errorf("%s: turn %d after %d, trailing %t", stage, place.Turn, last, place.Trailing)
		}
		last = place.Turn
		r.caughtUp(r.current().rules.revision)
	}
}

func TestRoutingAllocatesNothing(t *testing.T) {
	r, _ := routed(t, hundred(), "entity-50")
	subject := &ruleset.Subject{Tenant: "t77"}
	if n := testing.AllocsPerRun(1000, func() { route(r, subject) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRouting(b *testing.B) {
	r, _ := routed(b, hundred(), "entity-50")
	b.RunParallel(func(pb *testing.PB) {
		subject := &ruleset.Subject{Tenant: "t77"}
		for pb.Next() {
			route(r, subject)
		}
	})
}

func route(r *router, subject *ruleset.Subject) {
	place, err := r.Begin(subject, true)
	if err != nil {
		panic(err)
	}
	place.end()
}

// hundred are a hundred migration flags, each with rules for five tenants and a share of all.
func hundred() *flagtest.Source {
	var all ruleset.Definition
	for i := range 100 {
		tenants := map[string]ruleset.Stage{}
		for j := range 5 {
			tenants[fmt.Sprintf("t%d", 75+j)] = ruleset.StageDualWrite
		}
		d := staged(fmt.Sprintf("entity-%d", i), ruleset.StageOff, tenants)
		d.Flags[0].Rules = append(d.Flags[0].Rules, ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", Serve: "dualwrite", Share: 10_000}})
		all.Flags = append(all.Flags, d.Flags[0])
	}
	source := flagtest.NewSource()
	source.Publish(all)
	return source
}
