package cutover

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// statement is what can be told about an SQL statement without its database: what it does, and the tables it names. Tables
// behind views, functions and triggers are not seen.
type statement struct {
	verb      string   // in capitals
	tables    []string // in the order they are named; the first is the one written to
	named     []string // queries that WITH names, which may be among the tables
	returning bool
	locking   bool // FOR UPDATE and the like
	several   bool // more than one statement
	writes    bool // INSERT, UPDATE or DELETE anywhere
}

// asks reports whether a statement changes nothing.
func (s statement) asks() bool { return (s.verb == "SELECT" || s.verb == "WITH") && !s.writes }

// statements remembers what was read: a host has few statements, and their values are not in them.
type statements struct {
	known sync.Map
	count atomic.Int64
}

// Of what is remembered: how many statements, and how long they are.
const (
	maxStatements = 4096
	maxRemembered = 4096
)

func (r *routes) read(sql string) statement {
	if known, ok := r.statements.known.Load(sql); ok {
		return *known.(*statement)
	}
	s := readStatement(sql)
	s.tables = r.known(s)
	if len(sql) > maxRemembered {
		return s
	}
	if r.statements.count.Add(1) > maxStatements { // values are in them after all
		r.statements.known.Clear()
		r.statements.count.Store(0)
	}
	r.statements.known.Store(strings.Clone(sql), &s)
	return s
}

// known gives tables the names by which they are routed: databases take a name in other letters for the same. What WITH names is no
// table, unless one is called so.
func (r *routes) known(s statement) (tables []string) {
	for _, table := range s.tables {
		if r.tables[table] == nil {
			for name := range r.tables {
				if strings.EqualFold(name, table) {
					table = name
				}
			}
		}
		same := func(name string) bool { return strings.EqualFold(name, table) }
		if r.tables[table] != nil || !slices.ContainsFunc(s.named, same) {
			tables = append(tables, table)
		}
	}
	return tables
}

// readStatement looks at a statement's words. Text and comments are not looked into.
func readStatement(sql string) (s statement) {
	var before, last string  // the words before this one, in capitals
	var expect, listing bool // a table comes next; it may come after a comma
	var main bool            // what WITH names is over
	var functions []string   // what stands before each open parenthesis
	var lists []bool         // whether the list around each parenthesis goes on after it
	for w := (words{sql: sql}); w.next(); before, last = last, w.upper() {
		if s.several {
			return s
		}
		if s.verb == "WITH" && !main && len(functions) == 0 {
			if main = w.name && w.upper() == "SELECT"; (w.name || w.quoted) && w.upper() != "RECURSIVE" && (last == "WITH" || last == "RECURSIVE" || last == ",") {
				s.named = append(s.named, w.word)
			}
		}
		switch word := w.upper(); {
		case w.word == ";":
			s.several = strings.TrimSpace(sql[w.at:]) != ""
		case w.word == "(":
			functions, lists = append(functions, last), append(lists, listing)
			expect, listing = false, false
		case w.word == ")":
			if n := len(functions); n > 0 {
				listing = lists[n-1]
				functions, lists = functions[:n-1], lists[:n-1]
			}
			expect = false
		case w.word == ",":
			expect = listing
		case w.quoted, w.name && expect && !between[word]:
			if expect {
				name, called := w.rest()
				if !called {
					s.tables = append(s.tables, name)
				}
				expect = false
			}
		case !w.name:
			expect = expect && w.word == "."
		default:
			s.keyword(word, last, before, functions, &expect, &listing)
		}
	}
	return s
}

// between are words that may stand between FROM and the like, and a table.
var between = map[string]bool{"ONLY": true, "TABLE": true, "IF": true, "NOT": true, "EXISTS": true, "LATERAL": true, "SELECT": true, "SET": true, "INTO": true, "FROM": true}

func (s *statement) keyword(word, last, before string, functions []string, expect, listing *bool) {
	if s.verb == "" {
		s.verb = word
	}
	switch word {
	case "FROM":
		if last == "DISTINCT" && (before == "IS" || before == "NOT") {
			return
		}
		if n := len(functions); n > 0 && partOf[functions[n-1]] {
			return
		}
		*expect, *listing = true, true
	case "JOIN", "INTO", "TABLE", "TRUNCATE", "COPY", "LOCK":
		*expect = true
	case "USING":
		*expect, *listing = true, true
	case "UPDATE":
		if last == "DO" { // ON CONFLICT DO UPDATE
			return
		}
		if s.locking = s.locking || last == "FOR" || last == "KEY"; last != "FOR" && last != "KEY" {
			*expect, s.writes = true, true
		}
	case "SHARE":
		s.locking = s.locking || last == "FOR" || last == "KEY"
	case "INSERT", "DELETE", "MERGE":
		s.writes = true
	case "RETURNING":
		s.returning, *listing = true, false
	case "WHERE", "SET", "VALUES", "GROUP", "ORDER", "LIMIT", "HAVING", "UNION", "SELECT", "ON":
		*expect, *listing = false, word == "ON" && *listing
	}
}

// partOf are functions in which FROM stands before a value.
var partOf = map[string]bool{"EXTRACT": true, "TRIM": true, "SUBSTRING": true, "OVERLAY": true, "POSITION": true}

// words walks over a statement.
type words struct {
	sql    string
	at     int
	word   string
	name   bool // a word without quotes
	quoted bool // a name in quotes
}

func (w *words) next() bool {
	for w.name, w.quoted = false, false; w.at < len(w.sql); {
		from := w.at
		switch c := w.sql[w.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			w.at++
		case c == '\'':
			w.skip("'")
		case strings.HasPrefix(w.sql[from:], "--"):
			w.until("\n")
		case strings.HasPrefix(w.sql[from:], "/*"):
			w.until("*/")
		case c == '"' || c == '`':
			w.skip(string(c))
			w.word, w.quoted = strings.Trim(w.sql[from:w.at], "\"`"), true
			return true
		case letter(c):
			for w.at < len(w.sql) && (letter(w.sql[w.at]) || w.sql[w.at] >= '0' && w.sql[w.at] <= '9') {
				w.at++
			}
			w.word, w.name = w.sql[from:w.at], true
			return true
		default:
			w.at++
			w.word = w.sql[from:w.at]
			return true
		}
	}
	return false
}

func letter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= 0x80
}

// skip goes behind the closing quote.
func (w *words) skip(quote string) {
	w.at++
	w.until(quote)
}

func (w *words) until(end string) {
	if n := strings.Index(w.sql[w.at:], end); n >= 0 {
		w.at += n + len(end)
		return
	}
	w.at = len(w.sql)
}

// rest reads the rest of a name with dots, whose last part is the table, and whether it is a function that is called.
func (w *words) rest() (name string, called bool) {
	name = w.word
	for w.at < len(w.sql) && w.sql[w.at] == '.' {
		w.at++
		if w.next() {
			name = w.word
		}
	}
	return name, w.at < len(w.sql) && w.sql[w.at] == '(' && !strings.HasSuffix(w.sql[:w.at], " ")
}

func (w *words) upper() string {
	if w.name {
		return strings.ToUpper(w.word)
	}
	return w.word
}
