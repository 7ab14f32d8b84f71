package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/toprent/flags/internal/pgtest"
)

// databases are the settings of an empty database of every kind.
func databases(t *testing.T, run func(t *testing.T, c *command)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); run(t, newCommand(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); run(t, newCommand(t, "DATABASE_URL="+pgtest.Empty(t))) })
}

func TestTheCommandAloneServesASampleSite(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		s := c.serves()
		if !strings.HasPrefix(s.out.String(), "Toprent is at http://127.0.0.1:") {
			t.Errorf("it says %q", s.out)
		}
		ann := s.guest().signsIn("u-ann")
		for _, path := range []string{"/", "/listings", "/clients", "/reports", "/reports/advanced", "/plans"} {
			p := ann.opens(path) // which compares what the server rendered with and what the browser has
			if len(p.server) < 12 || len(p.block) < 10 {
				t.Errorf("%s has %d flags, the browser %d", path, len(p.server), len(p.block))
			}
			p.wants(t, "advanced-reports", "true")
			if board := regexp.MustCompile(`href="/settings/migrations/[a-z]+/clients-database"`); path == "/clients" && !board.MatchString(p.body) {
				t.Error("the clients do not lead to the board of their move")
			}
		}
		for _, file := range c.files() {
			if !strings.HasPrefix(file, "toprent") {
				t.Errorf("it made %s", file)
			}
		}
		if left, err := os.ReadDir(c.home); err != nil || len(left) > 0 {
			t.Errorf("in the home folder: %v, %v", left, err)
		}
	})
}

// TestTheFirstPageComesWithinItsBudget is about the command that people run, which has no race detector in it.
func TestTheFirstPageComesWithinItsBudget(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		s := c.startsQuick().comes()
		t.Logf("the first page took %s", s.took)
		if s.took > 5*time.Second {
			t.Errorf("the first page took %s", s.took)
		}
	})
}

func TestAPlanThatIsChangedShowsOnTheNextPage(t *testing.T) {
	databases(t, func(t *testing.T, c *command) {
		s := c.serves()
		cem := s.guest().signsIn("u-cem") // on the free plan
		cem.opens("/").wants(t, "advanced-reports", "false")
		if p, err := cem.tries("/reports/advanced"); err != nil || p.status != http.StatusForbidden {
			t.Errorf("a page of another plan: %d, %v", p.status, err)
		}
		cem.posts("/plan", url.Values{"plan": {"pro"}}).wants(t, "advanced-reports", "true")
		cem.opens("/reports/advanced").wants(t, "advanced-reports", "true")
		cem.posts("/plan", url.Values{"plan": {"free"}}).wants(t, "advanced-reports", "false")
		cem.posts("/addon", url.Values{}).wants(t, "bulk-messaging", "true")
		cem.posts("/addon", url.Values{"end": {"yes"}}).wants(t, "bulk-messaging", "false")
	})
}

func TestASignalEndsTheServerCleanly(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := c.serves()
		if code := s.ends(signal); code != 0 {
			t.Errorf("%s: exit code %d:\n%s", signal, code, s.log)
		}
	}
}

func TestRequestsUnderWayEndBeforeTheServer(t *testing.T) {
	t.Parallel()
	s := newCommand(t).serves()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A form of which the last byte is missing: its request is under way.
	if _, err := io.WriteString(conn, "POST /person HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\nConnection: close\r\n\r\nperson=u-an"); err != nil {
		t.Fatal(err)
	}
	other := s.guest()
	other.opens("/") // later than the other connection, so that one has been accepted
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "new connections to be refused", func() bool { _, err := s.get("/healthz"); return err != nil })
	select {
	case <-s.ended:
		t.Fatal("the server ended with a request under way")
	default:
	}
	if _, err := io.WriteString(conn, "n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 303 ") {
		t.Errorf("%v, %s", err, answer)
	}
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
}

func TestAPortThatIsTakenIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := newCommand(t, "LISTEN="+taken.Addr().String())
	c.refuses(1, []string{"LISTEN=" + taken.Addr().String(), "something else is running there"})
	if files := c.files(); len(files) > 0 {
		t.Errorf("it made %v", files)
	}
}

