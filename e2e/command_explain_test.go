package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestExplainGivesTheAnswersOfTheRunningServer(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		s := c.serves()
		page := s.guest().signsIn("u-cem").opens("/")
		for key, value := range page.server {
			if key == "new-home" || key == "checkout-button" {
				continue // drawn by the visitor, whose id is the cookie's secret
			}
			var got struct {
				Value    any
				Reason   string
				Revision struct{ Environment string }
				Steps    []struct{ Decides bool }
			}
			// The plan is the tenant's, from the database.
			out := c.does("explain", key, "--json", "--user", "u-cem", "--tenant", "globex", "--attr", "country=DE", "--attr", "email=cem@globex.example", "--attr", "role=admin")
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if string(encoded(got.Value)) != value || got.Reason != page.reasons[key] {
				t.Errorf("%s: the server says %s (%s), the command %s (%s)", key, value, page.reasons[key], encoded(got.Value), got.Reason)
			}
			if n := len(got.Steps); got.Revision.Environment != "development" || n == 0 || !got.Steps[n-1].Decides {
				t.Errorf("%s: %s", key, out)
			}
		}
	})
}

func TestExplainIsToldWhoAsks(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	c.serves()
	says := func(words string, args ...string) {
		t.Helper()
		o := c.run(append([]string{"explain"}, args...)...)
		if o.code != 0 || o.err != "" || !strings.Contains(o.out, words) {
			t.Errorf("explain %v: %s\nwant %q", args, o, words)
		}
	}
	says("advanced-reports is false (variant off), because PLAN_UNKNOWN", "advanced-reports")
	says("because PLAN_EXCLUDED; an upgrade would turn it on", "advanced-reports", "--plan", "free")
	says("advanced-reports is true", "advanced-reports", "--plan", "pro")
	says("advanced-reports is true", "advanced-reports", "--tenant", "acme")                // on pro, by the database
	says("because PLAN_EXCLUDED", "advanced-reports", "--tenant", "acme", "--plan", "free") // what if
	says("bulk-messaging is true", "bulk-messaging", "--plan", "free", "--add-on", "bulk-messaging")
	says("because OVERRIDE", "new-home", "--user", "u-ann")
	says("our own people", "new-home", "--attr", "email=tom@toprent.app")
	says("our own people", "new-home", "--attr", `email=["a@b.example","tom@toprent.app"]`)
	says(`visitor "v-1" drew `, "new-home", "--visitor", "v-1")
	says("there is no visitor to draw for", "new-home", "--user", "u-zoe")

	c.refuses(1, []string{"no such flag", `"nope"`, "development"}, "explain", "nope")
	c.refuses(1, []string{"100001 bytes", "65536"}, "explain", "new-home", "--attr", "a="+strings.Repeat("x", 100_000))
	c.refuses(1, []string{`"plan" is reserved`}, "explain", "new-home", "--attr", "plan=enterprise")
	c.refuses(1, []string{"300 bytes", "256"}, "explain", "new-home", "--user", strings.Repeat("x", 300))
	c.refuses(2, []string{"--attr"}, "explain", "new-home", "--attr", "country")
}
