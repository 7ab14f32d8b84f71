package settings

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestTheAuditSaysWhoDidWhatFromWhere(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		approver := site.As("approver")
		approver.Header.Set("User-Agent", "Firefox of Abe")
		approver.Posts("/flags/winter-look/production/kill", "reason", "it burns", "base", "1").Is(http.StatusOK)
		admin := site.As("admin")
		list := admin.Opens("/audit?kind=kill")
		list.Sees("Killed in Production by abe@toprent.example", "it burns")
		address, _ := list.Find(".audit-entries a").First().Attr("href")
		admin.Gets(address).Is(http.StatusOK).Sees("abe@toprent.example", "p-approver", "it burns", "the settings pages", "127.0.0.1", "Firefox of Abe", "Flag winter-look", "Killed", "Client-visible", "no", "yes")
		admin.Opens("/audit?flag=winter-look").Sees("Killed in Production")
		admin.Opens("/audit?flag=new-home&kind=kill").Sees("No entry is like that")
		admin.Opens("/audit?who=abe%40toprent.example").Sees("Killed in Production").Lacks("Imported in")
		admin.Opens("/audit?since=2020-01-01&until=2020-01-02").Sees("No entry is like that")
		admin.Opens("/audit?since=nonsense&before=-1&in=%00").Sees("Audit")
		admin.Gets("/settings/audit/configuration/999999").Is(http.StatusNotFound)
		admin.Gets("/settings/audit/other/1").Is(http.StatusNotFound)
		for _, path := range []string{"/settings/audit", "/settings/audit.csv", "/settings/audit.json", "/settings/audit/configuration/1"} {
			approver.Gets(path).Is(http.StatusForbidden)
		}
	})
}

func TestRefusedAttemptsAreInTheAudit(t *testing.T) {
	t.Parallel()
	site := settingstest.New(t)
	site.Sample()
	viewer := site.As("viewer")
	viewer.Posts("/flags/new-home/production/kill", "reason", "mischief", "base", "1").Is(http.StatusForbidden)
	viewer.Header["Origin"] = []string{"https://evil.example"}
	viewer.Header["Sec-Fetch-Site"] = []string{"cross-site"}
	viewer.Sends(http.MethodPost, "/settings/flags/new-home/production/kill", "application/x-www-form-urlencoded", "reason=x").Is(http.StatusForbidden)
	program := site.As("")
	program.Header.Set("Authorization", "Bearer tfl_wrong")
	program.Gets("/settings/api/me").Is(http.StatusUnauthorized)
	admin := site.As("admin")
	wants := []string{"Refused in Production by vic@toprent.example", "it takes the role approver in this environment", "Form refused in Production", "This form comes from another site", "Token refused"}
	comesTo(t, func() bool {
		text := admin.Opens("/audit?chain=access").Text()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
	admin.Opens("/audit?chain=access&flag=new-home").Sees("Refused in Production")
}

func TestAnAdminVerifiesTheChains(t *testing.T) {
	t.Parallel()
	site := settingstest.New(t, func(c *settings.Config) { c.AuditKey = auditKey })
	admin := site.As("admin")
	admin.Posts("/audit/verify").Is(http.StatusOK).Sees("The chains are being verified.")
	comesTo(t, func() bool { return strings.Contains(admin.Opens("/audit").Text(), "Configuration: 0 entries, whole") })
	site.As("approver").Posts("/audit/verify").Is(http.StatusForbidden)
}

func TestFilesOfTheAuditHoldNoFormulas(t *testing.T) {
	t.Parallel()
	site := settingstest.New(t)
	site.Sample()
	for i, evil := range []string{"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "a;=1+1", "＝1"} {
		_, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "production", Author: evil, Reason: evil, Edits: []changes.Edit{
			changes.PutOverride{Override: ruleset.Override{Flag: "new-home", User: fmt.Sprint(evil, i), Variant: "on", Reason: evil}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	file := site.As("admin").Gets("/settings/audit.csv?kind=publish").Is(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n|%") || strings.Contains(cell, ";=") || strings.HasPrefix(cell, "＝") {
				t.Errorf("a cell is a formula: %q", cell)
			}
		}
	}
	lines := site.As("admin").Gets("/settings/audit.json?kind=publish").Is(http.StatusOK)
	if n := strings.Count(lines.Body, "\n"); n != 7 {
		t.Errorf("the JSON file has %d lines", n)
	}
}

func TestAPageOfTheAuditIsFoundByNumber(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		for n := range 120 {
			a.log.Note(t.Context(), audit.Entry{Action: "sign-in", Actor: []string{"ann", "bob"}[n%2]})
		}
		a.flush()
		filter := models.AuditFilter{Chain: audit.Access, Who: "bob"}
		seen := int64(0)
		for last := int64(1 << 40); ; {
			entries, err := a.log.Entries(t.Context(), filter, 25)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				if e.Number >= last || e.Who() != "bob" {
					t.Fatalf("entry %d by %s comes after entry %d", e.Number, e.Who(), last)
				}
				last = e.Number
				seen++
			}
			filter.Before = last
		}
		if seen != 60 {
			t.Errorf("%d entries are found, want 60", seen)
		}
	})
}

func TestSigningInAndWhatItMayLeadToIsInTheAudit(t *testing.T) {
	t.Parallel()
	h := standsAlone(t)
	ada := h.first()
	h.As("").Posts("/sign-in", "email", "ada@toprent.example", "password", "a wrong one entirely")
	again := h.As("")
	again.Posts("/sign-in", "email", "ada@toprent.example", "password", good)
	again.Posts("/sign-out")
	ada.Posts("/people/invite", "email", "bob@toprent.example", "name", "Bob", "role", "viewer").Is(http.StatusOK)
	ada.Posts("/me/tokens/new", "name", "ci", "role", "viewer", "environment", "production", "expires", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)).Is(http.StatusOK)
	for _, wants := range []string{"link-used", "sign-in-failed", "sign-in", "sign-out", "invited", "token-made"} {
		comesTo(t, func() bool {
			return strings.Contains(ada.Opens("/audit?chain=access&kind="+wants).Text(), words.Deed(wants)+" by ada@toprent.example")
		})
	}
	ada.Opens("/audit?chain=access&user=bob%40toprent.example").Sees("Invited by")
}
