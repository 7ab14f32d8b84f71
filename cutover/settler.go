package cutover

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	settleAgain = 500 * time.Millisecond // between attempts to bring a side up to date
	vainPause   = time.Second            // after which a tenant who waited in vain waits again
	manyTenants = 10_000                 // tenants of whom something waits that are told apart
	everybody   = ""                     // who asks for the rows of all tenants
)

// settler remembers how far one side is up to date that has become the authority of some tenant. Its zero value is ready.
type settler struct {
	settled atomic.Uint64 // the last turn that it is up to date for

	mu    sync.Mutex // guards what follows, which is about the newest turn
	turn  uint64
	now   attempt // under way, or the last
	runs  bool
	ended bool      // one has ended
	next  time.Time // when another may begin
	lacks lack
	vain  map[string]time.Time // tenants who waited in vain: until when they do not wait
}

// attempt is one to bring a side up to date.
type attempt struct {
	turn   uint64
	looked chan struct{} // closed when it was found out what the side lacks, at the first attempt of a turn
	ended  chan struct{} // closed at the end
	first  bool          // of the turn
	vain   bool          // the caller need not wait
}

// lack is of whom a side lacks something.
type lack struct {
	queued, marked map[string]bool
	silent         bool // the other side did not say what is marked
}

func setOf(tenants []string) map[string]bool {
	set := make(map[string]bool, len(tenants))
	for _, tenant := range tenants {
		set[tenant] = true
	}
	if len(tenants) == manyTenants {
		set[everybody] = true
	}
	return set
}

// among reports whether a tenant is one of those. Who asks for all tenants lacks what anybody does.
func among(set map[string]bool, tenant string) bool {
	return len(set) > 0 && (tenant == everybody || set[tenant] || set[everybody])
}

// join returns the attempt under way, or the last, and whether the caller has to begin it.
func (s *settler) join(turn uint64, tenant string) (at attempt, begins bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if turn > s.turn {
		s.turn, s.runs, s.ended, s.next, s.lacks, s.vain = turn, false, false, time.Time{}, lack{}, nil
		s.now = attempt{turn: turn, looked: make(chan struct{})}
	}
	vain := now.Before(s.vain[tenant])
	if !s.runs && (!now.Before(s.next) || !vain && among(s.lacks.marked, tenant)) {
		s.runs, begins = true, true
		s.now.ended, s.now.first = make(chan struct{}), !s.ended
	}
	at = s.now
	at.vain = vain
	return at, begins
}

// found keeps what a look has found.
func (s *settler) found(at attempt, l lack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn == at.turn {
		s.lacks = l
	}
	if at.first {
		close(at.looked)
	}
}

// saw keeps what is marked on the other side.
func (s *settler) saw(marked map[string]bool, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lacks.marked, s.lacks.silent = marked, silent
}

func (s *settler) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lacks.silent
}

// end notes how an attempt has ended.
func (s *settler) end(at attempt, err error) {
	defer close(at.ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != at.turn {
		return
	}
	s.runs, s.ended, s.next = false, true, time.Now().Add(settleAgain)
	if err == nil {
		s.lacks = lack{}
		s.settled.Store(at.turn)
	}
}

// lacking reports whether the side lacks something of a tenant that is queued, or marked, as far as is known.
func (s *settler) lacking(tenant string) (queued, marked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return among(s.lacks.queued, tenant), among(s.lacks.marked, tenant)
}

// inVain spares a tenant the next waits.
func (s *settler) inVain(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.vain == nil || len(s.vain) >= manyTenants {
		s.vain = map[string]time.Time{}
	}
	s.vain[tenant] = time.Now().Add(vainPause)
}
