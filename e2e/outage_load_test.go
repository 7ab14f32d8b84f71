package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// load is people who browse without a pause. Nothing is published meanwhile, so each sees the same on every page;
// what needs a plan may be off while nobody knows the plan.
type load struct {
	t    *testing.T
	stop chan struct{}
	all  sync.WaitGroup

	mu       sync.Mutex
	failures []string
	took     map[string][]time.Duration // by person
	machine  []time.Duration            // what takes no page at all: how busy the machine is besides
}

// pace is between two pages of one person, so that these few leave the machine some time.
const pace = 5 * time.Millisecond

// slowPage is more than a page takes on a machine that is busy with other tests too, and less than one that waits for
// a database.
const slowPage = 150 * time.Millisecond

const anybody = "" // not signed in

// browsed by these people, the site answers pages until ends is called.
func (s *site) browsed(people ...string) *load {
	l := &load{t: s.t, stop: make(chan struct{}), took: map[string][]time.Duration{}}
	for _, person := range people {
		g := s.guest()
		if person != anybody {
			g.signsIn(person)
		}
		first := g.opens("/")
		l.all.Go(func() { l.browse(g, person, first) })
	}
	l.all.Go(func() { l.times(s) })
	return l
}

// times asks for what needs neither flags nor a database.
func (l *load) times(s *site) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		begun := time.Now()
		_, _ = s.get("/healthz")
		l.mu.Lock()
		l.machine = append(l.machine, time.Since(begun))
		l.mu.Unlock()
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
	}
}

func (l *load) browse(g *guest, person string, first shown) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for i := 0; ; i++ {
		path := []string{"/", "/listings", "/plans", "/reports"}[i%4] // the clients may lie in the database that is down
		p, err := g.tries(path)
		l.note(person, path, p, err, first)
		select {
		case <-l.stop:
			return
		case <-ticker.C:
		}
	}
}

func (l *load) note(person, path string, p shown, err error, first shown) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[person] = append(l.took[person], p.took)
	switch {
	case err != nil:
		l.failures = append(l.failures, fmt.Sprintf("%s: %v", path, err))
	case p.status != http.StatusOK:
		l.failures = append(l.failures, fmt.Sprintf("%s: status %d", path, p.status))
	}
	for key, value := range first.server {
		if p.server[key] != value && !strings.HasPrefix(p.reasons[key], "PLAN_") {
			l.failures = append(l.failures, fmt.Sprintf("%s: %s was %s and is %q (%s)", path, key, value, p.server[key], p.reasons[key]))
		}
	}
}

// ends stops it. No request may have failed, and most must have been quick, for how busy the machine was.
func (l *load) ends() {
	l.t.Helper()
	close(l.stop)
	l.all.Wait()
	if n := len(l.failures); n > 0 {
		l.t.Errorf("%d failures, such as %s", n, l.failures[0])
	}
	slices.Sort(l.machine)
	usually, once := l.machine[len(l.machine)/2], l.machine[len(l.machine)-1]
	for person, took := range l.took {
		slices.Sort(took)
		median, slowest := took[len(took)/2], took[len(took)-1]
		l.t.Logf("%q: %d pages, median %s, 99 %% within %s, slowest %s", person, len(took), median, took[len(took)*99/100], slowest)
		if median > slowPage+usually || slowest > 3*time.Second+once {
			l.t.Errorf("pages of %q took %s, the slowest %s; no page at all %s and %s", person, median, slowest, usually, once)
		}
	}
}
