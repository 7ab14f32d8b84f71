package cutover

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
)

// exec, query and queryRow make a statement on a side, and count how the side did.

func (r *routes) exec(ctx context.Context, side int, tenant string, conn gorm.ConnPool, s statement, query string, args []any) (sql.Result, error) {
	began := time.Now()
	result, err := conn.ExecContext(ctx, query, args...)
	r.count(s, side, tenant, began, err)
	return result, err
}

func (r *routes) query(ctx context.Context, side int, tenant string, conn gorm.ConnPool, s statement, query string, args []any) (*sql.Rows, error) {
	began := time.Now()
	rows, err := conn.QueryContext(ctx, query, args...)
	r.count(s, side, tenant, began, err)
	return rows, err
}

func (r *routes) queryRow(ctx context.Context, side int, tenant string, conn gorm.ConnPool, s statement, query string, args []any) *sql.Row {
	began := time.Now()
	row := conn.QueryRowContext(ctx, query, args...)
	r.count(s, side, tenant, began, row.Err())
	return row
}

// count counts a statement for the entity whose table it names first.
func (r *routes) count(s statement, side int, tenant string, began time.Time, err error) {
	for _, table := range s.tables {
		route := r.tables[table]
		switch {
		case route == nil:
			continue
		case s.asks():
			route.asked(side, tenant, began, err)
		default:
			route.wrote(side, tenant, began, err)
		}
		route.served(side, tenant, err)
		return
	}
}

func (r *group) asked(side int, tenant string, began time.Time, err error) {
	if r.owner != nil {
		r.owner.entity.counted.read(which(side), tenant, time.Since(began), err)
	}
}

func (r *group) wrote(side int, tenant string, began time.Time, err error) {
	if r.owner != nil {
		r.owner.entity.counted.wrote(which(side), tenant, time.Since(began), err)
	}
}

// served counts a statement that the authority was asked for: a tenant is judged by those that the new side failed.
func (r *group) served(side int, tenant string, err error) {
	if r.owner != nil {
		r.owner.entity.counted.served(which(side), tenant, err)
	}
}

// sampled reports whether a read is one of those that are compared.
func (r *tableRoute) sampled() bool {
	if r.owner != nil {
		return r.owner.entity.sampled()
	}
	return r.all.Sample >= 1 || rand.Float64() < r.all.Sample
}
