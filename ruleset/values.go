package ruleset

import (
	"encoding/json"
	"iter"
	"slices"
	"sync"
)

// Values are the values of all flags for one subject. They never change and are safe for concurrent use. The zero
// Values gives every fallback.
type Values struct {
	set   *valueSet
	reads *Reads // nil: nobody notes what is read
}

type valueSet struct {
	revision *Revision
	cells    []cell
	lane     uint8    // in which answers are counted: that of the processor that decided them, more or less
	denied   []string // keys that are no flags here, and that the subject's plan excludes
	encode   sync.Once
	json     []byte
}

// newValueSet holds the values that everybody has whom no rule reaches. The set and its cells share one allocation where
// they fit, since allocating costs as much as thirty draws.
func newValueSet(r *Revision) *valueSet {
	var set *valueSet
	switch n := len(r.base); {
	case n <= len(cells128{}):
		room := &struct {
			valueSet
			cells128
		}{}
		set = &room.valueSet
		set.cells = room.cells128[:n:n]
	default:
		set = &valueSet{cells: make([]cell, n)}
	}
	copy(set.cells, r.base)
	set.revision = r
	return set
}

type cells128 [128]cell

// Detail is a value with how it came about.
type Detail struct {
	Key        string `json:"key"`
	Variant    string `json:"variant,omitempty"`
	Value      any    `json:"value"` // bool, string, float64, or what JSON decodes to; nil if there is none
	Reason     Reason `json:"reason"`
	Rule       string `json:"rule,omitempty"`       // name of the rule that matched
	RuleIndex  int    `json:"-"`                    // its place, from 0; -1: none
	Upgradable bool   `json:"upgradable,omitempty"` // excluded by the plan, and an upgrade would turn it on
	Gated      bool   `json:"-"`                    // who gets it depends on the plan
}

// On reports whether a flag is boolean true, as the true of a JSON flag is. An unknown flag is not.
func (v Values) On(key string) bool { return v.Bool(key, false) }

// Bool gives a boolean value, or the fallback for an unknown flag or a value of another type. Where there are rules, a
// fallback never beats a kill, nor a plan that excludes the key.
func (v Values) Bool(key string, fallback bool) bool {
	n, c := v.check(key)
	if n == nil {
		return fallback && v.mayFallBack(key)
	}
	if n.flag.source.Type != Boolean || c.variant == noVariant {
		if c.variant != noVariant {
			if b, ok := n.flag.variants[c.variant].value.(bool); ok { // of a JSON flag, which browsers cannot tell from a boolean one
				return b
			}
		}
		return fallback && n.flag.gate == nil && n.guard == nil && c.reason != Killed
	}
	return c.bits&bitOn != 0
}

// String gives a text, or the fallback for an unknown flag or one of another type. A text has no value that is off by
// itself, so for a flag that does not exist the fallback is all there is: let it be what everybody may have.
func (v Values) String(key, fallback string) string {
	if s, ok := v.value(key).(string); ok {
		return s
	}
	return fallback
}

// Number gives a number, or the fallback for an unknown flag or one of another type; see String.
func (v Values) Number(key string, fallback float64) float64 {
	if f, ok := v.value(key).(float64); ok {
		return f
	}
	return fallback
}

// Decode decodes the value of a flag into target, as encoding/json does, and reports whether it could. Where the flag
// is unknown, target is left as it was; see String.
func (v Values) Decode(key string, target any) bool {
	n, c := v.check(key)
	return n != nil && c.variant != noVariant && json.Unmarshal(n.flag.variants[c.variant].raw, target) == nil
}

// Variant is the name of the variant served; empty for an unknown flag.
func (v Values) Variant(key string) string {
	n, c := v.check(key)
	if n == nil {
		return ""
	}
	return n.flag.name(c.variant)
}

// Reason says why a flag has its value.
func (v Values) Reason(key string) Reason {
	place := v.place(key)
	if place < 0 {
		return FlagNotFound
	}
	_, c := v.at(place)
	return c.reason
}

// Upgradable reports whether the subject's plan excludes the flag and an upgrade would turn it on: the one case in
// which selling it is honest.
func (v Values) Upgradable(key string) bool {
	place := v.place(key)
	if place < 0 {
		return false
	}
	_, c := v.at(place)
	if c.bits&bitUpgradable == 0 {
		return false
	}
	if v.reads != nil && !v.set.revision.preview {
		v.reads.offered.note(place, len(v.set.cells))
	}
	return true
}

// Detail gives a value with how it came about.
func (v Values) Detail(key string) Detail {
	n, c := v.check(key)
	if n == nil {
		return Detail{Key: key, RuleIndex: -1}
	}
	return n.detail(c)
}

// Peek is Detail for who does not use the value: it does not count as reading it. It is false for an unknown flag.
func (v Values) Peek(key string) (Detail, bool) {
	if v.set == nil {
		return Detail{Key: key, RuleIndex: -1}, false
	}
	i, ok := v.set.revision.index[key]
	if !ok {
		return Detail{Key: key, RuleIndex: -1}, false
	}
	return v.set.revision.nodes[i].detail(v.set.cells[i]), true
}

// ClientVisible reports whether browsers get a flag's value.
func (v Values) ClientVisible(key string) bool {
	if v.set == nil {
		return false
	}
	i, ok := v.set.revision.index[key]
	return ok && v.set.revision.nodes[i].flag.source.ClientVisible
}

