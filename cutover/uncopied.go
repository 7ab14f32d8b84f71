package cutover

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// anybody stands for all tenants.
const anybody = "*"

// maxUncopied is how many tenants are told apart.
const maxUncopied = 200

// uncopied knows of whom an instance may have written rows that are on one side alone. Its zero value is ready.
type uncopied struct {
	mu      sync.Mutex
	turn    int64
	tenants [2]map[string]int64 // by side, and in which turn that was noted last
	clean   [2]time.Time        // when a side was last seen with nothing to copy
}

// note notes a tenant; "" writes rows of any.
func (u *uncopied) note(side int, tenant string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tenants[side] == nil {
		u.tenants[side] = map[string]int64{}
	}
	if tenant == "" || len(u.tenants[side]) >= maxUncopied {
		tenant = anybody
	}
	u.turn++
	u.tenants[side][tenant] = u.turn
}

// now is the turn before a look at what there is to copy.
func (u *uncopied) now() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.turn
}

// none says that a look at a side, begun then, found nothing to copy.
func (u *uncopied) none(side int, turn int64, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.tenants[side], func(_ string, noted int64) bool { return noted <= turn })
	u.clean[side] = at
}

// has reports whether a tenant may have rows on that side alone.
func (u *uncopied) has(side int, tenant string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return held(u.tenants[side], tenant)
}

// held reports whether a tenant is among those; "" is any.
func held[V any](tenants map[string]V, tenant string) bool {
	if tenant == "" {
		return len(tenants) > 0
	}
	_, all := tenants[anybody]
	_, own := tenants[tenant]
	return all || own
}

// list names the tenants.
func (u *uncopied) list(side int) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(maps.Keys(u.tenants[side]))
}

// cleanAt is when a side was last seen with nothing to copy.
func (u *uncopied) cleanAt(side int) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.clean[side]
}
