package ruleset_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// unsafeMigrations are definitions of one migration flag, clients, by what is refused of it.
func unsafeMigrations(f ruleset.Flag) map[string]ruleset.Definition {
	on, off := "on", "off"
	if f.Staged() {
		on, off = "dualwrite", "off"
	}
	with := func(change func(*ruleset.Flag)) ruleset.Definition {
		f := f
		change(&f)
		return define(f)
	}
	ruled := func(r ruleset.Rule) ruleset.Definition {
		r.Name = "some"
		if r.Percent == nil && r.Split == nil {
			r.Serve = on
		}
		return with(func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{r} })
	}
	asks := func(c ruleset.Condition) ruleset.Definition { return ruled(ruleset.Rule{When: &c}) }
	overridden := func(o ruleset.Override) ruleset.Definition {
		d := define(f)
		o.Flag, o.Variant = f.Key, on
		d.Overrides = []ruleset.Override{o}
		return d
	}
	required := with(func(f *ruleset.Flag) { f.Prerequisites = []ruleset.Prerequisite{{Flag: "other", Variant: "on"}} })
	required.Flags = append(required.Flags, boolean("other"))
	listed := define(f)
	listed.Plans = []ruleset.Plan{{Key: "pro", Features: []string{f.Key}}}
	segment := asks(ruleset.Condition{Not: &ruleset.Condition{Segment: "outer"}})
	segment.Segments = []ruleset.Segment{{Key: "outer", When: ruleset.Condition{Segment: "inner"}}, {Key: "inner", When: is("country", "DE")}}
	return map[string]ruleset.Definition{
		`flag "clients", tier_required: a migration flag needs no plan`:                                     with(func(f *ruleset.Flag) { f.TierRequired = "pro" }),
		`flag "clients": plan "pro" lists it among its features`:                                            listed,
		`flag "clients", prerequisites: a migration flag follows no other flag`:                             required,
		`flag "clients", override 1: a migration flag has no overrides of users`:                            overridden(ruleset.Override{User: "u-1"}),
		`flag "clients", override 1: an override of a migration flag never expires`:                         overridden(ruleset.Override{Tenant: "acme", Expires: ptr(noon.Add(time.Hour))}),
		`flag "clients", rule "some", rules[0].split: a migration flag has no splits`:                       ruled(splitBy("tenant", map[string]ruleset.Weight{on: 1000, off: 1000})),
		`flag "clients", rule "some", rules[0].percent.unit: counts "user"`:                                 ruled(percent(50, on)),
		`flag "clients", rule "some", rules[0].percent.unit: counts "account"`:                              ruled(ruleset.Rule{Percent: &ruleset.Percent{Unit: "account", Share: 1, Serve: on}}),
		`flag "clients", rule "some", rules[0].percent: a migration flag's share does not move by itself`:   ruled(ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", To: 1, Start: &noon, End: ptr(noon.Add(time.Hour)), Serve: on}}),
		`flag "clients", rule "some", rules[0].when.attribute: "country" may differ`:                        asks(is("country", "DE")),
		`flag "clients", rule "some", rules[0].when.attribute: "user" may differ`:                           asks(is("user", "u-1")),
		`flag "clients", rule "some", rules[0].when.attribute: "visitor" may differ`:                        asks(is("visitor", "v-1")),
		`flag "clients", rule "some", rules[0].when.attribute: "now" may differ`:                            asks(compare("now", ruleset.After, "2026-06-01T12:00:00Z")),
		`flag "clients", rule "some", rules[0].when.attribute: "tenant." may differ`:                        asks(is("tenant.", "x")),
		`flag "clients", rule "some", rules[0].when.attribute: "tenants" may differ`:                        asks(is("tenants", "x")),
		`flag "clients", rule "some", rules[0].when.all[1].any[0].attribute: "country" may differ`:          asks(ruleset.Condition{All: []ruleset.Condition{is("tenant", "acme"), {Any: []ruleset.Condition{is("country", "DE")}}}}),
		`flag "clients", rule "some", rules[0].when.not.segment: segment "outer" asks for "country", which`: segment,
	}
}

