package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/pgtest"
)

// answersAll waits until the site answers everybody who comes anew with that status.
func (s *site) answersAll(status int) time.Duration {
	s.t.Helper()
	begun := time.Now()
	waitFor(s.t, "another answer", func() bool {
		p, err := s.guest().tries("/listings")
		return err == nil && p.status == status
	})
	return time.Since(begun)
}

var stylePattern = regexp.MustCompile(`/assets/site\.[^"]*\.?css`)

func TestMaintenanceReachesEveryInstanceWithinASecond(t *testing.T) {
	t.Parallel()
	c, sites := twoInstances(t, pgtest.Empty(t))
	hear(t, sites)
	ann := [2]*guest{sites[0].guest(), sites[1].guest()}
	style := ""
	for _, g := range ann {
		style = stylePattern.FindString(g.opens("/").body)
	}
	inTime(t, time.Second, 2, func() time.Duration {
		if out := c.does("maintain", "--reason", "new tyres", "--message", "New tyres", "--drain", "5m"); !strings.Contains(out, "Maintenance is set in development") {
			t.Error(out)
		}
		closed := time.Now()
		for _, s := range sites {
			s.answersAll(http.StatusServiceUnavailable)
		}
		closing := time.Since(closed)
		t.Logf("on everywhere after %s", closing)
		for i, s := range sites {
			p, err := s.guest().tries("/clients")
			if err != nil || p.status != http.StatusServiceUnavailable || !strings.Contains(p.body, "New tyres") || !strings.Contains(p.body, `id="maintenance"`) {
				t.Errorf("%d, %v:\n%s", p.status, err, p.body)
			}
			if p := ann[i].opens("/"); !strings.Contains(p.body, `data-maintenance="draining"`) {
				t.Error("who was at work does not go on, or is not told")
			}
			for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/settings/flags": 200, style: 200} {
				if response, err := s.get(path); err != nil || response.StatusCode != want {
					t.Errorf("%s: %v, %v", path, response, err)
				}
			}
		}
		if p := sites[0].guest().posts("/person", url.Values{"person": {"u-tom"}}); p.status != http.StatusOK || !strings.Contains(p.body, `data-maintenance="passing"`) {
			t.Error("who works for Toprent does not pass, or is not told")
		}
		c.does("reopen", "--reason", "they are on")
		opened := time.Now()
		for _, s := range sites {
			s.answersAll(http.StatusOK)
		}
		opening := time.Since(opened)
		t.Logf("open everywhere after %s", opening)
		return max(closing, opening)
	})
	if out := c.does("reopen", "--reason", "again"); !strings.Contains(out, "There was no maintenance") {
		t.Error(out)
	}
	c.refuses(1, []string{"begins with a slash"}, "maintain", "--reason", "x", "--path", "clients")
}

func TestProgramsAreToldOfMaintenanceByTheRealCommand(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	s := c.serves()
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	c.does("maintain", "--reason", "new tyres", "--message", "New tyres", "--path", "/clients", "--until", until.Format(time.RFC3339))
	s.reaches(2)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/clients/7", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Detail string
		Status int
		Until  time.Time
	}
	if err := json.Unmarshal(body, &p); err != nil || response.StatusCode != 503 || p.Status != 503 || p.Detail != "New tyres" || !p.Until.Equal(until) || response.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s: %v", response.StatusCode, response.Header, body, err)
	}
	s.guest().opens("/listings") // elsewhere it is open
}
