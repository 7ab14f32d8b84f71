package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

// contents are all rows of all tables, but of those in which instances note how they are doing, and of the audit, which
// tells of what a GET was refused.
func contents(t *testing.T, s *sweep) map[string]string {
	t.Helper()
	db, err := s.Store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	names, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('instances', 'kill_adoptions', 'evaluation_days', 'alert_deliveries', 'alert_cursors') AND name NOT LIKE 'audit\\_%' ESCAPE '\\'")
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, table := range tables {
		rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for rows.Next() {
			cells, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&text, cells...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
		all[table] = text.String()
	}
	return all
}

// A link, an image or a prefetch makes a browser send a GET with the person's cookies, from any site.
func TestNoGetChangesAnything(t *testing.T) {
	s := sweeps(t, settingstest.SQLite(t))
	secret, err := s.accounts.FirstLink(t.Context())
	if err != nil || secret != "" {
		t.Fatalf("a first link though there is an account: %v", err)
	}
	account, join, err := s.accounts.Invite(t.Context(), "bob@toprent.example", "Bob", nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	s.params["secret"], s.params["/people/accounts/"] = join, account.ID
	flush(t, s.Directory) // which is stored beside requests
	before := contents(t, s)
	values := url.Values{"_method": {"POST"}, "do": {"add-rule"}}
	for _, field := range fields() {
		values.Set(field, "on")
	}
	for _, route := range s.routes() {
		_, path, _ := strings.Cut(route, " ")
		for _, query := range []string{"", "?" + values.Encode()} {
			s.ada.Gets(s.path(path, "", "") + query) // of what is posted, too
			s.ada.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Http-Method-Override": {"POST"}}
			s.ada.Gets(s.path(path, "", "") + query)
			s.ada.Header = http.Header{}
		}
	}
	after := contents(t, s)
	for table, rows := range before {
		if after[table] != rows {
			t.Errorf("a GET changed %s from\n%s\nto\n%s", table, rows, after[table])
		}
	}
	if len(before) < 10 {
		t.Errorf("only %d tables were looked at", len(before))
	}
	s.ada.Opens("/me") // still signed in
}
