package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a server may take to start or to stop.
const patience = 2 * time.Minute

// server is one PostgreSQL in a folder of its own.
type server struct {
	tools tools
	dir   string // holds data, the socket and the log

	mu      sync.Mutex
	running *supervised // nil while stopped
}

// supervise runs PostgreSQL under a shell that stops it when it is told to, or as soon as its standard input ends:
// that is, when the process that holds the other end is gone, however it went. Then the folder goes too.
const supervise = `"$@" >"$DIR/log" 2>&1 </dev/null & server=$!
read -r told
kill -INT $server 2>/dev/null
wait $server
[ "$told" = stop ] || rm -rf "$DIR"
exit 0`

// supervised is a running PostgreSQL: "stop" on its input stops it, the end of its input removes it.
type supervised struct {
	input io.WriteCloser
	ended chan struct{}
}

// newServer makes a server that is not started yet.
func newServer() (*server, error) {
	found, err := findTools()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest") // short: the path of a Unix socket holds at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &server{tools: found, dir: dir}
	if err := found.own(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	initdb := found.command("initdb", "--pgdata", s.data(), "--username", user, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return s, nil
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }
func (s *server) log() string  { return filepath.Join(s.dir, "log") }

// url names a database of this server.
func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", user, database, s.dir)
}

// start starts the server and waits until it answers.
func (s *server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return nil
	}
	cmd := s.tools.command("sh", "-c", supervise, "pgtest", s.tools.path("postgres"), "-D", s.data(), "-k", s.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB")
	cmd.Env = append(os.Environ(), "DIR="+s.dir)
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	running := &supervised{input: input, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ends is in the log
		close(running.ended)
	}()
	if err := s.answers(running); err != nil {
		_ = input.Close()
		<-running.ended
		return err
	}
	s.running = running
	return nil
}

// answers waits until the server takes connections.
func (s *server) answers(running *supervised) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-running.ended:
			return fmt.Errorf("PostgreSQL ended at once:\n%s", s.lastLog())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, s.lastLog())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *server) lastLog() string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// stop stops the server as an administrator would: connections are cut, nothing is lost.
func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return nil
	}
	_, err := io.WriteString(s.running.input, "stop\n")
	if err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-s.running.ended:
	case <-time.After(patience):
		return fmt.Errorf("PostgreSQL does not stop:\n%s", s.lastLog())
	}
	s.running = nil
	return nil
}
