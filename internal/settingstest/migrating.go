package settingstest

import (
	"fmt"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Migrating is Migrates with something to see on the board: in development, clients are live after shadow and tell of
// differences, and one instance is silent; bookings are being copied. In production, everybody's clients are complete.
func (s *Site) Migrating() {
	s.t.Helper()
	s.Migrates()
	s.Steps("development", "clients", ruleset.StageDualWrite, ruleset.StageShadow)
	s.Copied("development", "clients")
	s.Steps("development", "clients", ruleset.StageLive)
	s.Steps("development", "bookings", ruleset.StageDualWrite)
	began := models.At(time.Now().Add(-10 * time.Minute))
	s.Copies(models.CutoverProgress{Environment: "development", Flag: "bookings", Direction: models.CutoverForward, State: models.CutoverCopying,
		Total: 250_000, Copied: 81_340, StartedAt: &began, Holder: "web-1"})
	at := s.versionOf("development", "clients")
	s.Tells("development", "clients", "web-1", at, time.Second, Busy())
	s.Tells("development", "clients", "web-2", at, time.Second, Busy())
	s.Compared("development", "clients", 13_000, 8)
	s.Tells("development", "clients", "web-3", at-1, 5*time.Minute, models.CutoverStats{})
	s.Tells("development", "bookings", "web-1", s.versionOf("development", "bookings"), time.Second, models.CutoverStats{})
	s.Steps("production", "clients", ruleset.StageDualWrite, ruleset.StageShadow)
	s.Copied("production", "clients")
	s.Steps("production", "clients", ruleset.StageLive, ruleset.StageRampdown, ruleset.StageComplete)
}

// Busy is what an instance tells that has worked for a while.
func Busy() models.CutoverStats {
	side := func(slower int) models.CutoverSide {
		buckets := []int64{120, 900, 3200, 1800, 420, 80, 12, 3, 1, 0, 0, 0}
		moved := append(make([]int64, slower), buckets[:len(buckets)-slower]...)
		return models.CutoverSide{Reads: 6536, ReadErrors: int64(slower), Writes: 1204, WriteErrors: int64(2 * slower), ReadLatency: moved, WriteLatency: moved}
	}
	stats := models.CutoverStats{Old: side(1), New: side(0), Compared: 6500, Different: 4, Queue: 2, Oldest: 41, Marked: 3,
		Tenants: []models.CutoverTenant{{Tenant: "t-globex", Compared: 900, Different: 3}, {Tenant: "t-acme", Compared: 1800, Different: 1, Errors: 2}, {Tenant: "t-initech", Compared: 300}}}
	for i := range 4 {
		stats.Samples = append(stats.Samples, models.CutoverSample{At: models.At(time.Now().Add(-time.Duration(i) * time.Minute)), Tenant: "t-globex",
			What: fmt.Sprintf("client c-%d: phone", 1000+i), Old: "•••42", New: "none"})
	}
	return stats
}
