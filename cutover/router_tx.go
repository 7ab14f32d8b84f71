package cutover

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// tx is a transaction on one side. Like every transaction it is used by one goroutine.
type tx struct {
	routes  *routes
	ctx     context.Context // of Begin
	ended   sync.Once
	options *sql.TxOptions
	tenant  string

	conn       gorm.ConnPool // nil until the side is known
	side       int
	savepoints []string                    // asked for before the side was known
	entered    map[*tableRoute]*attendance // the tables that stay where they are until the end
}

// attendance is how a transaction uses a table.
type attendance struct {
	at     Location
	writes bool            // it has been written, or may be
	marked map[string]bool // keys of rows that were written
}

// collected is a context in which keys are read from what a statement returns.
type collected struct{}

func (t *tx) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, errPrepared }

func (t *tx) StmtContext(_ context.Context, stmt *sql.Stmt) *sql.Stmt { return stmt }

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s := t.routes.read(query)
	if t.conn == nil && t.savepoint(s, query) {
		return driver.RowsAffected(0), nil
	}
	conn, followed, err := t.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	if followed == nil {
		return t.routes.exec(ctx, t.sideOf(conn), t.tenant, conn, s, query, args)
	}
	if s.several || s.returning || followed.renames(s, query) {
		return nil, fmt.Errorf("%s %v: %w", s.verb, s.tables, ErrNotFollowed)
	}
	began := time.Now()
	keys, err := followed.returning(ctx, conn, t.side, query, args)
	followed.wrote(t.side, t.tenant, began, err)
	followed.served(t.side, t.tenant, err)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(len(keys)), t.mark(ctx, followed, keys)
}

// renames reports whether an update may change keys: then the old ones could not be told.
func (r *tableRoute) renames(s statement, query string) bool {
	if s.verb != "UPDATE" {
		return false
	}
	sets, target := false, false // what comes next is a column that is set
	depth, list := 0, 0          // of parentheses; that of a list of such columns
	for w := (words{sql: query}); w.next(); {
		switch word := w.upper(); {
		case depth == 0 && !sets && w.name && word == "SET":
			sets, target = true, true
		case depth == 0 && sets && w.name && (word == "WHERE" || word == "RETURNING"):
			return false
		case w.word == "(":
			if depth++; target {
				list = depth
			}
		case w.word == ")":
			depth, list, target = depth-1, 0, false
		case w.word == ",":
			target = sets && depth == list
		case target && r.isKey(w.word):
			return true
		default:
			target = false
		}
	}
	return false
}

// isKey reports whether a column is one of the primary key's.
func (r *tableRoute) isKey(column string) bool {
	return slices.ContainsFunc(r.sides[0].fields, func(f *schema.Field) bool { return strings.EqualFold(f.DBName, column) })
}

// savepoint keeps savepoints for later. Going back to one that is kept goes back to the beginning.
func (t *tx) savepoint(s statement, query string) bool {
	switch s.verb {
	case "SAVEPOINT":
		t.savepoints = append(t.savepoints, query)
		return true
	case "ROLLBACK", "RELEASE":
		return true
	}
	return false
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s := t.routes.read(query)
	conn, followed, err := t.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	if followed != nil && ctx.Value(collected{}) == nil {
		return nil, fmt.Errorf("%s %v that returns rows: %w", s.verb, s.tables, ErrNotFollowed)
	}
	return t.routes.query(ctx, t.sideOf(conn), t.tenant, conn, s, query, args)
}

// sideOf is the side of a connection that prepare has found.
func (t *tx) sideOf(conn gorm.ConnPool) int {
	if conn == t.conn {
		return t.side
	}
	return 1 - t.side
}

func (t *tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s := t.routes.read(query)
	conn, followed, err := t.prepare(ctx, s)
	if err != nil || followed != nil {
		return refused(t.routes.bases[0])
	}
	return t.routes.queryRow(ctx, t.sideOf(conn), t.tenant, conn, s, query, args)
}

