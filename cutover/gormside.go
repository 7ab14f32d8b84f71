package cutover

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// GORMSide is the side of an entity that is one GORM model, V, in a connection: its Store, Scan, Get, Put and Remove, by the
// model's primary key. Rows are taken whole, zero values and deleted ones too, and no hooks run. What is asked and changed is
// the host's to add: Read and Apply.
//
// GORMKey gives the keys of its rows.
func GORMSide[Q, R, C, V any](db *gorm.DB) (Side[Q, R, C, V], error) {
	table, err := newGORMTable(db, new(V))
	if err != nil {
		return Side[Q, R, C, V]{}, err
	}
	return Side[Q, R, C, V]{
		Store: table.store,
		Scan: func(ctx context.Context, after string, limit int) ([]V, error) {
			rows := []V{}
			err := table.scan(ctx, &rows, after, limit)
			return rows, err
		},
		Get: func(ctx context.Context, keys []string) ([]V, error) {
			rows := []V{}
			err := table.get(ctx, &rows, keys)
			return rows, err
		},
		Put:    func(ctx context.Context, rows []V) error { return table.put(ctx, reflect.ValueOf(rows)) },
		Remove: table.remove,
	}, nil
}

// GORMKey returns how a row's primary key is written as the key of its row. Keys are in the order of the rows.
func GORMKey[V any](db *gorm.DB) (func(row V) string, error) {
	keys, err := newGORMKeys(db, new(V))
	if err != nil {
		return nil, err
	}
	return func(row V) string {
		key, _ := keys.of(context.Background(), reflect.ValueOf(&row).Elem())
		return key
	}, nil
}

// gormTable is one model's table on one side.
type gormTable struct {
	*gormKeys
	db    *gorm.DB
	store *GORMStore
}

// batch is how many keys are named in one statement. SQLite takes no deeper expressions.
const batch = 200

func newGORMTable(db *gorm.DB, model any) (*gormTable, error) {
	keys, err := newGORMKeys(db, model)
	if err != nil {
		return nil, err
	}
	return &gormTable{keys, direct(db), GORM(db)}, nil
}

// directly is the setting of sessions that a Router leaves alone.
const directly = "cutover:directly"

// direct is a session on the side's own connection, even if its statements are routed otherwise.
func direct(db *gorm.DB) *gorm.DB {
	session := db.Session(&gorm.Session{NewDB: true, SkipDefaultTransaction: true, DisableNestedTransaction: true, SkipHooks: true, Logger: logger.Discard})
	if routed, ok := session.ConnPool.(*pool); ok {
		session.ConnPool, session.Statement.ConnPool = routed.base, routed.base
	}
	return session.Set(directly, true).Session(&gorm.Session{})
}

func (t *gormTable) at(ctx context.Context) *gorm.DB {
	return DB(ctx, t.db).Table(t.schema.Table).Unscoped()
}

// columns are the primary key's columns as they are ordered: as bytes, whatever language the database sorts in.
func (t *gormTable) columns() []string {
	collation := ` COLLATE "C"`
	if t.db.Name() != "postgres" {
		collation = " COLLATE BINARY"
	}
	columns := make([]string, len(t.fields))
	for i, field := range t.fields {
		if columns[i] = t.quote(field.DBName); t.kinds[i] == keyText {
			columns[i] += collation
		}
	}
	return columns
}

func (t *gormTable) quote(name string) string { return t.db.Statement.Quote(name) }

// scan reads rows in ascending order of their keys into a slice.
func (t *gormTable) scan(ctx context.Context, rows any, after string, limit int) error {
	columns := t.columns()
	query := t.at(ctx).Order(strings.Join(columns, ", ")).Limit(limit)
	if after != "" {
		values, err := t.values(after)
		if err != nil {
			return err
		}
		query = query.Where("("+strings.Join(columns, ", ")+") > ("+list("?", len(values))+")", values...)
	}
	if err := query.Find(rows).Error; err != nil {
		return fmt.Errorf("scan %s: %w", t.schema.Table, err)
	}
	return nil
}

// get appends the rows of those keys to a slice.
func (t *gormTable) get(ctx context.Context, rows any, keys []string) error {
	all := reflect.ValueOf(rows).Elem()
	for some := range slices.Chunk(keys, batch) {
		condition, args, err := t.among(some)
		if err != nil {
			return err
		}
		found := reflect.New(all.Type())
		if err := t.at(ctx).Where(condition, args...).Find(found.Interface()).Error; err != nil {
			return fmt.Errorf("read rows of %s: %w", t.schema.Table, err)
		}
		all.Set(reflect.AppendSlice(all, found.Elem()))
	}
	return nil
}

// among is the condition for rows of those keys.
func (t *gormTable) among(keys []string) (condition string, args []any, err error) {
	columns := make([]string, len(t.fields))
	for i, field := range t.fields {
		columns[i] = t.quote(field.DBName) + " = ?"
	}
	for _, key := range keys {
		values, err := t.values(key)
		if err != nil {
			return "", nil, err
		}
		args = append(args, values...)
	}
	if len(columns) == 1 {
		return t.quote(t.fields[0].DBName) + " IN (" + list("?", len(keys)) + ")", args, nil
	}
	one := "(" + strings.Join(columns, " AND ") + ")"
	return "(" + strings.TrimSuffix(strings.Repeat(one+" OR ", len(keys)), " OR ") + ")", args, nil
}

func (t *gormTable) upsert(fields []*schema.Field, rows int) string {
	var all, primary, updates []string
	for _, field := range fields {
		name := t.quote(field.DBName)
		all = append(all, name)
		if field.PrimaryKey {
			primary = append(primary, name)
		} else {
			updates = append(updates, name+" = excluded."+name)
		}
	}
	action := "NOTHING"
	if len(updates) > 0 {
		action = "UPDATE SET " + strings.Join(updates, ", ")
	}
	return "INSERT INTO " + t.quote(t.schema.Table) + " (" + strings.Join(all, ", ") + ") VALUES " + list("("+list("?", len(all))+")", rows) +
		" ON CONFLICT (" + strings.Join(primary, ", ") + ") DO " + action
}

// remove deletes the rows of those keys for good.
func (t *gormTable) remove(ctx context.Context, keys []string) error {
	for some := range slices.Chunk(keys, batch) {
		condition, args, err := t.among(some)
		if err != nil {
			return err
		}
		if err := DB(ctx, t.db).Exec("DELETE FROM "+t.quote(t.schema.Table)+" WHERE "+condition, args...).Error; err != nil {
			return fmt.Errorf("remove rows of %s: %w", t.schema.Table, err)
		}
	}
	return nil
}

// ahead is how far the numbers that one side gives are ahead of the other's, which may go on giving numbers to the rows of
// other tenants.
const ahead = 1_000_000

// advance lets a side that begins to number rows itself begin behind those that were copied. SQLite does so anyway.
func (t *gormTable) advance(ctx context.Context) error {
	if t.db.Name() != "postgres" || len(t.fields) != 1 || t.kinds[0] != keyNumber {
		return nil
	}
	column, table := t.quote(t.fields[0].DBName), t.quote(t.schema.Table)
	err := DB(ctx, t.db).Exec("SELECT setval(s, m + ?) FROM (SELECT coalesce(max("+column+"), 0) AS m FROM "+table+") AS rows,"+
		" pg_get_serial_sequence(?, ?) AS s WHERE s IS NOT NULL AND coalesce(pg_sequence_last_value(s::regclass), 0) < m", ahead, table, t.fields[0].DBName).Error
	if err != nil {
		return fmt.Errorf("number rows of %s: %w", t.schema.Table, err)
	}
	return nil
}
