package changes

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// people are those who were seen: some from each of three countries, seven to a tenant.
type people struct{ first, n int }

func (p people) Subjects(string) ruleset.Crowd {
	return ruleset.Crowd{func([]string) iter.Seq[*ruleset.Subject] { return p.each }}
}

func (p people) each(yield func(*ruleset.Subject) bool) {
	var s ruleset.Subject
	for i := p.first; i < p.first+p.n; i++ {
		s = ruleset.Subject{User: fmt.Sprint("u-", i), Tenant: fmt.Sprint("t-", i/7), Attributes: map[string]any{"country": []string{"DE", "FR", "IT"}[i%3]}}
		if !yield(&s) {
			return
		}
	}
}

var thatDay = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func flagOf(rules ...ruleset.Rule) ruleset.Flag {
	return ruleset.Flag{Key: "flag", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "salt", Enabled: true, Rules: rules}
}

// exactly asks for an exact share.
func exactly(name string, share ruleset.Share) ruleset.Rule {
	return ruleset.Rule{Name: name, Percent: &ruleset.Percent{Serve: "on", Share: share, Calibrated: &ruleset.Calibration{}}}
}

func in(country string) *ruleset.Condition {
	return &ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{country}}
}

func where(rule ruleset.Rule, when *ruleset.Condition) ruleset.Rule {
	rule.When = when
	return rule
}

// calibrate gives the flag as it would be published.
func calibrate(t *testing.T, live ruleset.Flag, mine ruleset.Flag, seen Seen) ruleset.Flag {
	t.Helper()
	change, err := Calibrate(Change{Environment: "production", Edits: []Edit{PutFlag{Flag: &mine}}}, ruleset.Definition{Flags: []ruleset.Flag{live}}, seen, thatDay)
	if err != nil {
		t.Fatal(err)
	}
	if change.AsksToCalibrate() {
		t.Fatal("something is still asked for")
	}
	return *change.Edits[0].(PutFlag).Flag
}

func frozen(f ruleset.Flag, place int) ruleset.Calibration { return *f.Rules[place].Percent.Calibrated }

func TestTheSharesThatAreAskedForAreFrozenInTheEdit(t *testing.T) {
	mine := flagOf(where(exactly("Germans", 10_000), in("DE")), exactly("", 25_000))
	mine.Rules[1].Percent.Unit = "tenant"
	got := calibrate(t, flagOf(), mine, people{0, 2100})
	if k := frozen(got, 0); k.Known != 700 || k.In != 70 || k.Of != "user" || k.Share != 10_000 || !k.At.Equal(thatDay) || len(k.Threshold) != 16 {
		t.Errorf("%+v", k)
	}
	if k := frozen(got, 1); k.Known != 300 || k.In != 75 || k.Of != "tenant" {
		t.Errorf("%+v", k)
	}
	if !mine.Rules[0].Percent.Calibrated.Asks() {
		t.Error("the edit that was given is changed too")
	}
}

