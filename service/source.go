package service

import (
	"context"
	"errors"
	"time"

	"github.com/toprent/flags/ruleset"
)

// Source is where revisions come from: Toprent's database (package models), or whatever a host puts in its place.
// All methods are safe for concurrent use, and return soon after their ctx is done.
type Source interface {
	// Head returns the newest revision of an environment, or ErrNoEnvironment. An environment in which nothing
	// was published has revision 0.
	Head(ctx context.Context, environment string) (Head, error)

	// Recent returns the revisions that were the newest at any time since then, oldest first: the one that was
	// the newest at that moment, and all published since. Revision 0 is left out.
	Recent(ctx context.Context, environment string, since time.Time) ([]ruleset.ID, error)

	// Load returns the definition of a revision other than 0. A flag whose row cannot be read comes back with Malformed set
	// instead of failing the whole.
	Load(ctx context.Context, id ruleset.ID) (ruleset.Definition, error)

	// RecordReads notes that these flags were read at that time. Unknown keys are ignored.
	RecordReads(ctx context.Context, environment string, at time.Time, keys []string) error
}

// Listener is what a Source adds if it can say at once that something was published.
type Listener interface {
	// Listen calls hint after each (re)connect and whenever something may have been published in the
	// environment, until ctx is done or the connection is lost, and then returns why. Hints may be lost and may be
	// many: following the database by polling is the guarantee.
	Listen(ctx context.Context, environment string, hint func()) error
}

// Head is what an environment's newest revision is.
type Head struct {
	ruleset.ID
	Floor       int64     // sessions pinned below it move up on their next page
	PublishedAt time.Time // by the database's clock; zero for revision 0
	Now         time.Time // the database's clock at the moment of the answer
}

// ErrNoEnvironment says that the environment asked for does not exist.
var ErrNoEnvironment = errors.New("no such environment")
