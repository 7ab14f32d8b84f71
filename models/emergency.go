package models

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Emergency is what was done in a protected environment without an approval, such as a kill or the step back of a migration: somebody else looks at it
// afterwards.
type Emergency struct {
	Environment  string `gorm:"primaryKey"`
	Revision     int64  `gorm:"primaryKey;autoIncrement:false"`
	Kind         string `gorm:"->"` // of the revision, which knows it
	Flag         string // its key
	Author       string
	AuthorID     string
	At           Time
	ReviewedAt   *Time // nil: nobody has looked at it yet
	ReviewedBy   string
	ReviewedByID string
	Note         string
}

func (Emergency) TableName() string { return "emergencies" }

// emergencyColumns are the row's own and the revision's kind.
const emergencyColumns = "emergencies.*, (SELECT kind FROM revisions r WHERE r.environment = emergencies.environment AND r.number = emergencies.revision) AS kind"

// Emergencies returns those of these environments that nobody has looked at yet, newest first: at most limit of them,
// of one flag (empty: of all). total is how many there are.
func (r reader) Emergencies(ctx context.Context, environments []string, flag string, limit int) (rows []Emergency, total int, err error) {
	waiting := func() *gorm.DB {
		db := r.with(ctx).Model(&Emergency{}).Where("environment IN ? AND reviewed_at IS NULL", environments)
		if flag != "" {
			db = db.Where("flag = ?", flag)
		}
		return db
	}
	var count int64
	if err = waiting().Count(&count).Error; err == nil && count > 0 {
		err = waiting().Select(emergencyColumns).Order("at DESC, environment, revision").Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the emergencies: %w", err)
	}
	return rows, int(count), nil
}

// Emergency returns one, reviewed or not, or ErrNotFound.
func (r reader) Emergency(ctx context.Context, environment string, revision int64) (Emergency, error) {
	var row Emergency
	err := r.with(ctx).Model(&row).Select(emergencyColumns).Where("environment = ? AND revision = ?", environment, revision).Take(&row).Error
	if err != nil {
		return Emergency{}, fmt.Errorf("read the emergency of revision %d of %q: %w", revision, environment, first(err))
	}
	return row, nil
}

// AddEmergency adds one.
func (tx *Tx) AddEmergency(ctx context.Context, row Emergency) error {
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return fmt.Errorf("note an emergency in %q: %w", row.Environment, err)
	}
	return nil
}

// ReviewEmergency notes who has looked at one.
func (tx *Tx) ReviewEmergency(ctx context.Context, row Emergency) error {
	err := tx.with(ctx).Model(&Emergency{}).Where("environment = ? AND revision = ? AND reviewed_at IS NULL", row.Environment, row.Revision).
		Select("ReviewedAt", "ReviewedBy", "ReviewedByID", "Note").Updates(&row).Error
	if err != nil {
		return fmt.Errorf("review the emergency of revision %d of %q: %w", row.Revision, row.Environment, err)
	}
	return nil
}
