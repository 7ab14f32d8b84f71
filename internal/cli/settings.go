package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/service"
)

// Settings are given as flags or in the environment.
type Settings struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" default:"sqlite:toprent.db" placeholder:"URL" help:"Where flags are kept: sqlite:PATH or postgres://… (default: ${default}, in the working folder)."`
	Environment string `env:"ENVIRONMENT" default:"development" help:"Whose flags are served: development, staging, production, or one that was added in the settings pages (default: ${default})."`
	Listen      string `env:"LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the site listens (default: ${default})."`
	SessionKey  string `name:"session-key" env:"SESSION_KEY" placeholder:"KEY" help:"Signs cookies: 32 random bytes or more, as hexadecimal or base64; several, newest first, are separated by commas. Required in production; otherwise made once and kept beside the database."`
	LastGood    string `name:"last-good" env:"LAST_GOOD" placeholder:"FILE" help:"Keeps the last good rules for a start without the database (default: toprent-ENVIRONMENT.lastgood.json in the working folder)."`
	Sample      string `env:"SAMPLE" enum:"auto,yes,no" default:"auto" help:"Fill an empty database with the flags of the sample site: yes, no, or auto, which is yes in development alone (default: ${default})."`

	Access
	Alerts
	Auditing
	Telemetry
	Events
}

// check refuses a wrong setting with the reason.
func (s *Settings) check(command string) error {
	if !changes.ValidEnvironmentName(s.Environment) { // whether the database has it is found out when it is open
		return fmt.Errorf("ENVIRONMENT=%q is no name of an environment: use one such as development, staging, production", s.Environment)
	}
	if _, _, err := s.database(); err != nil {
		return err
	}
	if command != "serve" {
		return nil
	}
	if err := checkAddress("LISTEN", s.Listen); err != nil {
		return err
	}
	if err := errors.Join(s.Access.check(), s.Alerts.check(), s.Auditing.check(), s.Telemetry.check(), s.Events.check(s.Traces, s.Inside)); err != nil {
		return err
	}
	_, err := s.keys()
	return err
}

func (s *Settings) production() bool { return s.Environment == "production" }

// secure reports whether cookies go over https alone: in production, and wherever people reach the site by https.
func (s *Settings) secure() bool {
	return s.production() || len(s.URL) > 8 && strings.EqualFold(s.URL[:8], "https://")
}

// fills reports whether an empty database gets the sample's flags. Elsewhere than in development that must be said,
// since their keys are taken for good.
func (s *Settings) fills() bool {
	return s.Sample == "yes" || s.Sample == "auto" && s.Environment == "development"
}

func checkAddress(setting, listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%s=%q: use HOST:PORT, such as 127.0.0.1:8080", setting, listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s=%q: the port must be a number from 0 to 65535", setting, listen)
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
	// What is wrong is told without the URL itself, which may hold a password.
	if !strings.HasPrefix(s.DatabaseURL, "postgres://") && !strings.HasPrefix(s.DatabaseURL, "postgresql://") {
		return "", "", errors.New("DATABASE_URL is neither sqlite:PATH nor postgres://…")
	}
	if _, err := url.Parse(s.DatabaseURL); err != nil {
		return "", "", errors.New("DATABASE_URL=postgres://… cannot be read: is the port a number, and is every special character of the password written as %XX?")
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

// use opens a database whose schema is up to date, for commands that need one. They neither make a database nor
// migrate it: who only wants to look, or to kill a flag, must not find the schema changed.
func (s *Settings) use(ctx context.Context, do func(*models.Store) error) error {
	if _, path, err := s.database(); err == nil && path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no database %s: run the serve or the migrate command first, or say in DATABASE_URL where it is", path)
		}
	}
	store, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer closeSoon(store)
	if err := check(ctx, store); err != nil {
		if models.Unavailable(err) {
			return fmt.Errorf("%w: %w", changes.ErrUnavailable, err)
		}
		return err
	}
	if err := s.exists(ctx, store); err != nil {
		return err
	}
	return do(store)
}

// exists refuses an environment that the database does not have, and names those that it has.
func (s *Settings) exists(ctx context.Context, store *models.Store) error {
	all, err := store.Environments(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(all))
	for i, environment := range all {
		names[i] = environment.Name
	}
	if slices.Contains(names, s.Environment) {
		return nil
	}
	return fmt.Errorf("ENVIRONMENT=%q: %w: use one of %s, or add it in the settings pages", s.Environment, service.ErrNoEnvironment, strings.Join(names, ", "))
}

// lastGoodFile keeps the rules of one environment.
func (s *Settings) lastGoodFile() string {
	if s.LastGood != "" {
		return s.LastGood
	}
	return "toprent-" + s.Environment + ".lastgood.json"
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
