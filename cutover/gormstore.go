package cutover

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

//go:embed gormstore.sql
var gormStoreSQL string

// GORMStore is the Store of a side that is a GORM connection to PostgreSQL or SQLite. It keeps its tables in that database,
// cutover_numbers, cutover_overruled and cutover_marks among them.
type GORMStore struct{ db *gorm.DB }

// GORM makes the Store of a side's connection. It does not connect; Prepare makes its tables.
func GORM(db *gorm.DB) *GORMStore {
	return &GORMStore{direct(db)}
}

// Prepare makes the store's tables, if they are not there yet. Several instances may do so at once.
func (s *GORMStore) Prepare(ctx context.Context) error {
	serial := "serial INTEGER PRIMARY KEY AUTOINCREMENT"
	if s.postgres() {
		serial = "serial BIGSERIAL PRIMARY KEY"
	}
	statements := strings.Replace(gormStoreSQL, "serial  SERIAL", serial, 1)
	err := s.Within(ctx, func(ctx context.Context) error { return createTables(s.at(ctx), statements) })
	if err != nil {
		return fmt.Errorf("prepare a side of the cutover: %w", err)
	}
	return nil
}

// inTransaction is the key of the transaction that a context carries for one database. The two sides' transactions do not
// hide each other.
type inTransaction struct{ database any }

// DB returns the transaction of the database that ctx carries, and otherwise the connection, to run statements with ctx.
func DB(ctx context.Context, db *gorm.DB) *gorm.DB {
	if tx, ok := ctx.Value(inTransaction{databaseOf(db)}).(*gorm.DB); ok {
		return tx.WithContext(ctx)
	}
	return db.WithContext(ctx)
}

// withoutTransactions is a context for another goroutine: a transaction is used by one alone, the caller's.
type withoutTransactions struct{ context.Context }

// Value is the context's, but no transaction.
func (c withoutTransactions) Value(key any) any {
	if _, ok := key.(inTransaction); ok {
		return nil
	}
	return c.Context.Value(key)
}

// databaseOf tells databases apart, whatever session of them one has.
func databaseOf(db *gorm.DB) any {
	if pool, err := db.DB(); err == nil {
		return pool
	}
	return db.ConnPool
}

func (s *GORMStore) at(ctx context.Context) *gorm.DB { return DB(ctx, s.db) }

func (s *GORMStore) postgres() bool { return s.db.Name() == "postgres" }

// Within runs do in one transaction. Inside another one it is a part of that.
func (s *GORMStore) Within(ctx context.Context, do func(ctx context.Context) error) error {
	var options []*sql.TxOptions
	if s.postgres() {
		// Whoever waited for a row's lock has to see what was written meanwhile, whatever the database's default is.
		options = append(options, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	}
	return s.at(ctx).Transaction(func(tx *gorm.DB) error {
		return do(context.WithValue(ctx, inTransaction{databaseOf(s.db)}, tx))
	}, options...)
}

// Numbers returns how far keys have come.
func (s *GORMStore) Numbers(ctx context.Context, entity string, keys []string) (map[string]Number, error) {
	numbers := make(map[string]Number, len(keys))
	if len(keys) == 0 {
		return numbers, nil
	}
	if ctx.Value(inTransaction{databaseOf(s.db)}) != nil {
		if err := s.lock(ctx, entity, keys); err != nil {
			return nil, fmt.Errorf("lock the numbers of %s: %w", entity, err)
		}
	}
	var rows []struct {
		RowKey string
		Number
	}
	err := s.at(ctx).Raw("SELECT row_key, number AS n, skipped FROM cutover_numbers WHERE entity = ? AND row_key IN ? AND number >= 0", entity, keys).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the numbers of %s: %w", entity, err)
	}
	for _, row := range rows {
		numbers[row.RowKey] = row.Number
	}
	return numbers, nil
}

