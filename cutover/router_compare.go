package cutover

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/models"
)

// comparing is how many comparisons run at once; more are left out.
const comparing = 16

// compare asks both sides once more what was just read, in the background.
func (r *routes) compare(db *gorm.DB) {
	if _, plain := db.Statement.ConnPool.(*pool); !plain || db.DryRun || isDirect(db) {
		return
	}
	if db.Error != nil && !errors.Is(db.Error, gorm.ErrRecordNotFound) {
		return
	}
	query := db.Statement.SQL.String()
	s := r.read(query)
	route := r.together(s)
	if route == nil || r.Compared == nil && route.owner == nil {
		return
	}
	tenant := r.Tenant(db.Statement.Context)
	at, err := route.locate(db.Statement.Context, tenant, false)
	if err != nil {
		return
	}
	args, fixed := freeze(db.Statement.Vars)
	if !at.Stage.Compared() || !fixed || s.locking || strings.Contains(query, "LIMIT") && !strings.Contains(query, "ORDER BY") || !route.sampled() {
		at.end()
		return
	}
	select {
	case r.comparisons <- struct{}{}:
	default:
		if route.owner != nil {
			route.owner.entity.counted.skipped.Add(1)
		}
		at.end()
		return
	}
	// The request's end does not end the comparison.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(db.Statement.Context), r.Patience)
	go func() {
		defer func() { cancel(); at.end(); <-r.comparisons }()
		route.told(route.ask(ctx, Comparison{Entity: route.name, Tenant: tenant, Query: query}, sideAt(at.Stage), args), sideAt(at.Stage))
	}()
}

// together is the first table that a question names, if both sides have what it names: tables that move together.
func (r *routes) together(s statement) (first *tableRoute) {
	if !s.asks() {
		return nil
	}
	for _, table := range s.tables {
		route := r.tables[table]
		if route == nil || first != nil && route.group != first.group {
			return nil
		}
		if first == nil {
			first = route
		}
	}
	return first
}

// told tells of a comparison: who asked for it, and the settings pages. These are shown the query without its values and how many
// rows there were, which says nothing of anybody.
func (r *tableRoute) told(c Comparison, authority int) {
	if r.all.Compared != nil {
		r.all.Compared(c)
	}
	if r.owner == nil || c.Err != nil || !c.Equal && r.owner.uncopied.has(authority, c.Tenant) {
		return // or it is known that a copy waits, which is told otherwise
	}
	counted := r.owner.entity.counted
	counted.agreed(sideOf(authority == 1), c.Tenant, c.Equal)
	if !c.Equal {
		counted.sample(models.CutoverSample{At: models.At(time.Now()), Tenant: c.Tenant, What: c.Query, Old: fmt.Sprint(c.Old, " rows"), New: fmt.Sprint(c.New, " rows")})
	}
}

// freeze takes values as they are now. It is false if that cannot be done.
func freeze(vars []any) (args []any, ok bool) {
	args = make([]any, len(vars))
	for i, v := range vars {
		value, err := driver.DefaultParameterConverter.ConvertValue(v)
		if err != nil {
			return nil, false
		}
		if b, is := value.([]byte); is {
			value = slices.Clone(b)
		}
		args[i] = value
	}
	return args, true
}

// Of comparisons that say nothing: the rows were being changed each time that they were looked at, or their copy is on its way.
var (
	errChanging = errors.New("the rows changed while they were compared")
	errCopying  = errors.New("rows were being copied while they were compared")
)

// looks are how often two answers that differ are looked at again.
const looks = 4

// ask compares both sides' answers. They differ while a write is on its way: so a difference has to last while the authority's
// answer stays what it is, and after what was marked with that answer has been copied, by whatever instance.
func (r *tableRoute) ask(ctx context.Context, c Comparison, authority int, args []any) Comparison {
	var before, marked []string
	for look := range looks {
		copying, err := r.copying(ctx, authority, marked)
		if c.Err = err; err != nil {
			return c
		}
		answers, err := r.both(ctx, c, authority, args)
		if c.Err = err; err != nil {
			return c
		}
		c.Old, c.New, c.Equal = len(answers[0]), len(answers[1]), slices.Equal(answers[0], answers[1])
		if c.Equal || look == looks-1 && slices.Equal(before, answers[authority]) {
			if copying && !c.Equal {
				c.Err = errCopying
			}
			return c
		}
		if before = answers[authority]; look == looks-2 {
			marks, _, err := r.sides[authority].store.Marked(ctx, r.marks, drainSome)
			if c.Err = err; err != nil {
				return c
			}
			marked = keysOf(marks)
		}
		select {
		case <-ctx.Done():
			c.Err = ctx.Err()
			return c
		case <-time.After(againAfter << look): // a copy may take its time
		}
	}
	c.Err = errChanging
	return c
}

// copying reports whether any of those keys is still marked. Before the other side is asked: a copy is made before its mark goes.
func (r *tableRoute) copying(ctx context.Context, authority int, marked []string) (bool, error) {
	marks, err := r.sides[authority].store.MarkedAmong(ctx, r.marks, marked)
	return len(marks) > 0, err
}

// both asks both sides, the authority last.
func (r *tableRoute) both(ctx context.Context, c Comparison, authority int, args []any) (answers [2][]string, err error) {
	for _, side := range []int{1 - authority, authority} {
		began := time.Now()
		answers[side], err = answer(ctx, r.all.bases[side], c.Query, args)
		if side != authority {
			r.asked(side, c.Tenant, began, err)
		}
		if err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// answer reads rows as text. Where the query leaves their order open, they are sorted.
func answer(ctx context.Context, conn gorm.ConnPool, query string, args []any) (rows []string, err error) {
	result, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	columns, err := result.Columns()
	if err != nil {
		return nil, err
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	for result.Next() {
		if err := result.Scan(places...); err != nil {
			return nil, err
		}
		rows = append(rows, text(columns, values))
	}
	if !strings.Contains(query, "ORDER BY") {
		slices.Sort(rows)
	}
	return rows, result.Err()
}

// text writes a row so that equal rows are equal, whatever the order of columns and the zone of times.
func text(columns []string, values []any) string {
	parts := make([]string, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case time.Time:
			value = v.UnixMicro()
		case []byte:
			value = string(v)
		case sql.RawBytes:
			value = string(v)
		}
		parts[i] = fmt.Sprintf("%s=%T:%v", columns[i], value, value)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x00")
}
