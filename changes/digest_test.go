package changes

import (
	"testing"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// changed is a draft with an item of every kind put or removed, and its revision.
func changed() (*draft, *models.Revision) {
	flag := models.FeatureFlag{ID: "1", Name: "a", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "s"}
	about := &about{byKey: map[string]models.FeatureFlag{"a": flag}, byID: map[string]models.FeatureFlag{"1": flag}}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	rows := models.Rows{Plans: []models.Plan{{Key: "old"}}}
	d := newDraft(models.Environment{Name: "production", Digest: []byte{1}}, rows, about, "ann", now)
	d.putFlag(ruleset.Flag{Key: "a", Enabled: true}, false)
	d.putSegment(ruleset.Segment{Key: "s", When: ruleset.Condition{Attribute: "x", Operator: ruleset.Exists}})
	d.putPlan(ruleset.Plan{Key: "p", Rank: 1})
	d.plans.remove("old")
	d.putOverride(ruleset.Override{Flag: "a", User: "u", Variant: "on"})
	return d, &models.Revision{Environment: "production", Number: 2, Kind: KindPublish, Author: "ann", Reason: "why", PublishedAt: models.At(now)}
}

func TestADigestCoversEverythingOfARevision(t *testing.T) {
	digests := map[string]string{}
	for name, change := range map[string]func(*draft, *models.Revision){
		"nothing":      func(*draft, *models.Revision) {},
		"before":       func(d *draft, _ *models.Revision) { d.environment.Digest = []byte{2} },
		"environment":  func(_ *draft, r *models.Revision) { r.Environment = "staging" },
		"number":       func(_ *draft, r *models.Revision) { r.Number++ },
		"kind":         func(_ *draft, r *models.Revision) { r.Kind = kindKill },
		"author":       func(_ *draft, r *models.Revision) { r.Author = "bob" },
		"reason":       func(_ *draft, r *models.Revision) { r.Reason = "why not" },
		"time":         func(_ *draft, r *models.Revision) { r.PublishedAt.Time = r.PublishedAt.Add(time.Microsecond) },
		"flag":         func(d *draft, _ *models.Revision) { d.putFlag(ruleset.Flag{Key: "a"}, false) },
		"killed":       func(d *draft, _ *models.Revision) { d.rewrite("a", func(s *models.FlagSettings) { s.Killed = true }) },
		"segment":      func(d *draft, _ *models.Revision) { d.putSegment(ruleset.Segment{Key: "s"}) },
		"plan":         func(d *draft, _ *models.Revision) { d.putPlan(ruleset.Plan{Key: "p", Rank: 2}) },
		"plan removed": func(d *draft, _ *models.Revision) { delete(d.plans.next, "old") },
		"override": func(d *draft, _ *models.Revision) {
			d.putOverride(ruleset.Override{Flag: "a", User: "u", Variant: "off"})
		},
		"for whom": func(d *draft, _ *models.Revision) {
			d.putOverride(ruleset.Override{Flag: "a", Tenant: "u", Variant: "on"})
		},
	} {
		d, revision := changed()
		change(d, revision)
		digest, err := d.digest(*revision)
		if err != nil || len(digest) != 32 {
			t.Fatalf("%s: %x, %v", name, digest, err)
		}
		if other, taken := digests[string(digest)]; taken {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[string(digest)] = name
	}
}

func TestADigestDependsOnNothingElse(t *testing.T) {
	a, revision := changed()
	want, err := a.digest(*revision)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // overrides have random ids, and maps no order
		b, revision := changed()
		if got, err := b.digest(*revision); err != nil || string(got) != string(want) {
			t.Fatalf("%x, %v, want %x", got, err, want)
		}
	}
}
