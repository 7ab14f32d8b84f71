package directory

import (
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/ruleset"
)

// noted holds who was noted lately, and as what: 131,072 subjects in 2 MB, whatever comes. It is read without a lock.
// Whom it has no room for is noted, and stored, once more.
type noted struct{ buckets [][ways]notedSlot }

// ways is how many subjects whose hashes agree find room.
const ways = 4

type notedSlot struct{ identity, tag atomic.Uint64 }

func newNoted() *noted { return &noted{make([][ways]notedSlot, 1<<15)} }

// has reports whether the subject was noted as just this. The tag alone proves it, since it covers the identity.
func (n *noted) has(identity, tag uint64) bool {
	bucket := &n.buckets[identity>>1%uint64(len(n.buckets))] // the lowest bit is always set
	for i := range bucket {
		if bucket[i].tag.Load() == tag {
			return true
		}
	}
	return false
}

// put notes the subject in the place of what was noted of it before. It must not be called twice at once.
func (n *noted) put(identity, tag uint64) {
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

// fingerprint gives a hash of whose sighting it is, and one of all that is kept of it, the hour included: each subject's
// hours begin at another time, so that not everybody is written anew at once. The seed is this process's own, so nobody
// outside can make two subjects meet.
func (d *Directory) fingerprint(environment string, s *ruleset.Subject) (identity, tag uint64) {
	h := hash{d.seed, 0}
	h.text(environment)
	if h.text(s.User); s.User == "" {
		h.text(s.Tenant)
	}
	identity = h.sum
	h.text(s.Tenant)
	h.text(s.Plan)
	for _, addOn := range s.AddOns {
		h.text(addOn)
	}
	h.number(uint64(len(s.AddOns)))
	if s.User != "" {
		for _, name := range d.attributes {
			h.value(s.Attributes[name])
		}
	}
	const period = int64(again / time.Second)
	h.number(uint64((d.clock.Load() + int64(identity%uint64(period))) / period))
	return identity | 1, h.sum | 1
}

type hash struct {
	seed maphash.Seed
	sum  uint64
}

func (h *hash) text(s string) { h.number(maphash.String(h.seed, s)) }

// number mixes, with the finalizer of SplitMix64.
func (h *hash) number(n uint64) {
	x := h.sum*0x9e3779b97f4a7c15 + n
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	h.sum = x ^ x>>31
}

// value covers the types that rules can read; the first number of each tells them apart.
func (h *hash) value(v any) {
	switch v := v.(type) {
	case string:
		h.number(1)
		h.text(v)
	case bool:
		h.number(2)
		if v {
			h.number(1)
		}
	case int:
		h.number(3)
		h.number(uint64(v))
	case int64:
		h.number(3)
		h.number(uint64(v))
	case float64:
		h.number(4)
		h.number(math.Float64bits(v))
	case time.Time:
		h.number(5)
		h.number(uint64(v.UnixNano()))
	case []string:
		h.number(6)
		for _, s := range v {
			h.text(s)
		}
		h.number(uint64(len(v)))
	case nil:
		h.number(0)
	default: // of other numbers and mixed lists, by their JSON
		h.number(7)
		h.text(string(encodeAttribute(v)))
	}
}
