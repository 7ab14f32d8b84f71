package cutover

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

//go:embed journal.sql
var journalSQL string

// Journal is where writes are announced before they are made: which change of which row is under way, and who holds the
// row. It lies in a database that the host names, PostgreSQL or SQLite; all instances need the same one. While it cannot be
// reached, writes go to the authority alone and are marked there.
type Journal struct{ db *gorm.DB }

// NewJournal makes a journal in a database. It does not connect; Prepare makes its tables.
func NewJournal(db *gorm.DB) *Journal {
	return &Journal{db.Session(&gorm.Session{NewDB: true, SkipDefaultTransaction: true, Logger: logger.Discard})}
}

// Prepare makes the journal's tables, if they are not there yet. Several instances may do so at once.
func (j *Journal) Prepare(ctx context.Context) error {
	err := j.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return createTables(tx, journalSQL) })
	if err != nil {
		return fmt.Errorf("prepare the cutover journal: %w", err)
	}
	return nil
}

// createTables runs statements that make what is not there. On PostgreSQL, IF NOT EXISTS alone fails for two at once.
func createTables(tx *gorm.DB, statements string) error {
	if tx.Name() == "postgres" {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(7206150923511)").Error; err != nil {
			return err
		}
	}
	for _, statement := range strings.Split(statements, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := tx.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}

// now is an expression for the database's clock in microseconds.
func (j *Journal) now() string {
	if j.db.Name() == "postgres" {
		return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
	}
	return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
}

// intent is a change that was announced.
type intent struct {
	Key       string
	Number    int64
	Tenant    string
	Authority string // old or new: the side that is written first
	Written   bool   // the authority has it
	Change    string // as JSON
	Attempts  int64
}

// lease is the right to write some rows, until it expires. Who writes after that is stopped by the rows' numbers.
type lease struct {
	journal *Journal
	entity  string
	holder  string
	numbers map[string]int64 // of the rows held: the last that was announced
	fresh   bool             // the row had none before
}

// take leases those of the keys that nobody holds. The others are missing from the lease's numbers.
func (j *Journal) take(tx *gorm.DB, entity string, keys []string, life time.Duration) (*lease, error) {
	l := &lease{journal: j, entity: entity, holder: rand.Text(), numbers: make(map[string]int64, len(keys))}
	values, args := make([]string, len(keys)), make([]any, 0, len(keys)*4)
	for i, key := range keys {
		values[i] = "(?, ?, 0, 0, ?, " + j.now() + " + ?)"
		args = append(args, entity, key, l.holder, life.Microseconds())
	}
	var rows []struct {
		RowKey string
		Number int64
	}
	err := tx.Raw("INSERT INTO cutover_keys (entity, row_key, number, settled, holder, held_until) VALUES "+strings.Join(values, ", ")+
		" ON CONFLICT (entity, row_key) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until WHERE cutover_keys.held_until < "+j.now()+
		" RETURNING row_key, number", args...).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lease rows of %s: %w", entity, err)
	}
	for _, row := range rows {
		l.numbers[row.RowKey] = row.Number
	}
	return l, nil
}

// lease leases those of the keys that nobody holds; see take. Keys have to be in ascending order, so that nobody waits in a
// circle.
func (j *Journal) lease(ctx context.Context, entity string, keys []string, life time.Duration) (*lease, error) {
	return j.take(j.db.WithContext(ctx), entity, keys, life)
}

// begin leases one key and announces its next change, in one transaction. It returns ErrBusy while somebody else holds the
// key, and whether changes that were announced before may not be resolved yet: see earlier. The number is at least the given one.
func (j *Journal) begin(ctx context.Context, entity string, next intent, atLeast int64, life time.Duration) (l *lease, announced intent, unresolved bool, err error) {
	l = &lease{journal: j, entity: entity, holder: rand.Text()}
	var key struct{ Number, Settled int64 }
	if j.db.Name() == "postgres" {
		key, err = j.beginAtOnce(ctx, l, next, atLeast, life)
	} else {
		key, err = j.beginInSteps(ctx, l, next, atLeast, life)
	}
	switch {
	case err != nil:
		return nil, intent{}, false, fmt.Errorf("announce a change of %s: %w", entity, err)
	case key.Number == 0:
		return nil, intent{}, false, ErrBusy
	}
	announced = next
	announced.Number = key.Number
	l.numbers = map[string]int64{next.Key: key.Number}
	l.fresh = key.Settled == -key.Number
	return l, announced, !l.fresh && key.Settled < key.Number-1, nil
}

