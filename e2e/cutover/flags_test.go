package cutover_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// board is where the stages of the stays are set, as the settings pages do it.
type board struct {
	t       *testing.T
	store   *models.Store
	changes *changes.Changes
}

// flagPlace makes a flag database.
func flagPlace(t *testing.T, kind string) string {
	if kind == "PostgreSQL" {
		return pgtest.URL(t)
	}
	return sqlitetest.File(t)
}

// newBoard opens a flag database and makes the flag of the stays, at off.
func newBoard(t *testing.T, place string) *board {
	t.Helper()
	store, err := openFlags(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &board{t, store, changes.New(store)}
	row, err := store.Environment(t.Context(), environment)
	if err == nil {
		err = b.changes.EditEnvironment(t.Context(), changes.EnvironmentEdit{Name: environment, Title: row.Title, Protected: true, Author: "ann", Base: row.Version})
	}
	if err != nil {
		t.Fatal(err)
	}
	flag := ruleset.Flag{Key: "stays", Enabled: true, Off: "off", Otherwise: "off", Default: "off"}
	for _, stage := range ruleset.Stages {
		value, _ := json.Marshal(stage.String())
		flag.Variants = append(flag.Variants, ruleset.Variant{Name: stage.String(), Value: value})
	}
	about := &changes.FlagDocument{Key: "stays", Title: "Stays", Kind: ruleset.Migration, Type: ruleset.String}
	if err := b.publish(changes.PutFlag{About: about, Flag: &flag}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *board) publish(edits ...changes.Edit) error {
	_, err := b.changes.Publish(b.t.Context(), changes.Change{Environment: environment, Author: "ann", Reason: "a test", Edits: edits})
	return err
}

// tries sets the stage of everybody but some tenants, who have another.
func (b *board) tries(everybody ruleset.Stage, some ruleset.Stage, tenants ...string) error {
	b.t.Helper()
	var rules []ruleset.Rule
	if len(tenants) > 0 {
		rules = []ruleset.Rule{{Name: "first", Serve: some.String(), When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: tenants}}}
	}
	return b.publish(changes.SetStage{Flag: "stays", Stage: everybody.String(), Rules: &rules, Base: b.version()})
}

// steps does so as soon as it may be done: when all instances follow the step before, and the side to be read from has all
// rows.
func (b *board) steps(everybody ruleset.Stage, some ruleset.Stage, tenants ...string) {
	b.t.Helper()
	var err error
	defer func() {
		if b.t.Failed() {
			b.t.Logf("it stands at %+v: %v", b.progress(), err)
		}
	}()
	waitUntil(b.t, fmt.Sprintf("%v are at %s and the others at %s", tenants, some, everybody), func() bool {
		err = b.tries(everybody, some, tenants...)
		var stage *changes.CutoverError
		if errors.As(err, &stage) && (stage.Rule == changes.CutoverBehind || stage.Rule == changes.CutoverNotSynced) {
			return false
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return true
	})
}

func (b *board) all(stage ruleset.Stage) { b.t.Helper(); b.steps(stage, stage) }

func (b *board) version() int64 {
	b.t.Helper()
	versions, err := b.changes.Versions(b.t.Context(), environment)
	if err != nil {
		b.t.Fatal(err)
	}
	return versions[changes.Item{Kind: changes.ItemFlag, Key: "stays"}]
}

func (b *board) progress() models.CutoverProgress {
	b.t.Helper()
	row, err := b.store.CutoverProgress(b.t.Context(), environment, "stays")
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}

// follow waits until every instance follows the last step.
func (b *board) follow() {
	b.t.Helper()
	head, err := b.store.Head(b.t.Context(), environment)
	if err != nil {
		b.t.Fatal(err)
	}
	waitUntil(b.t, "every instance follows the last step", func() bool {
		behind, err := b.store.CutoverBehind(b.t.Context(), environment, "stays", head.ID.Number)
		if err != nil {
			b.t.Fatal(err)
		}
		return len(behind) == 0
	})
}
