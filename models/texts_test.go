package models

import (
	"reflect"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func TestTextsMeanTheSameHoweverOftenTheyAreRead(t *testing.T) {
	settings, err := SettingsOf(ruleset.Flag{Enabled: true, Variants: []ruleset.Variant{{Name: "a", Value: []byte(`"1"`)}, {Name: "b", Value: []byte(`"2"`)}}, Rules: []ruleset.Rule{{Name: "some", Serve: "b", When: &ruleset.Condition{Segment: "pilots"}}}})
	if err != nil {
		t.Fatal(err)
	}
	global, texts := FeatureFlag{Name: "look", Kind: ruleset.Release, Type: ruleset.String}, &Texts{}
	alone, first, second := settings.Flag(global), texts.Flag(settings, global), texts.Flag(settings, global)
	if !reflect.DeepEqual(alone, first) || !reflect.DeepEqual(first, second) {
		t.Errorf("read alone it is %+v, first %+v, then %+v", alone, first, second)
	}
	if &first.Rules[0] != &second.Rules[0] {
		t.Error("the same rules are read twice")
	}
}

func TestATextThatCannotBeReadIsAMistakeEachTime(t *testing.T) {
	texts := &Texts{}
	for range 2 {
		flag := texts.Flag(FlagSettings{Variants: "[]", Prerequisites: "[]", RolloutStrategy: `[{"serf":"on"}]`}, FeatureFlag{Name: "look"})
		if flag.Malformed == "" || len(flag.Rules) > 0 && flag.Rules[0].Serve != "" {
			t.Errorf("it reads as %+v", flag)
		}
		segment := texts.Segment(Segment{Key: "pilots", Condition: `{"atribute":"plan"}`})
		if !reflect.DeepEqual(segment.When, ruleset.Condition{}) {
			t.Errorf("the segment reads as %+v", segment)
		}
	}
}
