package settings

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// auditKey is the key of the chains in these tests.
var auditKey = []byte("0123456789abcdef0123456789abcdef")

// audited is a database whose audit holds a few entries in both chains.
type audited struct {
	t       *testing.T
	store   *models.Store
	changes *changes.Changes
	log     *audit.Log
}

const auditedFile = `version: 1
flags:
  - {key: search, type: boolean, kind: release, owner: olga@toprent.example, environments: {production: {enabled: true}}}
  - {key: billing, type: boolean, kind: release, environments: {production: {enabled: true}}}
`

func newAudited(t *testing.T, store *models.Store) *audited {
	t.Helper()
	a := &audited{t, store, changes.New(store, changes.Options{AuditKey: auditKey}), audit.New(store, audit.Options{Key: auditKey})}
	file, err := flagfile.Read("flags.yaml", []byte(auditedFile))
	if err != nil {
		t.Fatal(err)
	}
	ctx := audit.From(t.Context(), audit.Origin{Source: audit.Page, Address: "192.0.2.7", Agent: "Firefox", Actor: "ann@toprent.example", ActorID: "p-ann"})
	a.must(a.changes.Import(ctx, file.Document, changes.ImportOptions{Author: "ann@toprent.example", Reason: "to begin with"}))
	db, err := store.SQL()
	if err == nil { // nobody has to approve what follows; told by no entry, so that those here are the first
		_, err = db.ExecContext(ctx, "UPDATE environments SET approvals = 0")
	}
	a.must(nil, err)
	a.overrides(ctx, "search", "u-dora")
	a.overrides(ctx, "billing", "u-emil")
	a.must(a.changes.Kill(ctx, "production", "search", "ann@toprent.example", "u-dora cannot search"))
	a.must(a.changes.Lift(ctx, "production", "search", "bob@toprent.example", "mended"))
	a.must(a.changes.Recall(ctx, "production", "ann@toprent.example", "now"))
	for n := range 6 {
		a.log.Note(ctx, audit.Entry{Action: "sign-in", Actor: fmt.Sprintf("person%d@toprent.example", n)})
	}
	a.flush()
	return a
}

func (a *audited) must(_ any, err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// overrides gives a user an override in production.
func (a *audited) overrides(ctx context.Context, flag, user string) {
	a.t.Helper()
	a.must(a.changes.Publish(ctx, changes.Change{Environment: "production", Author: "ann@toprent.example", Reason: "she asked",
		Edits: []changes.Edit{changes.PutOverride{Override: ruleset.Override{Flag: flag, User: user, Variant: "off", Reason: "asked by phone"}}}}))
}

// flush writes the notes that wait, as a server does at its end.
func (a *audited) flush() {
	a.t.Helper()
	ended, cancel := context.WithCancel(context.WithoutCancel(a.t.Context()))
	cancel()
	_ = a.log.Run(ended) // it says that it was ended
}

func (a *audited) verify(kept ...audit.Head) audit.Report {
	a.t.Helper()
	report, err := a.log.Verify(a.t.Context(), kept, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return report
}

func (a *audited) isWhole(kept ...audit.Head) {
	a.t.Helper()
	for _, v := range a.verify(kept...).Chains {
		if v.Finding != nil {
			a.t.Errorf("%s is broken at %d: %s", v.Chain, v.Finding.Number, v.Finding.Why)
		}
	}
}

func (a *audited) heads() []audit.Head {
	a.t.Helper()
	heads, err := a.log.Heads(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return heads
}

// attacker writes the database as its owner would who goes round triggers and keys.
type attacker struct {
	t    *testing.T
	conn *sql.Conn
}

func auditTables() []string {
	return []string{"audit_entries", "audit_personal", "audit_topics", "audit_heads"}
}

func (a *audited) attacker() *attacker {
	a.t.Helper()
	db, err := a.store.SQL()
	if err != nil {
		a.t.Fatal(err)
	}
	conn, err := db.Conn(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = conn.Close() })
	x := &attacker{a.t, conn}
	if a.store.Dialect() == "postgres" {
		x.does("SET session_replication_role = replica")
	} else {
		x.does("PRAGMA foreign_keys = off")
		for _, name := range x.texts("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'") {
			x.does("DROP TRIGGER " + name)
		}
	}
	for _, table := range auditTables() {
		x.does("CREATE TABLE saved_" + table + " AS SELECT * FROM " + table)
	}
	return x
}

func (x *attacker) does(statements ...string) {
	x.t.Helper()
	for _, statement := range statements {
		if _, err := x.conn.ExecContext(x.t.Context(), statement); err != nil {
			x.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (x *attacker) texts(query string) (texts []string) {
	x.t.Helper()
	rows, err := x.conn.QueryContext(x.t.Context(), query)
	if err != nil {
		x.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			x.t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// restores puts everything back.
func (x *attacker) restores() {
	x.t.Helper()
	for _, table := range auditTables() {
		x.does("DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM saved_"+table)
	}
}

// comesTo waits until something is true that goes on beside requests.
func comesTo(t *testing.T, is func() bool) {
	t.Helper()
	late := time.After(patience)
	for !is() {
		select {
		case <-late:
			t.Fatal("it does not come to that")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
