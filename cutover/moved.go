package cutover

import (
	"context"
	"time"

	"github.com/toprent/flags/models"
)

// moved is an entity as copying and telling see it, whatever its types are.
type moved interface {
	// scan gives a side's rows after a key, ascending, at most limit.
	scan(ctx context.Context, newSide bool, after string, limit int) ([]scanned, error)

	// differ reports whether two rows of one key say different things.
	differ(old, new any) bool

	// copyRows puts the rows of keys, as their authority has them, on the other side, and returns the keys that others
	// were writing meanwhile. Nothing newer is overwritten.
	copyRows(ctx context.Context, keys []string, fromNew bool) (busy []string, err error)

	// mend looks at keys while nobody writes them, copies what is different from the authority of the row's tenant, and
	// returns how many that were and the keys that others were writing.
	mend(ctx context.Context, keys []string) (different int, busy []string, err error)

	// kept is what a side's database keeps about its rows.
	kept(newSide bool) Store

	// repair resolves changes that are due, at most limit, and returns how many there were.
	repair(ctx context.Context, limit int) (n int, err error)

	// Prune forgets what is kept about rows that nobody has written for some time.
	Prune(ctx context.Context, idle time.Duration) error

	// stats are what was counted since the start.
	stats() models.CutoverStats

	// untold is what was counted and not stored yet, and what to call once it is.
	untold(tenants bool, turn int64) (rows []models.CutoverAgreement, stored func())
}

// scanned is a row of a side.
type scanned struct {
	key string
	row any
}
