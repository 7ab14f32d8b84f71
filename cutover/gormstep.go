package cutover

import (
	"context"
	"fmt"
)

// Step brings a key from change n-1 to change n. It is the one statement that most writes need beside the host's own.
func (s *GORMStore) Step(ctx context.Context, entity, key string, n int64) (bool, error) {
	result := s.at(ctx).Exec("UPDATE cutover_numbers SET number = ?, skipped = ? WHERE entity = ? AND row_key = ? AND number = ?", n, false, entity, key, n-1)
	if result.Error != nil {
		return false, fmt.Errorf("count a change of %s: %w", entity, result.Error)
	}
	return result.RowsAffected == 1, nil
}
