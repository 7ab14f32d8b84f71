package cutover

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// placed is a store that can say which database it is in.
type placed interface {
	// place names the database, and within it where the store's tables are; "" if that cannot be told.
	place(ctx context.Context) (string, error)
}

// placeLimit is how long the start of an entity waits for both sides to say where they are.
const placeLimit = time.Second

const oneDatabase = "both sides are the same database: rows of the one would be rows of the other, and so would what is kept about them. Give each side a database, a file or a schema of its own"

// oneStore reports whether two stores are one and the same, as far as that can be told without asking a database.
func oneStore(a, b Store) bool {
	one, ok := a.(*GORMStore)
	other, both := b.(*GORMStore)
	return ok && both && databaseOf(one.db) == databaseOf(other.db)
}

// apart refuses an entity whose sides are one database that was opened twice. A side that does not answer is taken for one of
// its own: it will be asked at the next start.
func apart(ctx context.Context, entity string, old, fresh Store) error {
	one, ok := old.(placed)
	other, both := fresh.(placed)
	if !ok || !both {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, placeLimit)
	defer cancel()
	a, err := one.place(ctx)
	if err != nil || a == "" {
		return nil
	}
	if b, err := other.place(ctx); err != nil || a != b {
		return nil
	}
	return fmt.Errorf("cutover of %q: %s", entity, oneDatabase)
}

// place names a server since its start, a database and the store's table there, or a file.
func (s *GORMStore) place(ctx context.Context) (place string, err error) {
	if s.postgres() {
		err = s.db.WithContext(ctx).Raw("SELECT concat_ws(' ', pg_postmaster_start_time(), current_database(), coalesce(to_regclass('cutover_numbers')::oid::text, current_schema()))").Scan(&place).Error
		return place, err
	}
	err = s.db.WithContext(ctx).Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&place).Error
	if real, linked := filepath.EvalSymlinks(place); err == nil && linked == nil {
		place = real
	}
	return place, err
}
