package flagfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// mistakes are the messages of a file's mistakes, without its name.
func mistakes(t testing.TB, name, data string) []string {
	t.Helper()
	_, err := Read(name, []byte(data))
	if err == nil {
		t.Fatalf("read without a mistake:\n%s", data)
	}
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) == 0 {
		t.Fatalf("the error is %T, want Mistakes", err)
	}
	var out []string
	for _, m := range ms {
		out = append(out, strings.TrimPrefix(m.Error(), name+":"))
	}
	return out
}

const head = "version: 1\nenvironments: {production: {}}\n"

func TestEachMistakeIsReportedWithItsPlace(t *testing.T) {
	// Each file is followed by all its mistakes, and by no others.
	for what, c := range map[string]struct {
		name, file string
		want       []string
	}{
		"an empty file": {"f.yaml", "", []string{
			` the file is empty: a flags file begins with version: 1`,
		}},
		"only comments": {"f.yaml", "# nothing\n", []string{
			` the file is empty: a flags file begins with version: 1`,
		}},
		"not a mapping": {"f.yaml", "- a\n", []string{
			`1:1: the file must be a mapping (field: value), but is a list`,
		}},
		"two documents": {"f.yaml", "version: 1\n---\nversion: 1\n", []string{
			`3:8: a flags file is one YAML document, but a second one begins here`,
		}},
		"an anchor": {"f.yaml", "version: &a 1\n", []string{
			`1:10: anchors and aliases cannot stand in a flags file; write the value out, or quote it if it is text`,
		}},
		"an alias": {"f.yaml", "version: 1\nflags: *a\n", []string{
			`2:8: anchors and aliases cannot stand in a flags file; write the value out, or quote it if it is text`,
		}},
		"a merge key": {"f.yaml", "version: 1\n<<: {a: 1}\n", []string{
			`2:1: merge keys cannot stand in a flags file; write the fields out`,
		}},
		"a tag": {"f.yaml", "version: !!int 1\n", []string{
			`1:10: tags cannot stand in a flags file; quote the value if it is text`,
		}},
		"a directive": {"f.yaml", "%YAML 1.1\n---\nversion: 1\n", []string{
			`1:1: directives cannot stand in a flags file`,
		}},
		"a complex key": {"f.yaml", "? version\n: 1\n", []string{
			`1:1: keys that begin with "?" cannot stand in a flags file; quote the key if it is text`,
		}},
		"a tab for indentation": {"f.yaml", "version: 1\nflags:\n\t- key: x\n", []string{
			`3:1: not YAML: a tab cannot indent YAML; use spaces`,
		}},
		"an open bracket": {"f.yaml", "version: 1\nflags: [\n", []string{
			`2:8: not YAML: sequence end token ']' not found`,
		}},
		"an open quote": {"f.yaml", "version: 1\nflags: \"\n", []string{
			`2:8: not YAML: could not find end character of double-quoted text`,
		}},
		"a list entry that swallows what follows": {"f.yaml", "version: 1\nflags:\n-\noverrides: []\n", []string{
			`4:1: not YAML: what belongs to line 3 must be indented further than it; write null there if nothing belongs to it`,
		}},
		"a key indented out of line": {"f.yaml", "version: 1\nflags:\n  - key: x\n   purpose: y\n", []string{
			`4:4: not YAML: value is not allowed in this context`,
		}},
		"not UTF-8": {"f.yaml", "version: 1\n# \xff\n", []string{
			`2:3: the file must be UTF-8`,
		}},
		"a control character": {"f.yaml", "version: 1\n# \x07\n", []string{
			`2:3: control character U+0007; in quotes it can be written as an escape`,
		}},
		"NUL in text": {"f.yaml", head + "plans:\n  - {key: a, rank: 1, title: \"\\0\"}\n", []string{
			`4:30: text must be valid Unicode without U+0000`,
		}},
		"no version": {"f.yaml", "environments: {production: {}}\n", []string{
			`1:1: version is missing: a flags file begins with version: 1`,
		}},
		"another version": {"f.yaml", "version: 2\nenvironments: {production: {}}\n", []string{
			`1:10: version must be 1, the only one there is`,
		}},
		"no environment": {"f.yaml", "version: 1\nplans: []\n", []string{
			`1:1: the file mentions no environment: name those it is for, as in environments: {production: {}}`,
		}},
		"a bad environment": {"f.yaml", "version: 1\nenvironments: {Production: {}}\n", []string{
			`2:16: environment "Production": "Production" is no environment; use development, staging or production`,
		}},
		"an unknown section": {"f.yaml", head + "flag: []\n", []string{
			`3:1: unknown field "flag" in the file; did you mean "flags"?`,
		}},
		"repeated keys": {"f.yaml", head + "version: 1\nplans: []\nplans: []\n", []string{
			`3:1: "version" stands twice in the file; the first is in line 1`,
			`5:1: "plans" stands twice in the file; the first is in line 4`,
		}},
		"sections of the wrong kind": {"f.yaml", head + "flags: {}\nplans: x\noverrides: 5\n", []string{
			`3:8: flags must be a list, but is a mapping`,
			`4:8: plans must be a list, but is text`,
			`5:12: overrides must be a list, but is a number`,
		}},
		"mistakes in plans": {"f.yaml", head + "plans:\n  - {key: Free, rank: 0}\n  - {rank: 1}\n  - {key: pro, rank: high, titel: Pro}\n  - {key: pro, rank: 2}\n  - {key: max, rank: 1.5, features: [a, a, true]}\n  - 7\n", []string{
			`4:11: the key "Free" of a plan must be of at most 128 lower-case letters, digits, dots, dashes and underscores, and begin with a letter or a digit`,
			`5:5: key is missing: it names the plan`,
			`6:22: plan "pro": rank must be a whole number between -2147483648 and 2147483647`,
			`6:28: unknown field "titel" in a plan; did you mean "title"?`,
			`7:5: plan "pro" is defined twice; the first is in line 6`,
			`8:22: plan "max": rank must be a whole number between -2147483648 and 2147483647`,
			`8:41: plan "max", features[1]: "a" is listed twice: remove one`,
			`8:44: plan "max": a feature must be text, but true is a boolean; quote it if it is text`,
			`9:5: a plan must be a mapping (field: value), but is a number`,
		}},
		"mistakes in segments": {"f.yaml", head + "segments:\n  - {key: s}\n  - {key: s, when: {segment: s}}\n  - {key: t, when: {attribute: a, operator: is, values: [x]}}\n  - {key: u, when: {attribute: a, operator: matches, values: [x, '(']}}\n  - {key: v, when: {segment: v}}\n  - {key: w, when: {all: []}}\n", []string{
			`4:5: segment "s": when is missing: the condition that makes the segment`,
			`5:5: segment "s" is defined twice; the first is in line 4`,
			`6:45: segment "t": operator "is" must be one of in, not_in, contains, starts_with, ends_with, matches, gt, gte, lt, lte, before, after, semver_eq, semver_gt, semver_gte, semver_lt, semver_lte, in_cidr, exists`,
			"7:66: segment \"u\", when.values[1]: \"(\" is no regular expression (RE2): error parsing regexp: missing closing ): `(`",
			`8:5: segment "v": uses itself, by way of [v]: take one of them out`,
			`9:26: segment "w", when.all: needs at least one condition`,
		}},
		"a flag that says nothing": {"f.yaml", head + "flags:\n  - {}\n  - {key: y}\n  - key: Big Key\n", []string{
			`4:5: key is missing: it names the flag`,
			`4:5: flag: kind is missing: release, premium, experiment, operational or migration`,
			`4:5: flag: type is missing: boolean, string, number or json`,
			`5:5: flag "y": kind is missing: release, premium, experiment, operational or migration`,
			`5:5: flag "y": type is missing: boolean, string, number or json`,
			`6:5: flag: kind is missing: release, premium, experiment, operational or migration`,
			`6:5: flag: type is missing: boolean, string, number or json`,
			`6:10: the key "Big Key" of a flag must be of at most 128 lower-case letters, digits, dots, dashes and underscores, and begin with a letter or a digit`,
		}},
		"two flags of one key": {"f.yaml", flagsFile("    type: boolean\n  - {key: x, purpose: p, planned_removal: 2027-05-01, kind: release, type: boolean}\n") + "environments: {production: {}}\n", []string{
			`8:5: flag "x" is defined twice; the first is in line 3`,
		}},
		"words that nobody knows": {"f.yaml", head + "flags:\n  - {key: y, purpose: p, kind: relase, type: bool, planned_removal: 2027-5-1}\n", []string{
			`4:32: flag "y": kind "relase" must be one of release, premium, experiment, operational, migration; did you mean "release"?`,
			`4:46: flag "y": type "bool" must be one of boolean, string, number, json`,
			`4:69: flag "y": planned_removal "2027-5-1" must be a date such as 2027-01-31`,
		}},
		"a field in the wrong place": {"f.yaml", flagsFile("    type: boolean\n    enabled: true\n    environments:\n      production: {enabeld: true, owner: me}\n"), []string{
			`8:5: unknown field "enabled" in a flag; it belongs to an environment, as in environments: {production: {enabled: true}}`,
			`10:20: flag "x": unknown field "enabeld" in an environment of a flag; did you mean "enabled"?`,
			`10:35: flag "x": unknown field "owner" in an environment of a flag`,
		}},
		"a boolean that is none": {"f.yaml", flagsFile("    type: boolean\n    client_visible: on\n    environments:\n      production: {enabled: yes}\n"), []string{
			`8:21: flag "x": client_visible must be true or false, but is text`,
			`10:29: flag "x": enabled must be true or false, but is text`,
		}},
		"a boolean for a variant": {"f.yaml", ruleFile("{serve: true}"), []string{
			`12:21: flag "x", rules[0]: serve must name a variant, but true is a boolean; the variants of a boolean flag are on and off`,
		}},
		"an unknown variant": {"f.yaml", ruleFile("{name: r, serve: of}"), []string{
			`12:30: flag "x", rule "r", rules[0].serve: there is no variant "of": the flag has ["on" "off"]`,
		}},
		"a share over 100": {"f.yaml", ruleFile("{name: r, percent: {share: 120, serve: on}}"), []string{
			`12:40: flag "x", rule "r": share 120: must be at most 100 (percent)`,
		}},
		"a share that is text": {"f.yaml", ruleFile("{name: r, percent: {share: 20%, serve: on}}"), []string{
			`12:40: flag "x", rule "r": share must be a number of percent, but is text`,
		}},
		"no share": {"f.yaml", ruleFile("{name: r, percent: {serve: on}}"), []string{
			`12:32: flag "x", rule "r": share is missing: give a number of percent, or from, to, start and end`,
		}},
		"a calibration to be made": {"f.yaml", ruleFile("{name: r, percent: {share: 5, serve: on, calibrated: {}}}"), []string{
			`12:66: flag "x", rule "r": threshold is missing: only a calibration that was exported can stand in a file; on the settings pages, those seen are counted`,
		}},
		"a calibration for another share": {"f.yaml", ruleFile(`{name: r, percent: {share: 5, serve: on, calibrated: {threshold: "0000000000000017", of: user, share: 6, known: 9, in: 1, at: 2027-01-01T00:00:00Z}}}`), []string{
			`12:115: flag "x", rule "r", rules[0].percent.calibrated.share: was calibrated for 6 %, but the share is 5 %: calibrate it again, or leave calibrated out`,
		}},
		"two kinds of share": {"f.yaml", ruleFile("{name: r, percent: {serve: on, share: 5, from: 1, to: 2, start: 2027-01-01T00:00:00Z, end: 2027-01-02T00:00:00Z}}"), []string{
			`12:32: flag "x", rule "r": a percentage has either a share, or from, to, start and end`,
		}},
		"a move that lacks its end": {"f.yaml", ruleFile("{name: r, percent: {serve: on, from: 1, to: 2, start: 2027-01-01T00:00:00Z}}"), []string{
			`12:32: flag "x", rule "r", rules[0].percent: a percentage that moves needs both start and end`,
		}},
		"a move backwards in time": {"f.yaml", ruleFile("{name: r, percent: {serve: on, from: 1, to: 2, start: 2027-01-02T00:00:00Z, end: 2027-01-01T00:00:00Z}}"), []string{
			`12:94: flag "x", rule "r", rules[0].percent.end: must be at least a second after start`,
		}},
		"a time that is none": {"f.yaml", ruleFile("{name: r, percent: {serve: on, from: 1, to: 2, start: tomorrow, end: 2027-01-01}}"), []string{
			`12:67: flag "x", rule "r": start "tomorrow" must be a time in RFC 3339, such as 2027-01-31T12:00:00Z`,
			`12:82: flag "x", rule "r": end "2027-01-01" must be a time in RFC 3339, such as 2027-01-31T12:00:00Z`,
		}},
		"weights of zero": {"f.yaml", ruleFile("{split: {weights: {on: 0, off: 1}}}"), []string{
			`12:36: flag "x", rules[0]: weight 0: must be above 0; leave the variant out of the split instead`,
		}},
		"weights of unknown variants": {"f.yaml", ruleFile("{split: {weights: {on: 1, other: x, third: 1}}}"), []string{
			`12:46: flag "x", rules[0]: a weight must be a number, but is text`,
			`12:56: flag "x", rules[0].split.weights.third: there is no variant "third": the flag has ["on" "off"]`,
		}},
		"no weights": {"f.yaml", ruleFile("{split: {unit: user}}"), []string{
			`12:21: flag "x", rules[0].split.weights: a split needs at least one variant with a weight`,
		}},
		"no action, for a misspelt one": {"f.yaml", ruleFile("{name: r, server: on}"), []string{
			`12:23: flag "x": unknown field "server" in a rule; did you mean "serve"?`,
		}},
		"no action": {"f.yaml", ruleFile("{name: r}"), []string{
			`12:13: flag "x", rule "r", rules[0]: a rule needs exactly one of serve, percent and split; this one has 0`,
		}},
		"two actions": {"f.yaml", ruleFile("{serve: on, percent: {share: 5, serve: on}}"), []string{
			`12:13: flag "x", rules[0]: a rule needs exactly one of serve, percent and split; this one has 2`,
		}},
		"deep conditions": {"f.yaml", ruleFile("{serve: on, when: {all: [{not: {attribute: country, operator: in}}, {attribute: age, operator: gt, values: [old]}]}}"), []string{
			`12:44: flag "x", rules[0].when.all[0].not.values: in needs at least one value`,
			`12:121: flag "x", rules[0].when.all[1].values[0]: "old" is no number`,
		}},
		"values that are none": {"f.yaml", ruleFile("{serve: on, when: {attribute: v, operator: in, values: [1.10, null, [x], {a: b}]}}"), []string{
			`12:69: flag "x", rules[0]: a value could be the number 1.10 or the text "1.10": quote it if it is text, or write the number plainly`,
			`12:75: flag "x", rules[0]: a value must be text, but is nothing`,
			`12:81: flag "x", rules[0]: a value must be text, but is a list`,
			`12:86: flag "x", rules[0]: a value must be text, but is a mapping`,
		}},
		"a condition of two kinds": {"f.yaml", ruleFile("{serve: on, when: {segment: s, attribute: a, operator: exists}}"), []string{
			`12:31: flag "x", rules[0].when: a condition is exactly one of all, any, not, segment and attribute; this one has 2 of them`,
		}},
		"a prerequisite of oneself": {"f.yaml", flagsFile("    type: boolean\n    environments:\n      production: {prerequisites: [{flag: x, variant: on}]}\n"), []string{
			`9:35: flag "x", prerequisites: the prerequisites go in a circle: x -> x`,
		}},
		"a prerequisite's unknown variant": {"f.yaml", flagsFile("    type: boolean\n    environments:\n      production: {prerequisites: [{flag: y, variant: blue}, {flag: y}]}\n  - {key: y, purpose: p, planned_removal: 2027-05-01, kind: release, type: boolean}\n"), []string{
			`9:55: flag "x", prerequisites[0].variant: flag "y" has no variant "blue"`,
			`9:62: flag "x": variant is missing: a prerequisite names a flag and the variant that it must serve`,
		}},
		"values of another type": {"f.yaml", flagsFile("    type: number\n    variants: {one: 1, two: two, inf: .inf}\n    environments:\n      production: {off: one, otherwise: one, default: one}\n"), []string{
			`8:39: flag "x": .inf is no number that JSON knows`,
		}},
		"values of another type, all read": {"f.yaml", flagsFile("    type: number\n    variants: {one: 1, two: two}\n    environments:\n      production: {off: one, otherwise: one, default: one}\n      staging: {off: one, otherwise: one, default: one}\n"), []string{
			`8:29: flag "x", variants[1].value: variant "two": its value "two" is no number`,
		}},
		"a bad variant's name": {"f.yaml", flagsFile("    type: string\n    variants: {a b: x, ok: y}\n    environments:\n      production: {off: ok, otherwise: ok, default: ok}\n"), []string{
			`8:16: flag "x", variants[0].name: "a b" is no variant's name: use letters, digits, dots, dashes and underscores`,
		}},
		"nothing to serve": {"f.yaml", flagsFile("    type: string\n    variants: {a: x}\n    environments:\n      production: {off: b}\n"), []string{
			`10:19: flag "x", otherwise: is empty: name the variant to serve`,
			`10:19: flag "x", default: is empty: name the variant to serve`,
			`10:25: flag "x", off: there is no variant "b": the flag has ["a"]`,
		}},
		"no variants": {"f.yaml", flagsFile("    type: string\n    environments:\n      production: {off: b, otherwise: b, default: b}\n"), []string{
			`9:19: flag "x", variants: a string flag needs at least one variant`,
			`9:25: flag "x", off: there is no variant "b": the flag has []`,
			`9:39: flag "x", otherwise: there is no variant "b": the flag has []`,
			`9:51: flag "x", default: there is no variant "b": the flag has []`,
		}},
		"mistakes in overrides": {"f.yaml", head + "overrides:\n  - {flag: x, environment: production, variant: on}\n  - {flag: x, environment: production, user: u, tenant: t, variant: on}\n  - {flag: x, user: u, variant: on}\n  - {environment: production, user: u, variant: on, created_by: me}\n  - {flag: x, environment: production, user: 007, variant: true, expires_at: soon}\n  - {flag: x, environment: production, user: u, variant: on}\n  - {flag: x, environment: production, user: u, variant: off}\n", []string{
			`4:5: flag "x", override 1: an override is for exactly one of user and tenant`,
			`5:5: flag "x", override 2: an override is for exactly one of user and tenant`,
			`6:5: override of flag "x": environment is missing: an override names a flag, an environment, a user or a tenant, and a variant`,
			`7:5: override of flag: flag is missing: an override names a flag, an environment, a user or a tenant, and a variant`,
			`7:53: unknown field "created_by" in an override`,
			`8:46: override of flag "x": user could be the number 007 or the text "007": quote it if it is text, or write the number plainly`,
			`8:60: override of flag "x": variant must name a variant, but true is a boolean; the variants of a boolean flag are on and off`,
			`8:78: override of flag "x": expires_at "soon" must be a time in RFC 3339, such as 2027-01-31T12:00:00Z`,
			`10:5: flag "x", override 6: u has two overrides of this flag: remove one`,
		}},
		"an override of an unknown variant": {"f.yaml", flagsFile("    type: boolean\n") + "overrides:\n  - {flag: x, environment: production, user: u, variant: blue}\n", []string{
			`9:5: flag "x", override 1: there is no variant "blue": the flag has ["on" "off"]`,
		}},
		"JSON that breaks off": {"f.json", "{\"version\": 1,", []string{
			`1:15: not JSON: unexpected end of JSON input`,
		}},
		"JSON with a trailing comma": {"f.json", "{\"version\": 1,\n \"flags\": [],}", []string{
			`2:14: not JSON: invalid character '}' looking for beginning of object key string`,
		}},
		"JSON with mistakes": {"f.yaml", "{\"version\": 1,\n \"environments\": {\"é\": {}, \"production\": {}},\n \"flags\": [{\"key\": \"x\", \"key\": \"y\", \"kind\": 5}]}", []string{
			`2:19: environment "é": "é" is no environment; use development, staging or production`,
			`3:12: flag "x": type is missing: boolean, string, number or json`,
			`3:25: "key" stands twice in a flag; the first is in line 3`,
			`3:45: flag "x": kind "5" must be one of release, premium, experiment, operational, migration`,
		}},
	} {
		t.Run(what, func(t *testing.T) {
			if got := mistakes(t, c.name, c.file); strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"), c.file)
			}
		})
	}
}

