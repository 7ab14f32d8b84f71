package models

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ReviewLetter is what one owner is told in one week: by e-mail, or through one channel.
type ReviewLetter struct {
	ID           string `gorm:"primaryKey"` // a UUID; receivers know the letter by it
	Week         string // 2026-W47
	Owner        string // empty: nobody owns the flags
	Address      string // empty: it goes through a channel
	ChannelID    *string
	Flags        string // JSON
	Status       string // as of alerts
	Attempts     int64
	NextAt       Time
	ClaimedUntil *Time
	Answer       string
	CreatedAt    Time
}

func (ReviewLetter) TableName() string { return "review_letters" }

type reviewWeek struct {
	Week   string `gorm:"primaryKey"`
	MadeAt Time
}

func (reviewWeek) TableName() string { return "review_weeks" }

// ReviewWeekMade reports whether the letters of a week were made.
func (r reader) ReviewWeekMade(ctx context.Context, week string) (bool, error) {
	var n int64
	if err := r.with(ctx).Model(&reviewWeek{}).Where("week = ?", week).Count(&n).Error; err != nil {
		return false, fmt.Errorf("look whether owners were told: %w", err)
	}
	return n > 0, nil
}

// lettersKept is how long it is remembered what owners were told.
const lettersKept = 90 * 24 * time.Hour

// AddReviewWeek adds the letters of a week, unless somebody else did: then it adds nothing and reports false.
func (s *Store) AddReviewWeek(ctx context.Context, week string, letters []ReviewLetter) (added bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		added = false
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		done := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&reviewWeek{week, At(now)})
		if done.Error != nil || done.RowsAffected == 0 {
			return done.Error
		}
		added = true
		if err := tx.with(ctx).Where("created_at < ?", At(now.Add(-lettersKept))).Delete(&ReviewLetter{}).Error; err != nil {
			return err
		}
		for i := range letters {
			letters[i].ID, letters[i].Week, letters[i].Status = uuid.NewString(), week, AlertWaiting
			letters[i].NextAt, letters[i].CreatedAt = At(now), At(now)
		}
		if len(letters) == 0 {
			return nil
		}
		return tx.with(ctx).CreateInBatches(letters, batch).Error
	})
	if err != nil {
		return false, fmt.Errorf("make the letters of %s: %w", week, err)
	}
	return added, nil
}

// ClaimReviewLetters takes up to limit letters that are due, and counts an attempt for each. Nobody else takes them for
// that long.
func (s *Store) ClaimReviewLetters(ctx context.Context, limit int, lease time.Duration) (rows []ReviewLetter, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		rows = nil
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		err = tx.with(ctx).Where("status = ? AND next_at <= ? AND (claimed_until IS NULL OR claimed_until <= ?)", AlertWaiting, At(now), At(now)).
			Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Order("next_at, id").Limit(limit).Find(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i := range rows {
			rows[i].Attempts++
			ids[i] = rows[i].ID
		}
		return tx.with(ctx).Model(&ReviewLetter{}).Where("id IN ?", ids).
			Updates(map[string]any{"attempts": gorm.Expr("attempts + 1"), "claimed_until": At(now.Add(lease))}).Error
	})
	if err != nil {
		return nil, fmt.Errorf("take letters to send: %w", err)
	}
	return rows, nil
}

// FinishReviewLetter says what came of an attempt. One that was overtaken changes nothing. A status of AlertWaiting is
// tried again after the pause.
func (s *Store) FinishReviewLetter(ctx context.Context, letter ReviewLetter, status, answer string, pause time.Duration) error {
	err := s.Write(ctx, func(tx *Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.with(ctx).Model(&ReviewLetter{}).Where("id = ? AND attempts = ? AND status = ?", letter.ID, letter.Attempts, AlertWaiting).
			Updates(map[string]any{"status": status, "answer": answer, "next_at": At(now.Add(pause)), "claimed_until": nil}).Error
	})
	if err != nil {
		return fmt.Errorf("note what became of a letter: %w", err)
	}
	return nil
}

// ReviewLetters returns the letters of a week.
func (r reader) ReviewLetters(ctx context.Context, week string) (rows []ReviewLetter, err error) {
	if err = r.with(ctx).Where("week = ?", week).Order("owner, address").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the letters of %s: %w", week, err)
	}
	return rows, nil
}
