package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Environment is one of the places in which flags have settings of their own, with its newest revision.
type Environment struct {
	Name      string `gorm:"primaryKey"`
	Title     string
	Protected bool
	Approvals int // how many a change takes if Protected; 0: none
	Position  int // in which order they are shown
	Head      int64
	Digest    []byte // of revision Head: 32 bytes; none for revision 0
	Floor     int64

	Version   int64  // counts the changes of title, protection and position, from 1
	ChangedBy string // who made the last of these; empty: nobody did yet
	ChangedAt *Time
}

func (Environment) TableName() string { return "environments" }

// TakesRequests reports whether changes of the environment need to be approved.
func (e Environment) TakesRequests() bool { return e.Protected && e.Approvals > 0 }

// ID names the environment's newest revision.
func (e Environment) ID() ruleset.ID {
	return ruleset.ID{Environment: e.Name, Number: e.Head, Digest: shortDigest(e.Digest)}
}

// Environments returns all environments in the order in which they are shown.
func (r reader) Environments(ctx context.Context) ([]Environment, error) {
	var rows []Environment
	err := r.with(ctx).Order("position, name").Find(&rows).Error
	if lacksSchema(err) {
		return nil, noSchema(err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the environments: %w", err)
	}
	return rows, nil
}

func noSchema(err error) error {
	return fmt.Errorf("the database has no schema yet: run the migrate command: %w", err)
}

// Environment returns one environment, or service.ErrNoEnvironment.
func (r reader) Environment(ctx context.Context, name string) (Environment, error) {
	return r.environment(r.with(ctx), name)
}

func (reader) environment(db *gorm.DB, name string) (Environment, error) {
	var row Environment
	err := db.Where("name = ?", name).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Environment{}, fmt.Errorf("%w: %q", service.ErrNoEnvironment, name)
	}
	if lacksSchema(err) {
		return Environment{}, noSchema(err)
	}
	if err != nil {
		return Environment{}, fmt.Errorf("read environment %q: %w", name, err)
	}
	return row, nil
}

// Head returns the newest revision of an environment by the database's own clock.
func (s *Store) Head(ctx context.Context, environment string) (service.Head, error) {
	row, err := s.Environment(ctx, environment)
	if err != nil {
		return service.Head{}, err
	}
	head := service.Head{ID: row.ID(), Floor: row.Floor}
	if row.Head > 0 {
		revision, err := s.Revision(ctx, environment, row.Head)
		if err != nil {
			return service.Head{}, err
		}
		head.PublishedAt = revision.PublishedAt.Time
	}
	head.Now, err = s.Now(ctx)
	return head, err
}

// publishing is the lock of a row that one transaction at a time may hold. It lets others refer to the row, as those
// do who record reads.
var publishing = clause.Locking{Strength: "NO KEY UPDATE"}

// Lock keeps every other transaction from publishing in the environment until this one ends, and returns the
// environment as it then is.
func (tx *Tx) Lock(ctx context.Context, name string) (Environment, error) {
	return tx.environment(tx.with(ctx).Clauses(publishing), name)
}

// LockAll locks all environments, always in the same order, so that two who lock several never wait for each other.
func (tx *Tx) LockAll(ctx context.Context) ([]Environment, error) {
	var rows []Environment
	err := tx.with(ctx).Clauses(publishing).Order("name").Find(&rows).Error // positions may be changing
	if err != nil {
		return nil, fmt.Errorf("lock the environments: %w", err)
	}
	slices.SortStableFunc(rows, func(a, b Environment) int { return cmp.Compare(a.Position, b.Position) })
	return rows, nil
}

// AddEnvironment adds an environment in which nothing was published yet.
func (tx *Tx) AddEnvironment(ctx context.Context, row Environment) error {
	row.Head, row.Floor, row.Digest, row.Version = 0, 0, []byte{}, 1
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("add environment %q: %w", row.Name, err)
	}
	return nil
}

// UpdateEnvironment stores what people write about an environment, and counts its version up. What is published in it
// stays as it is.
func (tx *Tx) UpdateEnvironment(ctx context.Context, row Environment) error {
	row.Version++
	err := tx.with(ctx).Model(&Environment{}).Where("name = ?", row.Name).
		Select("Title", "Protected", "Approvals", "Position", "Version", "ChangedBy", "ChangedAt").Updates(&row).Error
	if err != nil {
		return fmt.Errorf("change environment %q: %w", row.Name, err)
	}
	return nil
}

// SetHead makes a revision the newest of its environment, and announces it.
func (tx *Tx) SetHead(ctx context.Context, revision Revision) error {
	err := tx.with(ctx).Model(&Environment{}).Where("name = ?", revision.Environment).
		Updates(map[string]any{"head": revision.Number, "digest": revision.Digest}).Error
	if err != nil {
		return fmt.Errorf("move the head of %q: %w", revision.Environment, err)
	}
	if err := tx.announce(ctx, revision.Environment); err != nil {
		return fmt.Errorf("announce revision %d of %q: %w", revision.Number, revision.Environment, err)
	}
	return nil
}

func shortDigest(digest []byte) (short ruleset.Digest) {
	copy(short[:], digest)
	return short
}

// SetFloor says that sessions pinned below that revision move up on their next page.
func (tx *Tx) SetFloor(ctx context.Context, environment string, revision int64) error {
	err := tx.with(ctx).Model(&Environment{}).Where("name = ?", environment).Update("floor", revision).Error
	if err != nil {
		return fmt.Errorf("raise the floor of %q: %w", environment, err)
	}
	return nil
}
