package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var firstLink = regexp.MustCompile(`Set up the first account[^:]*: (http://\S+/settings/first/(\S+))`)

func TestTheCommandPrintsALinkForTheFirstAccountUntilThereIsOne(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		s := c.serves()
		link := s.firstLink(t)
		if strings.Contains(s.log.String(), link[2]) {
			t.Errorf("the log has the link:\n%s", s.log)
		}
		old := link
		s.ends(syscall.SIGTERM)

		s = c.serves()
		link = s.firstLink(t)
		if link[2] == old[2] {
			t.Error("the link is the same after a start")
		}
		jar, _ := cookiejar.New(nil)
		browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		const password = "seven small green boats"
		post(t, browser, link[1], url.Values{"email": {"ada@toprent.example"}, "password": {password}, "again": {password}})
		if response, err := browser.Get(s.url + "/settings/me"); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("her own page: %v, %v", response, err)
		}
		s.ends(syscall.SIGTERM)
		for _, secret := range []string{link[2], password} {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("the log has a secret:\n%s", s.log)
			}
		}

		s = c.serves() // who was signed in stays so
		if firstLink.MatchString(s.out.String()) {
			t.Errorf("there is an account, and it prints:\n%s", s.out)
		}
		if response, err := browser.Get(s.url + "/settings/me"); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("after a start: %v, %v", response, err)
		}
	})
}

func (s *site) firstLink(t *testing.T) []string {
	t.Helper()
	waitFor(t, "the link for the first account", func() bool { return firstLink.MatchString(s.out.String()) })
	return firstLink.FindStringSubmatch(s.out.String())
}

func post(t *testing.T, browser *http.Client, to string, form url.Values) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	u := mustParse(t, to)
	request.Header.Set("Origin", u.Scheme+"://"+u.Host)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		t.Fatalf("POST %s: %s", u.Path, response.Status)
	}
}

func TestWrongSettingsOfAccessAreRefused(t *testing.T) {
	for setting, words := range map[string][]string{
		"URL=flags.example":        {"URL must be"},
		"TRUSTED_PROXIES=all":      {"TRUSTED_PROXIES", `"all"`},
		"SESSION_IDLE=1s":          {"SESSION_IDLE"},
		"OIDC_GROUP_ROLES=a=king":  {"OIDC_GROUP_ROLES", `"a=king"`},
		"OIDC_ISSUER=https://x.io": {"OIDC_ISSUER", "URL"},
	} {
		newCommand(t, setting).refuses(2, words)
	}
}