// beginKey leases a key and counts it up. Whoever waits for the key's row here sees what was committed meanwhile, settled
// too, which a look at the intents in the same statement would not.
//
// A key that is not known begins at the present microsecond, so that no number is ever given again to a row that was pruned.
// That it is new is said by what is settled: the number below 0.
func (j *Journal) beginKey() string {
	return "INSERT INTO cutover_keys AS k (entity, row_key, number, settled, holder, held_until) VALUES (?, ?, ?, ?, ?, " + j.now() + " + ?)" +
		" ON CONFLICT (entity, row_key) DO UPDATE SET number = CASE WHEN k.number = 0 THEN excluded.number WHEN k.number + 1 > ? THEN k.number + 1 ELSE ? END," +
		" settled = CASE WHEN k.number = 0 THEN excluded.settled ELSE k.settled END," +
		" holder = excluded.holder, held_until = excluded.held_until WHERE k.held_until < " + j.now() + " RETURNING number, settled"
}

// beginArgs are its arguments.
func (l *lease) beginArgs(key string, atLeast int64, life time.Duration) []any {
	start := max(time.Now().UnixMicro(), atLeast)
	return []any{l.entity, key, start, -start, l.holder, life.Microseconds(), atLeast, atLeast}
}

const beginIntent = "INSERT INTO cutover_intents (entity, row_key, number, tenant, authority, written, change, begun_at, next_at, attempts, error) "

func (j *Journal) beginAtOnce(ctx context.Context, l *lease, next intent, atLeast int64, life time.Duration) (key struct{ Number, Settled int64 }, err error) {
	err = j.db.WithContext(ctx).Raw("WITH k AS ("+j.beginKey()+"), i AS ("+beginIntent+
		"SELECT ?, ?, k.number, ?, ?, false, ?, "+j.now()+", "+j.now()+" + ?, 0, '' FROM k) SELECT number, settled FROM k",
		append(l.beginArgs(next.Key, atLeast, life), l.entity, next.Key, next.Tenant, next.Authority, next.Change, life.Microseconds())...).Scan(&key).Error
	return key, err
}

func (j *Journal) beginInSteps(ctx context.Context, l *lease, next intent, atLeast int64, life time.Duration) (key struct{ Number, Settled int64 }, err error) {
	err = j.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := tx.Raw(j.beginKey(), l.beginArgs(next.Key, atLeast, life)...).Scan(&key).Error
		if err != nil || key.Number == 0 {
			return err
		}
		return tx.Exec(beginIntent+"VALUES (?, ?, ?, ?, ?, ?, ?, "+j.now()+", "+j.now()+" + ?, 0, '')",
			l.entity, next.Key, key.Number, next.Tenant, next.Authority, false, next.Change, life.Microseconds()).Error
	})
	return key, err
}

const intentColumns = "row_key AS key, number, tenant, authority, written, change, attempts"

// earlier are changes of a key below a number that are not resolved, at most limit. First come those of which it is not known
// whether the authority has them.
func (j *Journal) earlier(ctx context.Context, entity, key string, below int64, limit int) (rows []intent, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT "+intentColumns+" FROM cutover_intents WHERE entity = ? AND row_key = ? AND number < ? ORDER BY written, number LIMIT ?",
		entity, key, below, limit).Scan(&rows).Error
	return rows, err
}

// idle are keys that nobody has used for some time and that have no changes that are not resolved, in ascending order, at most
// limit.
func (j *Journal) idle(ctx context.Context, entity, after string, since time.Duration, limit int) (keys []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT row_key FROM cutover_keys AS k WHERE entity = ? AND row_key > ? AND abs(held_until) <= "+j.now()+" - ?"+
		" AND NOT EXISTS (SELECT 1 FROM cutover_intents AS i WHERE i.entity = k.entity AND i.row_key = k.row_key) ORDER BY row_key LIMIT ?",
		entity, after, since.Microseconds(), limit).Scan(&keys).Error
	return keys, err
}

// announced are those of the keys that have changes that are not resolved.
func (j *Journal) announced(ctx context.Context, entity string, keys []string) (open []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT DISTINCT row_key FROM cutover_intents WHERE entity = ? AND row_key IN ?", entity, keys).Scan(&open).Error
	return open, err
}

// announcement is one change that is not resolved.
type announcement struct {
	Key    string
	Number int64
}

// announcedOf are a tenant's changes, or everybody's if it is "", for an authority that are not resolved, at most limit.
func (j *Journal) announcedOf(ctx context.Context, entity, authority, tenant string, limit int) (open []announcement, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT row_key AS key, number FROM cutover_intents WHERE entity = ? AND authority = ? AND (tenant = ? OR ? = '') LIMIT ?",
		entity, authority, tenant, tenant, limit).Scan(&open).Error
	return open, err
}

