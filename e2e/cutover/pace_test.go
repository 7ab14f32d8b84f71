package cutover_test

import (
	"cmp"
	"context"
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

	stalls []request // times in which the machine let nobody of this process go on
}

// request is when something began, and how long it took.
type request struct {
	begun time.Time
	took  time.Duration
}

// pace is how long the requests took that began during one trouble.
type pace struct {
	when   string
	reads  []request
	writes []request
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

func (p *paces) read(during *pace, begun time.Time) {
	took := time.Since(begun)
	p.mu.Lock()
	defer p.mu.Unlock()
	during.reads = append(during.reads, request{begun, took})
}

func (p *paces) wrote(during *pace, client int, begun time.Time) {
	took := time.Since(begun)
	p.mu.Lock()
	defer p.mu.Unlock()
	during.writes = append(during.writes, request{begun, took})
	during.by[client]++
}

// watch notes when the machine stalls for long, until ctx is done: then somebody who sleeps for a moment wakes
// much too late.
func (p *paces) watch(ctx context.Context) {
	const moment, much = 10 * time.Millisecond, 250 * time.Millisecond
	for ctx.Err() == nil {
		begun := time.Now()
		time.Sleep(moment)
		if late := time.Since(begun) - moment; late > much {
			p.mu.Lock()
			p.stalls = append(p.stalls, request{begun.Add(moment), late})
			p.mu.Unlock()
		}
	}
}

// own is how long a request took but for what the machine stalled meanwhile.
func (p *paces) own(r request) time.Duration {
	own, end := r.took, r.begun.Add(r.took)
	for _, stall := range p.stalls {
		from, to := stall.begun, stall.begun.Add(stall.took)
		if from.Before(r.begun) {
			from = r.begun
		}
		if to.After(end) {
			to = end
		}
		own -= max(0, to.Sub(from))
	}
	return own
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
		longest := func(a, b request) int { return cmp.Compare(a.took, b.took) }
		slices.SortFunc(during.reads, longest)
		slices.SortFunc(during.writes, longest)
		t.Logf("%-32s reads %s; writes %s", during.when, inShort(during.reads), inShort(during.writes))
		for what, c := range map[string]struct {
			requests []request
			most     time.Duration
		}{"read": {during.reads, reads}, "write": {during.writes, writes}} {
			for _, r := range c.requests {
				if r.took > c.most && p.own(r) > c.most {
					t.Errorf("%s: a %s took %s", during.when, what, r.took)
				}
			}
		}
	}
	var all, longest time.Duration
	for _, stall := range p.stalls {
		all, longest = all+stall.took, max(longest, stall.took)
	}
	t.Logf("the machine stalled %d times, for %s together, %s at most", len(p.stalls), all.Round(time.Millisecond), longest.Round(time.Millisecond))
}

// inShort is how many there were, the median, the 99th of a hundred, and the last.
func inShort(sorted []request) string {
	n := len(sorted)
	if n == 0 {
		return "0"
	}
	of := func(i int) string { return sorted[i].took.Round(100 * time.Microsecond).String() }
	return fmt.Sprintf("%d: %s, %s, %s", n, of(n/2), of(n*99/100), of(n-1))
}
