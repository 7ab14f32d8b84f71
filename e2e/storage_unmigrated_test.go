package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/toprent/flags/models/sqlite"
)

func TestADatabaseWithoutASchemaSaysWhatToDo(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Environments(t.Context()); err == nil || !strings.Contains(err.Error(), "run the migrate command") {
		t.Errorf("all environments: %v", err)
	}
	if _, err := store.Environment(t.Context(), "production"); err == nil || !strings.Contains(err.Error(), "run the migrate command") {
		t.Errorf("one environment: %v", err)
	}
}
