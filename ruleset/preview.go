package ruleset

import (
	"cmp"
	"maps"
	"slices"
)

// Preview gives the revision as somebody sees it who looks at variants in a session of their own: each flag that is named
// serves the variant named, by the reason [Previewed], and flags that require it see that. A kill and a plan stand
// against a preview as against any rule. Reading its values counts for nothing.
//
// What cannot be previewed is left out and told as [Problems]: a flag that there is not or that is archived, a variant
// that it does not have, a flag that is malformed or staged.
func (r *Revision) Preview(variants map[string]string) (*Revision, error) {
	var problems Problems
	nodes := slices.Clone(r.nodes)
	for _, key := range slices.Sorted(maps.Keys(variants)) {
		i, ok := r.index[key]
		if !ok {
			problems = append(problems, Problem{Flag: key, Message: "there is no such flag here, or it is archived"})
			continue
		}
		n := &nodes[i]
		switch v := n.flag.variantNamed(variants[key]); {
		case n.malformed != "":
			problems = append(problems, Problem{Flag: key, Message: "cannot be evaluated: " + n.malformed})
		case n.flag.staged:
			problems = append(problems, Problem{Flag: key, Message: "says where data is read and written, which must be the same for all of a tenant: it cannot be previewed"})
		case v == noVariant:
			problems = append(problems, Problem{Flag: key, Message: "has no variant of that name"})
		default:
			n.previewed, n.preview = true, v
		}
	}
	preview := &Revision{id: r.id, definition: r.definition, plans: r.plans, segments: r.segments, compiled: r.compiled,
		attributes: r.attributes, preview: true}
	preview.assemble(nodes, slices.Clone(r.hidden)) // the prerequisites are those of before, so nothing goes in a circle
	if len(problems) > 0 {
		return preview, problems
	}
	return preview, nil
}

// PreviewDraft gives a draft as somebody sees it in a session of their own while another revision is the newest: all
// flags come from the draft, whatever their kind, but kills are the newest revision's, and a flag is served only to
// whom the plans of both include it in, so that no draft gives away what was not bought. Its ID is the draft's. Reading
// its values counts for nothing.
func PreviewDraft(draft, newest *Revision) *Revision {
	killed := newest.definition.killed()
	gates := map[string]*gate{}
	for _, g := range newest.gates() {
		gates[g.key] = g
	}
	nodes := slices.Clone(draft.nodes)
	for i := range nodes {
		n := &nodes[i]
		key := n.flag.source.Key
		n.killed = killed[key]
		if g := gates[key]; g != nil && !g.sameAs(n.flag.gate) {
			n.guard = g
		}
	}
	for _, n := range newest.nodes {
		// As without a preview, a kill must beat the fallback in the code.
		if _, exists := draft.index[n.flag.source.Key]; !exists && n.killed {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.flag.source.Key, b.flag.source.Key) })
	preview := &Revision{id: draft.id, definition: draft.definition, plans: draft.plans, segments: draft.segments,
		compiled: draft.compiled, attributes: draft.attributes, preview: true}
	preview.assemble(nodes, slices.Concat(draft.gates(), newest.gates()))
	return preview
}

// killed are the keys of the flags that are killed, even of those that are archived.
func (d *Definition) killed() map[string]bool {
	keys := map[string]bool{}
	for i := range d.Flags {
		if f := &d.Flags[i]; f.Killed {
			keys[f.Key] = true
		}
	}
	return keys
}

// sameAs reports whether two gates admit the same subjects.
func (g *gate) sameAs(other *gate) bool {
	return other != nil && slices.Equal(g.included, other.included) &&
		maps.EqualFunc(g.plans.byKey, other.plans.byKey, func(Plan, Plan) bool { return true })
}