func TestUnsafeMigrationsAreRefused(t *testing.T) {
	for _, f := range []ruleset.Flag{staged("clients", ruleset.StageOff), of(ruleset.Migration, boolean("clients"))} {
		for want, d := range unsafeMigrations(f) {
			r, problems := flawed(t, d)
			if got := problems.Error(); len(problems) != 1 || !strings.HasPrefix(got, want) {
				t.Errorf("%s: refused with %q, want %q", f.Type, got, want)
			}
			if stages, ok := r.Stages("clients"); !ok || !stages.Malformed || !stages.Reachable.Empty() {
				t.Errorf("%s, %s: its stages are trusted: %+v", f.Type, want, stages)
			}
			if _, ok := r.StageDecider("clients").Decide("acme", "pro", nil); ok {
				t.Errorf("%s, %s: a stage is decided", f.Type, want)
			}
			if got := r.Evaluate(ruleset.Subject{Tenant: "acme", Plan: "pro"}, noon).Reason("clients"); (got == ruleset.Error) != f.Staged() {
				t.Errorf("%s, %s: the reason is %s", f.Type, want, got)
			}
			again, err := ruleset.Compile(ruleset.ID{Number: 2}, d, r)
			if err == nil || err.Error() != problems.Error() || len(again.Malformed()) != len(r.Malformed()) {
				t.Errorf("%s, %s: compiled again: %v", f.Type, want, err)
			}
		}
	}
}

// What was stored before these rules goes on as before, since to set it aside would move data.
func TestAStoredTwoStageFlagWithUnsafeRulesGoesOn(t *testing.T) {
	f := of(ruleset.Migration, boolean("clients", when(is("country", "DE"))))
	f.TierRequired = "pro"
	d := define(f)
	d.Overrides = []ruleset.Override{{Flag: "clients", User: "ann", Variant: "on"}}
	r, problems := flawed(t, d)
	if len(problems) != 3 || len(r.Malformed()) != 0 {
		t.Errorf("problems %v, set aside %v", problems, r.Malformed())
	}
	german := map[string]any{"country": "DE"}
	expect(t, r.Evaluate(ruleset.Subject{Plan: "pro", Attributes: german}, noon), "clients", "on", ruleset.TargetingMatch)
	expect(t, r.Evaluate(ruleset.Subject{User: "ann", Plan: "pro"}, noon), "clients", "on", ruleset.Overridden)
	expect(t, r.Evaluate(ruleset.Subject{Plan: "free", Attributes: german}, noon), "clients", "off", ruleset.PlanExcluded)
}

func TestWhatMayChangeReachesNeighboursOnly(t *testing.T) {
	serves := func(c ruleset.Condition, stage string) ruleset.Rule {
		return ruleset.Rule{Name: "some", When: &c, Serve: stage}
	}
	plan, region := compare("plan.rank", ruleset.GreaterEqual, "10"), is("tenant.region", "eu")
	for name, c := range map[string]struct {
		flag ruleset.Flag
		at   string // of the mistake; empty: none
	}{
		"neighbours":              {staged("clients", ruleset.StageShadow, serves(plan, "live")), ""},
		"one stage":               {staged("clients", ruleset.StageLive, serves(region, "live")), ""},
		"two steps":               {staged("clients", ruleset.StageDualWrite, serves(region, "live")), "rules[0].when"},
		"by tenant":               {staged("clients", ruleset.StageOff, serves(is("tenant", "acme"), "complete")), ""},
		"a rule by tenant beside": {staged("clients", ruleset.StageShadow, serves(is("tenant", "acme"), "off"), serves(is("plan", "pro"), "live")), "rules[1].when"},
		"by a segment":            {staged("clients", ruleset.StageOff, serves(ruleset.Condition{Any: []ruleset.Condition{{Segment: "paying"}}}, "shadow")), "rules[0].when"},
		"whole boolean":           {of(ruleset.Migration, boolean("clients", when(plan))), ""},
		"killed":                  {killed(staged("clients", ruleset.StageOff, serves(plan, "live"))), "rules[0].when"},
	} {
		d := define(c.flag)
		d.Segments = tenantSegments()
		_, err := ruleset.Compile(ruleset.ID{}, d, nil)
		problems, _ := err.(ruleset.Problems)
		if len(problems) == 0 != (c.at == "") || len(problems) > 1 || len(problems) == 1 && (problems[0].Path != c.at || problems[0].Rule != "some" || !strings.Contains(problems[0].Message, "serve two stages at most")) {
			t.Errorf("%s: refused with %v", name, err)
		}
	}
	d := define(staged("clients", ruleset.StageShadow, serves(plan, "live")))
	d.Overrides = []ruleset.Override{{Flag: "clients", Tenant: "acme", Variant: "off"}}
	if stages, _ := sound(t, d).Stages("clients"); stages.Reachable.String() != "off, shadow, live" {
		t.Errorf("an override, which no plan changes, is far away: %s", stages.Reachable)
	}
}

