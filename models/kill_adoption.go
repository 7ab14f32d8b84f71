package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// KillAdoption says when an instance that ran as a flag was killed began to serve the kill.
type KillAdoption struct {
	Environment string `gorm:"primaryKey"`
	Revision    int64  `gorm:"primaryKey;autoIncrement:false"` // of the kill
	Instance    string `gorm:"primaryKey"`
	Host        string
	AdoptedAt   *Time // by the database's clock; nil: it has not told so
}

func (KillAdoption) TableName() string { return "kill_adoptions" }

// Kill is a kill with the flag that it was about.
type Kill struct {
	Environment string
	Revision    int64
	Flag        string // the flag's key
	Author      string
	PublishedAt Time
}

// Kills returns the kills since then, newest first, at most limit of them.
func (r reader) Kills(ctx context.Context, since time.Time, limit int) ([]Kill, error) {
	var rows []Kill
	err := r.with(ctx).Table("revisions r").
		Joins("JOIN feature_flag_environments e ON e.environment = r.environment AND e.from_revision = r.number").
		Joins("JOIN feature_flags f ON f.id = e.feature_id").
		Where("r.kind = ? AND r.published_at >= ?", "kill", At(since)).
		Select("r.environment, r.number AS revision, f.name AS flag, r.author, r.published_at").
		Order("r.published_at DESC, r.environment, r.number DESC").Limit(limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the kills: %w", err)
	}
	return rows, nil
}

// KillAdoptions returns who adopted kills since then, and when.
func (r reader) KillAdoptions(ctx context.Context, since time.Time) ([]KillAdoption, error) {
	var rows []KillAdoption
	err := r.with(ctx).Table("kill_adoptions a").Joins("JOIN revisions r ON r.environment = a.environment AND r.number = a.revision").
		Where("r.published_at >= ?", At(since)).Select("a.*").Order("a.environment, a.revision, a.adopted_at, a.instance").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read when kills were adopted: %w", err)
	}
	return rows, nil
}

// aliveBefore is how long before a kill an instance may have been heard of last, to be one that ran then: it tells every
// ten seconds.
const aliveBefore = time.Minute

// AdoptKills stores that an instance, which served revision from until then, began to serve revision to: for each kill
// in between. All others that ran at the kill are noted as those that it is still to be heard from.
func (tx *Tx) AdoptKills(ctx context.Context, row Instance, from, to int64, at time.Time) error {
	var kills []Revision
	err := tx.with(ctx).Where("environment = ? AND kind = ? AND number > ? AND number <= ?", row.Environment, "kill", from, to).
		Order("number").Find(&kills).Error
	for _, kill := range kills {
		if err == nil {
			err = tx.adoptKill(ctx, row, kill, at)
		}
	}
	if err != nil {
		return fmt.Errorf("store when a kill was adopted: %w", err)
	}
	return nil
}

func (tx *Tx) adoptKill(ctx context.Context, row Instance, kill Revision, at time.Time) error {
	var ran []Instance
	// In the order of ids, so that two who store the same rows never wait for each other in a circle.
	err := tx.with(ctx).Where("environment = ? AND started_at <= ? AND heard_at >= ? AND (ended_at IS NULL OR ended_at >= ?)",
		row.Environment, kill.PublishedAt, At(kill.PublishedAt.Add(-aliveBefore)), kill.PublishedAt).Or("id = ?", row.ID).
		Order("id").Find(&ran).Error
	if err != nil {
		return err
	}
	adoptions := make([]KillAdoption, len(ran))
	for i, instance := range ran {
		adoptions[i] = KillAdoption{Environment: kill.Environment, Revision: kill.Number, Instance: instance.ID, Host: instance.Host}
	}
	err = tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(adoptions, batch).Error
	if err != nil {
		return err
	}
	return tx.with(ctx).Model(&KillAdoption{}).
		Where("environment = ? AND revision = ? AND instance = ? AND adopted_at IS NULL", kill.Environment, kill.Number, row.ID).
		Update("adopted_at", gorm.Expr("?", At(at))).Error
}
