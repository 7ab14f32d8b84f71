package ruleset

import (
	"cmp"
	"slices"
)

// Overlay is what a session that has pinned one revision is served while another is the newest: kills, and flags of
// the operational and migration kind, come from the newest; all others from the pinned one. Its ID is the pinned
// one's. Both may exclude a key that is a flag in neither or in one of them: then a fallback turns nothing on.
func Overlay(pinned, newest *Revision) *Revision {
	if pinned == newest {
		return newest
	}
	attributes := pinned.attributes
	switch {
	case hasPrefix(newest.attributes, attributes):
		attributes = newest.attributes
	case !hasPrefix(attributes, newest.attributes):
		pinned, _ = Compile(pinned.id, pinned.definition, newest) // numbered its attributes otherwise
		attributes = pinned.attributes
	}
	nodes := overlayNodes(pinned, newest)
	for {
		r := &Revision{id: pinned.id, definition: pinned.definition, plans: pinned.plans, segments: pinned.segments,
			compiled: pinned.compiled, attributes: attributes}
		circular := r.assemble(nodes, slices.Concat(pinned.gates(), newest.gates()))
		if len(circular) == 0 {
			if newest.observer != nil {
				r.Observe(newest.observer)
			}
			return r
		}
		// The prerequisites of each are sound, but those of both together go in a circle. What is in it follows
		// the newest revision: a new circle would need a flag that is still pinned, so this ends.
		nodes = newestOf(r.nodes, circular, newest)
	}
}

func hasPrefix(list, prefix []string) bool {
	return len(prefix) <= len(list) && slices.Equal(list[:len(prefix)], prefix)
}

func overlayNodes(pinned, newest *Revision) []node {
	var nodes []node
	for _, n := range pinned.nodes {
		now, exists := newest.node(n.flag.source.Key)
		follows := n.flag.source.Kind.Newest() || exists && now.flag.source.Kind.Newest()
		switch {
		case exists && (now.killed || follows):
			nodes = append(nodes, now)
		case follows:
			// Gone from the newest revision, so gone.
		case exists:
			n.killed = false // lifted since
			nodes = append(nodes, n)
		default:
			// Archived since. That ends no kill, of before or of the meantime: sessions go on with it.
			n.killed = n.killed || newest.kills(n.flag.source.Key)
			nodes = append(nodes, n)
		}
	}
	for _, n := range newest.nodes {
		// A kill reaches those too who have never seen the flag: it must beat the fallback in the code.
		if _, exists := pinned.index[n.flag.source.Key]; !exists && (n.killed || n.flag.source.Kind.Newest()) {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.flag.source.Key, b.flag.source.Key) })
	return nodes
}

// kills reports whether the flag of a key is killed, even if it is archived.
func (r *Revision) kills(key string) bool {
	return slices.ContainsFunc(r.definition.Flags, func(f Flag) bool { return f.Key == key && f.Killed })
}

// gates are those of all keys, whether they are flags here or not.
func (r *Revision) gates() []*gate {
	gates := slices.Clone(r.hidden)
	for i := range r.nodes {
		if g := r.nodes[i].flag.gate; g != nil {
			gates = append(gates, g)
		}
	}
	return gates
}

func (r *Revision) node(key string) (node, bool) {
	i, ok := r.index[key]
	if !ok {
		return node{}, false
	}
	return r.nodes[i], true
}

// newestOf replaces some nodes by those of the newest revision, and leaves out those that it does not have.
func newestOf(nodes []node, replace []int32, newest *Revision) []node {
	var out []node
	for i, n := range nodes {
		if slices.Contains(replace, int32(i)) {
			now, exists := newest.node(n.flag.source.Key)
			if !exists {
				continue
			}
			n = now
		}
		out = append(out, n)
	}
	return out
}
