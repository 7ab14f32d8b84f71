package ruleset

import (
	"iter"
	"math/bits"
	"sync/atomic"
)

// Reads notes which flags were read through Values that carry it, such as those of one request. The zero Reads has noted
// nothing. It is safe for concurrent use, and must not be copied.
type Reads struct {
	read, offered bitset
}

// bitset has room for 256 flags; with more, the others have a place of their own when the first of them is noted.
type bitset struct {
	first [4]atomic.Uint64
	rest  atomic.Pointer[[]atomic.Uint64]
}

// note notes the flag at a place, of so many.
func (b *bitset) note(place, of int) {
	word := b.word(place/64, of)
	if bit := uint64(1) << (place % 64); word.Load()&bit == 0 { // mostly a flag is read again
		word.Or(bit)
	}
}

func (b *bitset) word(i, of int) *atomic.Uint64 {
	if i < len(b.first) {
		return &b.first[i]
	}
	rest := b.rest.Load()
	if rest == nil {
		made := make([]atomic.Uint64, (of+63)/64-len(b.first))
		b.rest.CompareAndSwap(nil, &made)
		rest = b.rest.Load()
	}
	return &(*rest)[i-len(b.first)]
}

// all gives the places that were noted, in order.
func (b *bitset) all(yield func(int) bool) {
	for i := range b.first {
		if !placesIn(b.first[i].Load(), i*64, yield) {
			return
		}
	}
	if rest := b.rest.Load(); rest != nil {
		for i := range *rest {
			if !placesIn((*rest)[i].Load(), (len(b.first)+i)*64, yield) {
				return
			}
		}
	}
}

func placesIn(word uint64, from int, yield func(int) bool) bool {
	for ; word != 0; word &= word - 1 {
		if !yield(from + bits.TrailingZeros64(word)) {
			return false
		}
	}
	return true
}

// Noting gives the same values, which note in reads what is read through them. Reads that were given to values of one set
// must not be given to those of another.
func (v Values) Noting(reads *Reads) Values { return Values{set: v.set, reads: reads} }

// ReadDigest sums up which flags were read, and which variants they served: equal sums mean that the same was shown to
// whom the start stands for. It is zero if nothing was read. It allocates nothing.
func (v Values) ReadDigest(start uint64) uint64 {
	if v.set == nil || v.reads == nil {
		return 0
	}
	sum := uint64(0)
	for i := range v.reads.read.all {
		sum = draw(sum^start, v.set.revision.nodes[i].flag.identity+uint64(v.set.cells[i].variant))
	}
	for i := range v.reads.offered.all {
		sum = draw(sum^^start, v.set.revision.nodes[i].flag.identity)
	}
	return sum
}

// Read gives the flags that were read so far, in the order of their keys.
func (v Values) Read() iter.Seq[Detail] { return v.noted(func(r *Reads) *bitset { return &r.read }) }

// Offered gives the flags of which it was asked, with the answer yes, whether an upgrade would turn them on: whoever asks
// offers one.
func (v Values) Offered() iter.Seq[Detail] {
	return v.noted(func(r *Reads) *bitset { return &r.offered })
}

func (v Values) noted(of func(*Reads) *bitset) iter.Seq[Detail] {
	return func(yield func(Detail) bool) {
		if v.set == nil || v.reads == nil {
			return
		}
		for i := range of(v.reads).all {
			if !yield(v.set.revision.nodes[i].detail(v.set.cells[i])) {
				return
			}
		}
	}
}
