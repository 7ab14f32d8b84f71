package words

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// FlagDiff says what became different between two settings of a flag, one line each, such as "rollout of “Germany” from
// 25 % to 50 %". Equal settings have no lines; different ones have at least one.
func FlagDiff(was, is ruleset.Flag, zone *time.Location) []string {
	d := differ{zone: zone, key: is.Key}
	was, is = was.Filled(), is.Filled()
	d.value("kind", string(was.Kind), string(is.Kind))
	d.value("type", string(was.Type), string(is.Type))
	d.value("salt", was.Salt, is.Salt)
	d.value("enabled", was.Enabled, is.Enabled)
	d.value("killed", was.Killed, is.Killed)
	d.value("archived", was.Archived, is.Archived)
	d.value("client-visible", was.ClientVisible, is.ClientVisible)
	d.value("tier required", was.TierRequired, is.TierRequired)
	if !was.Staged() || !is.Staged() {
		d.value("off", was.Off, is.Off)
	}
	d.value("otherwise", was.Otherwise, is.Otherwise)
	if was.Kind != ruleset.Migration || is.Kind != ruleset.Migration { // else it is what otherwise says
		d.value("default", was.Default, is.Default)
	}
	d.malformed(was.Malformed, is.Malformed)
	d.variants(was.Variants, is.Variants)
	d.prerequisites(was.Prerequisites, is.Prerequisites)
	d.rules(was.Rules, is.Rules)
	if len(d.lines) == 0 && !equal(was, is) {
		d.add("changed")
	}
	return d.lines
}

// SegmentDiff says what became different between two versions of a segment.
func SegmentDiff(was, is ruleset.Segment, zone *time.Location) []string {
	d := differ{zone: zone}
	d.value("key", was.Key, is.Key)
	d.value("title", was.Title, is.Title)
	d.condition("condition", &was.When, &is.When)
	return d.lines
}

// PlanDiff says what became different between two versions of a plan.
func PlanDiff(was, is ruleset.Plan) []string {
	d := differ{}
	d.value("key", was.Key, is.Key)
	d.value("title", was.Title, is.Title)
	d.value("rank", was.Rank, is.Rank)
	if !slices.Equal(was.Features, is.Features) {
		came, went := cameAndWent(was.Features, is.Features)
		switch {
		case len(is.Features) == 0 || len(was.Features) == 0 || len(came)+len(went) == 0:
			d.add("features %s, were %s", names(is.Features), names(was.Features))
		default:
			d.addNames("features: %s added", came)
			d.addNames("features: %s removed", went)
		}
	}
	return d.lines
}

// OverrideDiff says what became different between two versions of an override.
func OverrideDiff(was, is ruleset.Override, zone *time.Location) []string {
	d := differ{zone: zone}
	d.value("flag", was.Flag, is.Flag)
	d.value("user", was.User, is.User)
	d.value("tenant", was.Tenant, is.Tenant)
	d.value("variant", was.Variant, is.Variant)
	d.value("reason", was.Reason, is.Reason)
	if !sameTime(was.Expires, is.Expires) {
		d.add("expires %s, was %s", expiry(is.Expires, zone), expiry(was.Expires, zone))
	}
	return d.lines
}

func expiry(t *time.Time, zone *time.Location) string {
	if t == nil {
		return "never"
	}
	return toTheSecond(t, zone)
}

// toTheSecond is a moment to the second, where that tells it apart from another.
func toTheSecond(t *time.Time, zone *time.Location) string {
	if t == nil || t.Second() == 0 && t.Nanosecond() == 0 {
		return moment(t, zone)
	}
	return t.In(zone).Format("2 Jan 2006, 15:04:05.999999999 MST")
}

func sameTime(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }

// differ collects what is different.
type differ struct {
	zone  *time.Location
	key   string // of the flag; empty: it is of something else
	lines []string
}

func (d *differ) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// value adds a line if the values differ.
func (d *differ) value(what string, was, is any) {
	if was != is {
		d.add("%s %s, was %s", what, Plain(is), Plain(was))
	}
}

// named is how many names stand on a line.
const named = 12

// addNames adds all names, on as many lines as they take: what is reviewed hides none.
func (d *differ) addNames(format string, all []string) {
	for some := range slices.Chunk(all, named) {
		d.add(format, strings.Join(some, ", "))
	}
}