func TestARuleKeepsItsThresholdUnlessWhatItIsCountedByChanges(t *testing.T) {
	first := people{0, 2100}
	live := calibrate(t, flagOf(), flagOf(where(exactly("Germans", 10_000), in("DE")), exactly("", 25_000)), first)
	later := people{0, 9000}
	germans, quarter := frozen(live, 0), frozen(live, 1)
	for name, c := range map[string]struct {
		mine  []ruleset.Rule
		place int
		want  ruleset.Calibration
		kept  bool
	}{
		"saved as it is":                {[]ruleset.Rule{where(exactly("Germans", 10_000), in("DE")), exactly("", 25_000)}, 1, quarter, true},
		"moved":                         {[]ruleset.Rule{exactly("", 25_000), where(exactly("Germans", 10_000), in("DE"))}, 0, quarter, true},
		"moved, with a name":            {[]ruleset.Rule{exactly("", 25_000), where(exactly("Germans", 10_000), in("DE"))}, 1, germans, true},
		"renamed":                       {[]ruleset.Rule{where(exactly("All of them", 10_000), in("DE"))}, 0, germans, true},
		"behind a new one":              {[]ruleset.Rule{{Serve: "off", When: in("FR")}, exactly("", 25_000)}, 1, quarter, true},
		"a copy":                        {[]ruleset.Rule{exactly("", 25_000), exactly("", 25_000)}, 1, quarter, true},
		"a copy with the name":          {[]ruleset.Rule{where(exactly("Germans", 10_000), in("DE")), where(exactly("Germans", 10_000), in("DE"))}, 1, germans, true},
		"serving something else":        {[]ruleset.Rule{{Name: "Germans", When: in("DE"), Percent: &ruleset.Percent{Serve: "off", Share: 10_000, Calibrated: &ruleset.Calibration{}}}}, 0, germans, true},
		"another share":                 {[]ruleset.Rule{exactly("", 26_000)}, 0, quarter, false},
		"another condition":             {[]ruleset.Rule{where(exactly("Germans", 10_000), in("FR"))}, 0, germans, false},
		"another unit":                  {[]ruleset.Rule{{Percent: &ruleset.Percent{Unit: "tenant", Serve: "on", Share: 25_000, Calibrated: &ruleset.Calibration{}}}}, 0, quarter, false},
		"another seed":                  {[]ruleset.Rule{{Seed: "own", Percent: &ruleset.Percent{Serve: "on", Share: 25_000, Calibrated: &ruleset.Calibration{}}}}, 0, quarter, false},
		"asked again":                   {[]ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", Share: 25_000, Calibrated: &ruleset.Calibration{Again: true}}}}, 0, quarter, false},
		"user spelt out, which is same": {[]ruleset.Rule{{Percent: &ruleset.Percent{Unit: "user", Serve: "on", Share: 25_000, Calibrated: &ruleset.Calibration{}}}}, 0, quarter, true},
	} {
		if got := frozen(calibrate(t, live, flagOf(c.mine...), later), c.place); (got == c.want) != c.kept {
			t.Errorf("%s: was %+v, is %+v", name, c.want, got)
		}
	}
}

// Among sixty people who are all new, many more than a quarter may be below the old threshold: that is where raising begins.
func TestARaisedShareStartsFromTheThresholdOfItsRule(t *testing.T) {
	live := calibrate(t, flagOf(), flagOf(exactly("first", 50_000), where(exactly("", 25_000), in("DE"))), people{0, 100})
	for first := range 40 {
		mine := flagOf(where(exactly("", 26_000), in("DE")), exactly("first", 49_000))
		got := calibrate(t, live, mine, people{1000 * first, 60})
		if frozen(got, 0).Threshold < frozen(live, 1).Threshold { // as texts: they are equally long
			t.Fatalf("raising took the threshold from %s to %s", frozen(live, 1).Threshold, frozen(got, 0).Threshold)
		}
		if frozen(got, 1).Threshold > frozen(live, 0).Threshold {
			t.Fatalf("lowering took the threshold from %s to %s", frozen(live, 0).Threshold, frozen(got, 1).Threshold)
		}
	}
}

func TestSegmentsOfTheSameChangeAreCountedBy(t *testing.T) {
	live := ruleset.Definition{Flags: []ruleset.Flag{flagOf()}, Segments: []ruleset.Segment{{Key: "home", When: *in("DE")}}}
	mine := flagOf(where(exactly("", 50_000), &ruleset.Condition{Segment: "home"}))
	wider := ruleset.Segment{Key: "home", When: ruleset.Condition{Any: []ruleset.Condition{*in("DE"), *in("FR")}}}
	change, err := Calibrate(Change{Edits: []Edit{PutFlag{Flag: &mine}, PutSegment{Segment: wider}}}, live, people{0, 300}, thatDay)
	if err != nil {
		t.Fatal(err)
	}
	if k := frozen(*change.Edits[0].(PutFlag).Flag, 0); k.Known != 200 || k.In != 100 {
		t.Errorf("%+v", k)
	}
	_, err = Calibrate(Change{Edits: []Edit{PutFlag{Flag: &mine}, RemoveSegment{Key: "home"}}}, live, people{0, 300}, thatDay)
	if err == nil || !strings.Contains(err.Error(), `there is no segment "home"`) {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeCountedIsRefused(t *testing.T) {
	asking := flagOf(exactly("", 25_000))
	fresh := asking
	fresh.Salt = ""
	torn := flagOf(where(exactly("", 25_000), &ruleset.Condition{Attribute: "country", Operator: "resembles", Values: ruleset.Texts{"DE"}}))
	for name, c := range map[string]struct {
		live []ruleset.Flag
		mine ruleset.Flag
		seen Seen
		says string
	}{
		"who was seen is not known":   {[]ruleset.Flag{flagOf()}, asking, nil, "who was seen is still being read"},
		"the flag is new":             {nil, fresh, people{0, 10}, "the flag is new"},
		"a condition that is wrong":   {[]ruleset.Flag{flagOf()}, torn, people{0, 10}, `"resembles" is no operator`},
		"a variant that is not there": {[]ruleset.Flag{flagOf()}, flagOf(ruleset.Rule{Percent: &ruleset.Percent{Serve: "blue", Calibrated: &ruleset.Calibration{}}}), people{0, 10}, `there is no variant "blue"`},
	} {
		_, err := Calibrate(Change{Environment: "production", Edits: []Edit{PutFlag{Flag: &c.mine}}}, ruleset.Definition{Flags: c.live}, c.seen, thatDay)
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) || refused.Problems[0].Environment != "production" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := calibrate(t, flagOf(), fresh, people{0, 10}); frozen(got, 0).Known != 10 {
		t.Errorf("a salt that is left out is the flag's: %+v", frozen(got, 0))
	}
}

func TestAChangeThatAsksForNothingStaysAsItIs(t *testing.T) {
	done := calibrate(t, flagOf(), flagOf(exactly("", 25_000)), people{0, 100})
	change := Change{Edits: []Edit{PutFlag{Flag: &done}, RemovePlan{Key: "pro"}}}
	got, err := Calibrate(change, ruleset.Definition{}, nil, thatDay)
	if err != nil || got.Edits[0].(PutFlag).Flag != &done {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestACopyForAnotherEnvironmentAsksAnew(t *testing.T) {
	done := calibrate(t, flagOf(), flagOf(exactly("", 25_000), ruleset.Rule{Serve: "off"}, exactly("", 50_000)), people{0, 100})
	asking := AskToCalibrate(done, false)
	if !asks(asking) || frozen(done, 0).Threshold == "" || *asking.Rules[2].Percent.Calibrated != (ruleset.Calibration{}) {
		t.Errorf("%+v", asking.Rules)
	}
	one := AskToCalibrate(done, true, 2)
	if !one.Rules[2].Percent.Calibrated.Again || one.Rules[0].Percent.Calibrated.Asks() {
		t.Errorf("%+v", one.Rules)
	}
	elsewhere := calibrate(t, flagOf(), asking, people{50_000, 4000})
	if k := frozen(elsewhere, 0); k.Known != 4000 || k.In != 1000 || k.Threshold == frozen(done, 0).Threshold {
		t.Errorf("%+v", k)
	}
	if !slices.EqualFunc(done.Rules, elsewhere.Rules, func(a, b ruleset.Rule) bool { return a.Serve == b.Serve }) {
		t.Errorf("%+v", elsewhere.Rules)
	}
}

// Publish says why it cannot be.
func TestAShareThatMovesIsLeftAsItIs(t *testing.T) {
	start, end := thatDay, thatDay.Add(time.Hour)
	mine := flagOf(ruleset.Rule{Percent: &ruleset.Percent{Serve: "on", To: 50_000, Start: &start, End: &end, Calibrated: &ruleset.Calibration{}}})
	change, err := Calibrate(Change{Edits: []Edit{PutFlag{Flag: &mine}}}, ruleset.Definition{Flags: []ruleset.Flag{flagOf()}}, people{0, 10}, thatDay)
	if err != nil || !change.AsksToCalibrate() {
		t.Errorf("%+v, %v", change.Edits, err)
	}
}
