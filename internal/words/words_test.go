package words_test

import (
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func ptr[T any](v T) *T { return &v }

func country(values ...string) ruleset.Condition {
	return ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: values}
}

func TestARuleSaysWhoGetsWhat(t *testing.T) {
	start := time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)
	end := start.AddDate(0, 0, 7)
	germany := ruleset.Condition{Segment: "germany"}
	for _, test := range []struct {
		rule ruleset.Rule
		want string
	}{
		{ruleset.Rule{Serve: "on"}, "Everybody gets on"},
		{ruleset.Rule{Name: "a name says nothing", When: &germany, Serve: "on"}, "Everybody in segment germany gets on"},
		{ruleset.Rule{When: ptr(country("DE")), Percent: &ruleset.Percent{Share: 25_000, Serve: "on"}}, "25 % of users where country is DE get on"},
		{ruleset.Rule{Percent: &ruleset.Percent{Unit: "tenant", Share: 125, Serve: "on"}}, "0.125 % of tenants get on"},
		{ruleset.Rule{Percent: &ruleset.Percent{Unit: "account", Share: 0, Serve: "on"}}, "Nobody (0 % of values of account) gets on"},
		{ruleset.Rule{Percent: &ruleset.Percent{From: 10_000, To: 50_000, Start: &start, End: &end, Serve: "on"}},
			"10 % of users, growing steadily from 1 Jan 2027, 08:00 UTC to 50 % at 8 Jan 2027, 08:00 UTC, get on"},
		{ruleset.Rule{Split: &ruleset.Split{Unit: "visitor", Weights: map[string]ruleset.Weight{"a": 1000, "b": 2000}}}, "Visitors are split: 66.67 % get b, 33.33 % get a"},
		{ruleset.Rule{}, "Everybody gets nothing yet"},
	} {
		if got := words.RuleIn(test.rule, time.UTC); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestTimesAreInTheReadersZone(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	start := time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)
	end := start.Add(time.Hour)
	got := words.RuleIn(ruleset.Rule{Percent: &ruleset.Percent{To: 100_000, Start: &start, End: &end, Serve: "on"}}, zone)
	if !strings.Contains(got, "1 Jan 2027, 09:00 CET") {
		t.Error(got)
	}
	got = words.ConditionIn(ruleset.Condition{Attribute: "now", Operator: ruleset.Before, Values: []string{"2027-01-01T08:00:00Z"}}, zone)
	if want := "the time is before 1 Jan 2027, 09:00 CET"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAConditionSaysWhatItAsks(t *testing.T) {
	exists := ruleset.Condition{Attribute: "email", Operator: ruleset.Exists}
	many := make([]string, 100)
	for i := range many {
		many[i] = "v"
	}
	for _, test := range []struct {
		condition ruleset.Condition
		want      string
	}{
		{country("DE", "FR", "IT"), "country is DE, FR or IT"},
		{country("New York", ""), `country is "New York" or ""`},
		{country(many...), "country is v, v, v, v, v, v and 94 more"},
		{ruleset.Condition{All: []ruleset.Condition{country("DE"), {Any: []ruleset.Condition{exists, {Segment: "staff"}}}}}, "country is DE and (email is known or they are in segment staff)"},
		{ruleset.Condition{Not: &exists}, "email is not known"},
		{ruleset.Condition{Not: &ruleset.Condition{Segment: "staff"}}, "they are not in segment staff"},
		{ruleset.Condition{Not: ptr(country("DE"))}, "not (country is DE)"},
		{ruleset.Condition{Attribute: "plan.rank", Operator: ruleset.GreaterEqual, Values: []string{"10"}}, "the plan's rank is at least 10"},
		{ruleset.Condition{All: []ruleset.Condition{}}, "nothing is asked yet"},
		{ruleset.Condition{}, "something  …"},
	} {
		if got := words.ConditionIn(test.condition, time.UTC); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	for _, operator := range ruleset.Operators {
		if words.Operator(operator) == string(operator) && operator != ruleset.Contains {
			t.Errorf("operator %s has no words", operator)
		}
	}
}

func TestAFlagSaysWhatItDoes(t *testing.T) {
	now := time.Date(2027, 1, 2, 12, 0, 0, 0, time.UTC)
	start, end := now.Add(-time.Hour), now.Add(time.Hour)
	quarter := ruleset.Rule{When: &ruleset.Condition{Segment: "germany"}, Percent: &ruleset.Percent{Share: 25_000, Serve: "on"}}
	on := func(rules ...ruleset.Rule) ruleset.Flag {
		return ruleset.Flag{Type: ruleset.Boolean, Enabled: true, Rules: rules}
	}
	killed, otherwise, gated, broken := on(), on(), on(quarter), on()
	broken.Malformed = "rules: not JSON"
	killed.Killed, otherwise.Otherwise, gated.TierRequired = true, "on", "pro"
	gated.Prerequisites = []ruleset.Prerequisite{{Flag: "base", Variant: "on"}}
	for _, test := range []struct {
		flag ruleset.Flag
		want string
	}{
		{ruleset.Flag{Type: ruleset.Boolean}, "Disabled: off for everybody but those with an override."},
		{killed, "Killed: off for everybody, without exception, until the kill is lifted."},
		{ruleset.Flag{Archived: true}, "Archived: it is served to nobody, and what the code falls back to holds."},
		{broken, "It cannot be evaluated, so everybody gets its default: off, or, where a plan is needed, off."},
		{otherwise, "On for everybody."},
		{on(quarter), "On for 25 % of users in segment germany, otherwise off."},
		{on(quarter, ruleset.Rule{Serve: "on"}, quarter), "On for 25 % of users in segment germany; on for everybody else."},
		{on(ruleset.Rule{Percent: &ruleset.Percent{To: 100_000, Start: &start, End: &end, Serve: "on"}}), "On for 50 % of users now (100 % at 2 Jan 2027, 13:00 UTC), otherwise off."},
		{on(ruleset.Rule{Percent: &ruleset.Percent{Serve: "on"}}), "Off for everybody."},
		{gated, "On for 25 % of users in segment germany, otherwise off (needs plan pro or higher and base to be on)."},
		{ruleset.Flag{Type: ruleset.String, Enabled: true, Otherwise: "control"}, "“control” for everybody."},
	} {
		if got := words.FlagIn(test.flag, now, time.UTC); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
