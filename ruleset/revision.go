package ruleset

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Revision is a compiled definition. It never changes and is safe for concurrent use.
type Revision struct {
	id         ID
	definition Definition
	plans      *plans
	segments   map[string]*segment
	compiled   map[string]*flag // archived ones too
	attributes []string         // those that rules read, in the order in which evaluations keep them

	nodes    []node // in the order of their keys
	index    map[string]int32
	simple   simpleFlags // nodes whose value depends on one simple question
	dynamic  []int32     // all other nodes whose value depends on the subject, prerequisites first
	base     []cell      // the values of nodes that depend on nothing; of simple ones, what they have otherwise
	hidden   []*gate     // gates of keys that are no flags here
	faulty   []int32     // nodes that are malformed
	timed    bool
	browser  browserJSON
	observer Observer
	preview  bool          // for somebody's own session: what is read in it counts for nothing
	finished sync.Pool     // of *evaluation
	begun    atomic.Uint32 // evaluations made
}

// Observer hears of questions that have no proper answer, and counts the others. Its methods are safe for concurrent
// use. The first two are called where a value is read, so they must be quick.
type Observer interface {
	FlagNotFound(key string) // no such flag, or archived: the caller's fallback was served
	// malformed, with the reason: its default was served
	FlagFailed(key, cause string)
	// Counter gives what counts the answers with a variant of a flag, no variant being the fallback in the code: always
	// the same one, or always nil, which counts nothing.
	Counter(key, variant string) *Counter
}

// node is a flag's place in one revision. It fills 64 bytes, what a processor reads at once.
type node struct {
	flag      *flag
	killed    bool
	previewed bool         // serves the variant preview, wherever no kill and no plan stands against it
	preview   variantIndex // meaningless unless previewed
	capped    Reason       // why each stage of a staged flag is capped: Killed or Disabled; FlagNotFound: it is not
	guard     *gate        // of a draft: that of the newest revision, which has to admit the subject too; nil: none, or the same
	malformed string       // why it cannot be evaluated here; empty if it can
	requires  []requirement
}

// requirement is a resolved prerequisite.
type requirement struct {
	node    int32 // -1: no such flag here, so never met
	variant variantIndex
}

// ID names the revision.
func (r *Revision) ID() ID { return r.id }

// Definition is what the revision was compiled from. It must not be changed.
func (r *Revision) Definition() Definition { return r.definition }

// Observe sets who hears of questions. It must be called before the first evaluation.
func (r *Revision) Observe(o Observer) {
	r.observer = o
	for i := range r.nodes {
		r.nodes[i].flag.countWith(o)
	}
}

// Timed reports whether a value can depend on the time of the evaluation.
func (r *Revision) Timed() bool { return r.timed }

// Len is the number of flags, archived ones left out.
func (r *Revision) Len() int { return len(r.nodes) }

// NeedsPlan reports whether who gets a flag depends on their plan and add-ons.
func (r *Revision) NeedsPlan(key string) bool {
	n, ok := r.node(key)
	return ok && n.flag.gate != nil
}

// Malformed gives the flags that are set aside, with the reason.
func (r *Revision) Malformed() map[string]string {
	out := map[string]string{}
	for i := range r.nodes {
		if n := &r.nodes[i]; n.malformed != "" {
			out[n.flag.source.Key] = n.malformed
		}
	}
	return out
}

// TakeReads gives the keys of the flags that were read since the last call, in this revision or in another that
// shares the compiled flag.
func (r *Revision) TakeReads() []string {
	var keys []string
	for i := range r.nodes {
		if f := r.nodes[i].flag; f.takeRead() {
			keys = append(keys, f.source.Key)
		}
	}
	return keys
}

// assemble finishes a revision from its nodes, which are in the order of their keys. It returns the nodes that are in
// a circle of prerequisites: none, for a definition that was checked.
func (r *Revision) assemble(nodes []node, hidden []*gate) (circular []int32) {
	r.nodes, r.hidden = nodes, hidden
	r.index = make(map[string]int32, len(nodes))
	r.base = make([]cell, len(nodes))
	for i := range nodes {
		r.index[nodes[i].flag.source.Key] = int32(i)
	}
	for i := range nodes {
		r.resolve(&nodes[i])
		r.timed = r.timed || nodes[i].flag.timed
		if nodes[i].malformed != "" {
			r.faulty = append(r.faulty, int32(i))
		}
	}
	r.hidden = slices.DeleteFunc(r.hidden, func(g *gate) bool { _, live := r.index[g.key]; return live })
	order, circular := r.sort()
	fixed := make([]bool, len(nodes)) // the same for everybody at all times
	for _, i := range order {
		constant, ok := nodes[i].constant()
		fixed[i] = ok
		if !ok {
			constant, ok = r.simple.add(i, &nodes[i])
		}
		if r.base[i] = constant; !ok {
			r.dynamic = append(r.dynamic, i)
		}
	}
	for i := range nodes {
		r.browser.add(int32(i), &nodes[i], r.base[i], fixed[i])
	}
	return circular
}