// All gives every flag in the order of keys. It does not count as reading them.
func (v Values) All() iter.Seq[Detail] {
	return func(yield func(Detail) bool) {
		if v.set == nil {
			return
		}
		for i, c := range v.set.cells {
			if !yield(v.set.revision.nodes[i].detail(c)) {
				return
			}
		}
	}
}

// Enabled gives the keys of all flags that are boolean true, in order. It counts as reading them.
func (v Values) Enabled() []string {
	keys := []string{}
	if v.set == nil {
		return keys
	}
	for i, c := range v.set.cells {
		v.answered(i)
		if c.bits&bitOn != 0 {
			keys = append(keys, v.set.revision.nodes[i].flag.source.Key)
		}
	}
	return keys
}

// Decided tells how many flags were decided, and how many of them could not be evaluated (ERROR). It looks only at the
// flags that are malformed, so it costs nothing where there are none.
func (v Values) Decided() (flags, failed int) {
	if v.set == nil {
		return 0, 0
	}
	for _, i := range v.set.revision.faulty {
		if v.set.cells[i].reason == Error {
			failed++
		}
	}
	return len(v.set.cells), failed
}

// Revision names the revision whose rules decided; of the zero Values, the zero ID.
func (v Values) Revision() ID {
	if v.set == nil {
		return ID{}
	}
	return v.set.revision.id
}

// IsZero reports whether there was no revision to evaluate.
func (v Values) IsZero() bool { return v.set == nil }

// JSON is an object of all client-visible values, safe within a script element. It is encoded once; it must not be
// changed.
func (v Values) JSON() []byte {
	if v.set == nil {
		return []byte("{}")
	}
	v.set.encode.Do(func() {
		v.set.json = v.AppendJSON(nil)
	})
	return v.set.json
}

// AppendJSON appends what JSON gives.
func (v Values) AppendJSON(dst []byte) []byte {
	if v.set == nil {
		return append(dst, '{', '}')
	}
	return v.set.revision.browser.append(dst, v.set.cells)
}

// check answers a question for a flag's value: it is counted, and noted by who notes what is read.
func (v Values) check(key string) (*node, cell) {
	if v.set == nil {
		return nil, cell{}
	}
	r := v.set.revision
	place, ok := r.index[key]
	if !ok {
		r.missed(key)
		return nil, cell{}
	}
	n, c := &r.nodes[place], v.set.cells[place]
	if v.reads != nil || n.flag.read.Load() != wasReadUncounted || c.reason == Error {
		v.answered(int(place))
	}
	return n, c
}

// answered notes that the flag at a place was asked for, counts the answer, and tells of a failure. Under a preview, which
// is nobody's own, nothing is noted or counted.
func (v Values) answered(place int) {
	r, c := v.set.revision, v.set.cells[place]
	n := &r.nodes[place]
	if c.reason == Error && r.observer != nil {
		r.observer.FlagFailed(n.flag.source.Key, n.malformed)
	}
	if r.preview {
		return
	}
	n.flag.markRead()
	if n.flag.counters != nil {
		n.flag.counter(c.variant).add(v.set.lane)
	}
	if v.reads != nil {
		v.reads.read.note(place, len(v.set.cells))
	}
}

// place finds a flag; below zero: there is none.
func (v Values) place(key string) int {
	if v.set != nil {
		if i, ok := v.set.revision.index[key]; ok {
			return int(i)
		}
		v.set.revision.missed(key)
	}
	return -1
}

func (r *Revision) missed(key string) {
	if r.observer != nil {
		r.observer.FlagNotFound(key)
	}
}

// at gives the flag at a place with its value, and notes that it is in use.
func (v Values) at(place int) (*node, cell) {
	r := v.set.revision
	n, c := &r.nodes[place], v.set.cells[place]
	if c.reason == Error && r.observer != nil {
		r.observer.FlagFailed(n.flag.source.Key, n.malformed)
	}
	if !r.preview { // a flag that nobody else reads must not seem to be in use because somebody had a look
		n.flag.markRead()
	}
	return n, c
}

// NoteRead notes that a flag was read, for code that knows its value without asking: it is the same for everybody.
func (r *Revision) NoteRead(key string) {
	if i, ok := r.index[key]; ok && !r.preview {
		r.nodes[i].flag.markRead()
	}
}

func (v Values) value(key string) any {
	n, c := v.check(key)
	if n == nil || c.variant == noVariant {
		return nil
	}
	return n.flag.variants[c.variant].value
}

// mayFallBack reports whether no plan stands against the caller's fallback for a key that is no flag here.
func (v Values) mayFallBack(key string) bool {
	return v.set == nil || !slices.Contains(v.set.denied, key)
}

func (f *flag) name(v variantIndex) string {
	if v == noVariant {
		return ""
	}
	return f.variants[v].name
}

func (n *node) detail(c cell) Detail {
	d := Detail{Key: n.flag.source.Key, Variant: n.flag.name(c.variant), Reason: c.reason, RuleIndex: -1,
		Upgradable: c.bits&bitUpgradable != 0, Gated: n.flag.gate != nil || n.guard != nil}
	if c.variant != noVariant {
		d.Value = n.flag.variants[c.variant].value
	}
	if c.rule > 0 && c.reason != PrerequisiteFailed {
		d.RuleIndex = int(c.rule) - 1
		d.Rule = n.flag.rules[d.RuleIndex].name
	}
	return d
}
