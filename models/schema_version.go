package models

import (
	"context"
	"fmt"
)

// SchemaVersion returns the version of the database's schema.
func (r reader) SchemaVersion(ctx context.Context) (version int64, err error) {
	err = r.with(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}