// lock holds the keys' numbers, and makes those that are missing so that they can be held. A row in conflict is locked even
// though nothing is updated. One statement locks all in ascending order, so that nobody waits in a circle.
func (s *GORMStore) lock(ctx context.Context, entity string, keys []string) error {
	keys = ascending(keys)
	args := make([]any, 0, len(keys)*3)
	for _, key := range keys {
		args = append(args, entity, key, false)
	}
	return s.at(ctx).Exec("INSERT INTO cutover_numbers (entity, row_key, number, skipped) VALUES "+list("(?, ?, -1, ?)", len(keys))+
		" ON CONFLICT (entity, row_key) DO UPDATE SET number = excluded.number WHERE 1 = 0", args...).Error
}

// SetNumbers stores how far keys have come.
func (s *GORMStore) SetNumbers(ctx context.Context, entity string, numbers map[string]Number) error {
	if len(numbers) == 0 {
		return nil
	}
	args := make([]any, 0, len(numbers)*4)
	for _, key := range slices.Sorted(maps.Keys(numbers)) {
		args = append(args, entity, key, numbers[key].N, numbers[key].Skipped)
	}
	err := s.at(ctx).Exec("INSERT INTO cutover_numbers (entity, row_key, number, skipped) VALUES "+list("(?, ?, ?, ?)", len(numbers))+
		" ON CONFLICT (entity, row_key) DO UPDATE SET number = excluded.number, skipped = excluded.skipped", args...).Error
	if err != nil {
		return fmt.Errorf("store the numbers of %s: %w", entity, err)
	}
	return nil
}

// Mark notes that the keys have to be copied.
func (s *GORMStore) Mark(ctx context.Context, entity string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	keys = ascending(keys)
	args := make([]any, 0, len(keys)*2)
	for _, key := range keys {
		args = append(args, entity, key)
	}
	statement := "INSERT OR REPLACE INTO cutover_marks (entity, row_key) VALUES " + list("(?, ?)", len(keys))
	if s.postgres() {
		statement = "INSERT INTO cutover_marks (entity, row_key) VALUES " + list("(?, ?)", len(keys)) +
			" ON CONFLICT (entity, row_key) DO UPDATE SET serial = excluded.serial"
	}
	if err := s.at(ctx).Exec(statement, args...).Error; err != nil {
		return fmt.Errorf("mark rows of %s: %w", entity, err)
	}
	return nil
}

// Marked returns marks, oldest first, and how many there are.
func (s *GORMStore) Marked(ctx context.Context, entity string, limit int) (marks []Mark, total int64, err error) {
	err = s.at(ctx).Raw("SELECT row_key AS key, serial FROM cutover_marks WHERE entity = ? ORDER BY serial LIMIT ?", entity, limit).Scan(&marks).Error
	if total = int64(len(marks)); err == nil && len(marks) == limit {
		err = s.at(ctx).Raw("SELECT count(*) FROM cutover_marks WHERE entity = ?", entity).Scan(&total).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the marks of %s: %w", entity, err)
	}
	return marks, total, nil
}

// MarkedAmong returns the marks of those keys.
func (s *GORMStore) MarkedAmong(ctx context.Context, entity string, keys []string) (marks []Mark, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.at(ctx).Raw("SELECT row_key AS key, serial FROM cutover_marks WHERE entity = ? AND row_key IN ? ORDER BY serial", entity, keys).Scan(&marks).Error
	if err != nil {
		return nil, fmt.Errorf("read the marks of rows of %s: %w", entity, err)
	}
	return marks, nil
}

// Unmark removes marks. One that somebody holds is being made anew: it stays, and nobody is waited for.
func (s *GORMStore) Unmark(ctx context.Context, entity string, marks []Mark) error {
	if len(marks) == 0 {
		return nil
	}
	serials := make([]int64, len(marks))
	for i, mark := range marks {
		serials[i] = mark.Serial
	}
	held := ""
	if s.postgres() {
		held = " FOR UPDATE SKIP LOCKED"
	}
	err := s.at(ctx).Exec("DELETE FROM cutover_marks WHERE serial IN (SELECT serial FROM cutover_marks WHERE entity = ? AND serial IN ?"+held+")", entity, serials).Error
	if err != nil {
		return fmt.Errorf("unmark rows of %s: %w", entity, err)
	}
	return nil
}

// ascending is the keys in order, each once. One statement may not name a row twice.
func ascending(keys []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}

func list(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") }
