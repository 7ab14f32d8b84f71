//go:build unix

package settings

import (
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
)

// Of 100,000 people and four flags: what the hourly count costs the processor for each flag, and how long it takes in all.
func BenchmarkTheHourlyCountOfAdoption(b *testing.B) {
	site := settingstest.New(b)
	site.Sample()
	crowd(b, site.Store, 100_000)
	picture(b, site.Directory, "development")
	b.ResetTimer()
	var worked time.Duration
	for range b.N {
		if err := site.Store.EndAdoption(b.Context(), "development", time.Now().Add(-2*time.Hour)); err != nil {
			b.Fatal(err)
		}
		before := processorTime(b)
		if did, err := surveys(site).Count(b.Context(), "development"); !did || err != nil {
			b.Fatal(did, err)
		}
		worked += processorTime(b) - before
	}
	b.ReportMetric(float64(worked.Milliseconds())/float64(4*b.N), "processor-ms/flag")
}
