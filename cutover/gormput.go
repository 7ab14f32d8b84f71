package cutover

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gorm.io/gorm/schema"
)

// put inserts or overwrites rows, a slice of structs.
func (t *gormTable) put(ctx context.Context, rows reflect.Value) error {
	for from := 0; from < rows.Len(); from += batch {
		if err := t.putSome(ctx, rows.Slice(from, min(from+batch, rows.Len()))); err != nil {
			return fmt.Errorf("write rows of %s: %w", t.schema.Table, err)
		}
	}
	return nil
}

// putSome writes rows by one statement, if that is possible: not where one of them takes a value, of which there is only one,
// that another one of them has left.
func (t *gormTable) putSome(ctx context.Context, rows reflect.Value) error {
	if rows.Len() == 1 || ctx.Value(inTransaction{databaseOf(t.db)}) == nil {
		return t.write(ctx, rows)
	}
	err := t.attempt(ctx, rows)
	if !isTaken(err) {
		return err
	}
	waiting := make([]reflect.Value, rows.Len())
	for i := range waiting {
		waiting[i] = rows.Slice(i, i+1)
	}
	return t.putInTurn(ctx, waiting)
}

// putInTurn writes one row after the other, those first whose values are free. Rows that wait for each other are removed before.
func (t *gormTable) putInTurn(ctx context.Context, waiting []reflect.Value) error {
	for removed := false; len(waiting) > 0; {
		var left []reflect.Value
		var taken error
		for _, row := range waiting {
			switch err := t.attempt(ctx, row); {
			case isTaken(err):
				left, taken = append(left, row), err
			case err != nil:
				return err
			}
		}
		if len(left) == len(waiting) {
			if removed {
				return taken
			}
			if err := t.makeRoom(ctx, left, taken); err != nil {
				return err
			}
			removed = true
		}
		waiting = left
	}
	return nil
}

// makeRoom removes rows that are about to be inserted again, unless that could take others with them.
func (t *gormTable) makeRoom(ctx context.Context, rows []reflect.Value, taken error) error {
	referred := "SELECT EXISTS (SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(?))"
	table := t.quote(t.schema.Table)
	if t.db.Name() != "postgres" {
		referred = `SELECT EXISTS (SELECT 1 FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' AND lower(f."table") = lower(?))`
		table = t.schema.Table
	}
	var is bool
	if err := DB(ctx, t.db).Raw(referred, table).Scan(&is).Error; err != nil {
		return err
	}
	if is {
		return fmt.Errorf("rows have swapped values of which there is only one, and foreign keys refer to their table: %w", taken)
	}
	keys := make([]string, len(rows))
	for i, row := range rows {
		keys[i], _ = t.of(ctx, reflect.Indirect(row.Index(0)))
	}
	return t.remove(ctx, keys)
}

// attempt writes rows, after whose failure the transaction goes on.
func (t *gormTable) attempt(ctx context.Context, rows reflect.Value) error {
	const name = " cutover_put"
	db := DB(ctx, t.db)
	if err := db.Exec("SAVEPOINT" + name).Error; err != nil {
		return err
	}
	if err := t.write(ctx, rows); err != nil {
		return errors.Join(err, db.Exec("ROLLBACK TO SAVEPOINT"+name).Error)
	}
	return db.Exec("RELEASE SAVEPOINT" + name).Error
}

// isTaken reports whether a row could not be written since another one has a value of which there is only one.
func isTaken(err error) bool {
	var state interface{ SQLState() string }
	return errors.As(err, &state) && state.SQLState() == "23505" || err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed")
}

// write inserts or overwrites rows by one statement. GORM's own upsert would take defaults for zero values.
func (t *gormTable) write(ctx context.Context, rows reflect.Value) error {
	var fields []*schema.Field
	for _, name := range t.schema.DBNames {
		if field := t.schema.FieldsByDBName[name]; field.Creatable {
			fields = append(fields, field)
		}
	}
	args := make([]any, 0, rows.Len()*len(fields))
	for i := range rows.Len() {
		for _, field := range fields {
			value, _ := field.ValueOf(ctx, reflect.Indirect(rows.Index(i)))
			args = append(args, value)
		}
	}
	return DB(ctx, t.db).Exec(t.upsert(fields, rows.Len()), args...).Error
}
