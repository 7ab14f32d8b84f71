package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/service"
)

// Where the sample's clients are moved from and to: schemas of the flags' PostgreSQL, or files.
const (
	oldClients = "toprent_clients_old"
	newClients = "toprent_clients_new"
)

// clients opens the two databases of the sample's clients: two schemas where the flags lie in PostgreSQL and the role may
// make schemas, or has them already; otherwise two files beside the flags' own, or in the working folder.
func (s *Settings) clients(ctx context.Context, store *models.Store, flags *service.FeatureFlagService, streams streams) (*sample.Clients, func(), error) {
	open, prepare := s.clientsFile, func(context.Context) error { return nil }
	if kind, _, _ := s.database(); kind == migrations.Postgres {
		if err := makeSchemas(ctx, store); err == nil || models.Unavailable(err) {
			open, prepare = s.clientsSchema, func(ctx context.Context) error { return makeSchemas(ctx, store) }
		} else {
			streams.log.Warn("the sample's clients are kept in files of this machine, since their schemas cannot be made in the database", "error", err)
		}
	}
	old, err := open(oldClients)
	if err != nil {
		return nil, nil, err
	}
	moved, err := open(newClients)
	if err != nil {
		return nil, nil, errors.Join(err, closeDB(old))
	}
	closing := func() { _ = errors.Join(closeDB(old), closeDB(moved)) } // there is nobody left to tell
	options, err := s.auditing()
	if err != nil {
		closing()
		return nil, nil, err
	}
	options.Telemetry = streams.telemetry
	change := changes.New(store, options)
	clients, err := sample.NewClients(ctx, sample.ClientsConfig{Old: old, New: moved, Prepare: prepare, Flags: flags, Store: store, Logger: streams.log,
		StepBack: func(ctx context.Context, s cutover.StepBack) error {
			_, err := change.StepBack(ctx, changes.StepBack(s))
			return err
		}})
	if err != nil {
		closing()
		return nil, nil, err
	}
	return clients, closing, nil
}

// makeSchemas makes the schemas that are missing.
func makeSchemas(ctx context.Context, store *models.Store) error {
	db, _, err := reach(ctx, store)
	if err != nil {
		return err
	}
	for _, schema := range []string{oldClients, newClients} {
		var exists bool
		if err := db.QueryRowContext(ctx, "SELECT to_regnamespace($1) IS NOT NULL", schema).Scan(&exists); err != nil {
			return err
		}
		if exists {
			continue
		}
		if _, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
			return fmt.Errorf("make the schema %s: %w", schema, err)
		}
	}
	return nil
}

// clientsSchema opens a schema of the flags' database. It does not connect.
func (s *Settings) clientsSchema(name string) (*gorm.DB, error) {
	config, err := pgx.ParseConfig(s.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("open the clients' database: %w", err)
	}
	config.RuntimeParams["search_path"] = name
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(clientsConnections)
	return gorm.Open(postgres.New(postgres.Config{Conn: pool}), clientsConfig())
}

const clientsConnections = 8

// clientsFile opens a file beside the flags' database.
func (s *Settings) clientsFile(name string) (*gorm.DB, error) {
	file := map[string]string{oldClients: "toprent-clients-old.db", newClients: "toprent-clients-new.db"}[name]
	if _, path, _ := s.database(); path != "" {
		file = filepath.Join(filepath.Dir(path), file)
	}
	return sqlite.GORM(file, clientsConfig())
}

func clientsConfig() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, DisableAutomaticPing: true, Logger: gormlog.Discard}
}

func closeDB(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}
