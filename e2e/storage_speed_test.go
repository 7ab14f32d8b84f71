package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
)

// large is a configuration of 1,000 flags and 10,000 overrides.
func large() changes.Document {
	doc := changes.Document{Environments: []changes.EnvironmentDocument{{Name: prod}}}
	def := &doc.Environments[0].Definition
	for n := range 1000 {
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: key(n), Title: key(n), Kind: ruleset.Release, Type: ruleset.Boolean})
		def.Flags = append(def.Flags, ruleset.Flag{Key: key(n), Enabled: true, Off: "off", Otherwise: "off", Default: "off",
			Rules: []ruleset.Rule{
				{Name: "germany", When: &ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}}, Serve: "on"},
				{Name: "a quarter", Percent: &ruleset.Percent{Unit: "user", Serve: "on", Share: 25_000}}}})
		for u := range 10 {
			def.Overrides = append(def.Overrides, ruleset.Override{Flag: key(n), User: fmt.Sprintf("u-%d", u), Variant: "on", Reason: "pilot", Expires: at(u)})
		}
	}
	return doc
}

func BenchmarkStorage(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		store, err := sqlite.Open(b.Context(), b.TempDir()+"/flags.db")
		if err != nil {
			b.Fatal(err)
		}
		db, err := store.SQL()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := migrations.Up(b.Context(), db, migrations.SQLite); err != nil {
			b.Fatal(err)
		}
		benchmarkStorage(b, store)
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		store, err := models.Open(b.Context(), pgtest.URL(b))
		if err != nil {
			b.Fatal(err)
		}
		benchmarkStorage(b, store)
	})
}

func benchmarkStorage(b *testing.B, store *models.Store) {
	defer store.Close()
	c := changes.New(store)
	began := time.Now()
	if _, err := c.Import(b.Context(), large(), changes.ImportOptions{Author: "ann"}); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	row, err := store.Environment(b.Context(), prod)
	if err != nil {
		b.Fatal(err)
	}
	// Nobody has to approve what is measured.
	if err := c.EditEnvironment(b.Context(), changes.EnvironmentEdit{Name: prod, Title: row.Title, Protected: true, Author: "ann", Base: row.Version}); err != nil {
		b.Fatal(err)
	}
	b.Logf("import of 1,000 flags and 10,000 overrides: %s", took.Round(time.Millisecond))
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			head, err := store.Head(b.Context(), prod)
			if err != nil {
				b.Fatal(err)
			}
			def, err := store.Load(b.Context(), head.ID)
			if err != nil || len(def.Flags) != 1000 || len(def.Overrides) != 10_000 {
				b.Fatal(len(def.Flags), len(def.Overrides), err)
			}
		}
	})
	b.Run("head", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Head(b.Context(), prod); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("publish one flag", func(b *testing.B) {
		item := changes.Item{Kind: changes.ItemFlag, Key: key(1)}
		versions, err := c.Versions(b.Context(), prod)
		if err != nil {
			b.Fatal(err)
		}
		base, visible := versions[item], false
		for b.Loop() {
			visible = !visible
			flag := ruleset.Flag{Key: key(1), Enabled: true, ClientVisible: visible, Off: "off", Otherwise: "off", Default: "off"}
			published, err := c.Publish(b.Context(), changes.Change{Environment: prod, Author: "ann", Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: base}}})
			if err != nil {
				b.Fatal(err)
			}
			if published.New {
				base = published.Number
			}
		}
	})
	b.Run("kill and lift", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Kill(b.Context(), prod, key(2), "ann", "it hurts"); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Lift(b.Context(), prod, key(2), "ann", "it is mended"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
