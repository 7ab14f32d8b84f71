package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"

	"gorm.io/gorm"
)

// GORM opens an SQLite file of a host's own, for its own models, with the settings that Open uses. The file is created if
// need be; it is the caller's to close (DB().Close()). Tables are made by SQL: there is no Migrator.
func GORM(path string, config *gorm.Config) (*gorm.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	if err := makeOwn(path); err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	pool, err := openPool(path)
	if err != nil {
		return nil, err
	}
	db, err := gorm.Open(dialector{db: pool}, config)
	if err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("open SQLite file %s: %w", path, err)
	}
	return db, nil
}

// On is the dialect of a database that is open already.
func On(pool *sql.DB) gorm.Dialector { return dialector{db: pool} }
