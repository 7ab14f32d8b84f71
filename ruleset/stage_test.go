package ruleset_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// staged is an enabled migration flag whose present stage is the one given.
func staged(key string, present ruleset.Stage, rules ...ruleset.Rule) ruleset.Flag {
	return ruleset.Flag{Key: key, Kind: ruleset.Migration, Type: ruleset.String, Salt: key, Enabled: true, Otherwise: present.String(), Rules: rules}
}

// stageOf is what a stage decider says of a subject.
func stageOf(d *ruleset.StageDecider, s ruleset.Subject) string {
	stage, ok := d.Decide(s.Tenant, s.Plan, s.Attributes)
	if !ok {
		return "none"
	}
	return stage.String()
}

// Each stage may come from otherwise, a rule or an override, and the flag may be killed, disabled, both, or malformed.
func TestWhatEachStageIsWhenItsFlagIsStopped(t *testing.T) {
	acme := ruleset.Subject{User: "u-1", Tenant: "acme", Plan: "pro"}
	after := map[string]func(*ruleset.Flag){
		"":          func(*ruleset.Flag) {},
		"KILLED":    func(f *ruleset.Flag) { f.Killed = true },
		"DISABLED":  func(f *ruleset.Flag) { f.Enabled = false },
		"both":      func(f *ruleset.Flag) { f.Killed, f.Enabled = true, false },
		"malformed": func(f *ruleset.Flag) { f.Malformed = "torn" },
		"torn dead": func(f *ruleset.Flag) { f.Malformed, f.Killed = "torn", true },
	}
	capped := map[ruleset.Stage]ruleset.Stage{ruleset.StageOff: ruleset.StageOff, ruleset.StageDualWrite: ruleset.StageDualWrite, ruleset.StageShadow: ruleset.StageShadow,
		ruleset.StageLive: ruleset.StageShadow, ruleset.StageRampdown: ruleset.StageShadow, ruleset.StageComplete: ruleset.StageComplete}
	for _, stage := range ruleset.Stages {
		neighbour := ruleset.StageOff
		for _, way := range []struct {
			name   string
			reason ruleset.Reason
			make   func() ruleset.Definition
		}{
			{"otherwise", ruleset.NothingMatched, func() ruleset.Definition { return define(staged("clients", stage)) }},
			{"otherwise, beside a rule", ruleset.NothingMatched, func() ruleset.Definition {
				return define(staged("clients", stage, ruleset.Rule{When: ptr(is("tenant", "other")), Serve: "off"}))
			}},
			{"a rule", ruleset.TargetingMatch, func() ruleset.Definition {
				return define(staged("clients", neighbour, ruleset.Rule{When: ptr(is("tenant", "acme")), Serve: stage.String()}))
			}},
			{"a rule for everybody", ruleset.TargetingMatch, func() ruleset.Definition {
				return define(staged("clients", neighbour, serve(stage.String())))
			}},
			{"a share of tenants", ruleset.TargetingMatch, func() ruleset.Definition {
				return define(staged("clients", neighbour, ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", Share: ruleset.Everyone, Serve: stage.String()}}))
			}},
			{"an override", ruleset.Overridden, func() ruleset.Definition {
				d := define(staged("clients", neighbour, ruleset.Rule{When: ptr(is("tenant", "acme")), Serve: "off"}))
				d.Overrides = []ruleset.Override{{Flag: "clients", Tenant: "acme", Variant: stage.String()}}
				return d
			}},
		} {
			for state, stop := range after {
				t.Run(fmt.Sprintf("%s by %s, %s", stage, way.name, state), func(t *testing.T) {
					d := way.make()
					stop(&d.Flags[0])
					r, _ := ruleset.Compile(ruleset.ID{}, d, nil)
					want, reason, decided := stage, way.reason, stage.String()
					switch state {
					case "KILLED", "both":
						want, reason = capped[stage], ruleset.Killed
						decided = want.String()
					case "DISABLED":
						want, reason = capped[stage], ruleset.Disabled
						decided = want.String()
					case "malformed", "torn dead":
						reason, decided = ruleset.Error, "none"
						want, _ = ruleset.ParseStage(d.Flags[0].Otherwise)
					}
					expect(t, r.Evaluate(acme, noon), "clients", want.String(), reason)
					if got := r.Decide("clients", acme, noon); got.Variant != want.String() || got.Reason != reason {
						t.Errorf("one decider says %q because of %s", got.Variant, got.Reason)
					}
					if got := stageOf(r.StageDecider("clients"), acme); got != decided {
						t.Errorf("the stage is %s, want %s", got, decided)
					}
					stages, ok := r.Stages("clients")
					if malformed := reason == ruleset.Error; !ok || !stages.Staged || stages.Malformed != malformed || !malformed && !stages.Reachable.Has(want) {
						t.Errorf("stages: %+v %v", stages, ok)
					}
				})
			}
		}
	}
}

func TestAnExplanationTellsFromWhichStageAKillStepsBack(t *testing.T) {
	rule := ruleset.Rule{Name: "pilots", When: ptr(is("tenant", "acme")), Serve: "rampdown"}
	for _, c := range []struct {
		flag ruleset.Flag
		want []string
	}{
		{killed(staged("clients", ruleset.StageOff, rule)), []string{`rule: rule 1 (pilots) matches: serves "rampdown"`,
			`kill: killed in the newest revision: steps back from "rampdown" to "shadow", where the original counts and both are written`}},
		{disabled(staged("clients", ruleset.StageDualWrite)), []string{`otherwise: nothing matched: serves "dualwrite"`, `enabled: disabled in this environment: stays "dualwrite", where the original counts`}},
		{killed(staged("clients", ruleset.StageComplete)), []string{`otherwise: nothing matched: serves "complete"`,
			`kill: killed in the newest revision: stays "complete", since the original is no longer written`}},
		{staged("clients", ruleset.StageLive), []string{"kill: not killed", "enabled: enabled in this environment", `otherwise: nothing matched: serves "live"`}},
	} {
		x := sound(t, define(c.flag)).Explain("clients", ruleset.Subject{Tenant: "acme"}, noon)
		var got []string
		for i, step := range x.Steps {
			got = append(got, step.Case+": "+step.Text)
			if step.Decides != (i == len(x.Steps)-1) {
				t.Errorf("step %d decides: %v", i, step.Decides)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("told %q\nwant %q", got, c.want)
		}
	}
}

func TestTheStagesThatCanBeReached(t *testing.T) {
	tenants := func(share float64, stage string) ruleset.Rule {
		return ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", Share: ruleset.Share(share * 1000), Serve: stage}}
	}
	pilots := ruleset.Rule{When: ptr(is("tenant", "acme")), Serve: "live"}
	for want, f := range map[string]ruleset.Flag{
		"off":               staged("clients", ruleset.StageOff, tenants(0, "dualwrite")),
		"off, live":         staged("clients", ruleset.StageOff, pilots),
		"off, shadow":       killed(staged("clients", ruleset.StageOff, pilots)),
		"dualwrite, shadow": disabled(staged("clients", ruleset.StageDualWrite, pilots)),
		"complete":          staged("clients", ruleset.StageOff, serve("complete"), pilots),
		"shadow, live":      staged("clients", ruleset.StageShadow, tenants(100, "live")), // who has no tenant is not counted
		"off, complete":     of(ruleset.Migration, boolean("clients", when(is("tenant", "acme")))),
	} {
		if got, _ := sound(t, define(f)).Stages("clients"); got.Reachable.String() != want {
			t.Errorf("reachable are %s, want %s", got.Reachable, want)
		}
	}
	d := define(killed(of(ruleset.Migration, boolean("clients", serve("on")))), disabled(of(ruleset.Migration, boolean("bookings", serve("on")))), boolean("no-migration"),
		archived(staged("gone", ruleset.StageOff)))
	d.Overrides = []ruleset.Override{{Flag: "clients", Tenant: "acme", Variant: "on"}, {Flag: "bookings", Tenant: "acme", Variant: "on"}}
	r := sound(t, d)
	for key, want := range map[string]string{"clients": "off", "bookings": "off, complete"} {
		if got, ok := r.Stages(key); !ok || got.Reachable.String() != want || got.Staged {
			t.Errorf("%s: %+v, want %s", key, got, want)
		}
	}
	for _, key := range []string{"no-migration", "gone", "unknown"} {
		if _, ok := r.Stages(key); ok {
			t.Errorf("%s has stages", key)
		}
		if _, ok := r.StageDecider(key).Decide("acme", "", nil); ok {
			t.Errorf("%s has a stage", key)
		}
	}
}

// A stage decider says of a tenant what every subject of the tenant is served, and nothing that cannot be reached.
func TestATenantsStageIsWhatAllOfItAreServed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := someDefinition().Draw(rt, "definition")
		r := sound(t, d)
		for _, f := range d.Flags {
			stages, ok := r.Stages(f.Key)
			if ok != (f.Kind == ruleset.Migration && !f.Archived) || stages.Malformed {
				rt.Fatalf("%s has stages: %v %+v", f.Key, ok, stages)
			}
			decider := r.StageDecider(f.Key)
			for _, s := range rapid.SliceOfN(someone(), 1, 10).Draw(rt, "subjects") {
				stage, decided := decider.Decide(s.Tenant, s.Plan, s.Attributes)
				got := r.Evaluate(s, noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "hours"))*time.Hour)).Detail(f.Key)
				want := got.Variant
				if got.Value == true {
					want = "complete"
				}
				switch {
				case decided != ok:
					rt.Fatalf("%s is decided: %v", f.Key, decided)
				case ok && (stage.String() != want || !stages.Reachable.Has(stage)):
					rt.Fatalf("%s: %s, served %s, reachable %s, to %+v", f.Key, stage, want, stages.Reachable, s)
				}
			}
		}
	})
}

