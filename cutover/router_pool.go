package cutover

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// pool is the old side's connection of a Router: each statement goes to the side of the tables that it names.
type pool struct {
	base   gorm.ConnPool
	routes *routes
}

// errPrepared is for statements prepared by their text: the same text is for either side.
var errPrepared = errors.New("prepare statements in the sides' own configuration (gorm.Config.PrepareStmt), not in a session of the router")

func (p *pool) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, errPrepared }

// GetDBConn gives the old side's database.
func (p *pool) GetDBConn() (*sql.DB, error) {
	switch base := p.base.(type) {
	case *sql.DB:
		return base, nil
	case gorm.GetDBConnector:
		return base.GetDBConn()
	}
	return nil, gorm.ErrInvalidDB
}

func (p *pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s := p.routes.read(query)
	if p.routes.write(s) != nil {
		return p.execInTransaction(ctx, query, args)
	}
	tenant := p.routes.Tenant(ctx)
	side, err := p.routes.locate(ctx, tenant, s)
	if err != nil {
		return nil, err
	}
	return p.routes.exec(ctx, side, tenant, p.routes.bases[side], s, query, args)
}

// write is the first table that a statement which is more than a question names, if it is routed.
func (r *routes) write(s statement) *tableRoute {
	if len(s.tables) == 0 || s.asks() {
		return nil
	}
	return r.tables[s.tables[0]]
}

// moving reports whether a statement writes a table on the move.
func (r *routes) moving(ctx context.Context, s statement) (bool, error) {
	route := r.write(s)
	if route == nil {
		return false, nil
	}
	at, err := route.locate(ctx, r.Tenant(ctx), true)
	if err == nil {
		at.end()
	}
	return at.Moving, err
}

func (p *pool) execInTransaction(ctx context.Context, query string, args []any) (sql.Result, error) {
	t := p.begin(ctx, nil)
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, errors.Join(err, t.Rollback())
	}
	return result, t.Commit()
}

func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s := p.routes.read(query)
	if moving, err := p.routes.moving(ctx, s); err != nil {
		return nil, err
	} else if moving {
		return nil, fmt.Errorf("%s %v outside of a transaction: %w", s.verb, s.tables, ErrNotFollowed)
	}
	tenant := p.routes.Tenant(ctx)
	side, err := p.routes.locate(ctx, tenant, s)
	if err != nil {
		return nil, err
	}
	return p.routes.query(ctx, side, tenant, p.routes.bases[side], s, query, args)
}

func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s := p.routes.read(query)
	moving, err := p.routes.moving(ctx, s)
	tenant := p.routes.Tenant(ctx)
	side, other := p.routes.locate(ctx, tenant, s)
	if err != nil || other != nil || moving {
		return refused(p.base)
	}
	return p.routes.queryRow(ctx, side, tenant, p.routes.bases[side], s, query, args)
}

// refused is a row whose Scan fails. Only a context can make one; the reason is told by the callback before.
func refused(base gorm.ConnPool) *sql.Row {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return base.QueryRowContext(ctx, "SELECT 1")
}

// BeginTx begins a transaction when its first statement says on which side.
func (p *pool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.begin(ctx, options), nil
}

func (p *pool) begin(ctx context.Context, options *sql.TxOptions) *tx {
	return &tx{routes: p.routes, ctx: ctx, options: options, tenant: p.routes.Tenant(ctx)}
}

// beginOn begins a transaction on one side.
func (r *routes) beginOn(ctx context.Context, side int, options *sql.TxOptions) (gorm.ConnPool, error) {
	switch beginner := r.bases[side].(type) {
	case gorm.TxBeginner:
		return beginner.BeginTx(ctx, options)
	case gorm.ConnPoolBeginner:
		return beginner.BeginTx(ctx, options)
	}
	return nil, gorm.ErrInvalidTransaction
}
