package settings

import (
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

func TestTheHealthPageShowsThisInstance(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.As("viewer").Opens("/health").Sees("Health", "Reachable", "SQLite", "this one", "Live")
}
