package changes

import (
	"context"
	"sync"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// looking is the store for those who only look: what is live in an environment is read once for each revision. Rows of a
// revision never change, but when somebody is forgotten.
type looking struct {
	*models.Store
	memo *rowsMemo
}

func (c *Changes) look() looking { return looking{c.store, &c.rows} }

// rowsMemo keeps what was read last, by environment. It is safe for concurrent use; what it gives must not be changed.
type rowsMemo struct {
	mu    sync.Mutex
	known map[string]knownRows
}

type knownRows struct {
	id      ruleset.ID
	forgets int64
	rows    models.Rows
}

// RowsAt is Store.RowsAt, remembered for the newest revision.
func (l looking) RowsAt(ctx context.Context, environment string, n int64) (models.Rows, error) {
	row, err := l.Environment(ctx, environment)
	if err != nil {
		return models.Rows{}, err
	}
	forgets, err := l.Forgets(ctx)
	if err != nil {
		return models.Rows{}, err
	}
	if row.Head != n {
		return l.Store.RowsAt(ctx, environment, n)
	}
	l.memo.mu.Lock()
	known, ok := l.memo.known[environment]
	l.memo.mu.Unlock()
	if ok && known.id == row.ID() && known.forgets == forgets {
		return known.rows, nil
	}
	rows, err := l.Store.RowsAt(ctx, environment, n)
	if err != nil {
		return models.Rows{}, err
	}
	l.memo.mu.Lock()
	defer l.memo.mu.Unlock()
	if l.memo.known == nil {
		l.memo.known = map[string]knownRows{}
	}
	l.memo.known[environment] = knownRows{row.ID(), forgets, rows}
	return rows, nil
}