func TestTheFormsOfAMigration(t *testing.T) {
	six := staged("clients", ruleset.StageOff).Filled()
	reversed := six
	reversed.Variants = slices.Clone(six.Variants)
	slices.Reverse(reversed.Variants)
	renamed := six
	renamed.Variants = slices.Clone(six.Variants)
	renamed.Variants[2].Value = json.RawMessage(`"both"`)
	number := ruleset.Flag{Key: "clients", Kind: ruleset.Migration, Type: ruleset.Number, Salt: "s", Otherwise: "old",
		Variants: []ruleset.Variant{{Name: "old", Value: json.RawMessage("1")}, {Name: "new", Value: json.RawMessage("2")}}, Off: "old", Default: "old"}
	for name, c := range map[string]struct {
		flag ruleset.Flag
		want string
		set  bool // aside
	}{
		"other variants": {of(ruleset.Migration, text("clients", []string{"off", "on"})), `flag "clients", variants: the variants of a staged migration flag are off, dualwrite`, true},
		"reversed":       {reversed, `flag "clients", variants: the variants`, true},
		"other values":   {renamed, `flag "clients", variants: the variants`, true},
		"numbers":        {number, `flag "clients", type: a migration flag is of type string`, false},
	} {
		r, problems := flawed(t, define(c.flag))
		if len(problems) != 1 || !strings.HasPrefix(problems.Error(), c.want) || len(r.Malformed()) == 1 != c.set {
			t.Errorf("%s: refused with %v, set aside %v", name, problems, r.Malformed())
		}
		if stages, _ := r.Stages("clients"); !stages.Malformed {
			t.Errorf("%s: %+v", name, stages)
		}
	}
	visible := six
	visible.ClientVisible = true
	if got := string(sound(t, define(visible)).Evaluate(ruleset.Subject{}, noon).JSON()); got != `{"clients":"off"}` {
		t.Errorf("the browser sees %s", got)
	}
	gone := archived(of(ruleset.Migration, boolean("clients", when(is("country", "DE")))))
	sound(t, define(gone)) // nobody is served it
}

// A missing override would leave its tenant in a stage that it is not in.
func TestAStagedFlagIsSetAsideForAnOverrideWithMistakes(t *testing.T) {
	d := define(staged("clients", ruleset.StageOff))
	d.Overrides = []ruleset.Override{{Flag: "clients", Tenant: "acme", Variant: "gone"}}
	r, problems := flawed(t, d)
	if len(problems) != 1 || problems[0].Override != 1 || len(r.Malformed()) != 1 {
		t.Errorf("problems %v, set aside %v", problems, r.Malformed())
	}
	expect(t, r.Evaluate(ruleset.Subject{Tenant: "initech"}, noon), "clients", "off", ruleset.Error)
}

func TestAMigrationThatIsTheSameIsShared(t *testing.T) {
	d := define(staged("clients", ruleset.StageShadow, ruleset.Rule{When: ptr(ruleset.Condition{Segment: "named"}), Serve: "live"}), boolean("other"))
	d.Segments = tenantSegments()
	before := sound(t, d)
	d.Flags = slices.Clone(d.Flags)
	d.Flags[0].Killed, d.Flags[1].Enabled = true, false
	after, err := ruleset.Compile(ruleset.ID{Number: 2}, d, before)
	if err != nil || !ruleset.Shares(before, after, "clients") {
		t.Errorf("not shared: %v", err)
	}
	if got := fmt.Sprint(ruleset.Affected(before, after)); got != "[clients other]" {
		t.Errorf("affected are %s", got)
	}
	listed := d
	listed.Plans = []ruleset.Plan{{Key: "pro", Features: []string{"clients"}}}
	if _, err := ruleset.Compile(ruleset.ID{Number: 3}, listed, after); err == nil {
		t.Error("a plan may list a migration")
	}
}
