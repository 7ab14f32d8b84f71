// Package pgtest gives tests a real PostgreSQL and takes it away again: started from the installed binaries when a
// test first asks for it, reached over a Unix socket only, gone with the test's process however that ends. A machine
// without PostgreSQL fails the test with what to install; nothing is skipped.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/toprent/flags/migrations"
)

// template is the migrated database from which the others are copied.
const template = "migrated"

// shared is the server of this test binary.
var shared = sync.OnceValues(func() (*server, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, s.makeTemplate()
})

var databases atomic.Int64 // counts them, for their names

// URL returns the URL of a migrated database that this test has for itself. It is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return database(t, template)
}

// Empty returns the URL of a database without any tables that this test has for itself.
func Empty(t testing.TB) string {
	t.Helper()
	return database(t, "template0")
}

func database(t testing.TB, from string) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := s.execute(fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, from)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.execute(fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			t.Error(err)
		}
	})
	return s.url(name)
}

func (s *server) makeTemplate() error {
	if err := s.execute("CREATE DATABASE " + template); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(s.url(template))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config)
	_, err = migrations.Up(context.Background(), db, migrations.Postgres)
	return errors.Join(err, db.Close())
}

func (s *server) execute(statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	if err != nil {
		err = fmt.Errorf("%s: %w", statement, err)
	}
	return errors.Join(err, conn.Close(ctx))
}

// Private is a PostgreSQL that one test has for itself, to stop, start and set back.
type Private struct {
	t      testing.TB
	server *server
}

// Server starts a server that this test has for itself. It has one migrated database.
func Server(t testing.TB) *Private {
	t.Helper()
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	p := &Private{t: t, server: s}
	t.Cleanup(func() {
		p.Stop()
		if err := os.RemoveAll(s.dir); err != nil {
			t.Error(err)
		}
	})
	p.Start()
	if err := s.makeTemplate(); err != nil {
		t.Fatal(err)
	}
	return p
}

// URL returns the URL of the server's migrated database. It stays the same over stops and starts.
func (p *Private) URL() string { return p.server.url(template) }

// Stop stops the server; all its connections are cut. Stopping one that is stopped does nothing.
func (p *Private) Stop() {
	p.t.Helper()
	if err := p.server.stop(); err != nil {
		p.t.Fatal(err)
	}
}

// Start starts the server and waits until it answers. Starting one that runs does nothing.
func (p *Private) Start() {
	p.t.Helper()
	if err := p.server.start(); err != nil {
		p.t.Fatal(err)
	}
}

// Saved is a copy of a server's data.
type Saved string

// Save stops the server, copies its data and starts it again.
func (p *Private) Save() Saved {
	p.t.Helper()
	p.Stop()
	saved := Saved(filepath.Join(p.server.dir, fmt.Sprintf("saved%d", databases.Add(1))))
	p.copy(p.server.data(), string(saved))
	p.Start()
	return saved
}

// Restore stops the server, puts the saved data in the place of its own and starts it again.
func (p *Private) Restore(saved Saved) {
	p.t.Helper()
	p.Stop()
	if err := os.RemoveAll(p.server.data()); err != nil {
		p.t.Fatal(err)
	}
	p.copy(string(saved), p.server.data())
	p.Start()
}

func (p *Private) copy(from, to string) {
	p.t.Helper()
	if out, err := p.server.tools.command("cp", "-a", from, to).CombinedOutput(); err != nil {
		p.t.Fatalf("copy the server's data: %v\n%s", err, out)
	}
}
