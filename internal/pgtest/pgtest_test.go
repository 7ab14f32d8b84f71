package pgtest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/toprent/flags/internal/pgtest"
)

func ask(t *testing.T, url, question string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), question).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	a, b := pgtest.URL(t), pgtest.URL(t)
	ask(t, a, `UPDATE environments SET title = 'Mine' WHERE name = 'production' RETURNING title`)
	if got := ask(t, b, `SELECT title FROM environments WHERE name = 'production'`); got != "Production" {
		t.Errorf("the other test's database has the title %q", got)
	}
}

func TestAnEmptyDatabaseHasNoTables(t *testing.T) {
	if got := ask(t, pgtest.Empty(t), `SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'`); got != "0" {
		t.Errorf("%s tables", got)
	}
}

func TestAServerIsStoppedStartedAndSetBack(t *testing.T) {
	server := pgtest.Server(t)
	saved := server.Save()
	ask(t, server.URL(), `UPDATE environments SET title = 'Later' WHERE name = 'production' RETURNING title`)
	server.Stop()
	if _, err := pgx.Connect(t.Context(), server.URL()); err == nil {
		t.Error("a stopped server answers")
	}
	server.Start()
	if got := ask(t, server.URL(), `SELECT title FROM environments WHERE name = 'production'`); got != "Later" {
		t.Errorf("after a restart the title is %q", got)
	}
	server.Restore(saved)
	if got := ask(t, server.URL(), `SELECT title FROM environments WHERE name = 'production'`); got != "Production" {
		t.Errorf("set back, the title is %q", got)
	}
}

// TestNothingIsLeftBehind runs this binary again, kills it in the middle, and looks for what it started.
func TestNothingIsLeftBehind(t *testing.T) {
	if place := os.Getenv("PGTEST_LEAVE"); place != "" {
		if err := os.WriteFile(place, []byte(pgtest.URL(t)), 0o600); err != nil {
			t.Fatal(err)
		}
		select {} // until killed
	}
	place := filepath.Join(t.TempDir(), "url")
	cmd := exec.Command(os.Args[0], "-test.run", "^TestNothingIsLeftBehind$")
	cmd.Env = append(os.Environ(), "PGTEST_LEAVE="+place)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var url []byte
	waitFor(t, func() bool { url, _ = os.ReadFile(place); return len(url) > 0 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_, dir, _ := strings.Cut(string(url), "host=")
	waitFor(t, func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) })
	if _, err := pgx.Connect(t.Context(), string(url)); err == nil {
		t.Error("the server still answers")
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