// forget removes keys that are held. One that somebody else has leased since, the lease having expired, stays.
func (l *lease) forget(ctx context.Context, numbers map[string]Number) error {
	if len(numbers) == 0 {
		return nil
	}
	return l.journal.db.WithContext(ctx).Exec("DELETE FROM cutover_keys WHERE entity = ? AND row_key IN ? AND holder = ?", l.entity, slices.Collect(maps.Keys(numbers)), l.holder).Error
}

// pending are those of the keys that somebody writes or that have changes that are not resolved.
func (j *Journal) pending(ctx context.Context, entity string, keys []string) (pending []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT row_key FROM cutover_keys AS k WHERE entity = ? AND row_key IN ? AND (held_until > "+j.now()+
		" OR EXISTS (SELECT 1 FROM cutover_intents AS i WHERE i.entity = k.entity AND i.row_key = k.row_key))", entity, keys).Scan(&pending).Error
	return pending, err
}

// due are changes whose repair is due, oldest first, at most limit: the first of each key alone, since they are repaired in
// order.
func (j *Journal) due(ctx context.Context, entity string, limit int) (rows []intent, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT "+intentColumns+" FROM cutover_intents AS i WHERE entity = ? AND next_at <= "+j.now()+
		" AND NOT EXISTS (SELECT 1 FROM cutover_intents AS e WHERE e.entity = i.entity AND e.row_key = i.row_key AND e.number < i.number)"+
		" ORDER BY next_at LIMIT ?", entity, limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the repairs due of %s: %w", entity, err)
	}
	return rows, nil
}

// waits is the condition for changes that have to be made on a second side yet. Changes that are being made for the first time
// are not among them.
func (j *Journal) waits() string {
	return " FROM cutover_intents AS i JOIN cutover_keys AS k ON k.entity = i.entity AND k.row_key = i.row_key" +
		" WHERE i.entity = ? AND i.authority = ? AND (i.attempts > 0 OR k.held_until < " + j.now() + " OR i.number < k.number)"
}

// waiting are rows with changes that wait for their second side, at most limit.
func (j *Journal) waiting(ctx context.Context, entity, authority string, limit int) (keys []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT DISTINCT i.row_key"+j.waits()+" LIMIT ?", entity, authority, limit).Scan(&keys).Error
	return keys, err
}

// waitingOf are such rows of one tenant.
func (j *Journal) waitingOf(ctx context.Context, entity, authority, tenant string, limit int) (keys []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT DISTINCT i.row_key"+j.waits()+" AND i.tenant = ? LIMIT ?", entity, authority, tenant, limit).Scan(&keys).Error
	return keys, err
}

// waitingTenants are the tenants that have such rows, at most limit.
func (j *Journal) waitingTenants(ctx context.Context, entity, authority string, limit int) (tenants []string, err error) {
	err = j.db.WithContext(ctx).Raw("SELECT DISTINCT i.tenant"+j.waits()+" LIMIT ?", entity, authority, limit).Scan(&tenants).Error
	return tenants, err
}

// queue is how many changes are not resolved, and how long the oldest has waited.
func (j *Journal) queue(ctx context.Context, entity string) (n int64, oldest time.Duration, err error) {
	var row struct{ N, Age int64 }
	err = j.db.WithContext(ctx).Raw("SELECT count(*) AS n, coalesce("+j.now()+" - min(begun_at), 0) AS age FROM cutover_intents WHERE entity = ?", entity).Scan(&row).Error
	return row.N, time.Duration(row.Age) * time.Microsecond, err
}

// written notes that the authority has the change.
func (l *lease) written(ctx context.Context, key string, number int64) error {
	return l.journal.db.WithContext(ctx).Exec("UPDATE cutover_intents SET written = ? WHERE entity = ? AND row_key = ? AND number = ?", true, l.entity, key, number).Error
}

// drop removes one change that was not made, or that a copy of the row has replaced.
func (l *lease) drop(ctx context.Context, key string, number int64) error {
	return l.journal.db.WithContext(ctx).Exec("DELETE FROM cutover_intents WHERE entity = ? AND row_key = ? AND number = ?", l.entity, key, number).Error
}

// claim removes a change unless it was noted that its authority has it: then it is written. Where neither is true, the change is
// gone: others have resolved it.
func (l *lease) claim(ctx context.Context, key string, number int64) (claimed, written bool, err error) {
	const change = " FROM cutover_intents WHERE entity = ? AND row_key = ? AND number = ?"
	db := l.journal.db.WithContext(ctx)
	result := db.Exec("DELETE"+change+" AND written = ?", l.entity, key, number, false)
	if result.Error != nil || result.RowsAffected > 0 {
		return result.Error == nil, false, result.Error
	}
	var n int64
	err = db.Raw("SELECT count(*)"+change, l.entity, key, number).Scan(&n).Error
	return false, n > 0, err
}

