package impact

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/toprent/flags/directory"
)

// sampled is how many of those who make a move are named.
const sampled = 10

// set is a set of small numbers: of tenants.
type set []uint64

func (s *set) add(n int32) {
	if n < 0 { // no tenant
		return
	}
	if word := int(n >> 6); word >= len(*s) {
		*s = append(*s, make(set, word+1-len(*s))...)
	}
	(*s)[n>>6] |= 1 << (n & 63)
}

func (s *set) join(other set) {
	if len(other) > len(*s) {
		*s = append(*s, make(set, len(other)-len(*s))...)
	}
	for i, word := range other {
		(*s)[i] |= word
	}
}

func (s set) len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// tally counts who is concerned.
type tally struct {
	people, alone int
	tenants       set
}

func (t *tally) person(tenant int32) {
	t.people++
	t.tenants.add(tenant)
}

func (t *tally) join(other *tally) {
	t.people += other.people
	t.alone += other.alone
	t.tenants.join(other.tenants)
}

func (t *tally) reach() Reach { return Reach{t.people, t.tenants.len(), t.alone} }

// moveTally counts those who make one move, and keeps the first of them: places in the snapshot's lists.
type moveTally struct {
	tally
	first, firstAlone []int32
}

// keep keeps the lowest places; they come in order, but for those of another worker.
func keep(first []int32, place int32) []int32 {
	if len(first) < sampled {
		return append(first, place)
	}
	return first
}

func firstOf(a, b []int32) []int32 {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return all[:min(len(all), sampled)]
}

// flagTally counts what changes of one flag.
type flagTally struct {
	all   tally
	moves map[int]*moveTally
}

func (f *flagTally) move(at int) *moveTally {
	m := f.moves[at]
	if m == nil {
		if f.moves == nil {
			f.moves = map[int]*moveTally{}
		}
		m = &moveTally{}
		f.moves[at] = m
	}
	return m
}

func (f *flagTally) person(at int, place, tenant int32) {
	m := f.move(at)
	m.person(tenant)
	m.first = keep(m.first, place)
	f.all.person(tenant)
}

func (f *flagTally) tenant(at int, place int32) {
	m := f.move(at)
	m.alone++
	m.firstAlone = keep(m.firstAlone, place)
	f.all.alone++
}

func (f *flagTally) join(other *flagTally) {
	f.all.join(&other.all)
	for at, m := range other.moves {
		mine := f.move(at)
		mine.join(&m.tally)
		mine.first, mine.firstAlone = firstOf(mine.first, m.first), firstOf(mine.firstAlone, m.firstAlone)
	}
}

// flag is what is told of it.
func (f *flagTally) flag(c *comparison, timed bool, seen *directory.Snapshot) Flag {
	out := Flag{Key: c.key, Boolean: c.boolean, Timed: timed, Changed: f.all.reach()}
	var on, off tally
	for at, m := range f.moves {
		move := Move{Reach: m.reach(), Sample: m.sample(seen)}
		move.From, move.To = c.sidesOf(at)
		if c.boolean && move.Turns() == "on" {
			on.join(&m.tally)
		} else if c.boolean && move.Turns() == "off" {
			off.join(&m.tally)
		}
		out.Moves = append(out.Moves, move)
	}
	out.On, out.Off = on.reach(), off.reach()
	slices.SortFunc(out.Moves, func(a, b Move) int {
		return cmp.Or(byReach(a.Reach, b.Reach), cmp.Compare(a.From.Variant, b.From.Variant), cmp.Compare(a.To.Variant, b.To.Variant))
	})
	return out
}

// byReach puts what concerns most people first.
func byReach(a, b Reach) int {
	return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(b.Tenants, a.Tenants))
}

func (m *moveTally) sample(seen *directory.Snapshot) []Who {
	var out []Who
	for _, place := range m.first {
		s := seen.People[place]
		out = append(out, Who{ID: s.ID, Tenant: s.Tenant, Plan: s.Plan})
	}
	if len(out) > 0 {
		return out
	}
	for _, place := range m.firstAlone {
		s := seen.Tenants[place]
		out = append(out, Who{ID: s.ID, Plan: s.Plan, Alone: true})
	}
	return out
}
