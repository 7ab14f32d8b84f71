package ruleset

import "slices"

// browserJSON is the JSON of all client-visible values in the order of keys, as far as it can be made when a revision
// is compiled: it is cut into pieces, each of which depends on two flags at most, and each piece is there in every
// form that it can take. Appending it is then a matter of few, short copies.
type browserJSON struct {
	pieces []piece
	size   int // bytes at most, without the braces
}

// piece is the JSON of some neighbouring flags, of which one or two differ between subjects.
type piece struct {
	nodes [2]int32
	none  [2]int // number of variants, which is the place of serving none; 0 for a flag that is not there
	forms [][]byte
}

// Beyond these a piece is not joined with the next flag: its forms would take more memory than they save time.
const (
	maxForms    = 16
	maxFormSize = 256 // bytes of its largest form
)

// add takes the next node in the order of keys; its value is the same for everybody if constant holds.
func (b *browserJSON) add(i int32, n *node, value cell, constant bool) {
	f := n.flag
	if !f.source.ClientVisible {
		return
	}
	next := piece{nodes: [2]int32{i, i}}
	switch {
	case !constant:
		next.none[0] = len(f.variants)
		for j := range f.variants {
			next.forms = append(next.forms, f.variants[j].fragment)
		}
		next.forms = append(next.forms, nil)
	case value.variant != noVariant:
		next.forms = [][]byte{f.variants[value.variant].fragment}
	default:
		return
	}
	b.size += next.size()
	if last := len(b.pieces) - 1; last >= 0 && b.pieces[last].joins(&next) {
		b.pieces[last] = b.pieces[last].join(&next)
		return
	}
	b.pieces = append(b.pieces, next)
}

func (p *piece) size() int {
	largest := 0
	for _, form := range p.forms {
		largest = max(largest, len(form))
	}
	return largest
}

func (p *piece) joins(next *piece) bool {
	return (p.none[1] == 0 || next.none[0] == 0) && len(p.forms)*len(next.forms) <= maxForms && p.size()+next.size() <= maxFormSize
}

func (p *piece) join(next *piece) piece {
	joined := *p
	switch {
	case next.none[0] == 0: // the same for everybody
	case p.none[0] == 0:
		joined.nodes[0], joined.none[0] = next.nodes[0], next.none[0]
	default:
		joined.nodes[1], joined.none[1] = next.nodes[0], next.none[0]
	}
	joined.forms = nil
	for _, form := range p.forms {
		for _, tail := range next.forms {
			joined.forms = append(joined.forms, slices.Concat(form, tail))
		}
	}
	return joined
}

// form is the place of the form that the piece takes for some values.
func (p *piece) form(cells []cell) int {
	first := min(int(cells[p.nodes[0]].variant), p.none[0]) // noVariant is larger than any
	second := min(int(cells[p.nodes[1]].variant), p.none[1])
	return first*(p.none[1]+1) + second
}

// append appends the object of values that were decided.
func (b *browserJSON) append(dst []byte, cells []cell) []byte {
	start := len(dst)
	dst = slices.Grow(dst, b.size+len("{}"))
	for i := range b.pieces {
		p := &b.pieces[i]
		dst = append(dst, p.forms[p.form(cells)]...)
	}
	if len(dst) == start {
		return append(dst, '{', '}')
	}
	dst[start] = '{' // in place of the first comma
	return append(dst, '}')
}
