package changes

import (
	"maps"
	"slices"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// move is somebody going from one stage to another.
type move struct {
	who      string // a tenant; empty: those that nothing names
	everyone bool   // all that nothing names
	alone    bool   // and nothing names anybody
	from, to ruleset.Stage
	returns  bool // to what the flag gave before a kill, or an override, stepped them back
}

// far reports whether it is more than one step. In shadow, live and rampdown both sides are written: from rampdown one
// steps back at once, and who was stepped back returns to where the others are.
func (m move) far() bool {
	switch {
	case m.from == ruleset.StageRampdown && m.to == ruleset.StageShadow:
		return false
	case m.from == ruleset.StageShadow && m.to == ruleset.StageRampdown && m.returns:
		return false
	}
	return m.from > m.to+1 || m.to > m.from+1
}

// next is the stage to go to first.
func (m move) next() ruleset.Stage {
	if m.to > m.from {
		return m.from + 1
	}
	return m.from - 1
}

// goes names who goes.
func (m move) goes() string {
	switch {
	case m.who != "":
		return m.who + " would go"
	case m.everyone && m.alone:
		return "everybody would go"
	case m.everyone:
		return "everybody else would go"
	}
	return "others would go"
}

// moves are all steps that the transition makes somebody do: those that are named, and the others in every world.
func (t transition) moves() []move {
	q := &questions{thresholds: map[string][]uint64{}, named: map[string]bool{}}
	was, had := t.before.flag(t.key)
	is, _ := t.after.flag(t.key)
	if had {
		q.ask(was, t.before.def.Segments)
	}
	q.ask(is, t.after.def.Segments)
	if t.unknown {
		return t.anybody(allStages(), t.after.reach(t.key))
	}
	overridden := map[string]bool{}
	for _, overrides := range [][]ruleset.Override{t.before.def.Overrides, t.after.def.Overrides} {
		for _, o := range overrides {
			if o.Flag == t.key && o.Tenant != "" {
				q.named[o.Tenant], overridden[o.Tenant] = true, true
			}
		}
	}
	if q.data {
		return t.byData(overridden)
	}
	var all []move
	before, after, former := t.before.of(t.key), t.after.of(t.key), t.former.of(t.key)
	for _, tenant := range slices.Sorted(maps.Keys(q.named)) {
		if m := (move{who: tenant, from: before(tenant), to: after(tenant)}); m.from != m.to {
			m.returns = former(tenant) == m.to
			all = append(all, m)
		}
	}
	worlds := q.worlds()
	switch {
	case worlds == nil && t.sameRules():
		return all
	case worlds == nil:
		return append(all, t.anybody(t.before.ruled(t.key), t.after.ruled(t.key))...)
	}
	return append(all, t.strangers(worlds)...)
}

// byData are the steps where rules ask for what may change at any moment: from wherever somebody can be to wherever they
// can be then. Who has an override is where that says, whatever else changes.
func (t transition) byData(overridden map[string]bool) (all []move) {
	if t.same() {
		return nil
	}
	if !t.sameRules() {
		all = t.anybody(t.before.ruled(t.key), t.after.ruled(t.key))
	}
	for _, tenant := range slices.Sorted(maps.Keys(overridden)) {
		from, to := t.before.can(t.key, tenant), t.after.can(t.key, tenant)
		if from == to {
			continue
		}
		for _, m := range pairs(from, to) {
			m.who, m.returns = tenant, t.former.ruled(t.key).Has(m.to)
			all = append(all, m)
		}
	}
	return all
}

func pairs(from, to ruleset.StageSet) (all []move) {
	for _, a := range from.All() {
		for _, b := range to.All() {
			if a != b {
				all = append(all, move{from: a, to: b})
			}
		}
	}
	return all
}

func allStages() ruleset.StageSet { return ruleset.StagesOf(ruleset.Stages...) }

// same reports whether nothing that decides the stages has changed.
func (t transition) same() bool {
	return t.sameRules() && textsOf(overridesOf(t.before.def, t.key)) == textsOf(overridesOf(t.after.def, t.key))
}

// sameRules reports whether nothing that decides them for those without an override has.
func (t transition) sameRules() bool {
	was, had := t.before.flag(t.key)
	is, _ := t.after.flag(t.key)
	return had && t.before.capped(t.key) == t.after.capped(t.key) && was.Otherwise == is.Otherwise && textsOf(was.Rules) == textsOf(is.Rules) &&
		textsOf(t.before.def.Segments) == textsOf(t.after.def.Segments)
}

// anybody are the steps from each of these stages to each that there can be then: who is where may change at any moment.
func (t transition) anybody(before, after ruleset.StageSet) (all []move) {
	for _, m := range pairs(before, after) {
		m.returns = t.before.capped(t.key) && t.former.free(t.key).Has(m.to)
		all = append(all, m)
	}
	return all
}

// strangers are the steps of those that nothing names.
func (t transition) strangers(worlds []world) (all []move) {
	was, had := t.before.flag(t.key)
	is, _ := t.after.flag(t.key)
	seen := map[move]int{}
	for _, w := range worlds {
		m := move{to: w.stage(is, t.after.def.Segments)}
		if had {
			m.from = w.stage(was, t.before.def.Segments)
			m.returns = m.from == m.to
		}
		if t.before.capped(t.key) {
			m.from = m.from.Capped()
		}
		if t.after.capped(t.key) {
			m.to = m.to.Capped()
		}
		seen[m]++
	}
	for m, n := range seen {
		m.everyone = n == len(worlds)
		m.alone = len(is.Rules)+len(overridesOf(t.after.def, t.key)) == 0
		if m.from != m.to {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b move) int { return 8*(int(a.from)-int(b.from)) + int(a.to) - int(b.to) })
	return all
}

// tellMoves puts the steps into words.
func (d *draft) tellMoves(t transition, moves []move) {
	var told []words.StageMove
	for _, m := range moves {
		told = append(told, words.StageMove{Tenant: m.who, Everyone: m.everyone, Alone: m.alone, From: m.from, To: m.to})
	}
	d.cutover.lines[t.key] = append(d.cutover.lines[t.key], words.StageMoves(told)...)
}