// prepare finds the connection for a statement, and the table whose rows it writes if they have to be followed.
func (t *tx) prepare(ctx context.Context, s statement) (conn gorm.ConnPool, followed *tableRoute, err error) {
	for attempt := 0; ; attempt++ {
		fresh := t.conn == nil
		conn, err = t.attach(ctx, s)
		if err == nil {
			break
		}
		if !fresh || !errors.Is(err, ErrMoved) || attempt == attempts {
			return nil, nil, err
		}
		// Nothing was done yet: it can begin on the other side as well.
		if err := t.restart(); err != nil {
			return nil, nil, err
		}
	}
	if conn != t.conn {
		return conn, nil, nil
	}
	followed, err = t.follow(s)
	return conn, followed, err
}

// restart takes back the beginning.
func (t *tx) restart() error {
	if t.conn == nil {
		return nil
	}
	for _, used := range t.entered {
		used.at.end()
	}
	conn := t.conn
	t.conn, t.entered = nil, nil
	return conn.(gorm.TxCommitter).Rollback()
}

// attach finds the connection for a statement. The first statement begins the transaction.
func (t *tx) attach(ctx context.Context, s statement) (gorm.ConnPool, error) {
	if t.conn == nil && t.routes.New.Name() == "sqlite" {
		// Inside the transaction, which will hold the whole database, no entity could change its side.
		for table := range t.routes.tables {
			_, _ = t.routes.tableSide(ctx, t.tenant, table, false) // if the transaction uses it, it is told why that does not work
		}
	}
	side, err := t.locate(ctx, s)
	if err != nil {
		return nil, err
	}
	if t.conn != nil && t.side != side {
		if s.asks() && !s.locking {
			return t.routes.bases[side], nil
		}
		return nil, fmt.Errorf("%s %v in a transaction on the other side: %w", s.verb, s.tables, ErrTwoSides)
	}
	began := time.Now()
	if err := t.begin(side); err != nil {
		t.routes.count(s, side, t.tenant, began, err)
		return nil, err
	}
	return t.conn, t.enter(s)
}

// locate finds the side for a statement. A table that the transaction has used stays where it is.
func (t *tx) locate(ctx context.Context, s statement) (side int, err error) {
	var seen [2]bool
	for _, table := range s.tables {
		on := t.side
		if t.entered[t.routes.tables[table]] == nil {
			if on, err = t.routes.tableSide(ctx, t.tenant, table, !s.asks()); err != nil {
				return 0, err
			}
		}
		seen[on], side = true, on
	}
	switch {
	case seen[0] && seen[1]:
		return 0, fmt.Errorf("%v: %w", s.tables, ErrTwoSides)
	case len(s.tables) == 0 && t.conn != nil:
		return t.side, nil
	}
	return side, nil
}

// begin begins on a side, unless the transaction has begun.
func (t *tx) begin(side int) (err error) {
	if t.conn != nil {
		return nil
	}
	conn, err := t.routes.beginOn(t.ctx, side, t.options)
	if err != nil {
		return err
	}
	t.conn, t.side, t.entered = conn, side, map[*tableRoute]*attendance{}
	for _, savepoint := range t.savepoints {
		if _, err := conn.ExecContext(t.ctx, savepoint); err != nil {
			return err
		}
	}
	return nil
}

// enter keeps the tables that a statement names on their side until the transaction ends.
func (t *tx) enter(s statement) error {
	for _, table := range s.tables {
		route := t.routes.tables[table]
		if route == nil || t.entered[route] != nil && (t.entered[route].writes || s.asks()) {
			continue
		}
		at, err := route.locate(t.ctx, t.tenant, !s.asks())
		if err != nil {
			return err
		}
		if err := t.stay(route, at); err != nil {
			at.end()
			return err
		}
		if before := t.entered[route]; before != nil {
			before.at.end()
		}
		t.entered[route] = &attendance{at: at, writes: !s.asks(), marked: map[string]bool{}}
	}
	return nil
}

