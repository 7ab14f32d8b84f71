package requests

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

func TestAConflictShowsWhateverDiffers(t *testing.T) {
	flag := func() ruleset.Flag {
		return ruleset.Flag{Key: "a", Kind: ruleset.Release, Type: ruleset.String, Enabled: true, Off: "x", Otherwise: "x", Default: "x",
			Variants: []ruleset.Variant{{Name: "x", Value: json.RawMessage(`"1"`)}, {Name: "y", Value: json.RawMessage(`"2"`)}}}
	}
	for what, change := range map[string]func(*ruleset.Flag){
		"a value":   func(f *ruleset.Flag) { f.Variants[1].Value = json.RawMessage(`"3"`) },
		"off":       func(f *ruleset.Flag) { f.Off = "y" },
		"default":   func(f *ruleset.Flag) { f.Default = "y" },
		"otherwise": func(f *ruleset.Flag) { f.Otherwise = "y" },
		"what it needs": func(f *ruleset.Flag) {
			f.Enabled, f.Prerequisites = false, []ruleset.Prerequisite{{Flag: "b", Variant: "on"}}
		},
		"the plan":       func(f *ruleset.Flag) { f.TierRequired = "pro" },
		"a rule":         func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{{Serve: "y"}} },
		"client-visible": func(f *ruleset.Flag) { f.ClientVisible = true },
	} {
		yours := flag()
		change(&yours)
		item := changes.Item{Kind: changes.ItemFlag, Key: "a"}
		shown := compare([]changes.Conflict{{Item: item, Theirs: flag()}}, [][]changes.Edit{{changes.PutFlag{Flag: &yours}}}, time.UTC)
		if len(shown) != 1 || !anyDiffers(shown[0]) {
			t.Errorf("%s is not shown: %+v", what, shown)
		}
	}
	item := changes.ItemOf(changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u"}})
	shown := compare([]changes.Conflict{{Item: item, Theirs: ruleset.Override{Flag: "a", User: "u", Variant: "on", Reason: "beta"}}},
		[][]changes.Edit{{changes.PutOverride{Override: ruleset.Override{Flag: "a", User: "u", Variant: "on", Reason: "fraud"}}}}, time.UTC)
	if len(shown) != 1 || !anyDiffers(shown[0]) {
		t.Errorf("an override's reason is not shown: %+v", shown)
	}
}

func anyDiffers(c views.Conflict) bool {
	for _, line := range c.Lines {
		if line.Differs() {
			return true
		}
	}
	return false
}
