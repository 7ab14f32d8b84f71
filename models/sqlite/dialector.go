package sqlite

import (
	"database/sql"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// dialector teaches gorm the SQL of SQLite. It has no Migrator: the schema is owned by numbered SQL.
type dialector struct{ db *sql.DB }

// Name is the dialect's name.
func (dialector) Name() string { return "sqlite" }

// Initialize registers how statements are built.
func (d dialector) Initialize(db *gorm.DB) error {
	db.ConnPool = d.db
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ClauseBuilders["FOR"] = func(clause.Clause, clause.Builder) {
		// A transaction holds the whole database: there are no rows to lock.
	}
	return nil
}

// Migrator is nil: nothing here may change the schema.
func (dialector) Migrator(*gorm.DB) gorm.Migrator { return nil }

// DataTypeOf gives the column type for a field.
func (dialector) DataTypeOf(field *schema.Field) string {
	switch field.DataType {
	case schema.Bool, schema.Int, schema.Uint:
		return "INTEGER"
	case schema.Float:
		return "REAL"
	case schema.Bytes:
		return "BLOB"
	}
	return "TEXT"
}

// DefaultValueOf is what an insert writes for a column that is to take its default: for an id, the next.
func (dialector) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

// BindVarTo writes the place of a parameter.
func (dialector) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) { _ = writer.WriteByte('?') }

// QuoteTo writes a name, or a table's and a column's with a dot between, in quotes.
func (dialector) QuoteTo(writer clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = writer.WriteByte('.')
		}
		_, _ = writer.WriteString(`"` + strings.ReplaceAll(strings.Trim(part, "`\""), `"`, `""`) + `"`)
	}
}

// SavePoint begins a transaction inside a transaction.
func (dialector) SavePoint(tx *gorm.DB, name string) error {
	return tx.Exec("SAVEPOINT " + name).Error
}

// RollbackTo undoes a transaction inside a transaction.
func (dialector) RollbackTo(tx *gorm.DB, name string) error {
	return tx.Exec("ROLLBACK TO SAVEPOINT " + name).Error
}

// Explain gives a statement with its parameters in place, for people.
func (dialector) Explain(statement string, vars ...any) string {
	return logger.ExplainSQL(statement, nil, `'`, vars...)
}
