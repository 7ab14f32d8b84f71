package cutovers

import (
	"sync"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// Tally is how many of the tenants that were seen are in each stage, and by which part of the flag.
type Tally struct {
	Tenants int // that were asked about
	Of      int // that were seen
	ByStage [6]int
	byGroup map[string]int
}

// Sampled reports whether only some of the tenants were asked about.
func (t Tally) Sampled() bool { return t.Tenants < t.Of }

// sampleOf is about how many tenants the list asks about for each entity, so that a hundred of them take no time.
const sampleOf = 500

// counts keeps what was counted last. Its zero value is ready.
type counts struct {
	mu   sync.Mutex
	last map[countOf]Tally
}

// countOf is what a count was of. A flag that is published anew has another address, as has a newer look at the directory.
type countOf struct {
	flag  *catalog.Flag
	seen  *directory.Snapshot
	head  int64 // of the environment: segments change without the flag
	every int
}

// keptCounts is how many counts are kept: those of all entities of a few environments.
const keptCounts = 2000

// of counts the tenants of one flag by stage. most bounds how many are asked about; 0: all.
func (c *counts) of(in *catalog.Environment, flag *catalog.Flag, seen *directory.Snapshot, most int, now time.Time) Tally {
	every := 1
	if most > 0 {
		every = max(1, (len(seen.Tenants)+most-1)/most)
	}
	what := countOf{flag, seen, in.Head, every}
	c.mu.Lock()
	known, ok := c.last[what]
	c.mu.Unlock()
	if ok {
		return known
	}
	next := tally(in.Migrations(), flag.Key, seen, every, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || len(c.last) >= keptCounts {
		c.last = map[countOf]Tally{}
	}
	c.last[what] = next
	return next
}

// tally asks about every so many tenants.
func tally(r *ruleset.Revision, key string, seen *directory.Snapshot, every int, now time.Time) Tally {
	t := Tally{Of: len(seen.Tenants), byGroup: map[string]int{}}
	decider := r.Decider(key)
	attributes := decider.Attributes()
	var subject ruleset.Subject
	for i := 0; i < len(seen.Tenants); i += every {
		seen.Tenants[i].Fill(&subject, attributes)
		detail := decider.Decide(&subject, now)
		stage, ok := stageOf(detail.Variant)
		if !ok {
			continue
		}
		t.Tenants++
		t.ByStage[stage]++
		t.byGroup[groupOf(detail)]++
	}
	return t
}

// groupOf names the part of the flag by which a tenant is in its stage.
func groupOf(detail ruleset.Detail) string {
	switch {
	case detail.Reason == ruleset.Overridden:
		return groupOverrides
	case detail.RuleIndex >= 0:
		return ruleGroup(detail.RuleIndex)
	}
	return groupOtherwise
}

// stageOf is the stage of a variant: of the two of a boolean flag, on is the new side alone.
func stageOf(variant string) (ruleset.Stage, bool) {
	if variant == "on" {
		return ruleset.StageComplete, true
	}
	return ruleset.ParseStage(variant)
}
