package cutover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Step brings a key from change n-1 to change n. It is the one statement that most writes need beside the host's own.
func (s *GORMStore) Step(ctx context.Context, entity, key string, n int64) (bool, error) {
	result := s.at(ctx).Exec("UPDATE cutover_numbers SET number = ?, skipped = ? WHERE entity = ? AND row_key = ? AND number = ?", n, false, entity, key, n-1)
	if result.Error != nil {
		return false, fmt.Errorf("count a change of %s: %w", entity, result.Error)
	}
	return result.RowsAffected == 1, nil
}

// Overrule notes that a change was given up here although the other side may have made it.
func (s *GORMStore) Overrule(ctx context.Context, entity, key string, n int64) error {
	err := s.at(ctx).Exec("INSERT INTO cutover_overruled (entity, row_key, number) VALUES (?, ?, ?)"+
		" ON CONFLICT (entity, row_key) DO UPDATE SET number = excluded.number WHERE cutover_overruled.number < excluded.number", entity, key, n).Error
	if err != nil {
		return fmt.Errorf("give up a change of %s: %w", entity, err)
	}
	return nil
}

// Overruled returns the last change that was given up so.
func (s *GORMStore) Overruled(ctx context.Context, entity, key string) (n int64, err error) {
	err = s.at(ctx).Raw("SELECT number FROM cutover_overruled WHERE entity = ? AND row_key = ?", entity, key).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("read what was given up of %s: %w", entity, err)
	}
	return n, nil
}

// forgetSome is how many rows that were looked at, and never numbered, are forgotten at once.
const forgetSome = 5000

// Forget removes numbers, and keys that were looked at under a lock but never numbered. What somebody holds stays.
func (s *GORMStore) Forget(ctx context.Context, entity string, numbers map[string]Number) error {
	return s.Within(ctx, func(ctx context.Context) error {
		for _, key := range slices.Sorted(maps.Keys(numbers)) {
			err := errors.Join(
				s.at(ctx).Exec("DELETE FROM cutover_numbers WHERE entity = ? AND row_key = ? AND number = ?", entity, key, numbers[key].N).Error,
				s.at(ctx).Exec("DELETE FROM cutover_overruled WHERE entity = ? AND row_key = ? AND number <= ?", entity, key, numbers[key].N).Error)
			if err != nil {
				return fmt.Errorf("forget numbers of %s: %w", entity, err)
			}
		}
		held := ""
		if s.postgres() {
			held = " FOR UPDATE SKIP LOCKED"
		}
		err := s.at(ctx).Exec("DELETE FROM cutover_numbers WHERE entity = ? AND number = -1 AND row_key IN (SELECT row_key FROM cutover_numbers WHERE entity = ? AND number = -1 LIMIT ?"+held+")", entity, entity, forgetSome).Error
		if err != nil {
			return fmt.Errorf("forget rows of %s that were looked at: %w", entity, err)
		}
		return nil
	})
}
