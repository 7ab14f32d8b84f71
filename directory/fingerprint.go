package directory

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/toprent/flags/ruleset"
)

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
