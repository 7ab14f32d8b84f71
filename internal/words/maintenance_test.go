package words_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func TestMaintenanceIsToldInWords(t *testing.T) {
	flag := func(key, value string) ruleset.Flag {
		return ruleset.Flag{Key: key, Variants: []ruleset.Variant{{Name: "on", Value: json.RawMessage(value)}}}
	}
	const whole = `{"on":true,"message":"New\n tyres","start":"2026-06-01T12:00:00Z","end":"2026-06-01T13:00:00Z","announce":"2026-06-01T11:00:00Z","drain":"5m"}`
	for _, c := range []struct{ key, was, is, want string }{
		{"maintenance", `{}`, whole, "variant “on” the whole site is closed from 1 Jun 2026, 12:00 UTC to 1 Jun 2026, 13:00 UTC, announced from 1 Jun 2026, 11:00 UTC; sessions at work go on for 5m; “New tyres”, was nothing is closed"},
		{"maintenance", `{"on":true}`, `{"on":true,"paths":["/a","/b"]}`, "variant “on” /a and /b are closed until it is ended, was the whole site is closed until it is ended"},
		{"maintenance", `{"on":true}`, `{"on":true,"path":"/a"}`, `variant “on” {"on":true,"path":"/a"}, was the whole site is closed until it is ended`},
		{"another", `{}`, `{"on":true}`, `variant “on” {"on":true}, was {}`},
	} {
		if got := words.FlagDiff(flag(c.key, c.was), flag(c.key, c.is), time.UTC); !reflect.DeepEqual(got, []string{c.want}) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
