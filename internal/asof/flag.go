package asof

import (
	"reflect"
	"slices"
	"strings"

	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Flag is what a subject got of one flag: one outcome, or several where it depends on the pin.
type Flag struct {
	Key      string
	Outcomes []Outcome
}

// Outcome is a value with its reason, and the pins under which it was so.
type Outcome struct {
	ruleset.Detail
	Settings *catalog.Flag // that decided; nil: there was no such flag
	Under    []int         // places in Moment.Possible
}

// Sure reports whether the value is the same under every pin, though its reason may not be.
func (f Flag) Sure() bool {
	return !slices.ContainsFunc(f.Outcomes, func(o Outcome) bool { return !sameValue(o.Detail, f.Outcomes[0].Detail) })
}

// SameAs reports whether another flag, at another moment or for another subject, comes to the same values.
func (f Flag) SameAs(other Flag) bool { return f.within(other) && other.within(f) }

func (f Flag) within(other Flag) bool {
	return !slices.ContainsFunc(f.Outcomes, func(o Outcome) bool {
		return !slices.ContainsFunc(other.Outcomes, func(p Outcome) bool { return sameValue(o.Detail, p.Detail) })
	})
}

// sameValue compares the values, which is what a program sees; variants may be renamed.
func sameValue(a, b ruleset.Detail) bool {
	return (a.Reason == ruleset.FlagNotFound) == (b.Reason == ruleset.FlagNotFound) && reflect.DeepEqual(a.Value, b.Value)
}

func sameOutcome(a, b ruleset.Detail) bool {
	return a.Variant == b.Variant && a.Reason == b.Reason && a.RuleIndex == b.RuleIndex && a.Rule == b.Rule && a.Upgradable == b.Upgradable && reflect.DeepEqual(a.Value, b.Value)
}

// Flags gives every flag that there was, in the order of keys.
func (m *Moment) Flags(subject ruleset.Subject) []Flag {
	byKey := map[string]*Flag{}
	for n, p := range m.Possible {
		for d := range p.Values(subject).All() {
			flag := byKey[d.Key]
			if flag == nil {
				flag = &Flag{Key: d.Key}
				byKey[d.Key] = flag
			}
			flag.add(d, m, n)
		}
	}
	flags := make([]Flag, 0, len(byKey))
	for _, flag := range byKey {
		flag.fill(m)
		flags = append(flags, *flag)
	}
	slices.SortFunc(flags, func(a, b Flag) int { return strings.Compare(a.Key, b.Key) })
	return flags
}

func (f *Flag) add(d ruleset.Detail, m *Moment, pin int) {
	settings := m.settings(d, pin)
	for i := range f.Outcomes {
		if o := &f.Outcomes[i]; sameOutcome(o.Detail, d) && (o.Settings == nil) == (settings == nil) && (d.RuleIndex < 0 || sameRule(o.Settings, settings, d.RuleIndex)) {
			o.Under = append(o.Under, pin)
			return
		}
	}
	f.Outcomes = append(f.Outcomes, Outcome{Detail: d, Settings: settings, Under: []int{pin}})
}

// fill adds the pins under which there was no such flag, or it was archived.
func (f *Flag) fill(m *Moment) {
	known := make([]bool, len(m.Possible))
	for _, o := range f.Outcomes {
		for _, pin := range o.Under {
			known[pin] = true
		}
	}
	for pin := range m.Possible {
		if !known[pin] {
			f.add(ruleset.Detail{Key: f.Key, RuleIndex: -1}, m, pin)
		}
	}
	slices.SortStableFunc(f.Outcomes, func(a, b Outcome) int { return a.Under[0] - b.Under[0] })
}

// settings are those that decided: of the newest revision where the flag follows that, else of the pinned one.
func (m *Moment) settings(d ruleset.Detail, pin int) *catalog.Flag {
	pinned, had := m.Possible[pin].state.Flag(d.Key)
	newest, has := m.Newest.Flag(d.Key)
	if has && (!had || d.Reason == ruleset.Killed || newest.Kind.Newest()) {
		return newest
	}
	if !had {
		return nil
	}
	return pinned
}

func sameRule(a, b *catalog.Flag, rule int) bool {
	return a == b || a != nil && b != nil && rule < len(a.Rules) && rule < len(b.Rules) && reflect.DeepEqual(a.Rules[rule], b.Rules[rule])
}

// Explained is a chain of reasons, and the pins under which it was so.
type Explained struct {
	ruleset.Explanation
	Under []int // places in Moment.Possible
}

// Explain tells for one flag the whole chain, once for all pins under which it is the same.
func (m *Moment) Explain(key string, subject ruleset.Subject) []Explained {
	var all []Explained
next:
	for n, p := range m.Possible {
		e := p.rules.Explain(key, subject, p.grain())
		for i := range all {
			if sameOutcome(all[i].Detail, e.Detail) && reflect.DeepEqual(all[i].Steps, e.Steps) {
				all[i].Under = append(all[i].Under, n)
				continue next
			}
		}
		all = append(all, Explained{e, []int{n}})
	}
	return all
}
