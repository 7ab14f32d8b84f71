package service

import (
	"slices"
	"sync"
	"time"

	"github.com/toprent/flags/ruleset"
)

// maxAdoptions is how many adoptions are remembered: many times what is published between two looks at them.
const maxAdoptions = 1000

// Adoption is the moment at which an instance began to serve a newest revision. Requests that had their values before
// keep them until they end; all later ones get the new.
type Adoption struct {
	Serial int64      `json:"serial"` // counts the adoptions of this process, from 1
	From   int64      `json:"from"`   // the number of the revision that was the newest here before; -1: none
	To     ruleset.ID `json:"to"`
	At     time.Time  `json:"at"` // by the source's clock

	// Lag is how long the instance served what was no longer the newest: since the revision was published. Where several
	// came at once it is counted from when the source last answered, which is at most too long, since it is not known
	// here when the first of them was published. It is above 0, except for what a process begins with and where the source was set back.
	Lag time.Duration `json:"lag"`

	// Kills reports whether a flag was killed that was not in the revision before.
	Kills bool `json:"kills"`
}

// adoptions are the last that happened.
type adoptions struct {
	mu     sync.Mutex
	serial int64
	last   []Adoption
	told   chan struct{} // holds one at most: more would say the same
}

func (a *adoptions) add(adopted Adoption) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serial++
	adopted.Serial = a.serial
	if len(a.last) == maxAdoptions {
		a.last = slices.Delete(a.last, 0, 1)
	}
	a.last = append(a.last, adopted)
	select {
	case a.told <- struct{}{}:
	default: // told already
	}
}

// Adopted receives after another revision has become the newest here. It is for one receiver.
func (s *FeatureFlagService) Adopted() <-chan struct{} { return s.adopted.told }

// Adoptions are those after the one with that serial, oldest first; 0 asks for all that are remembered.
func (s *FeatureFlagService) Adoptions(after int64) []Adoption {
	s.adopted.mu.Lock()
	defer s.adopted.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.adopted.last, after+1, func(a Adoption, serial int64) int { return int(a.Serial - serial) })
	return slices.Clone(s.adopted.last[i:])
}
