package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// restricted is what the role that serves may do to tables of which not everything is open to it. It cannot rewrite
// what was done: entries of the audit and revisions can be read and added, and personal values deleted, by forget.
func restricted() map[string]string {
	return map[string]string{
		"goose_db_version": "SELECT",
		"revisions":        "SELECT, INSERT",
		"audit_entries":    "SELECT, INSERT",
		"audit_topics":     "SELECT, INSERT",
		"audit_forgets":    "SELECT, INSERT",
		"audit_personal":   "SELECT, INSERT, DELETE",
		"audit_heads":      "SELECT, UPDATE", // to append is to move the head on; a trigger lets it move nowhere else
	}
}

// open is what it may do to all other tables.
const open = "SELECT, INSERT, UPDATE, DELETE"

// owned are the functions that do for it what only the owner may: they make and drop the tables of days.
func owned() []string {
	return []string{"feature_flag_make_day(text, date)", "feature_flag_drop_days(text, integer)"}
}

// Grant gives a role of PostgreSQL what serving needs, and takes away what it had beyond that. Tables of later
// migrations need another Grant.
func Grant(ctx context.Context, db *sql.DB, dialect Dialect, role string) error {
	if dialect != Postgres {
		return fmt.Errorf("SQLite has no roles: who may write the file may do anything with it")
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	defer tx.Rollback() // after Commit, it does nothing
	if err := refuseOwner(ctx, tx, role); err != nil {
		return err
	}
	tables, err := tablesOf(ctx, tx)
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	var schema string
	if err := tx.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	statements := []string{fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", quoted(schema), quoted(role))}
	for _, table := range tables {
		rights, ok := restricted()[table]
		if !ok {
			rights = open
		}
		statements = append(statements, fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC", quoted(table), quoted(role)), fmt.Sprintf("GRANT %s ON %s TO %s", rights, quoted(table), quoted(role)))
	}
	statements = append(statements, fmt.Sprintf("GRANT USAGE ON ALL SEQUENCES IN SCHEMA %s TO %s", quoted(schema), quoted(role)))
	for _, function := range owned() {
		statements = append(statements, fmt.Sprintf("GRANT EXECUTE ON FUNCTION %s TO %s", function, quoted(role)))
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("grant: %s: %w", statement, err)
		}
	}
	var reaches bool // who may use a schema without owning it can grant that to nobody, and hears no error
	if err := tx.QueryRowContext(ctx, "SELECT has_schema_privilege($1, current_schema(), 'USAGE')", role).Scan(&reaches); err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	if !reaches {
		return fmt.Errorf("role %q cannot reach the schema, and only the schema's owner can let it: GRANT USAGE ON SCHEMA %s TO %s", role, quoted(schema), quoted(role))
	}
	return tx.Commit()
}

// refuseOwner refuses a role that could do everything whatever is granted to it.
func refuseOwner(ctx context.Context, tx *sql.Tx, role string) error {
	var mighty bool
	err := tx.QueryRowContext(ctx, `SELECT r.rolsuper OR pg_has_role(r.rolname, c.relowner, 'MEMBER') FROM pg_roles r, pg_class c
		WHERE r.rolname = $1 AND c.oid = to_regclass('audit_entries')`, role).Scan(&mighty)
	switch {
	case err == sql.ErrNoRows:
		return fmt.Errorf("there is no role %q: make it with CREATE ROLE … LOGIN", role)
	case err != nil:
		return fmt.Errorf("grant: %w", err)
	case mighty:
		return fmt.Errorf("role %q owns the schema, or is a superuser: it could rewrite history whatever is granted. Serve with another role", role)
	}
	return nil
}

// tablesOf are all tables but the partitions of others: what a role may do to those it may do through their parent alone.
func tablesOf(ctx context.Context, tx *sql.Tx) (tables []string, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND pg_has_role(current_user, relowner, 'USAGE') ORDER BY relname")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, rows.Err()
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
