package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/internal/words"
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

func describeFlag(item Item, t *table[string, models.FeatureFlagEnvironment], key string, about *about) []string {
	l := lines{item: item.String()}
	named := models.FeatureFlag{Name: key}
	if _, existed := t.live[key]; !existed && t.next[key] != nil {
		l.differs(words.NewFlag(t.next[key].Flag(named), time.UTC))
		return l.all
	}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	flag := about.byID[t.live[key].FeatureID] // a migration is told of in its own words
	named.Kind, named.Type = flag.Kind, flag.Type
	l.differs(words.FlagDiff(t.live[key].Flag(named), t.next[key].Flag(named), time.UTC))
	return l.all
}

func describeSegment(item Item, t *table[string, models.Segment], key string) []string {
	l := lines{item: item.String()}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	l.differs(words.SegmentDiff(t.live[key].Segment(), t.next[key].Segment(), time.UTC))
	return l.all
}

func describePlan(item Item, t *table[string, models.Plan], key string) []string {
	l := lines{item: item.String()}
	if cameOrWent(&l, t, key) {
		return l.all
	}
	l.differs(words.PlanDiff(t.live[key].Plan(), t.next[key].Plan()))
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
	l.differs(words.OverrideDiff(was.Override(key.flag), is, time.UTC))
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
