package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
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

// newHomeFlag is on for everybody in development.
const newHomeFlag = `version: 1
flags:
  - key: new-home
    title: New home page
    kind: release
    type: boolean
    environments:
      development: {enabled: true, otherwise: on}
`

func TestExplainTellsWhatWasAtAPastMoment(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		c.does("migrate")
		if o := c.runReading(newHomeFlag, "import", "-"); o.code != 0 {
			t.Fatal(o)
		}
		before := time.Now().UTC()
		c.does("kill", "new-home", "--author", "ann", "--reason", "it breaks the checkout")

		says := func(words []string, args ...string) {
			t.Helper()
			out := c.does(append([]string{"explain", "--user", "u-ann"}, args...)...)
			for _, text := range words {
				if !strings.Contains(out, text) {
					t.Errorf("explain %v: %s\nwant %q", args, out, text)
				}
			}
		}
		then := before.Format(time.RFC3339Nano)
		says([]string{"could have been 0 or 1 then", "Under revision 0:", "Under revision 1:\nnew-home is true"}, "new-home", "--at", then)
		says([]string{"The pin is known: revision 1", "new-home is true (variant on)"}, "new-home", "--at", then, "--pinned", "1")
		says([]string{"is false (variant off), because KILLED"}, "new-home", "--at", time.Now().UTC().Format(time.RFC3339Nano))
		says([]string{"By revision 2, the newest", "new-home  false  KILLED"})
		says([]string{"new-home  true  DEFAULT         under revision 1"}, "--at", then)
		says([]string{"Nothing had been published here by then"}, "--at", "2020-01-01 12:00 Europe/Berlin")
		var answer struct {
			Revisions []int64
			Outcomes  []struct {
				Under  string
				Answer struct{ Value any }
			}
		}
		if err := json.Unmarshal([]byte(c.does("explain", "--json", "--at", then)), &answer); err != nil || len(answer.Revisions) != 2 || len(answer.Outcomes) != 2 || answer.Outcomes[1].Answer.Value != true {
			t.Errorf("in JSON: %+v (%v)", answer, err)
		}
		c.refuses(1, []string{"still to come"}, "explain", "--at", time.Now().Add(time.Hour).Format(time.RFC3339))
		c.refuses(1, []string{"no such revision"}, "explain", "--pinned", "7")
		c.refuses(2, []string{"no time with a zone"}, "explain", "--at", "yesterday")
		c.refuses(2, []string{"no time zone"}, "explain", "--at", "2026-11-22 15:02 Nowhere/Else")
	})
}
