package models

import (
	"context"
	"fmt"

	"gorm.io/gorm/clause"
)

// TellCutovers stores what an instance tells of entities, at the database's time, and adds what it has counted since it told
// last. One that tells again after somebody said that it is gone is not gone: it is waited for again.
func (s *Store) TellCutovers(ctx context.Context, rows []CutoverInstance, counted []CutoverAgreement, ended bool) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		heard := At(now)
		for i := range rows {
			rows[i].HeardAt, rows[i].GoneAt, rows[i].EndedAt = heard, nil, nil
			if ended {
				rows[i].EndedAt = &heard
			}
		}
		key := []clause.Column{{Name: "instance"}, {Name: "flag"}}
		if err := tx.with(ctx).Clauses(clause.OnConflict{Columns: key, UpdateAll: true}).CreateInBatches(&rows, batch/2).Error; err != nil {
			return err
		}
		return tx.agreed(ctx, now, counted)
	})
	if err != nil {
		return fmt.Errorf("tell of cutovers: %w", err)
	}
	return nil
}
