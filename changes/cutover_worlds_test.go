package changes

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/toprent/flags/ruleset"
)

// migrationWith is a migration with these rules.
func migrationWith(otherwise string, rules []ruleset.Rule) ruleset.Flag {
	return ruleset.Flag{Key: "clients", Kind: ruleset.Migration, Type: ruleset.String, Salt: "salt", Enabled: true, Otherwise: otherwise, Rules: rules}
}

func anyStage(r *rand.Rand) string { return ruleset.Stages[r.IntN(len(ruleset.Stages))].String() }

// anyRule draws a rule that asks for nothing but the tenant.
func anyRule(r *rand.Rand) (rule ruleset.Rule) {
	if r.IntN(2) == 0 {
		rule.When = anyCondition(r, 2)
	}
	if rule.When != nil && r.IntN(2) == 0 {
		rule.Serve = anyStage(r)
		return rule
	}
	rule.Percent = &ruleset.Percent{Unit: "tenant", Serve: anyStage(r), Share: ruleset.Share(r.IntN(100_001))}
	if r.IntN(3) == 0 {
		rule.Seed = fmt.Sprintf("seed-%d", r.IntN(2))
	}
	return rule
}

func anyCondition(r *rand.Rand, depth int) *ruleset.Condition {
	texts := ruleset.Texts{fmt.Sprintf("t-%d", r.IntN(40))}
	switch kind := r.IntN(8); {
	case kind == 0 && depth > 0:
		return &ruleset.Condition{Not: anyCondition(r, depth-1)}
	case kind == 1 && depth > 0:
		return &ruleset.Condition{All: []ruleset.Condition{*anyCondition(r, depth-1), *anyCondition(r, depth-1)}}
	case kind == 2 && depth > 0:
		return &ruleset.Condition{Any: []ruleset.Condition{*anyCondition(r, depth-1), *anyCondition(r, depth-1)}}
	case kind == 3:
		return &ruleset.Condition{Segment: "pilots"}
	case kind == 4:
		return &ruleset.Condition{Attribute: "tenant", Operator: ruleset.NotIn, Values: texts}
	case kind == 5:
		return &ruleset.Condition{Attribute: "tenant", Operator: ruleset.StartsWith, Values: ruleset.Texts{texts[0][:3]}}
	case kind == 6:
		return &ruleset.Condition{Attribute: "tenant", Operator: ruleset.Exists}
	}
	return &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: texts}
}

// anyDefinition draws a flag with rules, overrides and a segment.
func anyDefinition(r *rand.Rand) ruleset.Definition {
	var rules []ruleset.Rule
	for range r.IntN(4) {
		rules = append(rules, anyRule(r))
	}
	flag := migrationWith(anyStage(r), rules)
	flag.Killed = r.IntN(5) == 0
	def := ruleset.Definition{Flags: []ruleset.Flag{flag},
		Segments: []ruleset.Segment{{Key: "pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{fmt.Sprintf("t-%d", r.IntN(40)), "t-7"}}}}}
	if r.IntN(3) == 0 {
		def.Overrides = []ruleset.Override{{Flag: "clients", Tenant: fmt.Sprintf("t-%d", r.IntN(40)), Variant: anyStage(r)}}
	}
	return def
}

func TestNoTenantMakesAStepThatIsNotLookedAt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 400 {
		was, is := anyDefinition(r), anyDefinition(r)
		tr := transition{key: "clients", before: stagesOf(was), after: stagesOf(is), former: stagesOf(was)}
		if !tr.before.sound("clients") || !tr.after.sound("clients") {
			t.Fatalf("%d cannot be decided: %+v, %+v", n, was, is)
		}
		looked := map[[2]ruleset.Stage]bool{}
		named := map[string]move{}
		for _, m := range tr.moves() {
			looked[[2]ruleset.Stage{m.from, m.to}] = true
			named[m.who] = m
		}
		for i := range 300 {
			tenant := fmt.Sprintf("t-%d", i)
			from, to := tr.before.of("clients")(tenant), tr.after.of("clients")(tenant)
			if from != to && !looked[[2]ruleset.Stage{from, to}] {
				t.Fatalf("%d: tenant %s goes from %s to %s, and nobody looks:\n%+v\n%+v", n, tenant, from, to, was, is)
			}
			if m, ok := named[tenant]; ok && (m.from != from || m.to != to) {
				t.Fatalf("%d: tenant %s goes from %s to %s, not %+v", n, tenant, from, to, m)
			}
			if !tr.after.reach("clients").Has(to) {
				t.Fatalf("%d: %s is not among %s", n, to, tr.after.reach("clients"))
			}
		}
	}
}

func TestNothingIsLookedAtThatDoesNotChange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		def := anyDefinition(r)
		tr := transition{key: "clients", before: stagesOf(def), after: stagesOf(def), former: stagesOf(def)}
		if moves := tr.moves(); len(moves) > 0 {
			t.Fatalf("%d: %+v of %+v", n, moves, def)
		}
	}
}

