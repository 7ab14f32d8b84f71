package cutover

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// register adds what a connection cannot do by looking at statements.
func (r *routes) register(db *gorm.DB) error {
	c := db.Callback()
	// Before the next one, where it should be after one: GORM puts what is after one behind all others.
	return errors.Join(
		c.Create().Before("*").Register("cutover:begin", r.begin),
		c.Update().Before("*").Register("cutover:begin", r.begin),
		c.Delete().Before("*").Register("cutover:begin", r.begin),
		c.Query().Before("*").Register("cutover:begin", r.attach),
		c.Row().Before("*").Register("cutover:begin", r.attach),
		c.Raw().Before("*").Register("cutover:begin", r.attach),
		c.Create().Before("gorm:create").Register("cutover:keys", r.expect),
		c.Update().Before("gorm:update").Register("cutover:keys", r.expect),
		c.Delete().Before("gorm:delete").Register("cutover:keys", r.expect),
		c.Create().Before("gorm:save_after_associations").Register("cutover:mark", r.collect),
		c.Update().Before("gorm:save_after_associations").Register("cutover:mark", r.collect),
		c.Delete().Before("gorm:after_delete").Register("cutover:mark", r.collect),
		c.Create().After("*").Register("cutover:end", r.finish),
		c.Update().After("*").Register("cutover:end", r.finish),
		c.Delete().After("*").Register("cutover:end", r.finish),
		c.Query().Before("gorm:preload").Register("cutover:compare", r.compare),
		c.Row().After("gorm:row").Register("cutover:compare", r.compare),
	)
}

func isDirect(db *gorm.DB) bool {
	_, is := db.Get(directly)
	return is
}

// attach brings statements back that left the router's connection: sessions that prepare statements would take those of the
// other side.
func (r *routes) attach(db *gorm.DB) {
	if isDirect(db) {
		return
	}
	switch conn := db.Statement.ConnPool.(type) {
	case *pool, *tx:
	case *gorm.PreparedStmtTX:
		if inner, ok := conn.Tx.(*tx); ok {
			db.Statement.ConnPool = inner
			return
		}
		r.alone(db)
	case *gorm.PreparedStmtDB:
		if inner, ok := conn.ConnPool.(*pool); ok {
			db.Statement.ConnPool = inner
			return
		}
		r.alone(db)
	default:
		r.alone(db)
	}
}

// alone stops statements on a connection of their own, which cannot be routed, if they need to be.
func (r *routes) alone(db *gorm.DB) {
	tables := []string{db.Statement.Table}
	if db.Statement.SQL.Len() > 0 {
		tables = readStatement(db.Statement.SQL.String()).tables
	}
	for _, table := range tables {
		route := r.tables[table]
		if route == nil {
			continue
		}
		at, err := route.locate(db.Statement.Context, r.Tenant(db.Statement.Context))
		if err == nil {
			at.end()
		}
		if err == nil && (at.Moving || at.Stage.New()) {
			err = fmt.Errorf("%s on a connection of its own: %w", table, ErrTwoSides)
		}
		_ = db.AddError(err)
	}
}

const (
	began      = "cutover:began"
	waitingKey = "cutover:waiting"
)

// begin gives a write of a table on the move its transaction, where GORM would not.
func (r *routes) begin(db *gorm.DB) {
	r.attach(db)
	conn, ok := db.Statement.ConnPool.(*pool)
	route := r.tables[db.Statement.Table]
	if !ok || route == nil || !db.SkipDefaultTransaction || db.DryRun || db.Error != nil || isDirect(db) {
		return
	}
	at, err := route.locate(db.Statement.Context, r.Tenant(db.Statement.Context))
	if db.AddError(err) != nil {
		return
	}
	at.end()
	if at.Moving {
		db.Statement.ConnPool = conn.begin(db.Statement.Context, nil)
		db.InstanceSet(began, conn)
	}
}

func (r *routes) finish(db *gorm.DB) {
	conn, ok := db.InstanceGet(began)
	if !ok {
		return
	}
	if db.Error != nil {
		db.Rollback()
	} else {
		db.Commit()
	}
	db.Statement.ConnPool = conn.(*pool)
}

// expect lets a statement that returns columns, which GORM reads, return the keys too.
func (r *routes) expect(db *gorm.DB) {
	t, ok := db.Statement.ConnPool.(*tx)
	route := r.tables[db.Statement.Table]
	if !ok || route == nil || db.Error != nil || db.DryRun || db.Statement.Schema == nil {
		return
	}
	at, err := route.locate(t.ctx, t.tenant)
	if db.AddError(err) != nil {
		return
	}
	at.end()
	if at.Moving && route.returnKeys(db.Statement) {
		db.InstanceSet(waitingKey, db.Statement.Context)
		db.Statement.Context = context.WithValue(db.Statement.Context, collected{}, true)
	}
}

