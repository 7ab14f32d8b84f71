package cutover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// stay is a row of the entity that is moved. Its history names every change that was made to it, so that one that was lost,
// or made twice, shows.
type stay struct {
	ID      string `gorm:"primaryKey"`
	Tenant  string
	Changes int64
	History string // each name with a comma behind it
}

func (stay) TableName() string { return "stays" }

// added is a change of a stay. Made twice, it would count twice.
type added struct{ Tenant, Name string }

const staysTable = "CREATE TABLE stays (id VARCHAR(64) PRIMARY KEY, tenant VARCHAR(64) NOT NULL, changes BIGINT NOT NULL, history TEXT NOT NULL)"

// query asks for one stay.
type query struct{ ID string }

type stays = cutover.Entity[query, []stay, added, stay]

// where is where an entity's databases are: a PostgreSQL URL or an SQLite file each.
type where struct{ Old, New, Journal, Flags string }

// open opens a database of an entity.
func open(place string) (*gorm.DB, error) {
	config := &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true}
	if strings.HasPrefix(place, "postgres://") {
		return gorm.Open(postgres.Open(place), config)
	}
	return sqlite.GORM(place, config)
}

// sideOf is one side of the stays, as a host writes it by hand.
func sideOf(db *gorm.DB) cutover.Side[query, []stay, added, stay] {
	return cutover.Side[query, []stay, added, stay]{
		Store: cutover.GORM(db),
		Read: func(ctx context.Context, q query) (found []stay, err error) {
			err = cutover.DB(ctx, db).Where("id = ?", q.ID).Find(&found).Error
			return found, err
		},
		Apply: func(ctx context.Context, key string, c added) error {
			return cutover.DB(ctx, db).Exec("INSERT INTO stays (id, tenant, changes, history) VALUES (?, ?, 1, ?)"+
				" ON CONFLICT (id) DO UPDATE SET changes = stays.changes + 1, history = stays.history || excluded.history",
				key, c.Tenant, c.Name+",").Error
		},
		Scan: func(ctx context.Context, after string, limit int) (rows []stay, err error) {
			err = cutover.DB(ctx, db).Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error
			return rows, err
		},
		Get: func(ctx context.Context, keys []string) (rows []stay, err error) {
			err = cutover.DB(ctx, db).Where("id IN ?", keys).Find(&rows).Error
			return rows, err
		},
		Put: func(ctx context.Context, rows []stay) error {
			return cutover.DB(ctx, db).Clauses(clause.OnConflict{UpdateAll: true}).Create(rows).Error
		},
		Remove: func(ctx context.Context, keys []string) error {
			return cutover.DB(ctx, db).Where("id IN ?", keys).Delete(&stay{}).Error
		},
	}
}

// moving is an entity that is described, with the connections that are its own.
func (w where) moving(flag string) (config cutover.Config[query, []stay, added, stay], close func(), err error) {
	var pools []*gorm.DB
	close = func() {
		for _, db := range pools {
			if pool, err := db.DB(); err == nil {
				_ = pool.Close()
			}
		}
	}
	for _, place := range []string{w.Old, w.New, w.Journal} {
		db, err := open(place)
		if err != nil {
			close()
			return config, nil, err
		}
		if pool, err := db.DB(); err == nil {
			pool.SetMaxOpenConns(40) // for clients, comparisons and repairs: one that waits may be handed a connection that was cut
			pool.SetMaxIdleConns(16)
			if db.Name() == "sqlite" {
				pool.SetConnMaxLifetime(connectionLife)
			}
		}
		pools = append(pools, db)
	}
	config = cutover.Config[query, []stay, added, stay]{
		Flag:    flag,
		Journal: cutover.NewJournal(pools[2]),
		Key:     func(row stay) string { return row.ID },
		Tenant:  func(row stay) string { return row.Tenant },
		Logger:  slog.New(slog.DiscardHandler),
		Lease:   150 * time.Millisecond,
	}
	config.Old, config.New = sideOf(pools[0]), sideOf(pools[1])
	return config, close, nil
}