// Whoever is killed or disabled keeps both sides written, or stays where one side is all that there is.
func TestNoStopLeadsToAnAbandonedSide(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := someDefinition().Draw(rt, "definition")
		if rapid.Bool().Draw(rt, "one more") {
			d.Flags = append(d.Flags, someMigration(ruleset.Flag{Key: "m", Kind: ruleset.Migration, Type: ruleset.String, Salt: "m"}).Draw(rt, "m"))
		}
		going, stopped := d, d
		going.Flags, stopped.Flags = slices.Clone(d.Flags), slices.Clone(d.Flags)
		for i := range d.Flags {
			going.Flags[i].Enabled, going.Flags[i].Killed = true, false
			stopped.Flags[i].Enabled, stopped.Flags[i].Killed = rapid.Bool().Draw(rt, "enabled"), rapid.Bool().Draw(rt, "killed")
		}
		before := sound(t, going)
		after, err := ruleset.Compile(ruleset.ID{Number: 2}, stopped, before)
		if err != nil {
			rt.Fatal(err)
		}
		overlaid := ruleset.Overlay(before, after)
		s := someone().Draw(rt, "subject")
		for i := range d.Flags {
			f := &stopped.Flags[i]
			if !f.Staged() || f.Archived {
				continue
			}
			was, _ := ruleset.ParseStage(before.Evaluate(s, noon).Variant(f.Key))
			want, reason := was, before.Evaluate(s, noon).Reason(f.Key)
			if f.Killed || !f.Enabled {
				want, reason = was.Capped(), ruleset.Disabled
			}
			if f.Killed {
				reason = ruleset.Killed
			}
			for _, r := range []*ruleset.Revision{after, overlaid} {
				if got := r.Evaluate(s, noon).Detail(f.Key); got.Variant != want.String() || got.Reason != reason || got.Value != want.String() {
					rt.Fatalf("%s was %s, is %+v, want %s because of %s", f.Key, was, got, want, reason)
				}
			}
			if want.Both() != was.Both() || want.New() && want != ruleset.StageComplete && (f.Killed || !f.Enabled) {
				rt.Fatalf("%s goes from %s to %s", f.Key, was, want)
			}
		}
	})
}

