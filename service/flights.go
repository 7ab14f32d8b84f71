package service

import (
	"sync"
	"time"
)

// flights lets all who want a refresh at the same time share one.
type flights struct {
	mu      sync.Mutex
	current *flight   // under way
	next    *flight   // begins when current has ended
	asked   time.Time // when a request last began one; by the instance's own clock
}

// flight is one refresh.
type flight struct {
	done chan struct{}
	err  error // once done
}

// fresh gives a refresh that begins now or later, so that it sees all that was published before the call.
func (f *flights) fresh(refresh func() error) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.current == nil:
		return f.begin(refresh)
	case f.next == nil:
		f.next = &flight{done: make(chan struct{})}
	}
	return f.next
}

// soon gives the refresh that is under way, or begins one; nil if requests had one begun just now.
func (f *flights) soon(now time.Time, refresh func() error) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil {
		return f.current
	}
	if ago := now.Sub(f.asked); 0 <= ago && ago < awaitPause {
		return nil
	}
	f.asked = now
	return f.begin(refresh)
}

// begin is called with mu held.
func (f *flights) begin(refresh func() error) *flight {
	f.current = &flight{done: make(chan struct{})}
	go f.fly(f.current, refresh)
	return f.current
}

// fly refreshes, and again for those who came meanwhile.
func (f *flights) fly(flight *flight, refresh func() error) {
	for flight != nil {
		flight.err = refresh()
		done := flight.done
		f.mu.Lock()
		f.current, f.next = f.next, nil
		flight = f.current
		f.mu.Unlock()
		close(done)
	}
}
