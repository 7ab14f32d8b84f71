package builder_test

import (
	"encoding/json"
	"html/template"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"
	"pgregory.net/rapid"

	"github.com/toprent/flags/handlers/internal/builder"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

var variants = []string{"on", "off", "a.b-c_d"}

// paris has daylight saving time and an offset that is never zero.
func paris(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func pages(t testing.TB) *views.Pages {
	gin.SetMode(gin.TestMode)
	link := func(parts ...any) string { return "/" }
	p, err := views.Settings(template.FuncMap{"asset": func(string) string { return "/asset" }, "link": link})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// posted is what a browser would post of the builder's form as it is rendered.
func posted(t interface{ Fatal(...any) }, p *views.Pages, b *builder.Builder) url.Values {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	if err := p.Fragment(c, 200, "rules/edit", "rules", map[string]any{"Builder": b}); err != nil {
		t.Fatal(err)
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	document.Find("input[name], textarea[name], select[name]").Each(func(_ int, f *goquery.Selection) {
		name, _ := f.Attr("name")
		value, _ := f.Attr("value")
		if _, checked := f.Attr("checked"); f.AttrOr("type", "") == "checkbox" && !checked {
			return
		}
		switch goquery.NodeName(f) {
		case "textarea":
			value = strings.ReplaceAll(f.Text(), "\n", "\r\n")
		case "select":
			chosen := f.Find("option[selected]").First()
			if chosen.Length() == 0 {
				chosen = f.Find("option").First()
			}
			value, _ = chosen.Attr("value")
		}
		values.Add(name, value)
	})
	values.Set("zone", b.Zone.String())
	return values
}

func ptr[T any](v T) *T { return &v }

// someText is what an attribute's value may be: anything that a database can hold.
func someText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"DE", "", " x ", "\"quoted\"", "a\nb", "</textarea><script>", "\r\n", "&amp;", "ß", "\"", "\\"}),
		rapid.StringN(0, 12, 60)).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
}

func someName() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"country", "plan.rank", "user", "a\"b", "<b>", "x y", "ünï"})
}

func someCondition(depth int) *rapid.Generator[ruleset.Condition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Condition {
		form := rapid.IntRange(0, 5).Draw(t, "form")
		if depth == 0 {
			form = 3 + form%3
		}
		switch form {
		case 0:
			return ruleset.Condition{All: rapid.SliceOfN(someCondition(depth-1), 1, 3).Draw(t, "all")}
		case 1:
			return ruleset.Condition{Any: rapid.SliceOfN(someCondition(depth-1), 1, 3).Draw(t, "any")}
		case 2:
			return ruleset.Condition{Not: ptr(someCondition(depth-1).Draw(t, "not"))}
		case 3:
			return ruleset.Condition{Segment: rapid.SampledFrom([]string{"germany", "gone"}).Draw(t, "segment")}
		}
		operator := rapid.SampledFrom(ruleset.Operators).Draw(t, "operator")
		c := ruleset.Condition{Attribute: someName().Draw(t, "attribute"), Operator: operator}
		switch operator {
		case ruleset.Exists:
		case ruleset.Before, ruleset.After:
			c.Values = ruleset.Texts{"2027-01-01T08:00:00Z"}
		default:
			c.Values = rapid.SliceOfN(someText(), 1, 4).Draw(t, "values")
		}
		return c
	})
}

func someTime(t *rapid.T, label string) *time.Time {
	at := time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, int64(300*24*time.Hour)).Draw(t, label)))
	switch rapid.IntRange(0, 2).Draw(t, label+" precision") {
	case 0:
		at = at.Truncate(time.Minute)
	case 1:
		at = at.Truncate(time.Second)
	}
	return &at
}

