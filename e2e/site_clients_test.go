package e2e

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/internal/sample"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/service"
)

// newSampleClients are clients in two files of their own.
func newSampleClients(t *testing.T, store *models.Store, flags *service.FeatureFlagService, log *slog.Logger) *sample.Clients {
	t.Helper()
	var sides []*gorm.DB
	for _, name := range []string{"old.db", "new.db"} {
		db, err := sqlite.GORM(filepath.Join(t.TempDir(), name), &gorm.Config{SkipDefaultTransaction: true, Logger: logger.Discard})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := pool.Close(); err != nil {
				t.Error(err)
			}
		})
		sides = append(sides, db)
	}
	clients, err := sample.NewClients(t.Context(), sample.ClientsConfig{Old: sides[0], New: sides[1], Flags: flags, Store: store, Logger: log,
		Prepare: func(context.Context) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return clients
}
