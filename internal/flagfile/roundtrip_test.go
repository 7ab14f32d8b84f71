package flagfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/ruleset"
)

func written(t interface{ Fatalf(string, ...any) }, d changes.Document, inJSON bool) []byte {
	var b bytes.Buffer
	write := Write
	if inJSON {
		write = WriteJSON
	}
	if err := write(&b, d); err != nil {
		t.Fatalf("write: %v", err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenReadsBackAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := documents(t)
		inJSON := rapid.Bool().Draw(t, "json")
		name := map[bool]string{true: "f.json", false: "f.yaml"}[inJSON]
		data := written(t, d, inJSON)
		f, err := Read(name, data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if !reflect.DeepEqual(f.Document, d) {
			got, _ := json.MarshalIndent(f.Document, "", " ")
			want, _ := json.MarshalIndent(d, "", " ")
			t.Fatalf("%s\ngot  %s\nwant %s", data, got, want)
		}
		if again := written(t, f.Document, inJSON); !bytes.Equal(again, data) {
			t.Fatalf("written again, it differs:\n%s\n%s", data, again)
		}
	})
}

// A database need not have a state for each flag in each environment; reading fills in those that are off.
func TestExportingWhatWasImportedGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := documents(t)
		for i := range d.Environments {
			def := &d.Environments[i].Definition
			var kept []ruleset.Flag
			for _, f := range def.Flags {
				overridden := false
				for _, o := range def.Overrides {
					overridden = overridden || o.Flag == f.Key
				}
				if overridden || rapid.Bool().Draw(t, "kept") {
					kept = append(kept, f)
				}
			}
			def.Flags = kept
		}
		data := written(t, d, false)
		f, err := Read("f.yaml", data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if again := written(t, f.Document, false); !bytes.Equal(again, data) {
			t.Fatalf("exported again, it differs:\n%s\n%s", data, again)
		}
	})
}

func TestWhatIsTheSameEverywhereStandsOnce(t *testing.T) {
	data := string(written(t, read(t, "f.yaml", flagsFile(`    type: string
    environments:
      staging: {variants: {blue: a, red: b}, tier_required: pro, client_visible: true, off: red, otherwise: red, default: red}
      production: {variants: {blue: a, red: b}, tier_required: max, client_visible: true, enabled: true, off: red, otherwise: red, default: red}
`)), false))
	for text, times := range map[string]int{"variants:": 1, "client_visible:": 1, "tier_required:": 2} {
		if got := strings.Count(data, text); got != times {
			t.Errorf("%s stands %d times, want %d:\n%s", text, got, times, data)
		}
	}
}

func TestLargeValuesAreWrittenAndRead(t *testing.T) {
	var manyKeys, longKey, deep strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&manyKeys, `,"k%d":%d`, i, i)
	}
	fmt.Fprintf(&longKey, `{%q:%q}`, strings.Repeat("key ", 10_000), strings.Repeat("value ", 4_000))
	levels := maxDepth - valueDepth
	deep.WriteString(strings.Repeat("[", levels) + strings.Repeat("]", levels))
	d := read(t, "f.yaml", flagsFile("    type: json\n    variants: {v: 1}\n    environments:\n      production: {off: v, otherwise: v, default: v}\n"))
	for _, value := range []string{"{" + manyKeys.String()[1:] + "}", longKey.String(), deep.String()} {
		d.Environments[0].Definition.Flags[0].Variants = []ruleset.Variant{{Name: "v", Value: json.RawMessage(value)}}
		for _, inJSON := range []bool{false, true} {
			if got := read(t, "f", string(written(t, d, inJSON))); !reflect.DeepEqual(got, d) {
				t.Errorf("JSON %v: a value of %d bytes did not survive", inJSON, len(value))
			}
		}
	}
}