// errResolved says that others have resolved a change, its lease having expired.
var errResolved = errors.New("others have resolved the change")

// finish resolves all changes of a key up to a number and releases it. A key that somebody else has leased since, the lease
// having expired, stays theirs.
func (l *lease) finish(ctx context.Context, key string, number int64) error {
	const (
		remove  = "DELETE FROM cutover_intents WHERE entity = ? AND row_key = ? AND number <= ?"
		release = " WHERE entity = ? AND row_key = ? AND holder = ? AND number >= ?"
	)
	free := "UPDATE cutover_keys SET held_until = -" + l.journal.now() + ", settled = ?" + release
	db := l.journal.db.WithContext(ctx)
	if db.Name() == "postgres" {
		return db.Exec("WITH removed AS ("+remove+") "+free, l.entity, key, number, number, l.entity, key, l.holder, number).Error
	}
	return db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(remove, l.entity, key, number).Error; err != nil {
			return err
		}
		return tx.Exec(free, number, l.entity, key, l.holder, number).Error
	})
}

// later puts the repair of a change off, and notes why it failed, and that the authority has it if that is known. It is
// errResolved if others have resolved it.
func (l *lease) later(ctx context.Context, i intent, pause time.Duration, why error) error {
	result := l.journal.db.WithContext(ctx).Exec("UPDATE cutover_intents SET written = (written OR ?), next_at = "+l.journal.now()+" + ?, attempts = attempts + 1, error = ? WHERE entity = ? AND row_key = ? AND number = ?",
		i.Written, pause.Microseconds(), strings.ToValidUTF8(strings.ReplaceAll(why.Error(), "\x00", ""), "?"), l.entity, i.Key, i.Number)
	if result.Error == nil && result.RowsAffected == 0 {
		return errResolved
	}
	return result.Error
}

// release ends the lease. Rows that somebody else has leased since, it having expired, stay theirs.
func (l *lease) release(ctx context.Context) error {
	return l.journal.db.WithContext(ctx).Exec("UPDATE cutover_keys SET held_until = -"+l.journal.now()+" WHERE entity = ? AND holder = ?", l.entity, l.holder).Error
}

// hold takes, or keeps, something that one instance does for all, and returns its state. It is false while another one
// holds it.
func (j *Journal) hold(ctx context.Context, name, holder string, life time.Duration) (state string, held bool, err error) {
	var rows []struct{ State string }
	err = j.db.WithContext(ctx).Raw("INSERT INTO cutover_runs (name, holder, held_until, state) VALUES (?, ?, "+j.now()+" + ?, '')"+
		" ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until WHERE cutover_runs.holder = excluded.holder OR cutover_runs.held_until < "+j.now()+
		" RETURNING state", name, holder, life.Microseconds()).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return "", false, err
	}
	return rows[0].State, true, nil
}

// errNotHeld says that another instance has taken over.
var errNotHeld = errors.New("another instance has taken over")

// keep stores how far something has come that this holder does.
func (j *Journal) keep(ctx context.Context, name, holder, state string) error {
	result := j.db.WithContext(ctx).Exec("UPDATE cutover_runs SET state = ? WHERE name = ? AND holder = ?", state, name, holder)
	if result.Error == nil && result.RowsAffected == 0 {
		return errNotHeld
	}
	return result.Error
}

// drop lets others do it at once.
func (j *Journal) drop(ctx context.Context, name, holder string) error {
	return j.db.WithContext(ctx).Exec("UPDATE cutover_runs SET held_until = 0 WHERE name = ? AND holder = ?", name, holder).Error
}

// storedStage is where an entity was in a revision, stored durably.
type storedStage struct {
	Revision   int64
	Definition json.RawMessage
}

// stage returns what is stored of an entity; false if nothing is.
func (j *Journal) stage(ctx context.Context, environment, entity string) (storedStage, bool, error) {
	var rows []struct {
		Revision   int64
		Definition string
	}
	err := j.db.WithContext(ctx).Raw("SELECT revision, definition FROM cutover_stages WHERE environment = ? AND entity = ?", environment, entity).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return storedStage{}, false, err
	}
	return storedStage{rows[0].Revision, json.RawMessage(rows[0].Definition)}, true, nil
}

// setStage stores where an entity is, unless something newer is stored.
func (j *Journal) setStage(ctx context.Context, environment, entity string, s storedStage) error {
	return j.db.WithContext(ctx).Exec("INSERT INTO cutover_stages (environment, entity, revision, definition) VALUES (?, ?, ?, ?)"+
		" ON CONFLICT (environment, entity) DO UPDATE SET revision = excluded.revision, definition = excluded.definition WHERE cutover_stages.revision < excluded.revision",
		environment, entity, s.Revision, string(s.Definition)).Error
}
