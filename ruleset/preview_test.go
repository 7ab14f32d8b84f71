package ruleset_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func previewed(t *testing.T, r *ruleset.Revision, variants map[string]string) *ruleset.Revision {
	t.Helper()
	p, err := r.Preview(variants)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A preview stands behind the kill and the plan, and before all other cases.
func TestAPreviewIsBeatenByKillsAndPlansAlone(t *testing.T) {
	for _, row := range decisions {
		f := text("flag", []string{"off", "otherwise", "default", "override", "rule", "looked-at"})
		f.Off, f.Otherwise, f.Default = "off", "otherwise", "default"
		d := define(boolean("prerequisite"))
		s := ruleset.Subject{User: "u-1", Tenant: "acme", Plan: "free"}
		row.apply(&f, &d, &s)
		d.Flags = append(d.Flags, f)
		r, _ := ruleset.Compile(ruleset.ID{}, d, nil)
		p, err := r.Preview(map[string]string{"flag": "looked-at"})
		switch row.reason {
		case ruleset.FlagNotFound, ruleset.Error: // what is malformed has no variant to be trusted
			if err == nil {
				t.Errorf("%s: it can be previewed", row.reason)
			}
			expect(t, p.Evaluate(s, noon), "flag", row.variant, row.reason)
		case ruleset.Killed, ruleset.PlanUnknown, ruleset.PlanExcluded:
			expect(t, p.Evaluate(s, noon), "flag", row.variant, row.reason)
		default:
			expect(t, p.Evaluate(s, noon), "flag", "looked-at", ruleset.Previewed)
		}
		expect(t, r.Evaluate(s, noon), "flag", row.variant, row.reason) // the revision itself is as it was
	}
}

func TestFlagsThatRequireAPreviewedOneSeeThePreview(t *testing.T) {
	r := sound(t, define(boolean("base"), requiring(boolean("above", serve("on")), "base"), requiring(tier(boolean("paid", serve("on")), "pro"), "base")))
	p := previewed(t, r, map[string]string{"base": "on"})
	v := p.Evaluate(ruleset.Subject{Plan: "pro"}, noon)
	expect(t, v, "base", "on", ruleset.Previewed)
	expect(t, v, "above", "on", ruleset.TargetingMatch)
	expect(t, v, "paid", "on", ruleset.TargetingMatch)
	v = p.Evaluate(ruleset.Subject{Plan: "free"}, noon)
	expect(t, v, "paid", "off", ruleset.PlanExcluded)
	if v.Upgradable("paid") {
		t.Error("an upgrade is offered that would give nothing without the preview")
	}
}

func TestAPreviewSellsNothing(t *testing.T) {
	r := sound(t, define(tier(boolean("reports"), "pro"), tier(boolean("sold", serve("on")), "pro")))
	v := previewed(t, r, map[string]string{"reports": "on", "sold": "off"}).Evaluate(ruleset.Subject{Plan: "free"}, noon)
	if v.On("reports") || v.Upgradable("reports") || !v.Upgradable("sold") {
		t.Errorf("reports %+v, sold %+v", v.Detail("reports"), v.Detail("sold"))
	}
}

func TestAPreviewsJSONAndExplanationAgreeWithItsValues(t *testing.T) {
	visible := func(f ruleset.Flag) ruleset.Flag { f.ClientVisible = true; return f }
	r := sound(t, define(visible(boolean("a")), visible(boolean("b", percent(50, "on"))), visible(boolean("c", serve("on"))), visible(tier(boolean("d"), "pro"))))
	p := previewed(t, r, map[string]string{"a": "on", "b": "on", "c": "off", "d": "on"})
	v := p.Evaluate(ruleset.Subject{User: "ann", Plan: "pro"}, noon)
	var got map[string]bool
	if err := json.Unmarshal(v.JSON(), &got); err != nil {
		t.Fatal(err)
	}
	if want := map[string]bool{"a": true, "b": true, "c": false, "d": true}; !reflect.DeepEqual(got, want) {
		t.Errorf("the browser gets %v", got)
	}
	x := p.Explain("b", ruleset.Subject{User: "ann"}, noon)
	if last := x.Steps[len(x.Steps)-1]; last.Case != "preview" || !last.Decides || x.Reason != ruleset.Previewed || x.Reason.String() != "PREVIEW" {
		t.Errorf("explained as %+v", x)
	}
}

func TestWhatIsReadUnderAPreviewCountsForNothing(t *testing.T) {
	d := define(boolean("a"), boolean("b"))
	r, heard := sound(t, d), &observed{}
	r.Observe(heard)
	for _, p := range []*ruleset.Revision{previewed(t, r, map[string]string{"a": "on"}), ruleset.PreviewDraft(sound(t, d), r), previewed(t, ruleset.PreviewDraft(r, r), nil)} {
		v := p.Evaluate(ruleset.Subject{}, noon)
		v.On("a")
		v.On("missing")
		v.Enabled()
		if reads := append(r.TakeReads(), p.TakeReads()...); len(reads) > 0 || heard.unknown > 0 {
			t.Errorf("noted as read: %v, unknown: %d", reads, heard.unknown)
		}
	}
}

type observed struct{ unknown int }

func (o *observed) FlagNotFound(string)                     { o.unknown++ }
func (o *observed) FlagFailed(string, string)               {}
func (o *observed) Counter(string, string) *ruleset.Counter { return nil }

func TestADraftIsSeenWholeButForKills(t *testing.T) {
	newest := define(of(ruleset.Operational, boolean("breaker")), boolean("killed", serve("on")), boolean("lifted", serve("on")), boolean("gone", serve("on")))
	newest.Flags[1].Killed, newest.Flags[3].Killed = true, true
	draft := define(of(ruleset.Operational, boolean("breaker", serve("on"))), boolean("killed", serve("on")), boolean("lifted", serve("on")), boolean("new", serve("on")))
	draft.Flags[2].Killed = true
	v := ruleset.PreviewDraft(sound(t, draft), sound(t, newest)).Evaluate(ruleset.Subject{}, noon)
	expect(t, v, "breaker", "on", ruleset.TargetingMatch) // though it would come from the newest revision
	expect(t, v, "killed", "off", ruleset.Killed)
	expect(t, v, "lifted", "on", ruleset.TargetingMatch)
	expect(t, v, "new", "on", ruleset.TargetingMatch)
	expect(t, v, "gone", "off", ruleset.Killed)
	if v.Bool("gone", true) {
		t.Error("a draft that archives a killed flag brings the fallback back")
	}
}

// A draft that takes a plan away from a flag, or makes one include it, gives it to nobody who has not bought it.
func TestADraftNeverBeatsThePlansOfTheNewestRevision(t *testing.T) {
	newest := define(tier(boolean("tiered", serve("on")), "pro"), boolean("listed", serve("on")), tier(boolean("archived", serve("on")), "pro"))
	newest.Flags[2].Archived = true
	newest.Plans = []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10, Features: []string{"listed", "later"}}}
	draft := define(boolean("tiered", serve("on")), boolean("listed", serve("on")), boolean("archived", serve("on")), boolean("later", serve("on")),
		requiring(boolean("above", serve("on")), "tiered"))
	draft.Plans = []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10}, {Key: "invented", Rank: 20}}
	r := ruleset.PreviewDraft(sound(t, draft), sound(t, newest))
	for _, key := range []string{"tiered", "listed", "archived", "later"} {
		expect(t, r.Evaluate(ruleset.Subject{Plan: "free"}, noon), key, "off", ruleset.PlanExcluded)
		expect(t, r.Evaluate(ruleset.Subject{Plan: "invented"}, noon), key, "off", ruleset.PlanUnknown)
		expect(t, r.Evaluate(ruleset.Subject{Plan: "pro"}, noon), key, "on", ruleset.TargetingMatch)
	}
	expect(t, r.Evaluate(ruleset.Subject{Plan: "free"}, noon), "above", "off", ruleset.PrerequisiteFailed)
	x := r.Explain("tiered", ruleset.Subject{Plan: "free"}, noon)
	if last := x.Steps[len(x.Steps)-1]; last.Case != "plan" || !last.Decides {
		t.Errorf("explained as %+v", x.Steps)
	}
}