func someRule() *rapid.Generator[ruleset.Rule] {
	return rapid.Custom(func(t *rapid.T) ruleset.Rule {
		var r ruleset.Rule
		r.Name = rapid.SampledFrom([]string{"", "a <rule>", "\"", " padded "}).Draw(t, "name")
		r.Seed = rapid.SampledFrom([]string{"", "own"}).Draw(t, "seed")
		if rapid.Bool().Draw(t, "conditional") {
			r.When = ptr(someCondition(3).Draw(t, "when"))
		}
		share := rapid.Custom(func(t *rapid.T) ruleset.Share {
			return ruleset.Share(rapid.Uint32Range(0, uint32(ruleset.Everyone)).Draw(t, "share"))
		})
		unit := rapid.SampledFrom([]string{"", "user", "visitor", "tenant", "account"}).Draw(t, "unit")
		serve := rapid.SampledFrom(append([]string{"gone"}, variants...)).Draw(t, "serve")
		switch rapid.IntRange(0, 3).Draw(t, "action") {
		case 0:
			r.Serve = serve
		case 1:
			r.Percent = &ruleset.Percent{Unit: unit, Serve: serve, Share: share.Draw(t, "share")}
			if rapid.Bool().Draw(t, "exact") {
				r.Percent.Calibrated = &ruleset.Calibration{} // a form can only ask
			}
		case 2:
			r.Percent = &ruleset.Percent{Unit: unit, Serve: serve, From: share.Draw(t, "from"), To: share.Draw(t, "to"), Start: someTime(t, "start"), End: someTime(t, "end")}
		case 3:
			weight := rapid.Custom(func(t *rapid.T) ruleset.Weight {
				return ruleset.Weight(rapid.Uint32Range(1, 1_000_000_000).Draw(t, "weight"))
			})
			r.Split = &ruleset.Split{Unit: unit, Weights: rapid.MapOfN(rapid.SampledFrom(append([]string{"gone"}, variants...)), weight, 1, 4).Draw(t, "weights")}
		}
		return r
	})
}

func fresh(t testing.TB) *builder.Builder {
	return builder.New(variants, []builder.Option{{Value: "germany", Label: "People in Germany"}}, []string{"user", "country"}, paris(t))
}

func TestRulesComeBackFromTheFormAsTheyWere(t *testing.T) {
	p := pages(t)
	rapid.Check(t, func(rt *rapid.T) {
		rules := rapid.SliceOfN(someRule(), 0, 3).Draw(rt, "rules")
		written := fresh(t)
		written.SetRules(rules, "off")
		read := builder.New(variants, written.Segments, nil, time.UTC) // the form says in which zone it was written
		read.ReadRules(posted(rt, p, written))
		got, otherwise := read.Result()
		if len(read.Errors) > 0 || read.Over() != "" || otherwise != "off" {
			rt.Fatalf("errors %v %s, otherwise %q", read.Errors, read.Over(), otherwise)
		}
		if len(rules) != len(got) || len(rules) > 0 && !reflect.DeepEqual(rules, got) {
			a, _ := json.Marshal(rules)
			b, _ := json.Marshal(got)
			rt.Fatalf("\nwas %s\nis  %s", a, b)
		}
	})
}

func TestButtonsLoseNothingThatWasTyped(t *testing.T) {
	p := pages(t)
	rapid.Check(t, func(rt *rapid.T) {
		rules := rapid.SliceOfN(someRule(), 2, 3).Draw(rt, "rules")
		b := fresh(t)
		b.SetRules(rules, "off")
		for _, do := range [][2]string{{"up:rules.1", "add-condition:rules.0.when"}, {"duplicate:rules.1", "remove:rules.2"}, {"down:rules.0", "add-rule"}} {
			next := fresh(t)
			next.ReadRules(posted(rt, p, b))
			next.Do(do[0])
			next.Do(do[1])
			b = next
		}
		got, _ := b.Result()
		if !reflect.DeepEqual(got[0], rules[0]) { // moved down and up again
			rt.Fatalf("\nwas %+v\nis  %+v", rules[0], got[0])
		}
		if got[1].When == nil && rules[1].When != nil || !reflect.DeepEqual(got[1].Percent, rules[1].Percent) {
			rt.Fatalf("\nwas %+v\nis  %+v", rules[1], got[1])
		}
		if len(got) != len(rules)+1 {
			rt.Fatalf("%d rules, want %d", len(got), len(rules)+1)
		}
	})
}

