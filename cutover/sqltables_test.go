package cutover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm/schema"

	"github.com/toprent/flags/ruleset"
)

func TestTheTablesOfAStatementAreFound(t *testing.T) {
	for sql, want := range map[string]string{
		`SELECT * FROM "clients" WHERE name = 'FROM bookings' AND "clients"."deleted_at" IS NULL`:                              "SELECT clients",
		"select a, b from public.clients c, `notes` n where x in (select 1 from other)":                                        "SELECT clients notes other",
		`SELECT extract(year FROM created_at), trim(both FROM name) FROM clients`:                                              "SELECT clients",
		`SELECT * FROM clients WHERE a IS DISTINCT FROM b AND a IS NOT DISTINCT FROM c`:                                        "SELECT clients",
		`SELECT * FROM generate_series(1, 3) AS n, clients`:                                                                    "SELECT clients",
		`SELECT * FROM clients LEFT JOIN notes USING (id) JOIN "x" ON x.id = y.id`:                                             "SELECT clients notes x",
		`INSERT INTO "clients" ("a", "b") VALUES ($1, $2) ON CONFLICT ("a") DO UPDATE SET "a" = excluded."a" RETURNING "id"`:   "INSERT clients returning writes",
		`UPDATE "clients" SET "a"=$1, "b"=$2 WHERE id IN (SELECT id FROM notes)`:                                               "UPDATE clients notes writes",
		`DELETE FROM ONLY clients USING notes WHERE true; `:                                                                    "DELETE clients notes writes",
		`DELETE FROM clients; DELETE FROM notes`:                                                                               "DELETE clients several writes",
		`WITH gone AS (DELETE FROM clients RETURNING *) SELECT * FROM gone`:                                                    "WITH clients gone returning writes named:gone",
		`WITH a AS (SELECT * FROM clients), "b" (x, y) AS NOT MATERIALIZED (SELECT 1, 2 FROM notes) SELECT a.x, z FROM a, "b"`: "WITH clients notes a b named:a named:b",
		`with recursive a as (select 1 union select n + 1 from a where n < 3) select n, clients.id from a, clients`:            "WITH a a clients named:a",
		`SELECT * FROM clients ORDER BY a, b LIMIT 1 FOR NO KEY UPDATE`:                                                        "SELECT clients locking",
		`SELECT * FROM clients FOR SHARE SKIP LOCKED`:                                                                          "SELECT clients locking",
		`TRUNCATE TABLE clients`:       "TRUNCATE clients",
		`DROP TABLE IF EXISTS clients`: "DROP clients",
		`-- FROM notes` + "\n" + `/* FROM x */ SELECT 'it''s FROM y' FROM clients`: "SELECT clients",
		`SAVEPOINT sp1`: "SAVEPOINT",
		`SELECT 1`:      "SELECT",
		``:              "",
	} {
		s := readStatement(sql)
		got := append([]string{s.verb}, s.tables...)
		for _, name := range s.named {
			got = append(got, "named:"+name)
		}
		for name, is := range map[string]bool{"returning": s.returning, "locking": s.locking, "several": s.several, "writes": s.writes} {
			if is {
				got = append(got, name)
			}
		}
		if is, wanted := sortedWords(strings.Join(got, " ")), sortedWords(want); !slices.Equal(is, wanted) {
			t.Errorf("%s\nis %v, not %v", sql, is, wanted)
		}
	}
}

func TestARouterKnowsItsTablesInWhateverLettersAndNoQueryForATable(t *testing.T) {
	r := &routes{tables: map[string]*tableRoute{"clients": {}, "notes": {}}}
	for sql, want := range map[string]string{
		`SELECT * FROM Clients`:                                              "clients",
		`UPDATE public.CLIENTS SET visits = 1`:                               "clients",
		`SELECT * FROM "Notes", countries`:                                   "notes countries",
		`WITH recent AS (SELECT * FROM Clients) SELECT * FROM Recent`:        "clients",
		`WITH clients AS (SELECT * FROM clients) SELECT * FROM clients`:      "clients clients",
		`WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT c, d FROM b, c`: "c",
	} {
		for range 2 { // the second time, it is remembered
			if s := r.read(sql); strings.Join(s.tables, " ") != want || s.asks() == strings.HasPrefix(sql, "UPDATE") {
				t.Errorf("%s\nis %+v, not %s", sql, s, want)
			}
		}
	}
}

