package models

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// AnalyticsForgotten marks a name that was forgotten in the last day: what instances still had in memory of it then is stored
// under the other name. The mark is salted, and gone after a day.
type AnalyticsForgotten struct {
	Mark    string `gorm:"primaryKey"` // salt and hash
	Becomes string
	At      Time
}

func (AnalyticsForgotten) TableName() string { return "analytics_forgotten" }

// ForgottenFor is how long it is known who was forgotten. What an instance kept in memory for longer, because it could not
// reach the database, is stored as it was.
const ForgottenFor = 24 * time.Hour

// ClocksDiffer is how far ahead of the database's clock the times of events may be. What is told of somebody with a time up
// to that much after they were forgotten may have happened before.
const ClocksDiffer = time.Minute

// Forgotten knows who was forgotten lately.
type Forgotten []AnalyticsForgotten

// Becomes gives the name that somebody has had since they were forgotten, for what happened before; false if they were not.
func (f Forgotten) Becomes(name string, at Time) (string, bool) {
	row, was := f.find(name, at)
	return row.Becomes, was
}

func (f Forgotten) find(name string, at Time) (AnalyticsForgotten, bool) {
	for _, row := range f {
		if name != "" && !at.After(row.At.Add(ClocksDiffer)) && row.Mark == mark(row.Mark[:saltLength], name) {
			return row, true
		}
	}
	return AnalyticsForgotten{}, false
}

// visitor is the name of a visitor that turns out to be one of who was forgotten: the same for all who find it out.
func (row AnalyticsForgotten) visitor(id string) string {
	return "forgotten-" + mark(row.Mark, id)[len(row.Mark):][:12]
}

// Last is when somebody was forgotten last; zero: nobody was lately.
func (f Forgotten) Last() (at time.Time) {
	for _, row := range f {
		if row.At.After(at) {
			at = row.At.Time
		}
	}
	return at
}

const saltLength = 32 // hexadecimal digits

// mark is a salt and the hash of a name with it.
func mark(salt, name string) string {
	sum := sha256.Sum256([]byte(salt + name))
	return salt + hex.EncodeToString(sum[:])
}

// ForgottenName draws a name for somebody who is forgotten.
func ForgottenName() string { return "forgotten-" + strings.ToLower(rand.Text()[:12]) }

// ForgottenLately gives who was forgotten within the last day.
func (r reader) ForgottenLately(ctx context.Context) (rows Forgotten, err error) {
	if err = r.with(ctx).Order("mark").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read who was forgotten: %w", err)
	}
	return rows, nil
}

// forgetting is what those lock who store events, and who forgets somebody; an arbitrary number that is nobody else's.
const forgetting = 0x666f72676574 // "forget"

// lockForgotten gives who was forgotten lately. Until the transaction ends nobody else is; alone, nobody stores events either.
func (tx *Tx) lockForgotten(ctx context.Context, alone bool) (Forgotten, error) {
	lock := "SELECT pg_advisory_xact_lock_shared(?)"
	if alone {
		lock = "SELECT pg_advisory_xact_lock(?)"
	}
	if !tx.backend.OneWriter() {
		if err := tx.with(ctx).Exec(lock, int64(forgetting)).Error; err != nil {
			return nil, fmt.Errorf("keep events and forgetting apart: %w", err)
		}
	}
	rows, err := tx.ForgottenLately(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	known := rows[:0]
	for _, row := range rows {
		if now.Sub(row.At.Time) < ForgottenFor {
			known = append(known, row)
		}
	}
	if len(known) < len(rows) {
		if err := tx.with(ctx).Exec("DELETE FROM analytics_forgotten WHERE at <= ?", At(now.Add(-ForgottenFor))).Error; err != nil {
			return nil, fmt.Errorf("remove marks of who was forgotten: %w", err)
		}
	}
	return known, nil
}

// noteForgotten marks a name, for instances that have something of it in memory.
func (tx *Tx) noteForgotten(ctx context.Context, name, becomes string, at time.Time) (AnalyticsForgotten, error) {
	salt := make([]byte, saltLength/2)
	rand.Read(salt) // never fails
	row := AnalyticsForgotten{Mark: mark(hex.EncodeToString(salt), name), Becomes: becomes, At: At(at)}
	if err := tx.with(ctx).Create(&row).Error; err != nil {
		return row, fmt.Errorf("mark who was forgotten: %w", err)
	}
	return row, nil
}
