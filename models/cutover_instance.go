package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// CutoverInstance is what one instance tells of one entity.
type CutoverInstance struct {
	Instance    string `gorm:"primaryKey"`
	Environment string
	Flag        string `gorm:"primaryKey"`
	Host        string
	Revision    int64 // the newest whose stages it follows
	HeardAt     Time
	EndedAt     *Time  // when it ended; nil: it runs, or it ended without a word
	GoneAt      *Time  // when somebody said that it is gone
	Stats       string // JSON: CutoverStats, without what is in Details
	Details     string // JSON: CutoverStats, with what only the page of one entity shows
}

func (CutoverInstance) TableName() string { return "cutover_instances" }

// Runs reports whether the instance may still read and write by the stages of its revision: it has not ended, and nobody
// said that it is gone.
func (i CutoverInstance) Runs() bool { return i.EndedAt == nil && i.GoneAt == nil }

// Tell puts what was counted into the row. The board reads the stats of every entity at once, so what is large, and shown
// of one entity alone, goes to the details.
func (i *CutoverInstance) Tell(stats CutoverStats) error {
	details := CutoverStats{Old: stats.Old, New: stats.New, Samples: stats.Samples, Tenants: stats.Tenants, Stages: stats.Stages}
	stats.Old, stats.New, stats.Samples, stats.Tenants, stats.Stages = CutoverSide{}, CutoverSide{}, nil, nil, nil
	text, err := json.Marshal(stats)
	if err != nil {
		return fmt.Errorf("tell of the cutover %q: %w", i.Flag, err)
	}
	more, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("tell of the cutover %q: %w", i.Flag, err)
	}
	i.Stats, i.Details = string(text), string(more)
	return nil
}

// Told is what the row tells; the details are zero in a row that was read without them. What cannot be read is as if
// nothing was told. Instances of an older version have all of it in Stats.
func (i CutoverInstance) Told() (stats CutoverStats) {
	if json.Unmarshal([]byte(i.Stats), &stats) != nil {
		stats = CutoverStats{}
	}
	before := stats
	if i.Details != "" && json.Unmarshal([]byte(i.Details), &stats) != nil {
		return before
	}
	return stats
}

// CutoverInstances returns what instances of an environment told since then, by flag and host, without the details. The
// zero time gives all that is stored.
func (r reader) CutoverInstances(ctx context.Context, environment string, since time.Time) ([]CutoverInstance, error) {
	query := r.cutoverTold(ctx, environment, since).Select("instance", "environment", "flag", "host", "revision", "heard_at", "ended_at", "gone_at", "stats")
	rows, err := scanned(query, func(i *CutoverInstance) []any {
		return []any{&i.Instance, &i.Environment, &i.Flag, &i.Host, &i.Revision, &i.HeardAt, &i.EndedAt, &i.GoneAt, &i.Stats}
	})
	if err != nil {
		return nil, fmt.Errorf("read what instances tell of cutovers in %q: %w", environment, err)
	}
	return rows, nil
}

// CutoverInstancesOf is CutoverInstances of one entity, with the details.
func (r reader) CutoverInstancesOf(ctx context.Context, environment, flag string, since time.Time) (rows []CutoverInstance, err error) {
	if err := r.cutoverTold(ctx, environment, since).Where("flag = ?", flag).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what instances tell of the cutover %q in %q: %w", flag, environment, err)
	}
	return rows, nil
}

func (r reader) cutoverTold(ctx context.Context, environment string, since time.Time) *gorm.DB {
	db := r.with(ctx).Model(&CutoverInstance{}).Where("environment = ?", environment)
	if !since.IsZero() {
		db = db.Where("heard_at >= ?", At(since))
	}
	return db.Order("flag, host, instance")
}

// CutoverBehind returns the instances that run and follow an older revision for a flag than that, without their stats.
func (r reader) CutoverBehind(ctx context.Context, environment, flag string, revision int64) ([]CutoverInstance, error) {
	var rows []CutoverInstance
	err := r.with(ctx).Omit("stats", "details").Where("environment = ? AND flag = ? AND revision < ? AND ended_at IS NULL AND gone_at IS NULL", environment, flag, revision).
		Order("host, instance").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("look who is behind with the cutover %q in %q: %w", flag, environment, err)
	}
	return rows, nil
}

// TellCutover stores what an instance tells of its entities, one row each. One that tells again after somebody said that
// it is gone is not gone: it is waited for again.
func (s *Store) TellCutover(ctx context.Context, rows ...CutoverInstance) error {
	if len(rows) == 0 {
		return nil
	}
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].GoneAt = nil
	}
	err := s.Write(ctx, func(tx *Tx) error {
		return tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "instance"}, {Name: "flag"}}, UpdateAll: true}).CreateInBatches(&rows, batch).Error
	})
	if err != nil {
		return fmt.Errorf("tell of cutovers: %w", err)
	}
	return nil
}

// CutoverInstanceRows returns what one instance told of an environment's entities and still counts: by flag.
func (r reader) CutoverInstanceRows(ctx context.Context, environment, instance string) ([]CutoverInstance, error) {
	var rows []CutoverInstance
	err := r.with(ctx).Omit("stats", "details").Where("environment = ? AND instance = ? AND ended_at IS NULL AND gone_at IS NULL", environment, instance).Order("flag").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read what instance %q tells: %w", instance, err)
	}
	return rows, nil
}

// CutoverGone notes that an instance is gone: nobody waits for it any more.
func (tx *Tx) CutoverGone(ctx context.Context, environment, instance string, at time.Time) error {
	err := tx.with(ctx).Model(&CutoverInstance{}).Where("environment = ? AND instance = ? AND ended_at IS NULL AND gone_at IS NULL", environment, instance).
		Update("gone_at", At(at)).Error
	if err != nil {
		return fmt.Errorf("note that instance %q is gone: %w", instance, err)
	}
	return nil
}

// ForgetCutoverInstances removes what instances told that ended, or were said to be gone, so long ago. Those that are
// only silent stay: somebody has to say what became of them.
func (s *Store) ForgetCutoverInstances(ctx context.Context, age time.Duration) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		before := At(now.Add(-age))
		return tx.with(ctx).Where("ended_at < ? OR gone_at < ?", before, before).Delete(&CutoverInstance{}).Error
	})
	if err != nil {
		return fmt.Errorf("forget instances that are gone: %w", err)
	}
	return nil
}
