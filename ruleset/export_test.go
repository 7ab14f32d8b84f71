package ruleset

import "unsafe"

// NodeSize is how large a flag's place in a revision is.
const NodeSize = unsafe.Sizeof(node{})

// Draw is a unit's draw.
func Draw(salt, purpose, ruleSeed, unit string) uint64 {
	return draw(seed(salt, purpose, ruleSeed), unitHash(unit))
}

// Threshold is the draw below which a share is in.
func Threshold(s Share) uint64 { return s.threshold() }

// Shares reports whether two revisions share the compiled flag of a key.
func Shares(a, b *Revision, key string) bool {
	return a.compiled[key] != nil && a.compiled[key] == b.compiled[key]
}

// Reads are the attributes that evaluations of the revision read, in their order.
func (r *Revision) Reads() []string { return r.attributes }