// Plain is a value as it stands in a sentence.
func Plain(value any) string {
	switch value := value.(type) {
	case bool:
		if value {
			return "yes"
		}
		return "no"
	case string:
		if value == "" {
			return "nothing"
		}
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprint(value)
}

func (d *differ) malformed(was, is string) {
	switch {
	case was == is:
	case is == "":
		d.add("can be read again")
	case was == "":
		d.add("cannot be read any more: %s", is)
	default:
		d.add("cannot be read: %s, was: %s", is, was)
	}
}

func (d *differ) variants(was, is []ruleset.Variant) {
	before := len(d.lines)
	name := func(v ruleset.Variant) string { return v.Name }
	pairs(was, is, name,
		func(v ruleset.Variant) { d.add("variant “%s” added, %s", v.Name, d.variantValue(v)) },
		func(v ruleset.Variant) { d.add("variant “%s” removed, was %s", v.Name, d.variantValue(v)) },
		func(was, is ruleset.Variant) {
			if a, b := d.variantValue(was), d.variantValue(is); a != b {
				d.add("variant “%s” %s, was %s", is.Name, b, a)
			} else {
				a, b := fromWhereTheyDiffer(string(was.Value), string(is.Value))
				d.add("variant “%s” has another value: %s, was %s", is.Name, b, a)
			}
		})
	if before == len(d.lines) && !same(was, is) {
		d.add("order of variants %s, was %s", names(keysOf(is, name)), names(keysOf(was, name)))
	}
}

func (d *differ) prerequisites(was, is []ruleset.Prerequisite) {
	before := len(d.lines)
	flag := func(p ruleset.Prerequisite) string { return p.Flag }
	pairs(was, is, flag,
		func(p ruleset.Prerequisite) { d.add("requires %s to be “%s”", p.Flag, p.Variant) },
		func(p ruleset.Prerequisite) { d.add("requires %s to be “%s” no more", p.Flag, p.Variant) },
		func(was, is ruleset.Prerequisite) {
			d.add("requires %s to be “%s”, was “%s”", is.Flag, is.Variant, was.Variant)
		})
	if before == len(d.lines) && !slices.Equal(was, is) {
		d.add("order of what it requires %s, was %s", names(keysOf(is, flag)), names(keysOf(was, flag)))
	}
}

// same is equal for lists: one of nothing is as good as none.
func same[T any](a, b []T) bool { return len(a)+len(b) == 0 || equal(a, b) }

// pairs tells of two lists what came, what went, and what is different under the same name. The second of one name is
// compared with the second.
func pairs[T any](was, is []T, name func(T) string, added, removed func(T), changed func(was, is T)) {
	left := map[string][]int{}
	for i, item := range was {
		left[name(item)] = append(left[name(item)], i)
	}
	matched := make([]bool, len(was))
	for _, item := range is {
		places := left[name(item)]
		if len(places) == 0 {
			added(item)
			continue
		}
		before := was[places[0]]
		matched[places[0]], left[name(item)] = true, places[1:]
		if !equal(before, item) {
			changed(before, item)
		}
	}
	for i, item := range was {
		if !matched[i] {
			removed(item)
		}
	}
}

func keysOf[T any](items []T, key func(T) string) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = key(item)
	}
	return all
}

func names(keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	return strings.Join(keys, ", ")
}

// cameAndWent are the texts that are only in the second list, and those that are only in the first, each once.
func cameAndWent(was, is []string) (came, went []string) {
	return without(is, was), without(was, is)
}

func without(all, others []string) (left []string) {
	known := make(map[string]bool, len(others))
	for _, text := range others {
		known[text] = true
	}
	for _, text := range all {
		if !known[text] {
			known[text] = true
			left = append(left, text)
		}
	}
	return left
}

// equal compares as what is stored does: by the JSON.
func equal(a, b any) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// shownValue is how many characters of a value are told: more than of other texts, since people approve what they read.
const shownValue = 240

// short is a text that fits a line.
func short(text string) string { return cut(text, 60) }

// cut is the beginning of a text, with a sign that it goes on.
func cut(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

// fromWhereTheyDiffer is what follows where two long texts begin to differ, and a little of what is before it.
func fromWhereTheyDiffer(a, b string) (inA, inB string) {
	one, other := []rune(a), []rune(b)
	from := 0
	for from < len(one) && from < len(other) && one[from] == other[from] {
		from++
	}
	from = max(0, from-20)
	return "…" + cut(string(one[from:]), shownValue), "…" + cut(string(other[from:]), shownValue)
}

// place is a place in a list, counted from 1, in words.
func place(i int) string {
	n := i + 1
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return strconv.Itoa(n) + "st"
	case n%10 == 2:
		return strconv.Itoa(n) + "nd"
	case n%10 == 3:
		return strconv.Itoa(n) + "rd"
	}
	return strconv.Itoa(n) + "th"
}