// connectionLife of a file is so short that one which is moved away is soon missed.
const connectionLife = 200 * time.Millisecond

// still is a stage that everybody is at.
type still struct{ stage ruleset.Stage }

func (s still) Begin(*ruleset.Subject, bool) (cutover.Place, error) {
	return cutover.Place{Stage: s.stage, Moving: true}, nil
}

func (s still) OnNew(string) bool { return s.stage.New() }

// told is what a process that is one instance is told to do.
type told struct {
	where
	Name  string // of the instance
	Stage ruleset.Stage
	Keys  int  // how many there are to write
	Moves bool // it copies rows, rather than writing them
}

const instanceVariable = "CUTOVER_TEST_INSTANCE"

// beInstance is the main function of a process that is one instance. It writes lines: "ready", "made KEY NAME" for each write
// that was acknowledged, "failed …" for each that was not. It ends when it is killed.
func beInstance(text string) error {
	var t told
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	if t.Moves {
		return t.moves(os.Stdout)
	}
	return t.writes(os.Stdout)
}

// writes writes the same few rows from several goroutines, and repairs.
func (t told) writes(out io.Writer) error {
	config, _, err := t.moving("stays")
	if err != nil {
		return err
	}
	entity, err := cutover.NewEntity(config, still{t.Stage})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	t.write(entity, out)
	for {
		if err := entity.Repair(context.Background()); err != nil {
			fmt.Fprintln(out, "failed to repair:", err)
		}
	}
}

// moves copies rows as the flag says, and writes some of them meanwhile.
func (t told) moves(out io.Writer) error {
	config, _, err := t.moving("stays")
	if err != nil {
		return err
	}
	moving, entity, err := t.instance(context.Background(), config, 100)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	t.write(entity, out)
	return moving.Run(context.Background())
}

// instance is one that goes by the flags of the flag database, which it follows until ctx is done.
func (w where) instance(ctx context.Context, config cutover.Config[query, []stay, added, stay], batch int) (*cutover.Cutover, *stays, error) {
	store, err := openFlags(w.Flags)
	if err != nil {
		return nil, nil, err
	}
	flags, err := service.New(ctx, service.Config{Source: store, Environment: environment, Logger: config.Logger, Poll: 50 * time.Millisecond})
	if err != nil {
		return nil, nil, err
	}
	moving, err := cutover.New(cutover.Options{Flags: flags, Journal: config.Journal, Store: store, Logger: config.Logger, Batch: batch})
	if err != nil {
		return nil, nil, err
	}
	entity, err := cutover.Add(moving, config)
	go func() {
		_ = flags.Run(ctx)
		_ = store.Close()
	}()
	return moving, entity, err
}

const environment = "production"

func openFlags(place string) (*models.Store, error) {
	if strings.HasPrefix(place, "postgres://") {
		return models.Open(context.Background(), place)
	}
	return sqlite.Open(context.Background(), place)
}

const writers = 4 // of each instance

// write writes from several goroutines, without an end.
func (t told) write(entity *stays, out io.Writer) {
	for n := range writers {
		go func() {
			for i := 0; ; i++ {
				fmt.Fprintln(out, writeOne(context.Background(), entity, t.Name, n, i, t.Keys))
			}
		}()
	}
}

// writeOne makes one change, and says what became of it in a line.
func writeOne(ctx context.Context, entity *stays, instance string, writer, i, keys int) string {
	key := stayID((writer*7 + i*13) % keys)
	name := fmt.Sprintf("%s.%d.%d", instance, writer, i)
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // the process may be stopped in between
	defer cancel()
	if err := entity.Write(ctx, ruleset.Subject{Tenant: "acme"}, key, added{"acme", name}); err != nil {
		return fmt.Sprintf("failed %s %s %v", key, name, err)
	}
	return fmt.Sprintf("made %s %s", key, name)
}

func stayID(n int) string { return fmt.Sprintf("stay-%06d", n) }