// stay makes sure that a table is on the transaction's side, and stays there.
func (t *tx) stay(r *tableRoute, at Location) error {
	if !at.Moving {
		if sideAt(at.Stage) != t.side {
			return fmt.Errorf("%s: %w", r.name, ErrMoved)
		}
		return nil
	}
	open, err := r.stays(t.inside(t.ctx, r), t.side, t.tenant, t.options == nil || !t.options.ReadOnly)
	if err != nil {
		return err
	}
	if !open {
		r.settled.forget(t.tenant)
		return fmt.Errorf("%s: %w", r.name, ErrMoved)
	}
	return nil
}

// inside is a context whose statements of the side's store are made in this transaction.
func (t *tx) inside(ctx context.Context, r *tableRoute) context.Context {
	session := r.sides[t.side].db.WithContext(ctx)
	session.ConnPool, session.Statement.ConnPool = t.conn, t.conn
	return context.WithValue(ctx, inTransaction{databaseOf(r.sides[t.side].db)}, session)
}

// follow returns the table that a statement writes, if its rows have to be marked.
func (t *tx) follow(s statement) (*tableRoute, error) {
	route := t.routes.write(s)
	if route == nil || !t.entered[route].at.Moving {
		return nil, nil
	}
	if s.verb != "INSERT" && s.verb != "UPDATE" && s.verb != "DELETE" {
		return nil, fmt.Errorf("%s %v: %w", s.verb, s.tables, ErrNotFollowed)
	}
	return route, nil
}

// mark notes rows that were written.
func (t *tx) mark(ctx context.Context, r *tableRoute, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	ctx = t.inside(ctx, r)
	for start := 0; start < len(keys); start += 1000 {
		if err := r.sides[t.side].store.Mark(ctx, r.marks, keys[start:min(start+1000, len(keys))]); err != nil {
			return err
		}
	}
	for _, key := range keys {
		t.entered[r].marked[key] = true
	}
	return nil
}

// returning makes a statement that writes, and returns the keys of the rows it wrote.
func (r *tableRoute) returning(ctx context.Context, conn gorm.ConnPool, side int, query string, args []any) (keys []string, err error) {
	table := r.sides[side]
	columns := make([]string, len(table.fields))
	for i, field := range table.fields {
		columns[i] = table.quote(field.DBName)
	}
	rows, err := conn.QueryContext(ctx, strings.TrimRight(query, "; \t\r\n")+"\nRETURNING "+strings.Join(columns, ", "), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]any, len(table.fields))
	for rows.Next() {
		row := reflect.New(table.schema.ModelType).Elem()
		for i, field := range table.fields {
			values[i] = field.NewValuePool.Get()
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		for i, field := range table.fields {
			if err := field.Set(ctx, row, values[i]); err != nil {
				return nil, err
			}
			field.NewValuePool.Put(values[i])
		}
		key, _ := table.of(ctx, row)
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// Commit commits, and copies what was written to the other side.
func (t *tx) Commit() error {
	if t.conn == nil {
		return nil
	}
	defer t.end()
	err := t.conn.(gorm.TxCommitter).Commit()
	for route, used := range t.entered {
		if len(used.marked) == 0 {
			continue
		}
		if err != nil || !used.at.Stage.Both() || !route.copyNow(t.ctx, t.side, t.tenant, used.marked) {
			route.uncopied(t.side, t.tenant) // it may have been committed, although that was not confirmed
		}
	}
	return err
}

// Rollback undoes everything.
func (t *tx) Rollback() error {
	if t.conn == nil {
		return nil
	}
	defer t.end()
	return t.conn.(gorm.TxCommitter).Rollback()
}

// end lets the tables go.
func (t *tx) end() {
	t.ended.Do(func() {
		for _, used := range t.entered {
			used.at.end()
		}
	})
}
