package changes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
)

// describe says what the change makes different, in plain words, one line each.
func (d *draft) describe() []string {
	var lines []string
	for _, key := range d.plans.changed(strings.Compare) {
		lines = append(lines, describePlan(Item{Kind: ItemPlan, Key: key}, &d.plans, key)...)
	}
	for _, key := range d.segments.changed(strings.Compare) {
		lines = append(lines, describeSegment(Item{Kind: ItemSegment, Key: key}, &d.segments, key)...)
	}
	for _, key := range d.flags.changed(strings.Compare) {
		lines = append(lines, describeFlag(Item{Kind: ItemFlag, Key: key}, &d.flags, key)...)
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		lines = append(lines, describeOverride(&d.overrides, key)...)
	}
	return lines
}

// lines collects what is different about one item.
type lines struct {
	item string
	all  []string
}

func (l *lines) add(format string, args ...any) {
	l.all = append(l.all, l.item+": "+fmt.Sprintf(format, args...))
}

// change adds a line if the values differ.
func (l *lines) change(what string, was, is any) {
	if was != is {
		l.add("%s %s, was %s", what, plain(is), plain(was))
	}
}

// content adds a line, without showing what is too long for one, if the texts differ.
func (l *lines) content(what, was, is string) {
	if was != is {
		l.add("%s changed", what)
	}
}

func plain(value any) string {
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

// cameOrWent adds a line if the item is new or removed, and reports whether it did.
func cameOrWent[K comparable, R any](l *lines, t *table[K, R], key K) bool {
	_, existed := t.live[key]
	switch {
	case t.next[key] == nil:
		l.add("removed")
	case !existed:
		l.add("new")
	default:
		return false
	}
	return true
}

func describeFlag(item Item, t *table[string, models.FeatureFlagEnvironment], key string) []string {
	l := lines{item: item.String()}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	was, is := t.live[key].FlagSettings, t.next[key].FlagSettings
	l.change("enabled", was.Enabled, is.Enabled)
	l.change("killed", was.Killed, is.Killed)
	l.change("archived", was.Archived, is.Archived)
	l.change("client-visible", was.ClientVisible, is.ClientVisible)
	l.change("tier required", was.TierRequired, is.TierRequired)
	l.change("off", was.OffVariant, is.OffVariant)
	l.change("otherwise", was.OtherwiseVariant, is.OtherwiseVariant)
	l.change("default", was.DefaultVariant, is.DefaultVariant)
	l.content("variants", was.Variants, is.Variants)
	l.content("prerequisites", was.Prerequisites, is.Prerequisites)
	l.content("rules", was.RolloutStrategy, is.RolloutStrategy)
	return l.all
}

func describeSegment(item Item, t *table[string, models.Segment], key string) []string {
	l := lines{item: item.String()}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	l.change("title", t.live[key].Title, t.next[key].Title)
	l.content("condition", t.live[key].Condition, t.next[key].Condition)
	return l.all
}

func describePlan(item Item, t *table[string, models.Plan], key string) []string {
	l := lines{item: item.String()}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	was, is := t.live[key], t.next[key]
	l.change("title", was.Title, is.Title)
	l.change("rank", was.Rank, is.Rank)
	if !slices.Equal(was.Features, is.Features) {
		l.add("features %s, were %s", names(is.Features), names(was.Features))
	}
	return l.all
}

func names(keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	return strings.Join(keys, ", ")
}

func describeOverride(t *table[overrideKey, models.FeatureFlagOverride], key overrideKey) []string {
	l := lines{item: key.item().String()}
	next := t.next[key]
	was, existed := t.live[key]
	if next == nil {
		l.add("removed")
		return l.all
	}
	is := next.Override(key.flag)
	if !existed {
		l.add("new, %s", is.Variant)
		return l.all
	}
	before := was.Override(key.flag)
	l.change("variant", before.Variant, is.Variant)
	l.change("reason", before.Reason, is.Reason)
	l.change("expires", moment(before.Expires), moment(is.Expires))
	return l.all
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// describeAbout says what becomes different in what environments share about a flag.
func describeAbout(key string, was, is models.About) []string {
	l := lines{item: Item{Kind: ItemFlag, Key: key}.String()}
	l.change("title", was.Title, is.Title)
	l.content("description", was.Description, is.Description)
	l.content("purpose", was.Purpose, is.Purpose)
	l.change("owner", was.Owner, is.Owner)
	l.change("category", was.Category, is.Category)
	l.change("lifecycle", was.Lifecycle, is.Lifecycle)
	l.change("planned removal", moment(was.PlannedRemoval.Optional()), moment(is.PlannedRemoval.Optional()))
	l.change("reviewed, keep until", moment(was.KeepUntil.Optional()), moment(is.KeepUntil.Optional()))
	return l.all
}
