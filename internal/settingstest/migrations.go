package settingstest

import (
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const entities = `
version: 1
flags:
  - {key: clients, kind: migration, type: string, title: Clients, description: Clients move to PostgreSQL, environments: {development: {enabled: true}, staging: {enabled: true}, production: {enabled: true}}}
  - {key: bookings, kind: migration, type: string, title: Bookings, description: Bookings move to PostgreSQL, environments: {development: {enabled: true}, production: {enabled: true}}}
  - {key: invoices, kind: migration, type: boolean, title: Invoices, description: Invoices are copied by a job of ours, environments: {development: {enabled: true}}}
`

// Migrates publishes migrations after Sample: "clients" and "bookings" in stages, "invoices" in two. All of them are off.
func (s *Site) Migrates() {
	s.t.Helper()
	s.Imports(entities)
}

// Steps brings everybody of an entity to a stage, one after another from where they are.
func (s *Site) Steps(environment, key string, stages ...ruleset.Stage) {
	s.t.Helper()
	for _, stage := range stages {
		base := s.versionOf(environment, key)
		_, err := s.Changes.Publish(s.t.Context(), changes.Change{Environment: environment, Author: "test", Reason: "a step", Edits: []changes.Edit{changes.SetStage{Flag: key, Stage: stage.String(), Base: base}}})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *Site) versionOf(environment, key string) int64 {
	s.t.Helper()
	flag, err := s.Store.Flag(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	row, err := s.Store.LiveFlagSettings(s.t.Context(), environment, flag.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return row.FromRevision
}

// Copies stores how far the copying of an entity is, which a step has begun.
func (s *Site) Copies(row models.CutoverProgress) {
	s.t.Helper()
	row.UpdatedAt = models.At(time.Now())
	was, err := s.Store.CutoverProgress(s.t.Context(), row.Environment, row.Flag)
	row.SinceRevision, row.Again = was.SinceRevision, was.Again
	wanted := false
	if err == nil {
		wanted, err = s.Store.PutCutoverProgress(s.t.Context(), row)
	}
	if err != nil || !wanted {
		s.t.Fatalf("the copy of %s was not begun in that direction: %+v, %v", row.Flag, was, err)
	}
}

// Copied stores that an entity's rows were copied and compared, all of them.
func (s *Site) Copied(environment, key string) {
	s.t.Helper()
	at := models.At(time.Now().Add(-20 * time.Minute))
	began := models.At(time.Now().Add(-time.Hour))
	s.Copies(models.CutoverProgress{Environment: environment, Flag: key, Direction: models.CutoverForward, State: models.CutoverDone,
		Total: 100_000, Copied: 100_000, Compared: 100_000, Different: 3, StartedAt: &began, CopiedAt: &at, VerifiedAt: &at})
}

// Compared stores how comparisons of an entity went, as instances add it up: just now.
func (s *Site) Compared(environment, key string, compared, different int64) {
	s.t.Helper()
	err := s.Store.TellCutovers(s.t.Context(), nil, []models.CutoverAgreement{{Environment: environment, Flag: key, Compared: compared, Different: different}}, false)
	if err != nil {
		s.t.Fatal(err)
	}
}

// Tells stores what an instance tells of an entity, so long ago.
func (s *Site) Tells(environment, key, instance string, revision int64, ago time.Duration, stats models.CutoverStats) {
	s.t.Helper()
	row := models.CutoverInstance{Instance: instance, Environment: environment, Flag: key, Host: "host-of-" + instance, Revision: revision, HeardAt: models.At(time.Now().Add(-ago))}
	err := row.Tell(stats)
	if err == nil {
		err = s.Store.TellCutover(s.t.Context(), row)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