func TestInstancesThatStartAtOnceShareOneFolder(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	sites := make([]*site, 3)
	for i := range sites {
		sites[i] = c.starts()
	}
	var ann *guest
	for _, s := range sites {
		waitFor(t, "the server: "+s.log.String(), s.address)
		if ann == nil {
			ann = s.guest().signsIn("u-ann")
		}
		ann.site = s.url // the jar knows hosts, not ports
		if p := ann.opens("/"); p.reasons["new-home"] != "OVERRIDE" {
			t.Errorf("one instance does not know who signed in at another: %v", p.reasons)
		}
	}
	if status, _ := sites[2].status(); status.Revision.Number != 1 {
		t.Errorf("the sample was filled in %d times", status.Revision.Number)
	}
}

func TestARestartSignsNobodyOut(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	first := c.serves()
	ann := first.guest().signsIn("u-ann")
	before := ann.opens("/")
	first.ends(syscall.SIGTERM)
	ann.site = c.serves().url
	wantEqual(t, "the values", ann.opens("/").server, before.server)
}

const key1, key2 = "8f14e45fceea167a5a36dedd4bea2543aa0c1f2d3b4e5f60718293a4b5c6d7e8", "c9f0f895fb98ab9159f51fd0297e236d11223344556677889900aabbccddeeff"

func TestProductionKeepsItsCookiesToHTTPSAndThisHost(t *testing.T) {
	t.Parallel()
	s := newCommand(t, "ENVIRONMENT=production", "SESSION_KEY="+key1).serves()
	ann := s.secureGuest()
	seen := map[string]bool{}
	for _, p := range []shown{ann.opens("/"), ann.posts("/person", url.Values{"person": {"u-ann"}})} {
		cookies := append((&http.Response{Header: p.header}).Cookies(), ann.client.Jar.Cookies(mustParse(t, ann.site))...)
		for _, cookie := range cookies {
			seen[cookie.Name] = true
		}
	}
	for name := range seen {
		if !strings.HasPrefix(name, "__Host-") {
			t.Errorf("a cookie is called %s", name)
		}
	}
	if len(seen) != 3 { // pin, visitor, and who is signed in
		t.Errorf("cookies: %v", seen)
	}
	for _, header := range setCookies(t, s) {
		for _, attribute := range []string{"; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"} {
			if !strings.Contains(header, attribute) {
				t.Errorf("%s lacks %s", header, attribute)
			}
		}
		wantNoWord(t, "a cookie", header, "Domain")
	}
}

// setCookies are the headers that a page and a sign-in set.
func setCookies(t *testing.T, s *site) []string {
	t.Helper()
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, _ := http.NewRequest(http.MethodGet, s.url+"/", nil)
	request.Header.Set("Sec-Fetch-Dest", "document")
	page, err := once.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	signedIn, err := once.PostForm(s.url+"/person", url.Values{"person": {"u-ann"}})
	if err != nil {
		t.Fatal(err)
	}
	signedIn.Body.Close()
	headers := slices.Concat(page.Header["Set-Cookie"], signedIn.Header["Set-Cookie"])
	if len(headers) < 3 {
		t.Errorf("cookies: %q", headers)
	}
	return headers
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestANewSessionKeyBeforeTheOldOneSignsNobodyOut(t *testing.T) {
	t.Parallel()
	c := newCommand(t, "ENVIRONMENT=production", "SESSION_KEY="+key1)
	old := c.serves()
	ann := old.secureGuest().signsIn("u-ann")
	before := ann.opens("/")
	old.ends(syscall.SIGTERM)

	rotated := c.with("SESSION_KEY=" + key2 + "," + key1).serves()
	ann.site = strings.Replace(rotated.url, "http:", "https:", 1)
	after := ann.opens("/")
	wantEqual(t, "the values", after.server, before.server)
	if cookies := after.header["Set-Cookie"]; len(cookies) > 0 {
		t.Errorf("the session was begun anew: %q", cookies)
	}
	rotated.ends(syscall.SIGTERM)

	ann.site = strings.Replace(c.with("SESSION_KEY="+key2).serves().url, "http:", "https:", 1)
	if p := ann.opens("/"); p.reasons["new-home"] == "OVERRIDE" {
		t.Error("a key that was taken away still signs")
	}
}

func TestTheLastGoodRulesAreKeptInTheFolderThatIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rules.json")
	c := newCommand(t, "LAST_GOOD="+file)
	c.serves()
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if slices.Contains(c.files(), "toprent-development.lastgood.json") {
		t.Error("they are kept twice")
	}
}