func TestOfAValuesRepeatedKeysTheLastIsWritten(t *testing.T) {
	d := read(t, "f.yaml", flagsFile("    type: json\n    variants: {v: 1}\n    environments:\n      production: {off: v, otherwise: v, default: v}\n"))
	d.Environments[0].Definition.Flags[0].Variants[0].Value = json.RawMessage(`{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}`)
	got := read(t, "f.yaml", string(written(t, d, false))).Environments[0].Definition.Flags[0].Variants[0].Value
	if want := `{"b":{"c":2},"a":3}`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAMalformedFlagIsNotWritten(t *testing.T) {
	d := example(t)
	d.Environments[0].Definition.Flags[0].Malformed = "row is torn"
	var b bytes.Buffer
	if err := Write(&b, d); err == nil || !strings.Contains(err.Error(), "row is torn") || b.Len() > 0 {
		t.Errorf("wrote %d bytes, %v", b.Len(), err)
	}
}

// documents draws a document as Read gives it.
func documents(t *rapid.T) changes.Document {
	var d changes.Document
	for _, name := range []string{"development", "staging", "production", "eu-west"} {
		if rapid.Bool().Draw(t, "has "+name) {
			d.Environments = append(d.Environments, changes.EnvironmentDocument{Name: name})
		}
	}
	if len(d.Environments) == 0 {
		d.Environments = append(d.Environments, changes.EnvironmentDocument{Name: "production"})
	}
	alike := rapid.Bool().Draw(t, "alike")
	for i := range d.Environments {
		e := &d.Environments[i]
		if alike && i > 0 {
			e.PlansGiven, e.SegmentsGiven = d.Environments[0].PlansGiven, d.Environments[0].SegmentsGiven
			e.Definition.Plans, e.Definition.Segments = d.Environments[0].Definition.Plans, d.Environments[0].Definition.Segments
			continue
		}
		drawSettings(t, e)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "flags") {
		drawFlag(t, &d, fmt.Sprintf("flag-%d", i))
	}
	for i := range d.Environments {
		drawOverrides(t, &d.Environments[i].Definition)
	}
	return d
}

// texts are of all the kinds that could be mistaken for something else.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom([]string{"on", "NO", "true", "null", "~", "5", "5.0", "1e3", ".inf", "0x1F", "2027-05-01", "12:30",
		"a: b", "a #b", "- x", "? x", "&x", "*x", "!x", "%x", "@x", "`", "|", ">", "'", `"`, `\`, "{", "]", ",", " x", "x ", "a  b",
		"two\nlines", "tab\there", "\u0085\u2028", "\ufeff", "😀", "\U000E0001", "=", "<<", "---", "...", "#x", "x:", ":x", "\r\n", strings.Repeat("long ", 40)}),
		rapid.StringN(1, 30, 60)).Filter(func(s string) bool { return !unstorable(s) && s != "" })
}

func drawSettings(t *rapid.T, e *changes.EnvironmentDocument) {
	e.PlansGiven, e.SegmentsGiven = rapid.Bool().Draw(t, "plans given"), rapid.Bool().Draw(t, "segments given")
	if e.PlansGiven {
		for i := range rapid.IntRange(0, 3).Draw(t, "plans") {
			e.Definition.Plans = append(e.Definition.Plans, ruleset.Plan{Key: fmt.Sprintf("plan-%d", i), Title: maybe(t, texts()),
				Rank: rapid.IntRange(-5, 100).Draw(t, "rank"), Features: rapid.SampledFrom([][]string{nil, {"a"}, {"b", "on"}}).Draw(t, "features")})
		}
	}
	if e.SegmentsGiven {
		for i := range rapid.IntRange(0, 3).Draw(t, "segments") {
			e.Definition.Segments = append(e.Definition.Segments, ruleset.Segment{Key: fmt.Sprintf("segment-%d", i), Title: maybe(t, texts()), When: drawCondition(t, 3)})
		}
	}
}

func maybe(t *rapid.T, g *rapid.Generator[string]) string {
	if rapid.Bool().Draw(t, "given") {
		return g.Draw(t, "text")
	}
	return ""
}

func drawCondition(t *rapid.T, depth int) ruleset.Condition {
	form := rapid.IntRange(0, 4).Draw(t, "form")
	if depth == 0 {
		form = 4
	}
	switch form {
	case 0, 1:
		children := make([]ruleset.Condition, rapid.IntRange(1, 3).Draw(t, "children"))
		for i := range children {
			children[i] = drawCondition(t, depth-1)
		}
		if form == 0 {
			return ruleset.Condition{All: children}
		}
		return ruleset.Condition{Any: children}
	case 2:
		inner := drawCondition(t, depth-1)
		return ruleset.Condition{Not: &inner}
	case 3:
		return ruleset.Condition{Segment: "elsewhere"}
	}
	return ruleset.Condition{Attribute: texts().Draw(t, "attribute"), Operator: ruleset.In,
		Values: rapid.SliceOfN(texts(), 1, 4).Draw(t, "values")}
}

func drawFlag(t *rapid.T, d *changes.Document, key string) {
	removal := time.Date(2026+rapid.IntRange(0, 3).Draw(t, "year"), 5, 1, 0, 0, 0, 0, time.UTC)
	doc := changes.FlagDocument{Key: key, Title: texts().Draw(t, "title"), Description: maybe(t, texts()), Purpose: texts().Draw(t, "purpose"),
		Owner: maybe(t, texts()), Category: maybe(t, texts()), Lifecycle: rapid.SampledFrom([]string{"", "deprecated"}).Draw(t, "lifecycle"), Salt: maybe(t, texts()),
		Kind: rapid.SampledFrom(ruleset.Kinds).Draw(t, "kind"), Type: rapid.SampledFrom(ruleset.Types).Draw(t, "type"), PlannedRemoval: &removal}
	if rapid.Bool().Draw(t, "reviewed") {
		doc.KeepUntil = &removal
	}
	if doc.Kind == ruleset.Migration && doc.Type != ruleset.Boolean {
		doc.Type = ruleset.String
	}
	d.Flags = append(d.Flags, doc)
	common := drawShareable(t, doc)
	for i := range d.Environments {
		s := common
		if rapid.IntRange(0, 3).Draw(t, "own") == 0 {
			s = drawShareable(t, doc)
		}
		def := &d.Environments[i].Definition
		def.Flags = append(def.Flags, drawState(t, doc, s))
	}
}

func drawShareable(t *rapid.T, doc changes.FlagDocument) shareable {
	of := doc.Type
	s := shareable{tierRequired: rapid.SampledFrom([]string{"", "plan-0", "elsewhere"}).Draw(t, "tier"),
		clientVisible: rapid.Bool().Draw(t, "visible"), archived: rapid.IntRange(0, 5).Draw(t, "archived") == 0}
	value := map[ruleset.Type]*rapid.Generator[string]{
		ruleset.Boolean: rapid.SampledFrom([]string{"true", "false"}),
		ruleset.String:  rapid.Map(texts(), func(s string) string { return string(jsonString(s)) }),
		ruleset.Number:  rapid.SampledFrom([]string{"0", "5", "5.0", "-0.25", "1e3", "1E-7", "12345678901234567890"}),
		ruleset.JSON:    rapid.SampledFrom([]string{"null", "[]", "{}", `{"z":1,"a":[true,null,{"on":"NO"}]}`, `"x"`, `{"":"","\n":"<"}`}),
	}[of]
	for _, name := range rapid.SampledFrom([][]string{{"on", "off"}, {"off", "1", "v2.0", "true", "NO"}}).Draw(t, "variants") {
		if of == ruleset.Boolean && s.variants == nil {
			s.variants = append(s.variants, ruleset.Variant{Name: name, Value: json.RawMessage("false")})
			continue
		}
		s.variants = append(s.variants, ruleset.Variant{Name: name, Value: json.RawMessage(value.Draw(t, "value"))})
	}
	if of == ruleset.Boolean && rapid.Bool().Draw(t, "implied") {
		s.variants = nil
	}
	if doc.Kind == ruleset.Migration {
		s.tierRequired = ""
		if of == ruleset.String {
			s.variants = (&flag{document: doc}).unsaid().variants
		}
	}
	return s
}

func drawState(t *rapid.T, doc changes.FlagDocument, s shareable) ruleset.Flag {
	names := []string{"off", "on"}
	if s.variants != nil {
		names = nil
		for _, v := range s.variants {
			names = append(names, v.Name)
		}
	}
	variant := rapid.SampledFrom(names)
	f := (&flag{document: doc}).in(s)
	f.Off, f.Otherwise, f.Default = names[0], names[0], names[0]
	if rapid.IntRange(0, 2).Draw(t, "off there") == 0 {
		return f
	}
	f.Enabled, f.Killed = rapid.Bool().Draw(t, "enabled"), rapid.Bool().Draw(t, "killed")
	f.Otherwise, f.Default = variant.Draw(t, "otherwise"), variant.Draw(t, "default")
	if doc.Kind == ruleset.Migration {
		for range rapid.IntRange(0, 2).Draw(t, "rules") {
			f.Rules = append(f.Rules, drawStep(t, variant))
		}
		return f.Filled()
	}
	if rapid.Bool().Draw(t, "prerequisite") {
		f.Prerequisites = []ruleset.Prerequisite{{Flag: "elsewhere", Variant: rapid.SampledFrom([]string{"on", "off", "5"}).Draw(t, "required")}}
	}
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		f.Rules = append(f.Rules, drawRule(t, names))
	}
	return f
}

// drawStep draws a rule of a migration flag.
func drawStep(t *rapid.T, variant *rapid.Generator[string]) ruleset.Rule {
	serve := variant.Draw(t, "serve")
	when := rapid.SampledFrom([]*ruleset.Condition{nil, {Attribute: "tenant", Operator: ruleset.In, Values: []string{"acme", "5"}}, {Segment: "elsewhere"}}).Draw(t, "when")
	if rapid.Bool().Draw(t, "whole") {
		return ruleset.Rule{Name: maybe(t, texts()), When: when, Serve: serve}
	}
	return ruleset.Rule{When: when, Percent: &ruleset.Percent{Unit: "tenant", Serve: serve, Share: ruleset.Share(rapid.Uint32Range(0, 100_000).Draw(t, "share"))}}
}

func drawRule(t *rapid.T, names []string) ruleset.Rule {
	r := ruleset.Rule{Name: maybe(t, texts()), Seed: maybe(t, texts())}
	if rapid.Bool().Draw(t, "when") {
		c := drawCondition(t, 2)
		r.When = &c
	}
	variant, unit := rapid.SampledFrom(names), rapid.SampledFrom([]string{"", "user", "tenant", "5"}).Draw(t, "unit")
	share := rapid.Map(rapid.Uint32Range(0, 100_000), func(n uint32) ruleset.Share { return ruleset.Share(n) })
	switch rapid.IntRange(0, 3).Draw(t, "action") {
	case 0:
		r.Serve = variant.Draw(t, "serve")
	case 1:
		r.Percent = &ruleset.Percent{Unit: unit, Serve: variant.Draw(t, "serve"), Share: share.Draw(t, "share")}
		if r.Percent.Share > 0 && r.Percent.Share < ruleset.Everyone && rapid.Bool().Draw(t, "calibrated") {
			r.Percent.Calibrated = drawCalibration(t, r.Percent)
		}
	case 2:
		start := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "start"), rapid.Int64Range(0, 999).Draw(t, "ns")*1000).UTC()
		end := start.Add(time.Hour)
		r.Percent = &ruleset.Percent{Unit: unit, Serve: variant.Draw(t, "serve"), From: share.Draw(t, "from"), To: share.Draw(t, "to"), Start: &start, End: &end}
	case 3:
		r.Split = &ruleset.Split{Unit: unit, Weights: map[string]ruleset.Weight{}}
		for _, name := range rapid.SliceOfNDistinct(variant, 1, 2, rapid.ID).Draw(t, "split") {
			r.Split.Weights[name] = ruleset.Weight(rapid.Uint32Range(1, 200_000).Draw(t, "weight"))
		}
	}
	return r
}

// drawCalibration draws thresholds that could be mistaken for numbers too.
func drawCalibration(t *rapid.T, p *ruleset.Percent) *ruleset.Calibration {
	known := rapid.IntRange(0, ruleset.MaxKnown).Draw(t, "known")
	threshold := rapid.OneOf(rapid.SampledFrom([]string{"1234567890123456", "0000000000000017", "12345678901234e5", "0123456701234567", "1e00000000000000"}),
		rapid.Map(rapid.Uint64(), func(n uint64) string { return fmt.Sprintf("%016x", n) }))
	return &ruleset.Calibration{Threshold: threshold.Draw(t, "threshold"), Of: p.CountedBy(), Share: p.Share, Known: known, In: rapid.IntRange(0, known).Draw(t, "in"),
		At: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "counted at"), 0).UTC()}
}

func drawOverrides(t *rapid.T, def *ruleset.Definition) {
	users := rapid.SliceOfNDistinct(texts(), 0, 3, rapid.ID).Draw(t, "users")
	for i, user := range users {
		o := ruleset.Override{Flag: "elsewhere", Variant: "on", Reason: maybe(t, texts())}
		if i%2 == 0 {
			o.User = user
		} else {
			o.Tenant = user
		}
		if rapid.Bool().Draw(t, "expires") {
			at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "expires at"), 0).UTC()
			o.Expires = &at
		}
		def.Overrides = append(def.Overrides, o)
	}
}
