package flags

import (
	"net/url"
	"slices"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
)

// none is the choice of flags for which nothing is given.
const none = "-"

// query is what somebody asked of the list. It is the whole state of the page, and stands in its address.
type query struct {
	Search    string
	Category  string
	Tier      string
	Kind      string
	Owner     string
	Lifecycle string
	In        string // the environment that Status is about; empty: any
	Status    string // a catalog.Rollout
	Archived  bool
	Stale     bool   // only those that want a review
	Sort      string // a column; empty: title
	Down      bool   // the last first

	words []string
	page  string
}

// maxSearch is how much of a search is looked for, in bytes; what is longer is found nowhere anyway.
const maxSearch = 500

// parse reads an address. What names no column, state or environment that is there is left out.
func parse(values url.Values, seen []*catalog.Environment) query {
	get := func(name string) string { return strings.ToValidUTF8(strings.TrimSpace(values.Get(name)), "") }
	q := query{Search: get("q"), Category: get("category"), Tier: get("tier"), Kind: get("kind"), Owner: get("owner"),
		Lifecycle: get("lifecycle"), In: get("in"), Status: get("status"), Archived: get("archived") != "", Stale: get("stale") != "", page: get("page")}
	if len(q.Search) > maxSearch {
		q.Search = strings.ToValidUTF8(q.Search[:maxSearch], "")
	}
	q.words = strings.Fields(strings.ToLower(q.Search))
	if !slices.ContainsFunc(seen, func(e *catalog.Environment) bool { return e.Name == q.In }) {
		q.In = ""
	}
	if !slices.Contains(catalog.Rollouts, catalog.Rollout(q.Status)) {
		q.Status = ""
	}
	q.Sort, q.Down = strings.CutPrefix(get("sort"), "-")
	if !sortable(q.Sort, seen) {
		q.Sort, q.Down = "", false
	}
	return q
}

// sorting is the query's order as the address has it.
func (q query) sorting() string {
	if q.Down {
		return "-" + q.Sort
	}
	return q.Sort
}

// SortValue is what the form carries along; empty for the usual order.
func (q query) SortValue() string {
	if q.sorting() == "title" {
		return ""
	}
	return q.sorting()
}

// Filtered reports whether the list may lack flags because of what was asked.
func (q query) Filtered() bool {
	return q.Search != "" || q.Narrowed() > 0
}

// Narrowed is how many filters are set, the search not counted.
func (q query) Narrowed() (n int) {
	for _, set := range []string{q.Category, q.Tier, q.Kind, q.Owner, q.Lifecycle, q.Status} {
		if set != "" {
			n++
		}
	}
	if q.Stale {
		n++
	}
	return n
}

// address is the list's address for the query, without what is empty.
func address(path string, q query) *url.URL {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("q", q.Search)
	set("category", q.Category)
	set("tier", q.Tier)
	set("kind", q.Kind)
	set("owner", q.Owner)
	set("lifecycle", q.Lifecycle)
	set("in", q.In)
	set("status", q.Status)
	set("sort", q.SortValue())
	set("page", q.page)
	if q.Archived {
		set("archived", "on")
	}
	if q.Stale {
		set("stale", "on")
	}
	parsed, err := url.Parse(path)
	if err != nil {
		parsed = &url.URL{Path: path}
	}
	parsed.RawQuery = values.Encode()
	return parsed
}

// admits reports whether the flag is among those that were asked for.
func (q query) admits(r *row) bool {
	return (q.Archived || !r.Archived) && q.narrows(r) && q.finds(r)
}

// finds reports whether every word that is looked for stands somewhere in what is written about the flag.
func (q query) finds(r *row) bool {
	for _, word := range q.words {
		if !strings.Contains(r.search, word) {
			return false
		}
	}
	return true
}

func (q query) narrows(r *row) bool {
	return is(q.Category, r.Category) && is(q.Kind, string(r.Kind)) && is(q.Owner, r.Owner) && is(q.Lifecycle, r.Lifecycle) &&
		q.needsPlan(r) && q.hasStatus(r) && (!q.Stale || r.Stale)
}

// is reports whether a value is the one asked for; any is if nothing was.
func is(asked, value string) bool {
	return asked == "" || asked == value || asked == none && value == ""
}

func (q query) needsPlan(r *row) bool {
	return q.Tier == "" || slices.Contains(r.Tiers, q.Tier) || q.Tier == none && len(r.Tiers) == 0
}

func (q query) hasStatus(r *row) bool {
	return q.Status == "" || slices.ContainsFunc(r.States, func(s shell.FlagState) bool {
		return (q.In == "" || s.Environment.Name == q.In) && string(s.Rollout) == q.Status
	})
}
