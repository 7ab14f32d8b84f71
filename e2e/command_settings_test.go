package e2e

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models/sqlite"
)

func TestAWrongSettingIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	for setting, words := range map[string][]string{
		"ENVIRONMENT=Prod!":            {"ENVIRONMENT", `"Prod!"`, "development, staging, production"},
		"LISTEN=abc":                   {"LISTEN", `"abc"`, "HOST:PORT"},
		"LISTEN=127.0.0.1:http2":       {"LISTEN", "port must be a number"},
		"LISTEN=127.0.0.1:70000":       {"LISTEN", "port must be a number"},
		"DATABASE_URL=mysql://u:p@h/d": {"DATABASE_URL", "sqlite:PATH", "postgres://"},
		"DATABASE_URL=sqlite:":         {"DATABASE_URL", "names no file"},
		"DATABASE_URL=postgres://h:x/": {"DATABASE_URL", "port a number"},
		"SESSION_KEY=short":            {"SESSION_KEY", "5 bytes", "32"},
		"SESSION_KEY=" + key1 + ",":    {"SESSION_KEY", "0 bytes"},
		"ENVIRONMENT=production":       {"SESSION_KEY is required in production"},
	} {
		c.with(setting).refuses(2, append(words, "--help"))
	}
	c.refuses(2, []string{"--reason"}, "kill", "new-home")
	c.refuses(2, []string{"frobnicate"}, "frobnicate")
	c.refuses(2, []string{"--colour"}, "serve", "--colour=red")
	c.refuses(2, []string{"--format"}, "export", "--format=toml")
	c.refuses(2, []string{"<flag>"}, "kill", "--reason", "a test")
	if files := c.files(); len(files) > 0 {
		t.Errorf("it made %v", files)
	}
}

func TestHelpShowsEverySetting(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	help := c.does("--help")
	for _, word := range []string{
		"--database-url", "$DATABASE_URL", "sqlite:toprent.db", "--environment", "$ENVIRONMENT", "--listen", "$LISTEN", "127.0.0.1:8080",
		"--session-key", "$SESSION_KEY", "--last-good", "$LAST_GOOD", "$SAMPLE",
		"serve", "migrate", "import", "export", "explain", "kill", "lift", "recall",
	} {
		if !strings.Contains(help, word) {
			t.Errorf("--help does not show %s:\n%s", word, help)
		}
	}
}

// TestAPasswordIsNeverShown tries each way in which a database can fail.
func TestAPasswordIsNeverShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://app:s3cret@127.0.0.1:1/flags",
		"postgres://app:s3cret@127.0.0.1:banana/flags",
		"postgres://app:s3cret@127.0.0.1:1/flags?sslmode=banana",
		"postgres://127.0.0.1:1/flags?user=app&password=s3cret&sslmode=banana",
		"mysql://app:s3cret@127.0.0.1/flags",
		strings.Replace(pgtest.Empty(t), "postgres://postgres@", "postgres://nobody:s3cret@", 1),
	} {
		c := newCommand(t, "DATABASE_URL="+url)
		for _, args := range [][]string{{"migrate"}, {"export"}, {"kill", "a", "--reason", "b"}} {
			o := c.run(args...)
			if o.code == 0 || o.err == "" {
				t.Errorf("%s %v: %s", url, args, o)
			}
			wantNoWord(t, url, o.String(), "s3cret")
		}
	}
	s := newCommand(t, "DATABASE_URL=postgres://app:s3cret@127.0.0.1:1/flags").serves()
	s.logs("the database is down")
	p := s.guest().opens("/")
	wantNoWord(t, "the log", s.log.String()+s.out.String(), "s3cret")
	wantNoWord(t, "a page", p.body, "s3cret")
	response, err := http.Get(s.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	ready, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(ready), "fallbacks") {
		t.Errorf("/readyz: %s, %v", ready, err)
	}
	for _, secret := range []string{"s3cret", "app", "127.0.0.1"} {
		wantNoWord(t, "/readyz", string(ready), secret)
	}
}

func TestCommandsThatNeedADatabaseMakeNone(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	file := c.write("flags.yaml", reportsFlag)
	for _, args := range [][]string{{"export"}, {"explain"}, {"explain", "a"}, {"kill", "a", "--reason", "b"}, {"lift", "a", "--reason", "b"}, {"import", "--dry-run", file}, {"import", file}} {
		c.refuses(1, []string{"there is no database toprent.db", "migrate"}, args...)
	}
	if files := c.files(); len(files) != 1 {
		t.Errorf("they made %v", files)
	}
}

func TestAnEnvironmentThatTheDatabaseLacksIsRefusedWithThoseThatExist(t *testing.T) {
	t.Parallel()
	c := newCommand(t)
	c.does("migrate")
	words := []string{`"preview"`, "no such environment", "development, staging, production"}
	preview := c.with("ENVIRONMENT=preview")
	preview.refuses(1, words, "serve")
	preview.refuses(1, words, "recall", "--reason=now")
	store, err := sqlite.Open(t.Context(), filepath.Join(c.dir, "toprent.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = changes.New(store).AddEnvironment(t.Context(), changes.NewEnvironment{Name: "preview", Title: "Preview", Author: "ann"})
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	preview.does("recall", "--reason=now")
}