// resolve finds the flags that a flag requires, and whether its stages are capped.
func (r *Revision) resolve(n *node) {
	n.requires, n.capped = nil, FlagNotFound
	if n.flag.staged && n.malformed == "" {
		n.capped = n.stopped()
	}
	if n.killed || n.malformed != "" || !n.flag.source.Enabled { // decided before its prerequisites are asked for
		return
	}
	for _, required := range n.flag.source.Prerequisites {
		target, ok := r.index[required.Flag]
		if !ok {
			n.requires = append(n.requires, requirement{node: -1})
			continue
		}
		n.requires = append(n.requires, requirement{target, r.nodes[target].flag.variantNamed(required.Variant)})
	}
}

// stopped gives Killed or Disabled if the flag is one of these.
func (n *node) stopped() Reason {
	switch {
	case n.killed:
		return Killed
	case !n.flag.source.Enabled:
		return Disabled
	}
	return FlagNotFound
}

// sort orders the nodes so that prerequisites come first (Kahn 1962), and gives those in a circle, which no order can
// satisfy.
func (r *Revision) sort() (order, circular []int32) {
	waiting := make([]int, len(r.nodes))
	followers := make([][]int32, len(r.nodes))
	for i := range r.nodes {
		for _, required := range r.nodes[i].requires {
			if required.node >= 0 {
				waiting[i]++
				followers[required.node] = append(followers[required.node], int32(i))
			}
		}
	}
	order = make([]int32, 0, len(r.nodes))
	for i := range r.nodes {
		if waiting[i] == 0 {
			order = append(order, int32(i))
		}
	}
	for done := 0; done < len(order); done++ {
		for _, follower := range followers[order[done]] {
			if waiting[follower]--; waiting[follower] == 0 {
				order = append(order, follower)
			}
		}
	}
	for i := range r.nodes {
		if waiting[i] > 0 && r.requiresItself(int32(i)) { // else it is only behind a circle
			circular = append(circular, int32(i))
		}
	}
	return order, circular
}

// requiresItself reports whether following prerequisites leads back to a node.
func (r *Revision) requiresItself(i int32) bool {
	seen := make([]bool, len(r.nodes))
	for next := []int32{i}; len(next) > 0; {
		last := next[len(next)-1]
		next = next[:len(next)-1]
		for _, required := range r.nodes[last].requires {
			switch {
			case required.node == i:
				return true
			case required.node >= 0 && !seen[required.node]:
				seen[required.node] = true
				next = append(next, required.node)
			}
		}
	}
	return false
}

// constant gives the value of a node that is the same for everybody at all times.
func (n *node) constant() (cell, bool) {
	f := n.flag
	switch {
	case n.capped != FlagNotFound:
		c, ok := n.decidedForAll()
		return f.steppedBack(c, n.capped), ok
	case n.killed:
		return f.killed(n.malformed), true
	case f.gate != nil || n.guard != nil:
		return cell{}, false
	case n.previewed:
		return f.cell(n.preview, Previewed, 0), true
	case n.malformed != "":
		return f.cell(f.fallback, Error, 0), true
	case len(f.users)+len(f.tenants) == 0 && !f.source.Enabled:
		return f.cell(f.off, Disabled, 0), true
	}
	return n.decidedForAll()
}

// decidedForAll gives what overrides, rules and otherwise say, if they say the same to everybody.
func (n *node) decidedForAll() (cell, bool) {
	f := n.flag
	switch {
	case len(f.users)+len(f.tenants)+len(n.requires) > 0:
		return cell{}, false
	case len(f.rules) == 0:
		return f.cell(f.otherwise, NothingMatched, 0), true
	}
	if first := &f.rules[0]; first.when == nil && first.percent == nil && first.split == nil {
		return f.cell(first.serve, TargetingMatch, 1), true
	}
	return cell{}, false
}