func TestWhatIsNotFreeInAStagedFlagIsItsPresentStage(t *testing.T) {
	f := staged("clients", ruleset.StageRampdown)
	f.Off, f.Default = "off", "complete"
	two := of(ruleset.Migration, boolean("bookings"))
	two.Otherwise, two.Default = "on", "off"
	empty := staged("fresh", ruleset.StageOff)
	empty.Otherwise = ""
	r := sound(t, define(f, two, empty))
	expect(t, r.Evaluate(ruleset.Subject{}, noon), "fresh", "off", ruleset.NothingMatched)
	d := define(f, two)
	for i := range d.Flags {
		d.Flags[i].Malformed = "torn"
	}
	torn, _ := flawed(t, d)
	expect(t, torn.Evaluate(ruleset.Subject{}, noon), "clients", "rampdown", ruleset.Error)
	expect(t, torn.Evaluate(ruleset.Subject{}, noon), "bookings", "on", ruleset.Error)
	filled := f.Filled()
	if filled.Off != "rampdown" || filled.Default != "rampdown" || len(filled.Variants) != 6 {
		t.Errorf("filled: %+v", filled)
	}
	if two := two.Filled(); two.Off != "" || two.Default != "on" || two.Variants != nil {
		t.Errorf("filled: %+v", two)
	}
	again := sound(t, define(filled))
	if got, _ := again.Stages("clients"); got.Reachable.String() != "rampdown" {
		t.Errorf("reachable are %s", got.Reachable)
	}
	for i, v := range filled.Variants {
		if name := ruleset.Stages[i].String(); v.Name != name || string(v.Value) != fmt.Sprintf("%q", name) {
			t.Errorf("variant %d is %s: %s", i, v.Name, v.Value)
		}
	}
}

