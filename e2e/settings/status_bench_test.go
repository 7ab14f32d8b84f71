package settings

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/ruleset"
)

// BenchmarkHealthPage has a thousand flags, a hundred instances that each found as much as they tell, thirty days and
// fifty kills.
func BenchmarkHealthPage(b *testing.B) {
	site := settingstest.New(b)
	var flags strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&flags, "  - {key: flag-number-%04d, title: A flag, purpose: p, owner: o, kind: release, type: boolean, planned_removal: 2027-03-01, environments: {development: {enabled: true}, staging: {}, production: {}}}\n", i)
	}
	site.Imports("version: 1\nflags:\n" + flags.String())
	values := site.Flags.Values(b.Context(), ruleset.Subject{})
	for i := range 100 {
		values.On(fmt.Sprintf("flag-numbre-%04d", i*7))
	}
	for range 50 {
		if _, err := site.Changes.Kill(b.Context(), "development", "flag-number-0007", "ann", "x"); err != nil {
			b.Fatal(err)
		}
		if _, err := site.Changes.Lift(b.Context(), "development", "flag-number-0007", "ann", "x"); err != nil {
			b.Fatal(err)
		}
	}
	if err := report.New(site.Store, site.Flags, report.Options{}).Report(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows, err := site.Store.Instances(b.Context(), time.Time{})
	if err == nil {
		err = site.Store.Write(b.Context(), func(tx *models.Tx) error {
			for i := range 100 {
				row := rows[0]
				row.ID, row.Host = fmt.Sprint("instance-", i), fmt.Sprint("web-", i)
				if _, _, err := tx.HeardOf(b.Context(), row); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	opens := func() {
		r := httptest.NewRequest(http.MethodGet, "/settings/health", nil)
		r.AddCookie(&http.Cookie{Name: "person", Value: "admin"})
		w := httptest.NewRecorder()
		site.Engine.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "web-99") {
			b.Fatal(w.Code)
		}
	}
	if err := site.Flags.Refresh(b.Context()); err != nil { // so that it is not busy meanwhile
		b.Fatal(err)
	}
	opens() // the first reads all flags
	for b.Loop() {
		opens()
	}
}