// returnKeys adds the primary key to what a statement returns, if it returns anything.
func (r *route) returnKeys(stmt *gorm.Statement) bool {
	existing, returns := stmt.Clauses["RETURNING"]
	returning, _ := existing.Expression.(clause.Returning)
	if !returns {
		if slices.Contains(stmt.BuildClauses, "VALUES") {
			for _, field := range stmt.Schema.FieldsWithDefaultDBValue {
				if field.Readable {
					returns = true
					returning.Columns = append(returning.Columns, clause.Column{Name: field.DBName})
				}
			}
		}
		if !returns {
			return false
		}
	} else if len(returning.Columns) == 0 {
		return true // all
	}
	for _, field := range r.sides[0].fields {
		if column := (clause.Column{Name: field.DBName}); !slices.Contains(returning.Columns, column) {
			returning.Columns = append(returning.Columns, column)
		}
	}
	stmt.AddClause(clause.Returning{Columns: returning.Columns})
	return true
}

// collect marks the rows whose keys a statement returned.
func (r *routes) collect(db *gorm.DB) {
	before, ok := db.InstanceGet(waitingKey)
	if !ok {
		return
	}
	db.Statement.Context = before.(context.Context)
	db.Statement.Settings.Delete(fmt.Sprintf("%p", db.Statement) + waitingKey)
	t, route := db.Statement.ConnPool.(*tx), r.tables[db.Statement.Table]
	if db.Error != nil {
		return
	}
	keys, all := route.keysIn(db.Statement)
	if !all {
		_ = db.AddError(fmt.Errorf("%s: %w", db.Statement.Table, ErrNotFollowed))
		return
	}
	_ = db.AddError(t.mark(db.Statement.Context, route, keys))
}

// keysIn are the keys of the rows that GORM has read. It is false if there may be others.
func (r *route) keysIn(stmt *gorm.Statement) (keys []string, all bool) {
	add := func(row reflect.Value) {
		if key, set := r.keyOf(stmt.Context, reflect.Indirect(row)); set {
			keys = append(keys, key)
		}
	}
	switch rows := stmt.ReflectValue; rows.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range rows.Len() {
			add(rows.Index(i))
		}
		return keys, int64(len(keys)) >= stmt.RowsAffected
	default:
		add(rows)
		// An update by condition may have returned more rows than the one that was read.
		inserts := slices.Contains(stmt.BuildClauses, "VALUES")
		return keys, stmt.RowsAffected == 0 || len(keys) == 1 && (inserts || r.oneRow(stmt))
	}
}

// oneRow reports whether a statement's condition named the row's primary key.
func (r *route) oneRow(stmt *gorm.Statement) bool {
	where, _ := stmt.Clauses["WHERE"].Expression.(clause.Where)
	named := 0
	for _, expression := range where.Exprs {
		switch e := expression.(type) {
		case clause.Eq:
			if column, ok := e.Column.(clause.Column); ok && slices.ContainsFunc(r.sides[0].schema.PrimaryFieldDBNames, func(name string) bool { return name == column.Name || column.Name == clause.PrimaryKey }) {
				named++
			}
		case clause.IN:
			if column, ok := e.Column.(clause.Column); ok && len(e.Values) == 1 && slices.Contains(r.sides[0].schema.PrimaryFieldDBNames, column.Name) {
				named++
			}
		}
	}
	return named >= len(r.sides[0].fields)
}

// keyOf is the key of a row that is a struct, or a map.
func (r *route) keyOf(ctx context.Context, row reflect.Value) (key string, set bool) {
	table := r.sides[0]
	for row.Kind() == reflect.Interface || row.Kind() == reflect.Pointer {
		row = row.Elem()
	}
	if row.Kind() == reflect.Struct && row.Type() == table.schema.ModelType {
		return table.of(ctx, row)
	}
	values, ok := row.Interface().(map[string]any)
	if !ok {
		return "", false
	}
	filled := reflect.New(table.schema.ModelType).Elem()
	for _, field := range table.fields {
		value, ok := values[field.DBName]
		if !ok {
			value = values[field.Name]
		}
		if value == nil || field.Set(ctx, filled, value) != nil {
			return "", false
		}
	}
	return table.of(ctx, filled)
}
