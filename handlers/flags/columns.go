package flags

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/toprent/flags/internal/catalog"
)

// column is one of the list's columns, with the link that sorts by it.
type column struct {
	ID, Title string
	URL       string
	Sorted    string // ascending, descending, or empty
}

// titles are the columns that are about the flag itself, in the order in which they are shown.
func titles() []column {
	return []column{{ID: "title", Title: "Flag"}, {ID: "kind", Title: "Kind"}, {ID: "category", Title: "Category"},
		{ID: "tier", Title: "Tier"}, {ID: "owner", Title: "Owner"}, {ID: "lifecycle", Title: "Lifecycle"}}
}

// stateColumn begins the name of the column of an environment.
const stateColumn = "in:"

// sortable reports whether there is such a column.
func sortable(name string, seen []*catalog.Environment) bool {
	if environment, ok := strings.CutPrefix(name, stateColumn); ok {
		return slices.ContainsFunc(seen, func(e *catalog.Environment) bool { return e.Name == environment })
	}
	return name == "key" || slices.ContainsFunc(titles(), func(c column) bool { return c.ID == name })
}

// columnsOf are the columns, each with the address that sorts by it: again turns the order around.
func columnsOf(at *url.URL, q query, seen []*catalog.Environment) []column {
	columns := titles()
	for _, environment := range seen {
		columns = append(columns, column{ID: stateColumn + environment.Name, Title: environment.Title})
	}
	for i := range columns {
		columns[i].link(at, q)
	}
	return columns
}

// keyColumn sorts by key.
func keyColumn(at *url.URL, q query) column {
	c := column{ID: "key", Title: "Key"}
	c.link(at, q)
	return c
}

// link gives the column the address that sorts by it.
func (c *column) link(at *url.URL, q query) {
	current := cmp.Or(q.Sort, "title")
	order := c.ID
	if current == c.ID {
		c.Sorted = "ascending"
		if q.Down {
			c.Sorted = "descending"
		} else {
			order = "-" + c.ID
		}
	}
	values := at.Query()
	values.Del("page")
	values.Set("sort", order)
	if order == "title" {
		values.Del("sort")
	}
	to := url.URL{Path: at.Path, RawPath: at.RawPath, RawQuery: values.Encode()}
	c.URL = to.String()
}

// sortRows puts the rows in the order that was asked for; where that does not tell two apart, by title and key.
func sortRows(rows []*row, q query) {
	compare := comparison(q.Sort, rows)
	slices.SortFunc(rows, func(a, b *row) int {
		order := compare(a, b)
		if q.Down {
			order = -order
		}
		return cmp.Or(order, strings.Compare(a.sortTitle, b.sortTitle), strings.Compare(a.Name, b.Name))
	})
}

func comparison(column string, rows []*row) func(a, b *row) int {
	text := func(of func(*row) string) func(a, b *row) int {
		return func(a, b *row) int { return lastIfEmpty(of(a), of(b)) }
	}
	switch column {
	case "key":
		return text(func(r *row) string { return r.Name })
	case "kind":
		return text(func(r *row) string { return string(r.Kind) })
	case "category":
		return text(func(r *row) string { return r.Category })
	case "tier":
		return text(func(r *row) string { return r.Tier })
	case "owner":
		return text(func(r *row) string { return r.Owner })
	case "lifecycle":
		return text(func(r *row) string { return r.Lifecycle })
	}
	if environment, ok := strings.CutPrefix(column, stateColumn); ok && len(rows) > 0 {
		for i, state := range rows[0].States {
			if state.Environment.Name == environment {
				return func(a, b *row) int { return cmp.Compare(urgency(a.States[i].Rollout), urgency(b.States[i].Rollout)) }
			}
		}
	}
	return text(func(r *row) string { return r.sortTitle })
}

// lastIfEmpty compares texts without regard to case; nothing comes after everything.
func lastIfEmpty(a, b string) int {
	if (a == "") != (b == "") {
		if a == "" {
			return 1
		}
		return -1
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// urgency orders states by how much they want to be looked at.
func urgency(state catalog.Rollout) int {
	return slices.Index([]catalog.Rollout{catalog.Killed, catalog.Partial, catalog.Scheduled, catalog.Everyone, catalog.Off, catalog.Archived, catalog.Missing}, state)
}
