package cutover

import "context"

// Side is one of an entity's two databases, as the host reaches it. Q is what can be asked, R the answer, C a change of one
// row, V a row. All functions are safe for concurrent use and return soon after their ctx is done.
type Side[Q, R, C, V any] struct {
	// Store keeps what belongs to the side's rows in the side's own database: GORM(db), or the host's own. Required.
	Store Store

	// Read answers a query. Required.
	Read func(ctx context.Context, query Q) (R, error)

	// Apply makes a change to the row of that key, inside the transaction that ctx carries (DB(ctx, db) for GORM). It is
	// made once, in the order of the key's changes. Required.
	Apply func(ctx context.Context, key string, change C) error

	// Scan returns rows by key, in ascending order of the keys' bytes, those after the given one ("" for the first), at
	// most limit. Required.
	Scan func(ctx context.Context, after string, limit int) ([]V, error)

	// Get returns the rows of those keys that exist, in any order. Required.
	Get func(ctx context.Context, keys []string) ([]V, error)

	// Put inserts or overwrites rows, and Remove removes those of the keys that exist, inside the transaction that ctx
	// carries. Required.
	Put    func(ctx context.Context, rows []V) error
	Remove func(ctx context.Context, keys []string) error
}

// Store is what a side's database keeps about rows, committed together with them. All methods but Within work inside the
// transaction that ctx carries, if there is one.
type Store interface {
	// Within runs do in one transaction, which is committed if do returns nil. An error that is returned although the
	// transaction was committed (the connection was lost) is allowed: the numbers tell afterwards.
	Within(ctx context.Context, do func(ctx context.Context) error) error

	// Numbers returns how far keys have come; a key that was never numbered is left out. Inside a transaction it keeps
	// others from changing the numbers, or from adding them, until the transaction ends.
	Numbers(ctx context.Context, entity string, keys []string) (map[string]Number, error)

	// Step brings a key from change n-1 to change n, inside the transaction, and reports whether it was at n-1. It is false,
	// and changes nothing, for one that was never numbered. It waits for others as Numbers does.
	Step(ctx context.Context, entity, key string, n int64) (bool, error)

	// SetNumbers stores how far keys have come.
	SetNumbers(ctx context.Context, entity string, numbers map[string]Number) error

	// Overrule notes that a change of a key was given up here although the other side may have made it, and Overruled
	// returns the last of which that is noted, or 0.
	Overrule(ctx context.Context, entity, key string, n int64) error
	Overruled(ctx context.Context, entity, key string) (n int64, err error)

	// Forget removes the numbers of keys that have not come further, and all that is kept about those.
	Forget(ctx context.Context, entity string, numbers map[string]Number) error

	// Mark notes that the keys were changed without a number, or by someone who could not tell the other side: they have
	// to be copied. Marking a marked key again makes it a new mark.
	Mark(ctx context.Context, entity string, keys []string) error

	// Marked returns marks, oldest first, at most limit, and how many there are.
	Marked(ctx context.Context, entity string, limit int) (marks []Mark, total int64, err error)

	// MarkedAmong returns the marks of those keys.
	MarkedAmong(ctx context.Context, entity string, keys []string) ([]Mark, error)

	// Unmark removes marks, but not those of keys that were marked again since.
	Unmark(ctx context.Context, entity string, marks []Mark) error
}

// Number is how far a row's changes have come on one side. Change N is applied only after N-1.
type Number struct {
	N       int64
	Skipped bool // N was given up, and stands for no change
}

// Mark says that a key has to be copied from this side to the other.
type Mark struct {
	Key    string
	Serial int64 // differs for each marking
}