func TestAMistakeIsShownBesideItsField(t *testing.T) {
	p := pages(t)
	rapid.Check(t, func(rt *rapid.T) {
		rules := rapid.SliceOfN(someRule(), 1, 3).Draw(rt, "rules")
		written := fresh(t)
		written.SetRules(rules, "off")
		form := posted(rt, p, written)
		_, err := ruleset.Compile(ruleset.ID{}, ruleset.Definition{Flags: []ruleset.Flag{{Key: "f", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "f", Rules: rules}}}, nil)
		problems, _ := err.(ruleset.Problems)
		for _, problem := range problems {
			place := written.Place(problem)
			if place == "" || strings.HasSuffix(place, ".weights") {
				continue
			}
			if _, there := form[place]; !there {
				rt.Fatalf("%s is shown beside %q, which is no field of the form", problem.Path, place)
			}
		}
	})
}

func FuzzHostileForms(f *testing.F) {
	f.Add("rules.0.action=split&rules.0.gone=x&rules.0.weights.x=1e309&do=up:rules.99999999999999999999", "remove:rules.0.when.0")
	f.Add("rules.0.action=serve&rules.0.when.form=not&rules.0.when.0.form=any"+strings.Repeat("&rules.0.when.0.0.form=all", 3), "add-group:rules.0.when.0")
	f.Add("rules.0.action=moving&rules.0.start=2027-02-30T25:00&rules.0.start.was=x&zone=../../etc/passwd", "duplicate:rules.-1")
	f.Fuzz(func(t *testing.T, body, do string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return // refused before it is read
		}
		b := builder.New(variants, nil, nil, time.UTC)
		b.ReadRules(form)
		b.Do(do)
		b.Describe()
		rules, _ := b.Result()
		if len(rules) > ruleset.MaxRules {
			t.Fatalf("%d rules", len(rules))
		}
		if _, err := json.Marshal(rules); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDepthAndCountOfAHostileFormAreBounded(t *testing.T) {
	form := url.Values{"rules.0.action": {"serve"}}
	path := "rules.0.when"
	for range 5000 {
		path += ".0"
		form.Set(path+".form", "not")
		if len(path) > 4000 {
			break
		}
	}
	b := fresh(t)
	b.ReadRules(form)
	b.Describe()
	if b.Over() == "" {
		t.Error("nesting without end is taken")
	}
	wide := url.Values{"rules.0.action": {"serve"}}
	for i := range 3000 {
		wide.Set("rules.0.when."+strconv.Itoa(i)+".form", "is")
	}
	b = fresh(t)
	b.ReadRules(wide)
	if b.Over() == "" || len(b.Rules[0].When.Children) > ruleset.MaxConditions {
		t.Errorf("%d conditions are taken", len(b.Rules[0].When.Children))
	}
}

func TestAFormAsksForAnExactShareAndNeverSaysWhichThreshold(t *testing.T) {
	p := pages(t)
	b := fresh(t)
	b.SetRules([]ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", Share: 25_000,
		Calibrated: &ruleset.Calibration{Threshold: "3fffffffffffffff", Of: "user", Share: 25_000, Known: 8, In: 2, At: time.Unix(1, 0)}}}}, "off")
	form := posted(t, p, b)
	for name, values := range form {
		if strings.Contains(strings.Join(values, " "), "3fffffff") {
			t.Errorf("the form carries the threshold in %s", name)
		}
	}
	form.Set("rules.0.calibrated", `{"threshold":"ffffffffffffffff"}`)
	form.Set("rules.0.threshold", "ffffffffffffffff")
	read := fresh(t)
	read.ReadRules(form)
	if rules, _ := read.Result(); !rules[0].Percent.Calibrated.Asks() || *rules[0].Percent.Calibrated != (ruleset.Calibration{}) {
		t.Errorf("%+v", rules[0].Percent.Calibrated)
	}
	if field := read.Place(ruleset.Problem{Path: "rules[0].percent.calibrated"}); field != "rules.0.exact" {
		t.Errorf("mistakes stand beside %s", field)
	}
	read.Describe()
	if want := "Exactly 25 % of users get on"; read.Rules[0].Words != want {
		t.Errorf("%q", read.Rules[0].Words)
	}
}
