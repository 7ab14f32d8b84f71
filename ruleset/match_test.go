package ruleset_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// satisfies reports whether a subject that has an attribute "a" (nil: has none) satisfies a condition on it.
func satisfies(t *testing.T, attribute any, operator ruleset.Operator, values ...string) bool {
	t.Helper()
	s := ruleset.Subject{Attributes: map[string]any{"other": "x"}}
	if attribute != nil {
		s.Attributes["a"] = attribute
	}
	return on(sound(t, define(boolean("flag", when(compare("a", operator, values...))))), "flag", s)
}

func TestOperators(t *testing.T) {
	list := []string{"red", "green"}
	eight := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	type texts = []string
	for _, c := range []struct {
		attribute any
		operator  ruleset.Operator
		values    []string
		want      bool
	}{
		{"DE", ruleset.In, texts{"FR", "DE"}, true},
		{"de", ruleset.In, texts{"FR", "DE"}, false}, // case counts
		{"", ruleset.In, texts{""}, true},            // empty is not missing
		{5, ruleset.In, texts{"5"}, true},
		{5.50, ruleset.In, texts{"5.5"}, true},
		{math.Copysign(0, -1), ruleset.In, texts{"0"}, true},
		{1e21, ruleset.In, texts{"1000000000000000000000"}, true},
		{"5.0", ruleset.In, texts{"5"}, false}, // texts are compared as they are
		{true, ruleset.In, texts{"true"}, true},
		{false, ruleset.In, texts{"true"}, false},
		{eight, ruleset.In, texts{"2026-06-01T08:00:00Z"}, true},
		{list, ruleset.In, texts{"blue", "green"}, true},
		{list, ruleset.In, texts{"blue"}, false},
		{[]any{1, true, nil, "x"}, ruleset.In, texts{"true"}, true},
		{[]any{nil, []any{"x"}}, ruleset.In, texts{"x", ""}, false}, // a list in a list is missing
		{"9", ruleset.In, texts{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, true},
		{"11", ruleset.In, texts{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, false},
		{"DE", ruleset.NotIn, texts{"FR"}, true},
		{"DE", ruleset.NotIn, texts{"DE"}, false},
		{list, ruleset.NotIn, texts{"blue"}, true},
		{list, ruleset.NotIn, texts{"blue", "red"}, false},
		{nil, ruleset.NotIn, texts{"DE"}, true}, // the one that what is missing satisfies
		{"ann@toprent.app", ruleset.Contains, texts{"x", "@"}, true},
		{"ann", ruleset.Contains, texts{"N"}, false},
		{1234, ruleset.Contains, texts{"23"}, true},
		{list, ruleset.Contains, texts{"ree"}, true},
		{"toprent", ruleset.StartsWith, texts{"top"}, true},
		{"toprent", ruleset.StartsWith, texts{"rent"}, false},
		{list, ruleset.StartsWith, texts{"gr"}, true},
		{"ann@toprent.app", ruleset.EndsWith, texts{"@example.com", "@toprent.app"}, true},
		{"toprent.app.evil", ruleset.EndsWith, texts{"toprent.app"}, false},
		{"abc", ruleset.Matches, texts{"^a.c$"}, true},
		{"xabcx", ruleset.Matches, texts{"abc"}, true}, // anywhere in it
		{"abc", ruleset.Matches, texts{"^x", "^b"}, false},
		{"abc", ruleset.Matches, texts{"^x", "c$"}, true},
		{42, ruleset.Matches, texts{"^4"}, true},
		{list, ruleset.Matches, texts{"^g.*n$"}, true},
		{11, ruleset.Greater, texts{"10"}, true},
		{10, ruleset.Greater, texts{"10"}, false},
		{"11", ruleset.Greater, texts{"9"}, true}, // a number as text is a number
		{"1e1", ruleset.GreaterEqual, texts{"10"}, true},
		{"eleven", ruleset.Greater, texts{"9"}, false},
		{"", ruleset.Less, texts{"9"}, false},
		{"NaN", ruleset.Less, texts{"9"}, false},
		{"inf", ruleset.Greater, texts{"9"}, false},
		{true, ruleset.Greater, texts{"0"}, false},
		{10, ruleset.GreaterEqual, texts{"10"}, true},
		{9.99, ruleset.GreaterEqual, texts{"10"}, false},
		{9.99, ruleset.Less, texts{"10"}, true},
		{10, ruleset.Less, texts{"10"}, false},
		{10, ruleset.LessEqual, texts{"10.0"}, true},
		{10.1, ruleset.LessEqual, texts{"10"}, false},
		{[]any{1, 20}, ruleset.Greater, texts{"10"}, true},
		{int64(7), ruleset.Greater, texts{"6.5"}, true},
		{int32(7), ruleset.Less, texts{"8"}, true},
		{uint(7), ruleset.Less, texts{"8"}, true},
		{uint32(7), ruleset.Less, texts{"8"}, true},
		{uint64(7), ruleset.Less, texts{"8"}, true},
		{float32(7.5), ruleset.Less, texts{"8"}, true},
		{json.Number("7.5"), ruleset.In, texts{"7.5"}, true},
		{json.Number("many"), ruleset.Exists, nil, false},
		{math.NaN(), ruleset.Exists, nil, false},
		{math.Inf(1), ruleset.Greater, texts{"0"}, false},
		{eight, ruleset.Before, texts{"2026-06-01T09:00:00Z"}, true},
		{eight, ruleset.Before, texts{"2026-06-01T08:00:00Z"}, false},
		{eight, ruleset.After, texts{"2026-06-01T07:59:59Z"}, true},
		{eight, ruleset.After, texts{"2026-06-01T09:30:00+02:00"}, true}, // that is 7:30
		{"2026-06-01T08:00:00.5Z", ruleset.After, texts{"2026-06-01T08:00:00Z"}, true},
		{"2026-06-01", ruleset.Before, texts{"2027-01-01T00:00:00Z"}, false}, // no time in RFC 3339
		{1780300800, ruleset.Before, texts{"2027-01-01T00:00:00Z"}, false},
		{"1.2.3", ruleset.SemverEqual, texts{"1.2.3"}, true},
		{"v1.2.3+build", ruleset.SemverEqual, texts{"1.2.3"}, true}, // build metadata does not count
		{"1.2", ruleset.SemverEqual, texts{"1.2.0"}, true},
		{"1.10.0", ruleset.SemverGreater, texts{"1.9.0"}, true},
		{"1.9.0", ruleset.SemverGreater, texts{"1.9.0"}, false},
		{"1.9.0", ruleset.SemverAtLeast, texts{"1.9.0"}, true},
		{"2.0.0-rc.1", ruleset.SemverLess, texts{"2.0.0"}, true}, // a pre-release comes before
		{"2.0.0-rc.2", ruleset.SemverGreater, texts{"2.0.0-rc.1"}, true},
		{"2.0.0", ruleset.SemverAtMost, texts{"2.0.0"}, true},
		{"2.0.1", ruleset.SemverAtMost, texts{"2.0.0"}, false},
		{"latest", ruleset.SemverAtLeast, texts{"0.0.0"}, false},
		{2, ruleset.SemverAtLeast, texts{"1.9.9"}, true},
		{true, ruleset.SemverAtLeast, texts{"0.0.0"}, false},
		{"10.1.2.3", ruleset.InCIDR, texts{"192.168.0.0/16", "10.0.0.0/8"}, true},
		{"11.1.2.3", ruleset.InCIDR, texts{"10.0.0.0/8"}, false},
		{"10.1.2.3", ruleset.InCIDR, texts{"10.1.2.3"}, true},
		{"::ffff:10.1.2.3", ruleset.InCIDR, texts{"10.0.0.0/8"}, true}, // an IPv4 address in IPv6 clothes
		{"10.1.2.3", ruleset.InCIDR, texts{"::ffff:10.0.0.0/104"}, true},
		{"10.1.2.3", ruleset.InCIDR, texts{"::ffff:10.1.2.3"}, true},
		{"11.1.2.3", ruleset.InCIDR, texts{"::ffff:10.0.0.0/104"}, false},
		{"2001:db8::1", ruleset.InCIDR, texts{"2001:db8::/32"}, true},
		{"2001:db9::1", ruleset.InCIDR, texts{"2001:db8::/32"}, false},
		{"fe80::1%eth0", ruleset.InCIDR, texts{"fe80::/10"}, true},
		{"10.1.2.3", ruleset.InCIDR, texts{"::/0"}, false}, // no IPv6 address
		{"10.1.2.3:80", ruleset.InCIDR, texts{"10.0.0.0/8"}, false},
		{"localhost", ruleset.InCIDR, texts{"0.0.0.0/0"}, false},
		{10, ruleset.InCIDR, texts{"0.0.0.0/0"}, false},
		{"", ruleset.Exists, nil, true},
		{0, ruleset.Exists, nil, true},
		{false, ruleset.Exists, nil, true},
		{[]string{}, ruleset.Exists, nil, true},
		{nil, ruleset.Exists, nil, false},
		{struct{}{}, ruleset.Exists, nil, false}, // what rules cannot use is missing
		{map[string]any{"x": 1}, ruleset.Exists, nil, false},
	} {
		if got := satisfies(t, c.attribute, c.operator, c.values...); got != c.want {
			t.Errorf("%#v %s %q is %v", c.attribute, c.operator, c.values, got)
		}
	}
}

// aValue is a valid value of each operator.
func aValue(o ruleset.Operator) []string {
	switch o {
	case ruleset.Exists:
		return nil
	case ruleset.Before, ruleset.After:
		return []string{"2026-06-01T12:00:00Z"}
	case ruleset.InCIDR:
		return []string{"0.0.0.0/0", "::/0"}
	}
	return []string{"1"}
}

func TestAMissingAttributeSatisfiesNoPositiveOperator(t *testing.T) {
	for _, o := range ruleset.Operators {
		for _, missing := range []any{nil, []any{}, []string{}, []any{nil}, struct{}{}} {
			exists := o == ruleset.Exists && missing != nil && missing != struct{}{}
			if got := satisfies(t, missing, o, aValue(o)...); got != (o == ruleset.NotIn || exists) {
				t.Errorf("%#v %s is %v", missing, o, got)
			}
		}
	}
}

func TestAllAnyAndNotNest(t *testing.T) {
	a, b := is("a", "1"), is("b", "1")
	for name, c := range map[string]struct {
		condition ruleset.Condition
		want      [4]bool // of neither, a, b, both
	}{
		"all":      {ruleset.Condition{All: []ruleset.Condition{a, b}}, [4]bool{false, false, false, true}},
		"any":      {ruleset.Condition{Any: []ruleset.Condition{a, b}}, [4]bool{false, true, true, true}},
		"not":      {ruleset.Condition{Not: &a}, [4]bool{true, false, true, false}},
		"not any":  {ruleset.Condition{Not: &ruleset.Condition{Any: []ruleset.Condition{a, b}}}, [4]bool{true, false, false, false}},
		"a, not b": {ruleset.Condition{All: []ruleset.Condition{a, {Not: &b}}}, [4]bool{false, true, false, false}},
		"segment":  {ruleset.Condition{Segment: "outer"}, [4]bool{false, false, true, false}},
	} {
		d := define(boolean("flag", when(c.condition)))
		d.Segments = []ruleset.Segment{{Key: "outer", When: ruleset.Condition{All: []ruleset.Condition{{Not: &a}, {Segment: "inner"}}}}, {Key: "inner", When: b}}
		r := sound(t, d)
		for i, attributes := range []map[string]any{{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}} {
			if got := on(r, "flag", ruleset.Subject{Attributes: attributes}); got != c.want[i] {
				t.Errorf("%s of %v is %v", name, attributes, got)
			}
		}
	}
}

func TestReservedAttributesAreTheSubjectsOwn(t *testing.T) {
	s := ruleset.Subject{User: "u-1", Visitor: "v-1", Tenant: "acme", Plan: "pro"}
	conditions := map[string]ruleset.Condition{
		"user": is("user", "u-1"), "visitor": is("visitor", "v-1"), "tenant": compare("tenant", ruleset.StartsWith, "ac"), "plan": is("plan", "pro"),
		"rank": compare("plan.rank", ruleset.GreaterEqual, "10"), "rank-text": is("plan.rank", "10"),
		"later": compare("now", ruleset.After, "2026-06-01T11:59:59Z"), "earlier": compare("now", ruleset.Before, "2026-06-01T12:00:01Z"),
	}
	var flags []ruleset.Flag
	for key, c := range conditions {
		flags = append(flags, boolean(key, when(c)))
	}
	r := sound(t, define(flags...))
	if !r.Timed() {
		t.Error("a revision that reads now must be timed")
	}
	forged := map[string]any{"user": "u-1", "visitor": "v-1", "tenant": "acme", "plan": "pro", "plan.rank": 10, "now": noon}
	for key := range conditions {
		expectOn(t, r, key, s, true)
		timed := key == "later" || key == "earlier"
		expectOn(t, r, key, ruleset.Subject{Attributes: forged}, timed) // setting them changes nothing
		if timed && r.Evaluate(ruleset.Subject{Attributes: forged}, noon.Add(map[bool]time.Duration{true: -time.Hour, false: time.Hour}[key == "later"])).On(key) {
			t.Errorf("%s is read from an attribute", key)
		}
	}
	for name := range forged {
		if err := (&ruleset.Subject{Attributes: map[string]any{name: "x"}}).Check(); err == nil {
			t.Errorf("Check accepts the reserved attribute %s", name)
		}
	}
}

func TestTheRankOfAnUnknownPlanIsMissing(t *testing.T) {
	r := sound(t, define(boolean("low", when(compare("plan.rank", ruleset.LessEqual, "0"))), boolean("any", when(compare("plan.rank", ruleset.Exists)))))
	for plan, want := range map[string]bool{"free": true, "gone": false, "": false} {
		expectOn(t, r, "low", ruleset.Subject{Plan: plan}, want)
		expectOn(t, r, "any", ruleset.Subject{Plan: plan}, want)
	}
}

func TestNumbersAndBooleansOfAConditionAreTheirText(t *testing.T) {
	var c ruleset.Condition
	if err := json.Unmarshal([]byte(`{"attribute":"a","operator":"in","values":[5.0,true,"x",1e3]}`), &c); err != nil {
		t.Fatal(err)
	}
	r := sound(t, define(boolean("flag", when(c))))
	for _, a := range []any{5, "5", true, "true", "x", 1000} {
		expectOn(t, r, "flag", ruleset.Subject{Attributes: map[string]any{"a": a}}, true)
	}
	for _, wrong := range []string{`[null]`, `[[1]]`, `[{}]`, `"x"`, `5`} {
		if err := json.Unmarshal([]byte(`{"values":`+wrong+`}`), &c); err == nil {
			t.Errorf("values %s are accepted", wrong)
		}
	}
}

// Ids are numbers in many databases, and a float64 takes those beyond 2^53 for their neighbours.
func TestIntegersAreToldApartHoweverLarge(t *testing.T) {
	const id = 1234567890123456789
	r := sound(t, define(boolean("listed", when(ruleset.Condition{Attribute: "account", Operator: ruleset.In, Values: ruleset.Texts{"1234567890123456789"}})),
		boolean("larger", when(ruleset.Condition{Attribute: "account", Operator: ruleset.Greater, Values: ruleset.Texts{"1000"}}))))
	for _, c := range []struct {
		account      any
		listed, more bool
	}{
		{"1234567890123456789", true, true},
		{int64(id), true, true}, {int(id), true, true}, {uint64(id), true, true}, {uint(id), true, true}, {json.Number("1234567890123456789"), true, true},
		{[]any{int64(id)}, true, true},
		{int64(id + 1), false, true}, {int64(id - 1), false, true}, {uint64(id + 1), false, true}, {json.Number("1234567890123456788"), false, true},
		{int64(-id), false, false}, {json.Number("-1234567890123456789"), false, false},
		{uint64(math.MaxUint64), false, true}, {json.Number("123456789012345678901234567890"), false, true}, {json.Number("1e30"), false, true}, {json.Number("1e3"), false, false},
		{int64(1001), false, true}, {int32(1001), false, true}, {int16(1001), false, true}, {int8(100), false, false},
		{uint32(1001), false, true}, {uint16(1001), false, true}, {uint8(200), false, false}, {json.Number("1000.5"), false, true},
	} {
		s := ruleset.Subject{Attributes: map[string]any{"account": c.account}}
		if err := s.Check(); err != nil {
			t.Errorf("%T %v: %v", c.account, c.account, err)
		}
		expectOn(t, r, "listed", s, c.listed)
		expectOn(t, r, "larger", s, c.more)
	}
	key := func(account any) string {
		return string(r.AppendKey(nil, &ruleset.Subject{Attributes: map[string]any{"account": account}}))
	}
	if key(int64(id)) == key(int64(id+1)) || key(int64(1)<<53) == key(int64(1)<<53+1) {
		t.Error("two accounts have the same values in memory")
	}
}

func TestCheckRefusesWhatIsTooLargeOrUnusable(t *testing.T) {
	long := func(n int) string { return string(make([]byte, n)) }
	many := map[string]any{}
	for i := range ruleset.MaxAttributes + 1 {
		many[long(i+1)] = 1
	}
	good := ruleset.Subject{User: long(ruleset.MaxID), Attributes: map[string]any{"a": "x", "b": 1, "c": true, "d": noon, "e": []string{"x"}, "f": []any{1, "x"}, "g": nil}}
	if err := good.Check(); err != nil {
		t.Errorf("a good subject is refused: %v", err)
	}
	for name, s := range map[string]ruleset.Subject{
		"long user":    {User: long(ruleset.MaxID + 1)},
		"long visitor": {Visitor: long(ruleset.MaxID + 1)},
		"long tenant":  {Tenant: long(ruleset.MaxID + 1)},
		"long plan":    {Plan: long(ruleset.MaxID + 1)},
		"many":         {Attributes: many},
		"large":        {Attributes: map[string]any{"a": long(10 << 20)}},
		"large list":   {Attributes: map[string]any{"a": []string{long(ruleset.MaxSubject)}}},
		"add-ons":      {AddOns: []string{long(ruleset.MaxSubject + 1)}},
		"a map":        {Attributes: map[string]any{"a": map[string]any{}}},
	} {
		if err := s.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
