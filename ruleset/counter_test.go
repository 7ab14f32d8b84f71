package ruleset_test

import (
	"sync"
	"testing"

	"github.com/toprent/flags/ruleset"
)

// counting gives each variant of each flag a counter, and always the same.
type counting struct {
	questions
	mu       sync.Mutex
	counters map[[2]string]*ruleset.Counter
}

func (c *counting) Counter(key, variant string) *ruleset.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counters == nil {
		c.counters = map[[2]string]*ruleset.Counter{}
	}
	id := [2]string{key, variant}
	if c.counters[id] == nil {
		c.counters[id] = &ruleset.Counter{}
	}
	return c.counters[id]
}

func (c *counting) of(key, variant string) uint64 { return c.Counter(key, variant).Total() }

func TestEveryAnswerIsCountedByItsVariant(t *testing.T) {
	d := define(boolean("a", percent(50, "on")), boolean("b"), boolean("c", serve("on")))
	r, counted := sound(t, d), &counting{}
	r.Observe(counted)
	var on, off uint64
	var all sync.WaitGroup
	for _, subject := range thousandSubjects() {
		v := r.Evaluate(subject, noon)
		all.Go(func() {
			for range 10 {
				v.On("a")
			}
			v.Variant("a")
			v.Detail("b")
			v.String("c", "") // of another type: the flag was asked for all the same
		})
		if v.Detail("a").Value == true {
			on += 12
		} else {
			off += 12
		}
	}
	all.Wait()
	for _, want := range []struct {
		key, variant string
		n            uint64
	}{{"a", "on", on}, {"a", "off", off}, {"b", "off", 1000}, {"c", "on", 1000}, {"b", "on", 0}} {
		if n := counted.of(want.key, want.variant); n != want.n {
			t.Errorf("%s served %s %d times, %d counted", want.key, want.variant, want.n, n)
		}
	}
}

func TestWhatAsksForNoValueIsNotCounted(t *testing.T) {
	r, counted := sound(t, define(tier(boolean("a", serve("on")), "pro"))), &counting{}
	r.Observe(counted)
	v := r.Evaluate(ruleset.Subject{Plan: "free"}, noon)
	v.Reason("a")
	v.Upgradable("a")
	v.JSON()
	for range v.All() {
	}
	if n := counted.of("a", "off"); n != 0 {
		t.Errorf("counted %d times", n)
	}
}

// Revisions share what has not changed, and one that pins an older revision may be compiled anew: all count on.
func TestCountersGoOnFromRevisionToRevision(t *testing.T) {
	counted := &counting{}
	first := sound(t, define(boolean("a"), boolean("gone")))
	first.Observe(counted)
	second, err := ruleset.Compile(ruleset.ID{Number: 2}, define(boolean("a", serve("on")), boolean("new")), first)
	if err != nil {
		t.Fatal(err)
	}
	second.Observe(counted)
	for _, r := range []*ruleset.Revision{first, second, ruleset.Overlay(first, second)} {
		r.Evaluate(ruleset.Subject{User: "ann"}, noon).On("a")
	}
	if off, on := counted.of("a", "off"), counted.of("a", "on"); off != 2 || on != 1 {
		t.Errorf("%d times off, %d times on", off, on)
	}
}

func TestNothingIsCountedUnderAPreview(t *testing.T) {
	r, counted := sound(t, define(boolean("a"))), &counting{}
	r.Observe(counted)
	var reads ruleset.Reads
	v := previewed(t, r, map[string]string{"a": "on"}).Evaluate(ruleset.Subject{}, noon).Noting(&reads)
	v.On("a")
	v.Enabled()
	if n := counted.of("a", "on"); n != 0 || v.ReadDigest(1) != 0 {
		t.Errorf("counted %d times, or noted", n)
	}
}
