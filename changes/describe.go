package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
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
		lines = append(lines, describeFlag(Item{Kind: ItemFlag, Key: key}, &d.flags, key, d.about)...)
	}
	for _, key := range d.overrides.changed(compareOverrides) {
		lines = append(lines, describeOverride(&d.overrides, key)...)
	}
	for _, key := range slices.Sorted(maps.Keys(d.cutover.lines)) {
		for _, line := range d.cutover.lines[key] {
			lines = append(lines, Item{Kind: ItemFlag, Key: key}.String()+": "+line)
		}
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
		l.add("%s %s, was %s", what, words.Plain(is), words.Plain(was))
	}
}

// content adds a line, without showing what is too long for one, if the texts differ.
func (l *lines) content(what, was, is string) {
	if was != is {
		l.add("%s changed", what)
	}
}

// differs adds what became different; what is stored otherwise has at least one line.
func (l *lines) differs(differences []string) {
	if len(differences) == 0 {
		differences = []string{"is stored in another way"}
	}
	for _, difference := range differences {
		l.all = append(l.all, l.item+": "+difference)
	}
}

// compared says what becomes of an item: that it is removed, what it is if it is new, or what is different.
func compared[K comparable, R any](item Item, t *table[K, R], key K, isNew func(R) []string, differ func(was, is R) []string) []string {
	l := lines{item: item.String()}
	was, existed := t.live[key]
	switch is := t.next[key]; {
	case is == nil:
		l.add("removed")
	case !existed:
		l.differs(isNew(*is))
	default:
		l.differs(differ(was, *is))
	}
	return l.all
}

func describeFlag(item Item, t *table[string, models.FeatureFlagEnvironment], key string, about *about) []string {
	flag := func(row models.FeatureFlagEnvironment) ruleset.Flag {
		shared := about.byID[row.FeatureID] // a migration is told of in its own words
		return row.Flag(models.FeatureFlag{Name: key, Kind: shared.Kind, Type: shared.Type})
	}
	return compared(item, t, key,
		func(is models.FeatureFlagEnvironment) []string { return words.NewFlag(flag(is), time.UTC) },
		func(was, is models.FeatureFlagEnvironment) []string {
			return words.FlagDiff(flag(was), flag(is), time.UTC)
		})
}

func describeSegment(item Item, t *table[string, models.Segment], key string) []string {
	return compared(item, t, key,
		func(is models.Segment) []string { return words.NewSegment(is.Segment(), time.UTC) },
		func(was, is models.Segment) []string {
			return words.SegmentDiff(was.Segment(), is.Segment(), time.UTC)
		})
}

func describePlan(item Item, t *table[string, models.Plan], key string) []string {
	return compared(item, t, key,
		func(is models.Plan) []string { return words.NewPlan(is.Plan()) },
		func(was, is models.Plan) []string { return words.PlanDiff(was.Plan(), is.Plan()) })
}

func describeOverride(t *table[overrideKey, models.FeatureFlagOverride], key overrideKey) []string {
	return compared(key.item(), t, key,
		func(is models.FeatureFlagOverride) []string {
			return words.NewOverride(is.Override(key.flag), time.UTC)
		},
		func(was, is models.FeatureFlagOverride) []string {
			return words.OverrideDiff(was.Override(key.flag), is.Override(key.flag), time.UTC)
		})
}

func names(keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	return strings.Join(keys, ", ")
}

func moment(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// describeNew says what a new flag is in all environments.
func describeNew(flag models.FeatureFlag) string {
	line := fmt.Sprintf("%s: made, a %s %s flag", Item{Kind: ItemFlag, Key: flag.Name}, flag.Type, flag.Kind)
	if flag.Owner != "" {
		line += fmt.Sprintf(" of %q", flag.Owner)
	}
	if removal := flag.PlannedRemoval.Optional(); removal != nil {
		line += ", planned removal " + moment(removal)
	}
	return line
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
