package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// DirectoryChange is the number of the last batch that was written to an environment's directory.
type DirectoryChange struct {
	Environment string `gorm:"primaryKey"`
	Number      int64
}

func (DirectoryChange) TableName() string { return "directory_changes" }

// DirectoryNumber is the number of the last batch of an environment; 0 before the first.
func (r reader) DirectoryNumber(ctx context.Context, environment string) (int64, error) {
	var row DirectoryChange
	err := r.with(ctx).Where("environment = ?", environment).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look who was seen in %q: %w", environment, err)
	}
	return row.Number, nil
}

// nextDirectoryChange takes the environment's next number, and with it its turn.
func (tx *Tx) nextDirectoryChange(ctx context.Context, environment string) (number int64, err error) {
	err = tx.with(ctx).Raw(`INSERT INTO directory_changes (environment, number) VALUES (?, 1)
		ON CONFLICT (environment) DO UPDATE SET number = directory_changes.number + 1 RETURNING number`, environment).Scan(&number).Error
	return number, err
}
