package cutover_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// paces is how long requests took, while which trouble lasted.
type paces struct {
	mu  sync.Mutex // guards what follows
	now *pace
	all []*pace
}

// pace is how long the requests took that began during one trouble.
type pace struct {
	when   string
	reads  []time.Duration
	writes []time.Duration
	by     [clients]int // writes of each client
}

// begins says what lasts from now on.
func (p *paces) begins(when string) *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = &pace{when: when}
	p.all = append(p.all, p.now)
	return p.now
}

// at is what lasts now.
func (p *paces) at() *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *paces) read(during *pace, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	during.reads = append(during.reads, took)
}

func (p *paces) wrote(during *pace, client int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	during.writes = append(during.writes, took)
	during.by[client]++
}

// everybodyWrote reports whether each client has made so many writes that began since.
func (p *paces) everybodyWrote(since *pace, times int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Min(since.by[:]) >= times
}

// keepTo checks that no request took longer than it may, and tells how long they took.
func (p *paces) keepTo(t *testing.T, reads, writes time.Duration) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, during := range p.all {
		slices.Sort(during.reads)
		slices.Sort(during.writes)
		t.Logf("%-32s reads %s; writes %s", during.when, inShort(during.reads), inShort(during.writes))
		if n := len(during.reads); n > 0 && during.reads[n-1] > reads {
			t.Errorf("%s: a read took %s", during.when, during.reads[n-1])
		}
		if n := len(during.writes); n > 0 && during.writes[n-1] > writes {
			t.Errorf("%s: a write took %s", during.when, during.writes[n-1])
		}
	}
}

// inShort is how many there were, the median, the 99th of a hundred, and the last.
func inShort(sorted []time.Duration) string {
	n := len(sorted)
	if n == 0 {
		return "0"
	}
	of := func(i int) string { return sorted[i].Round(100 * time.Microsecond).String() }
	return fmt.Sprintf("%d: %s, %s, %s", n, of(n/2), of(n*99/100), of(n-1))
}
