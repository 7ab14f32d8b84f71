// Package noted remembers, in little memory and without locks, what was told already.
package noted

import "sync/atomic"

// Table remembers what was noted lately, in a bounded place: 16 bytes each, whatever comes. It is read without a lock. What
// it has no room for is noted once more.
type Table struct{ buckets [][ways]slot }

// ways is how many whose hashes agree find room.
const ways = 4

type slot struct{ identity, tag atomic.Uint64 }

// New makes a table with room for so many.
func New(size int) *Table { return &Table{make([][ways]slot, max(1, size/ways))} }

// Has reports whether something was noted as just this. Both are hashes that are not zero; the tag alone proves it, since it
// covers the identity.
func (n *Table) Has(identity, tag uint64) bool {
	bucket := &n.buckets[identity>>1%uint64(len(n.buckets))] // the lowest bit is always set
	for i := range bucket {
		if bucket[i].tag.Load() == tag {
			return true
		}
	}
	return false
}

// Put notes something in the place of what was noted of it before. It must not be called twice at once.
func (n *Table) Put(identity, tag uint64) {
	bucket := &n.buckets[identity>>1%uint64(len(n.buckets))] // the lowest bit is always set
	at := int(tag>>32) % ways                                // nobody's turn in particular
	for i := range bucket {
		switch bucket[i].identity.Load() {
		case identity:
			bucket[i].tag.Store(tag)
			return
		case 0:
			at = i
		}
	}
	bucket[at].identity.Store(identity)
	bucket[at].tag.Store(tag)
}