func TestAnUpdateThatChangesKeysIsFound(t *testing.T) {
	field := func(name string) *schema.Field { return &schema.Field{DBName: name} }
	r := &tableRoute{sides: [2]*gormTable{{gormKeys: &gormKeys{fields: []*schema.Field{field("id"), field("slug")}}}}}
	for sql, want := range map[string]bool{
		`UPDATE clients SET name = 'x', id = id + 10`:                                      true,
		"UPDATE clients\nSET\n\tid=5 WHERE id = 4":                                         true,
		`update clients set "id"=$1 where "id" = $2`:                                       true,
		`UPDATE clients SET ID = 5`:                                                        true,
		`UPDATE clients SET a = greatest(b, 3),slug = 'x'`:                                 true,
		`UPDATE clients SET (name, slug) = ('x', 'y')`:                                     true,
		`UPDATE clients SET a = 1, (name, slug) = (SELECT 'x', id FROM notes)`:             true,
		`UPDATE clients SET a = b IS DISTINCT FROM c, id = 5`:                              true,
		`update clients set name = 'x, id = 3' where id = 4`:                               false,
		`UPDATE clients SET a = coalesce(b, id), b = (c, id) = (1, 2) WHERE x = 1, id = 5`: false,
		`UPDATE clients SET (a, b) = (1, id) WHERE true`:                                   false,
		`UPDATE clients SET paid = 1, visits = id RETURNING a, id`:                         false,
		`INSERT INTO clients (id) VALUES (1)`:                                              false,
	} {
		if is := r.renames(readStatement(sql), sql); is != want {
			t.Errorf("%s: %v", sql, is)
		}
	}
}

// sortedWords are the words of a line, sorted: what is told of a statement has no order.
func sortedWords(line string) []string { return slices.Sorted(slices.Values(strings.Fields(line))) }

func FuzzReadingAStatementEnds(f *testing.F) {
	f.Add(`SELECT "a" FROM 'b`)
	f.Add("UPDATE a.b.(c, `")
	f.Fuzz(func(t *testing.T, sql string) {
		if s := readStatement(sql); len(s.tables) > len(sql) {
			t.Errorf("%q names %v", sql, s.tables)
		}
	})
}

// atStage is an entity that stays where it is.
type atStage struct {
	name string
	Location
}

func (a atStage) Name() string                                           { return a.name }
func (a atStage) Locate(context.Context, string, bool) (Location, error) { return a.Location, nil }

// What finding the side of a read costs, with 100 tables that are on the move.
func BenchmarkRoutingARead(b *testing.B) {
	const sql = `SELECT * FROM "table 42" WHERE tenant = $1 AND name LIKE $2 AND "table 42"."deleted_at" IS NULL ORDER BY "table 42"."id" LIMIT 20`
	r := &routes{Router: Router{Tenant: TenantOf}, tables: map[string]*tableRoute{}}
	for i := range 100 {
		name := fmt.Sprint("table ", i)
		g := &group{entity: atStage{name, Location{Stage: ruleset.StageLive, Moving: true}}, name: name}
		g.settled.on("", 1)
		r.tables[name] = &tableRoute{group: g, all: r, marks: name}
	}
	b.ReportAllocs()
	for b.Loop() {
		if side, err := r.locate(b.Context(), TenantOf(b.Context()), r.read(sql)); side != 1 || err != nil {
			b.Fatal(side, err)
		}
	}
}