func TestThresholdsAreThoseOfTheEngine(t *testing.T) {
	for _, share := range []ruleset.Share{0, 1, 999, 25_000, 33_333, 50_000, 99_999} {
		def := ruleset.Definition{Flags: []ruleset.Flag{migrationWith("off", []ruleset.Rule{{Percent: &ruleset.Percent{Unit: "tenant", Serve: "shadow", Share: share}}})}}
		stage, in := stagesOf(def).of("clients"), 0
		for i := range 20_000 {
			if stage(fmt.Sprint(i)) == ruleset.StageShadow {
				in++
			}
		}
		got := float64(thresholdOf(*def.Flags[0].Rules[0].Percent)) / (1 << 64)
		if want := float64(share) / 100_000; got > want || got < want-1e-9 || float64(in)/20_000 > want+0.02 || float64(in)/20_000 < want-0.02 {
			t.Errorf("%s: threshold %f, %d of 20,000 are in", share, got, in)
		}
	}
}

func TestTooManyWorldsAreTakenForEverything(t *testing.T) {
	rules := make([]ruleset.Rule, 16)
	for i := range rules {
		rules[i] = ruleset.Rule{Serve: "dualwrite", When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.StartsWith, Values: ruleset.Texts{fmt.Sprint(i)}}}
	}
	def := ruleset.Definition{Flags: []ruleset.Flag{migrationWith("off", rules)}}
	after := ruleset.Definition{Flags: []ruleset.Flag{migrationWith("dualwrite", nil)}}
	tr := transition{key: "clients", before: stagesOf(def), after: stagesOf(after), former: stagesOf(def)}
	if moves := tr.moves(); len(moves) != 1 || moves[0].from != ruleset.StageOff || moves[0].to != ruleset.StageDualWrite {
		t.Errorf("%+v", moves)
	}
}

// Where instances find one side alone reachable, they leave no marks: then that has to count as abandoning the other.
func TestWhatIsReachableIsWhatInstancesGoBy(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 500 {
		def := anyDefinition(r)
		rules := def.Flags[0].Rules
		for i := range rules {
			switch {
			case r.IntN(4) == 0:
				rules[i] = ruleset.Rule{Serve: anyStage(r)}
			case r.IntN(3) == 0 && rules[i].Percent != nil:
				rules[i].Percent.Share = 0
			}
		}
		if r.IntN(5) == 0 {
			def.Flags[0].Otherwise = ""
		}
		compiled, err := ruleset.Compile(ruleset.ID{}, def, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := compiled.Stages("clients")
		if ours := stagesOf(def).reach("clients"); ours != theirs.Reachable {
			t.Fatalf("%d: %s, but instances say %s: %+v", n, ours, theirs.Reachable, def)
		}
	}
}
