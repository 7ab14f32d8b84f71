package models_test

import (
	"reflect"
	"testing"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// FuzzStoredFlag reads whatever may stand in a row: it is either malformed, or means a flag that is stored as it is.
func FuzzStoredFlag(f *testing.F) {
	f.Add(`[{"name":"a","value":{"x":[1.50,"<&>"]}}]`, `[{"flag":"b","variant":"on"}]`, `[{"serve":"on","when":{"attribute":"x","operator":"in","values":[1,true,"a"]}}]`)
	f.Add(`[]`, `[]`, `[{"percent":{"unit":"user","serve":"on","from":1,"to":33.333,"start":"2030-01-01T02:00:00+02:00","end":"2031-01-01T00:00:00Z"}}]`)
	f.Add(`null`, `[]`, `[{"split":{"weights":{"a":1,"b":66.6}},"seed":"s"}]`)
	f.Add(`{`, `[] []`, `[{"unknown":1}]`)
	global := models.FeatureFlag{Name: "a", Kind: ruleset.Release, Type: ruleset.JSON, Salt: "s"}
	f.Fuzz(func(t *testing.T, variants, prerequisites, rules string) {
		flag := models.FlagSettings{Variants: variants, Prerequisites: prerequisites, RolloutStrategy: rules, Enabled: true}.Flag(global)
		if flag.Malformed != "" {
			return
		}
		stored, err := models.SettingsOf(flag)
		if err != nil {
			t.Fatalf("read but not stored: %v", err)
		}
		again := stored.Flag(global)
		if again.Malformed != "" {
			t.Fatalf("what was stored cannot be read: %s", again.Malformed)
		}
		twice, err := models.SettingsOf(again)
		if err != nil || twice != stored {
			t.Fatalf("stored as\n%+v, then as\n%+v, %v", stored, twice, err)
		}
		if !reflect.DeepEqual(twice.Flag(global), again) {
			t.Fatalf("read as\n%+v, then as\n%+v", again, twice.Flag(global))
		}
	})
}

func TestAMigrationIsStoredWithItsStages(t *testing.T) {
	global := models.FeatureFlag{Name: "clients", Kind: ruleset.Migration, Type: ruleset.String, Salt: "s"}
	stored, err := models.SettingsOf(ruleset.Flag{Key: "clients", Kind: ruleset.Migration, Type: ruleset.String, Salt: "s", Otherwise: "live", Off: "off"})
	if err != nil {
		t.Fatal(err)
	}
	bare := models.FlagSettings{Variants: "[]", Prerequisites: "[]", RolloutStrategy: "[]", OtherwiseVariant: "live"}
	for name, settings := range map[string]models.FlagSettings{"what is stored": stored, "a row without variants": bare} {
		flag := settings.Flag(global)
		if flag.Malformed != "" || len(flag.Variants) != 6 || flag.Off != "live" || flag.Default != "live" {
			t.Errorf("%s means %+v", name, flag)
		}
	}
	if again, err := models.SettingsOf(bare.Flag(global)); err != nil || again != stored {
		t.Errorf("stored again as %+v, %v; was %+v", again, err, stored)
	}
}