func TestAStagedFlagCannotBePreviewed(t *testing.T) {
	r := sound(t, define(staged("clients", ruleset.StageOff)))
	preview, err := r.Preview(map[string]string{"clients": "live"})
	if err == nil || !strings.Contains(err.Error(), "cannot be previewed") {
		t.Errorf("the error is %v", err)
	}
	expect(t, preview.Evaluate(ruleset.Subject{}, noon), "clients", "off", ruleset.NothingMatched)
}

func TestStageDecidersAreSafeForConcurrentUse(t *testing.T) {
	d := define(staged("clients", ruleset.StageDualWrite, ruleset.Rule{When: ptr(is("tenant.region", "eu")), Percent: &ruleset.Percent{Unit: "tenant", Share: 50_000, Serve: "shadow"}}))
	r := sound(t, d)
	decider := r.StageDecider("clients")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				s := ruleset.Subject{Tenant: fmt.Sprint("t-", i), Attributes: map[string]any{"tenant.region": []string{"eu", "us"}[i%2]}}
				if got, want := stageOf(decider, s), r.Evaluate(s, noon).Variant("clients"); got != want {
					t.Errorf("%+v is in %s, served %s", s, got, want)
				}
			}
		})
	}
	wg.Wait()
	if reads := r.TakeReads(); !slices.Equal(reads, []string{"clients"}) {
		t.Errorf("read are %q", reads)
	}
}

func TestAFlagsPlaceFillsWhatAProcessorReadsAtOnce(t *testing.T) {
	if ruleset.NodeSize != 64 {
		t.Errorf("%d bytes", ruleset.NodeSize)
	}
}

func TestStageSetsAreReadBack(t *testing.T) {
	for set := range ruleset.StageSet(64) {
		all := set.All()
		if ruleset.StagesOf(all...) != set || set.Empty() != (len(all) == 0) {
			t.Fatalf("%08b is %s", set, set)
		}
		for _, stage := range ruleset.Stages {
			if set.Has(stage) != slices.Contains(all, stage) || set.Is(stage) != slices.Equal(all, []ruleset.Stage{stage}) {
				t.Fatalf("%s in %s", stage, set)
			}
		}
		if !set.Empty() && (set.Min() != all[0] || set.Max() != all[len(all)-1]) {
			t.Fatalf("%s begins with %s and ends with %s", set, set.Min(), set.Max())
		}
	}
	if _, ok := ruleset.ParseStage("done"); ok {
		t.Error("there is a stage done")
	}
}

func encoded(t testing.TB, d ruleset.Definition) []byte {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