// ruleFile is a file with one flag that has one rule.
func ruleFile(rule string) string {
	return flagsFile("    type: boolean\n    environments:\n      production:\n        enabled: true\n        rules:\n          - " + rule + "\n")
}

func TestHostileShapesAreRefusedBeforeTheyCost(t *testing.T) {
	for what, c := range map[string]struct{ name, data, want string }{
		"deep brackets":       {"f.yaml", "version: " + strings.Repeat("[", 1_000_000), "nested too deep"},
		"deep braces":         {"f.yaml", "version: " + strings.Repeat("{a: ", 300_000), "nested too deep"},
		"deep dashes":         {"f.yaml", strings.Repeat("- ", 500_000), "nested too deep"},
		"deep indentation":    {"f.yaml", stairs(1_000), "nested too deep"},
		"deep JSON":           {"f.json", strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_000), "nested too deep"},
		"very deep JSON":      {"f.json", strings.Repeat("[", 1_000_000), "exceeded max depth"},
		"a mapping too large": {"f.yaml", many("k%d: 1\n", 100_000), "too many entries"},
		"braces too large":    {"f.yaml", "{" + many("k%d: 1, ", 100_000) + "}", "too many entries"},
		"many environments":   {"f.yaml", "version: 1\nenvironments:\n" + many("  e%d: {}\n", 5_000), "5000 environments"},
		"many large mappings": {"f.yaml", many("k%d:\n"+many(" a%d: 1\n", 9_000), 60), "too many large mappings"},
		"a list too large":    {"f.yaml", strings.Repeat("- a\n", 100_000), "too many entries"},
		"aliases that grow":   {"f.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nversion: [*b, *b]\n", "anchors and aliases"},
		"a file too large":    {"f.yaml", strings.Repeat("#", MaxSize+1), "too large"},
	} {
		t.Run(what, func(t *testing.T) {
			start := time.Now()
			if got := mistakes(t, c.name, c.data); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %.300q, want %q", got, c.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// stairs are mappings, each within the one before.
func stairs(steps int) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func many(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestMistakesStandInTheOrderOfTheFile(t *testing.T) {
	_, err := Read("f.yaml", []byte(flagsFile("    type: colour\n")+head))
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) != 2 {
		t.Fatalf("%v, want two mistakes", err)
	}
	if ms[1].before(ms[0].Position) {
		t.Errorf("%v stands behind %v", ms[1], ms[0])
	}
}

func TestAFlagWithoutPurposeOrRemovalDateIsReadWithAWarning(t *testing.T) {
	file, err := Read("f.yaml", []byte("version: 1\nflags:\n  - key: x\n    kind: release\n    type: boolean\n    environments: {production: {enabled: true}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "f.yaml:3:5: flag \"x\": purpose is missing: say what the flag is for\n" +
		"f.yaml:3:5: flag \"x\": planned_removal is missing: give the date by which the flag is to be gone, such as 2027-01-31"
	if got := file.Warnings.Error(); got != want {
		t.Errorf("warned\n%s\nwant\n%s", got, want)
	}
}
