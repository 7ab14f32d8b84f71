package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
)

// Settings are given as flags or in the environment.
type Settings struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" default:"sqlite:toprent.db" placeholder:"URL" help:"Where flags are kept: sqlite:PATH or postgres://… (default: ${default}, in the working folder)."`
	Environment string `env:"ENVIRONMENT" default:"development" help:"Whose flags are served: development, staging or production (default: ${default})."`
	Listen      string `env:"LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the site listens (default: ${default})."`
	SessionKey  string `name:"session-key" env:"SESSION_KEY" placeholder:"KEY" help:"Signs cookies: 32 random bytes or more, as hexadecimal or base64; several, newest first, are separated by commas. Required in production; otherwise made once and kept beside the database."`
	LastGood    string `name:"last-good" env:"LAST_GOOD" placeholder:"FILE" help:"Keeps the last good rules for a start without the database (default: toprent-ENVIRONMENT.lastgood.json in the working folder)."`
}

// Environments that exist.
var environments = []string{"development", "staging", "production"}

// check refuses a wrong setting with the reason.
func (s *Settings) check(command string) error {
	if !slices.Contains(environments, s.Environment) {
		return fmt.Errorf("ENVIRONMENT=%q: use one of %s", s.Environment, strings.Join(environments, ", "))
	}
	if _, _, err := s.database(); err != nil {
		return err
	}
	if command != "serve" {
		return nil
	}
	if err := checkAddress(s.Listen); err != nil {
		return err
	}
	_, err := s.keys()
	return err
}

func (s *Settings) production() bool { return s.Environment == "production" }

func checkAddress(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("LISTEN=%q: use HOST:PORT, such as 127.0.0.1:8080", listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("LISTEN=%q: the port must be a number from 0 to 65535", listen)
	}
	return nil
}

// database tells the kind of database and, of SQLite, its file.
func (s *Settings) database() (kind migrations.Dialect, path string, err error) {
	if path, ok := strings.CutPrefix(s.DatabaseURL, "sqlite:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return "", "", errors.New("DATABASE_URL=sqlite: names no file: use sqlite:PATH, such as sqlite:toprent.db")
		}
		return migrations.SQLite, path, nil
	}
	u, err := url.Parse(s.DatabaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// Without the URL itself, which may hold a password.
		return "", "", errors.New("DATABASE_URL is neither sqlite:PATH nor postgres://…")
	}
	return migrations.Postgres, "", nil
}

// open opens the database. PostgreSQL is not connected to before it is asked something.
func (s *Settings) open(ctx context.Context) (*models.Store, error) {
	kind, path, err := s.database()
	if err != nil {
		return nil, err
	}
	if kind == migrations.Postgres {
		return models.Open(ctx, s.DatabaseURL)
	}
	return sqlite.Open(ctx, path)
}

// use opens a database whose schema is up to date, for commands that need one.
func (s *Settings) use(ctx context.Context, do func(*models.Store) error) error {
	store, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := prepare(ctx, store); err != nil {
		if models.Unavailable(err) {
			return fmt.Errorf("%w: %w", changes.ErrUnavailable, err)
		}
		return err
	}
	return do(store)
}

// lastGoodFile keeps the rules of one environment.
func (s *Settings) lastGoodFile() string {
	if s.LastGood != "" {
		return s.LastGood
	}
	return "toprent-" + s.Environment + ".lastgood.json"
}

// minKey is how long a session key must be, in bytes.
const minKey = 32

// keys are what cookies are signed with. Outside of production they are made up where none are given.
func (s *Settings) keys() ([][]byte, error) {
	if s.SessionKey == "" {
		if s.production() {
			return nil, errors.New("SESSION_KEY is required in production: make one with `openssl rand -hex 32`, the same for all instances")
		}
		return nil, nil
	}
	var keys [][]byte
	for text := range strings.SplitSeq(s.SessionKey, ",") {
		key := decodeKey(strings.TrimSpace(text))
		if len(key) < minKey {
			return nil, fmt.Errorf("SESSION_KEY: a key of %d bytes is too short: make one of %d with `openssl rand -hex 32`", len(key), minKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// decodeKey reads hexadecimal or base64; anything else is taken as it is.
func decodeKey(text string) []byte {
	if key, err := hex.DecodeString(text); err == nil {
		return key
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(text)
}

// developmentKeys gives the key kept beside the database, made the first time, so that restarts sign nobody out.
func (s *Settings) developmentKeys() ([][]byte, error) {
	file := "toprent.session-key"
	if _, path, _ := s.database(); path != "" {
		file = filepath.Join(filepath.Dir(path), file)
	}
	if text, err := os.ReadFile(file); err == nil {
		if key := decodeKey(strings.TrimSpace(string(text))); len(key) >= minKey {
			return [][]byte{key}, nil
		}
	}
	key := make([]byte, minKey)
	_, _ = rand.Read(key) // never fails
	if err := os.WriteFile(file, []byte(hex.EncodeToString(key)+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("keep a session key: %w", err)
	}
	return [][]byte{key}, nil
}

// author is who runs the command, for the history.
func author(given string) string {
	if given != "" {
		return given
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "command line"
}
