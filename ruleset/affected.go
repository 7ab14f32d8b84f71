package ruleset

import (
	"maps"
	"reflect"
	"slices"
)

// Affected gives the keys of the flags whose values could differ between two revisions, in order: a flag that is not
// named has the same variant, of the same value, for every subject at every time. It does not say that a named one
// differs for anybody; that is counted with a [Decider] of either side.
//
// Archived flags are served nothing, so between two revisions in which a flag is archived nothing differs. The revisions
// need not share anything, but it is quicker if they do.
func Affected(before, after *Revision) []string {
	d := difference{before: before, after: after, segments: map[[2]*segment]bool{}}
	affected := map[string]bool{}
	for i := range after.nodes {
		key := after.nodes[i].flag.source.Key
		j, ok := before.index[key]
		if !ok || !d.sameNode(&before.nodes[j], &after.nodes[i]) {
			affected[key] = true
		}
	}
	for i := range before.nodes {
		if key := before.nodes[i].flag.source.Key; !has(after.index, key) {
			affected[key] = true
		}
	}
	d.spread(affected)
	return slices.Sorted(maps.Keys(affected))
}

func has(index map[string]int32, key string) bool {
	_, ok := index[key]
	return ok
}

// difference compares two revisions.
type difference struct {
	before, after *Revision
	segments      map[[2]*segment]bool // pairs that were compared already
}

// spread adds the flags that require one that is affected, and those that require them. A flag that is not affected by
// itself requires the same flags on both sides.
func (d *difference) spread(affected map[string]bool) {
	followers := map[string][]string{}
	for i := range d.after.nodes {
		n := &d.after.nodes[i]
		if len(n.requires) == 0 {
			continue // none, or decided before they are asked for
		}
		for _, required := range n.flag.source.Prerequisites {
			followers[required.Flag] = append(followers[required.Flag], n.flag.source.Key)
		}
	}
	for next := slices.Collect(maps.Keys(affected)); len(next) > 0; {
		key := next[len(next)-1]
		next = next[:len(next)-1]
		for _, follower := range followers[key] {
			if !affected[follower] {
				affected[follower] = true
				next = append(next, follower)
			}
		}
	}
}

// sameNode reports whether two places of a flag decide the same, as long as its prerequisites do.
func (d *difference) sameNode(a, b *node) bool {
	if a.killed != b.killed || a.malformed != b.malformed {
		return false
	}
	return a.flag == b.flag || d.sameFlag(a.flag, b.flag)
}

// sameFlag compares what can decide a value: not who may see it in the browser, nor what rules are called.
func (d *difference) sameFlag(a, b *flag) bool {
	return reflect.DeepEqual(deciding(a.source), deciding(b.source)) && d.sameGate(a.gate, b.gate) &&
		maps.EqualFunc(a.users, b.users, sameOverride) && maps.EqualFunc(a.tenants, b.tenants, sameOverride) &&
		slices.EqualFunc(a.rules, b.rules, func(x, y rule) bool { return d.sameConditions(x.when, y.when) })
}

func deciding(f Flag) Flag {
	f.Killed, f.ClientVisible = false, false
	f.TierRequired = "" // what comes of it is in the gate
	f.Rules = slices.Clone(f.Rules)
	for i := range f.Rules {
		f.Rules[i].Name = ""
	}
	return f
}

func sameOverride(a, b override) bool {
	if a.expires == nil || b.expires == nil {
		return a.variant == b.variant && a.expires == b.expires
	}
	return a.variant == b.variant && a.expires.Equal(*b.expires)
}

// sameGate reports whether two gates admit the same plans and add-ons. An add-on counts only beside a plan that there is.
func (d *difference) sameGate(a, b *gate) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameMembers(a.included, b.included) && (d.before.plans == d.after.plans || sameKeys(d.before.plans.byKey, d.after.plans.byKey))
}

func sameMembers(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func sameKeys(a, b map[string]Plan) bool {
	return maps.EqualFunc(a, b, func(Plan, Plan) bool { return true })
}

// sameConditions compares what is behind two conditions that are written the same: segments, and the ranks of plans.
func (d *difference) sameConditions(a, b *condition) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.plans != nil && d.before.plans != d.after.plans && !sameRanks(d.before.plans.byKey, d.after.plans.byKey) {
		return false
	}
	if a.segment != b.segment && !d.sameSegment(a.segment, b.segment) {
		return false
	}
	return slices.EqualFunc(a.children, b.children, func(x, y condition) bool { return d.sameConditions(&x, &y) })
}

func sameRanks(a, b map[string]Plan) bool {
	return maps.EqualFunc(a, b, func(x, y Plan) bool { return x.Rank == y.Rank })
}

func (d *difference) sameSegment(a, b *segment) bool {
	if a == nil || b == nil {
		return false
	}
	pair := [2]*segment{a, b}
	same, known := d.segments[pair]
	if !known {
		same = a.broken == b.broken && reflect.DeepEqual(a.source.When, b.source.When) && d.sameConditions(&a.condition, &b.condition)
		d.segments[pair] = same
	}
	return same
}
