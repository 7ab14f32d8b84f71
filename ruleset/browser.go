package ruleset

import "slices"

// browserJSON is the JSON of all client-visible values in the order of keys, as far as it can be made when a revision
// is compiled: for each flag whose value differs between subjects a fragment for each of its variants, which begins
// with the values of the flags before it that are the same for everybody.
type browserJSON struct {
	flags     []browserFlag
	fragments [][]byte
	rest      []byte // the values after the last of flags
	size      int    // bytes at most
}

type browserFlag struct {
	node  int32
	first int32 // place of the fragment of its first variant
	none  int32 // place of the fragment of serving no variant
}

// add takes the next node in the order of keys; its value is the same for everybody if constant holds.
func (b *browserJSON) add(i int32, n *node, value cell, constant bool) {
	f := n.flag
	switch {
	case !f.source.ClientVisible:
	case constant && value.variant == noVariant:
	case constant:
		b.rest = append(b.rest, f.variants[value.variant].fragment...)
	default:
		b.flags = append(b.flags, browserFlag{i, int32(len(b.fragments)), int32(len(b.fragments) + len(f.variants))})
		largest := 0
		for j := range f.variants {
			fragment := slices.Concat(b.rest, f.variants[j].fragment)
			b.fragments = append(b.fragments, fragment)
			largest = max(largest, len(fragment))
		}
		b.fragments = append(b.fragments, b.rest)
		b.size += max(largest, len(b.rest))
		b.rest = nil
	}
}

// append appends the object of values that were decided.
func (b *browserJSON) append(dst []byte, cells []cell) []byte {
	start := len(dst)
	dst = slices.Grow(dst, b.size+len(b.rest)+len("{}"))
	for _, f := range b.flags {
		fragment := f.none
		if variant := cells[f.node].variant; variant != noVariant {
			fragment = f.first + int32(variant)
		}
		dst = append(dst, b.fragments[fragment]...)
	}
	dst = append(dst, b.rest...)
	if len(dst) == start {
		return append(dst, '{', '}')
	}
	dst[start] = '{' // in place of the first comma
	return append(dst, '}')
}
