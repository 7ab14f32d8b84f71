package subjects

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// census is what a flag serves to everybody who was seen, and why.
type census struct {
	key      censusKey
	variants []string // names; the last is "": no variant, so the code's fallback
	reasons  []reason
	people   []verdict // of the snapshot's people, in their order
	tenants  []verdict

	byVisitor bool // the flag can depend on the browser, which nobody is counted with
}

type censusKey struct {
	revision ruleset.ID
	flag     string
	seen     *directory.Snapshot
	at       int64
}

// verdict is one subject's part: places in the census's variants and reasons.
type verdict struct{ variant, reason uint8 }

// reason is why a variant is served; each rule is one of its own.
type reason struct {
	Code  string // of the filter
	Title string
	kind  ruleset.Reason
	rule  int
}

// counts keeps the last counts, since pages of one list ask for the same one after another. Its zero value is ready.
type counts struct {
	counting sync.Mutex // held while one is counted: who asks for many at once waits, and asks for one of them once

	mu   sync.Mutex
	last []*census // the newest last
}

// keptCounts is how many are kept: 200 kB each, with 100,000 people.
const keptCounts = 8

// of counts, or finds what was counted. What depends on the time is counted anew every ten seconds.
func (c *counts) of(environment *catalog.Environment, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) *census {
	r := environment.Revision()
	key := censusKey{revision: r.ID(), flag: flag.Key, seen: seen}
	if r.Timed() {
		now = now.Truncate(10 * time.Second)
		key.at = now.Unix()
	}
	if known := c.known(key); known != nil {
		return known
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	if known := c.known(key); known != nil {
		return known
	}
	counted := count(key, r, flag, seen, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) >= keptCounts {
		c.last = append(c.last[:0:0], c.last[1:]...)
	}
	c.last = append(c.last, counted)
	return counted
}

// known is what was counted lately; nil if that was not.
func (c *counts) known(key censusKey) *census {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.last {
		if known.key == key {
			return known
		}
	}
	return nil
}

// count decides the flag for everybody.
func count(key censusKey, r *ruleset.Revision, flag *catalog.Flag, seen *directory.Snapshot, now time.Time) *census {
	c := &census{key: key, variants: append(variantsOf(flag), "")}
	counter := counter{census: c, decider: r.Decider(flag.Key), flag: flag, now: now}
	c.byVisitor = counter.decider.ByVisitor()
	c.people = counter.all(seen.People)
	c.tenants = counter.all(seen.Tenants)
	return c
}

type counter struct {
	*census
	decider *ruleset.Decider
	flag    *catalog.Flag
	now     time.Time
	subject ruleset.Subject
}

func (c *counter) all(seen []*directory.Seen) []verdict {
	verdicts := make([]verdict, len(seen))
	attributes := c.decider.Attributes()
	for i, s := range seen {
		s.Fill(&c.subject, attributes)
		d := c.decider.Decide(&c.subject, c.now)
		verdicts[i] = verdict{c.variant(d.Variant), c.reason(d)}
	}
	return verdicts
}

func (c *counter) variant(name string) uint8 {
	for i, known := range c.variants {
		if known == name {
			return uint8(i)
		}
	}
	return uint8(len(c.variants) - 1)
}

func (c *counter) reason(d ruleset.Detail) uint8 {
	for i := range c.reasons {
		if c.reasons[i].kind == d.Reason && c.reasons[i].rule == d.RuleIndex {
			return uint8(i)
		}
	}
	c.reasons = append(c.reasons, reasonOf(d, c.flag))
	return uint8(len(c.reasons) - 1)
}

// reasonOf names a reason for people.
func reasonOf(d ruleset.Detail, flag *catalog.Flag) reason {
	r := reason{Code: strings.ToLower(d.Reason.String()), kind: d.Reason, rule: d.RuleIndex}
	if d.RuleIndex >= 0 {
		r.Code = fmt.Sprintf("rule-%d", d.RuleIndex+1)
	}
	var rules []ruleset.Rule
	if flag != nil {
		rules = flag.Rules
	}
	r.Title = words.Reason(d, rules, time.UTC)
	return r
}

// variantsOf names a flag's variants in their order.
func variantsOf(flag *catalog.Flag) []string {
	variants := flag.AllVariants()
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.Name
	}
	return names
}
