package settings

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// fillProduction puts something into every corner of production that only who may look there may know. All of it has a
// word in it by which it is found again.
func fillProduction(t *testing.T, s *sweep) {
	t.Helper()
	s.ada.Submits(s.ada.Opens("/environments/production/edit"), "/environments/production/edit", "title", "hush-title").Is(http.StatusOK)
	s.ada.Submits(s.ada.Opens("/new-plan/production"), "/new-plan/production", "key", "hush-plan", "title", "hush-plan-title", "rank", "77").Is(http.StatusOK)
	segment := s.ada.Opens("/new-segment/production")
	s.ada.Submits(segment, "/new-segment/production", "key", "hush-segment", "title", "hush-segment", "when.0.attribute", "country", "when.0.operator", "in", "when.0.values", "hush-country").Is(http.StatusOK)
	override := s.ada.Opens("/flags/new-home/production/overrides/one")
	s.ada.Submits(override, "/overrides/one", "kind", "user", "id", "hush-user", "variant", "on", "reason", "hush-override").Is(http.StatusOK)
	s.ada.Submits(s.ada.Opens("/flags/winter-look/production/kill"), "/kill", "reason", "hush-kill").Is(http.StatusOK)
	s.ada.Submits(s.ada.Opens("/environments/production/recall"), "/recall", "reason", "hush-recall").Is(http.StatusOK)
	s.ada.Submits(s.ada.Opens("/tenant?id=hush-tenant"), "/tenant/plan", "plan", "pro").Is(http.StatusOK)
	channels, err := s.Store.AlertChannels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.ada.Posts("/watch/production", "channel", channels[0].ID, "events", "all").Is(http.StatusOK)
	now := models.At(time.Now())
	err = s.Store.Write(t.Context(), func(tx *models.Tx) error {
		_, _, err := tx.HeardOf(t.Context(), models.Instance{ID: "hush-instance", Environment: "production", Host: "hush-host", StartedAt: now, HeardAt: now, State: "live",
			Findings: `{"unknown":[{"key":"hush-unknown","reads":3}],"failures":[{"flag":"hush-failing","cause":"hush-cause","reads":2}]}`})
		return err
	})
	if err == nil {
		err = s.Store.RecordSeen(t.Context(), "production", []models.DirectorySubject{{Environment: "production", Kind: "user", ID: "hush-person", AddOns: "[]", Attributes: "{}", FirstSeen: now, LastSeen: now}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoMaySeeDevelopmentAloneLearnsNothingOfProduction(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	fillProduction(t, s)
	all := s.ada.Opens("/changes").Text() + s.ada.Opens("/health").Text() + s.ada.Opens("/environments").Text() + s.ada.Opens("/tenants").Text()
	for _, word := range []string{"hush-title", "hush-kill", "hush-recall", "hush-host", "hush-tenant", "hush-unknown"} {
		if !strings.Contains(all, word) {
			t.Errorf("nobody sees %s", word)
		}
	}
	dev := s.joins("dev@toprent.example", map[string]access.Role{"development": access.Admin})
	secret := token(t, dev, "admin", "development")
	queries := []string{"", "?in=production", "?environment=production", "?sort=in:production", "?sort=-in:production", "?status=killed&in=production", "?q=hush", "?flag=new-home",
		"?author=ada@toprent.example", "?kind=kill", "?tier=hush-plan", "?user=hush-user", "?tenant=hush-tenant", "?id=hush-tenant", "?page=2", "?archived=1", "?channel=x", "?explain=winter-look&user=hush-user"}
	robot := s.As("")
	robot.Header.Set("Authorization", "Bearer "+secret)
	seen := map[string]bool{}
	var looks func(path string)
	looks = func(path string) {
		path, _, _ = strings.Cut(path, "#")
		if seen[path] || len(seen) > 600 || !strings.HasPrefix(path, "/settings") || strings.Contains(path, "/assets/") {
			return
		}
		seen[path] = true
		for who, b := range map[string]*settingstest.Browser{"dev": dev, "dev's token": robot} {
			p := b.Gets(path)
			if at := strings.Index(p.Body, "hush-"); at >= 0 && !strings.Contains(path, p.Body[at:min(at+9, len(p.Body))]) {
				t.Errorf("%s learns at %s: %d %s", who, path, p.Status, p.Body[max(0, at-80):min(at+60, len(p.Body))])
			}
			if who != "dev" || p.Status != http.StatusOK {
				continue
			}
			for _, link := range p.Find("a[href]").EachIter() {
				href, _ := link.Attr("href")
				if strings.Contains(href, "/production") {
					t.Errorf("%s links to %s", path, href)
				}
				looks(href)
			}
		}
	}
	for _, route := range s.routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodGet {
			continue
		}
		for _, environment := range []string{"development", "production"} {
			s.params["env"] = environment
			for _, query := range queries {
				looks(s.path(path, "", "") + query)
			}
		}
	}
	if len(seen) < 200 {
		t.Errorf("only %d addresses were looked at", len(seen))
	}
}
