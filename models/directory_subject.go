package models

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"
)

// DirectorySubject is a person or a tenant as they were seen last in an environment.
type DirectorySubject struct {
	Environment string `gorm:"primaryKey"`
	Kind        string `gorm:"primaryKey"` // SeenUser or SeenTenant
	ID          string `gorm:"primaryKey"`
	Tenant      string // of a person; empty: none
	Plan        string // empty: unknown
	AddOns      string `gorm:"column:addons"` // a JSON list
	Attributes  string // a JSON object
	FirstSeen   Time
	LastSeen    Time
	Changed     int64 // the number of the batch that wrote it
}

func (DirectorySubject) TableName() string { return "directory_subjects" }

// Kinds of subjects that are remembered.
const (
	SeenUser   = "user"
	SeenTenant = "tenant"
)

// RecordSeen stores who was seen in an environment. Of two who saw the same subject, the later one is kept, whoever stores
// first.
func (s *Store) RecordSeen(ctx context.Context, environment string, subjects []DirectorySubject) error {
	for chunk := range slices.Chunk(subjects, batch) {
		err := s.Write(ctx, func(tx *Tx) error { return tx.recordSeen(ctx, environment, chunk) })
		if err != nil {
			return fmt.Errorf("record who was seen in %q: %w", environment, err)
		}
	}
	return nil
}

// recordSeen stores one batch. The batches of an environment come one after another, since each takes its number first:
// so none can appear behind one with a higher number, and no two wait for each other in a circle.
func (tx *Tx) recordSeen(ctx context.Context, environment string, subjects []DirectorySubject) error {
	number, err := tx.nextDirectoryChange(ctx, environment)
	if err != nil {
		return err
	}
	rows := slices.Clone(subjects)
	for i := range rows {
		rows[i].Environment, rows[i].Changed = environment, number
	}
	return tx.with(ctx).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "environment"}, {Name: "kind"}, {Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"tenant", "plan", "addons", "attributes", "last_seen", "changed"}),
		Where:     clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "excluded.last_seen >= directory_subjects.last_seen"}}},
	}).Create(&rows).Error
}

// TenantSeen returns a tenant as it was seen last in an environment, or ErrNotFound.
func (r reader) TenantSeen(ctx context.Context, environment, tenant string) (DirectorySubject, error) {
	var row DirectorySubject
	err := r.with(ctx).Where("environment = ? AND kind = ? AND id = ?", environment, SeenTenant, tenant).Take(&row).Error
	if err != nil {
		return DirectorySubject{}, fmt.Errorf("read what was seen of a tenant in %q: %w", environment, first(err))
	}
	return row, nil
}

// SubjectsSeen gives each the people and tenants of an environment that were written by batches after that number; 0
// gives all. They come in no order.
func (r reader) SubjectsSeen(ctx context.Context, environment string, after int64, each func(DirectorySubject) error) error {
	rows, err := r.with(ctx).Raw("SELECT kind, id, tenant, plan, addons, attributes, first_seen, last_seen, changed FROM directory_subjects WHERE environment = ? AND changed > ?", environment, after).Rows()
	if err != nil {
		return fmt.Errorf("read who was seen in %q: %w", environment, err)
	}
	defer rows.Close()
	for rows.Next() {
		row := DirectorySubject{Environment: environment}
		err := rows.Scan(&row.Kind, &row.ID, &row.Tenant, &row.Plan, &row.AddOns, &row.Attributes, &row.FirstSeen, &row.LastSeen, &row.Changed)
		if err == nil {
			err = each(row)
		}
		if err != nil {
			return fmt.Errorf("read who was seen in %q: %w", environment, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read who was seen in %q: %w", environment, err)
	}
	return nil
}

// Day names the day of a time, in UTC, as visitors are counted.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
