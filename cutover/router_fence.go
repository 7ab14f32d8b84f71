package cutover

import (
	"context"
	"fmt"
	"sync"
	"unicode/utf8"
)

// Instances do not hear of a new stage at the same moment, and rows that transactions write by condition have no numbers to
// put them in order. So each side has a door for each tenant, a row of cutover_doors, which the transactions of the router
// hold open. At most one side's door is open. Who is first to need the other side closes the door, which waits for the
// transactions inside, copies what they marked, and opens the other. Whoever is late finds the door closed by a newer
// revision, and follows.

// settled remembers which side's door is open, so that most statements need not ask. Transactions ask all the same.
type settled struct{ sides sync.Map }

func (s *settled) is(tenant string, side int) bool {
	known, ok := s.sides.Load(tenant)
	return ok && known == side
}

func (s *settled) on(tenant string, side int) { s.sides.Store(tenant, side) }
func (s *settled) forget(tenant string)       { s.sides.Delete(tenant) }

// attempts is how often a change of sides by another instance is followed at once.
const attempts = 10

// door is which side is open, as one side knows it.
type door struct {
	Tenant   string
	Revision int64
	Side     int
}

// newerError says that another instance follows a newer revision, which leads to the other side.
type newerError struct{ revision int64 }

func (newerError) Error() string { return ErrMoved.Error() }
func (newerError) Unwrap() error { return ErrMoved }

// doors are a tenant's door, or all, as a side knows them. At first the old side is open.
func (r *group) doors(ctx context.Context, side int, tenant string) (doors []door, err error) {
	db := r.routes[0].sides[side].db
	err = DB(ctx, db).Exec("INSERT INTO cutover_doors (entity, tenant, revision, side) VALUES (?, ?, 0, 0) ON CONFLICT (entity, tenant) DO NOTHING", r.name, tenant).Error
	if err == nil {
		err = DB(ctx, db).Raw("SELECT tenant, revision, side FROM cutover_doors WHERE entity = ? AND (tenant = ? OR ? = '') ORDER BY tenant", r.name, tenant, tenant).Scan(&doors).Error
	}
	return doors, err
}

// close closes the other side's door, and waits for the transactions inside: those of the tenant, and those of all tenants.
func (r *group) close(ctx context.Context, d door) error {
	from := r.routes[0].sides[1-d.Side]
	return from.store.Within(ctx, func(ctx context.Context) error {
		for _, tenant := range ascending([]string{"", d.Tenant}) {
			if _, err := r.doors(ctx, 1-d.Side, tenant); err != nil {
				return err
			}
		}
		var held []door
		err := DB(ctx, from.db).Raw("SELECT tenant, revision, side FROM cutover_doors WHERE entity = ? AND tenant IN ? ORDER BY tenant"+r.locked(1-d.Side, "UPDATE"),
			r.name, []string{"", d.Tenant}).Scan(&held).Error
		if err != nil {
			return err
		}
		for _, h := range held {
			if h.Tenant == d.Tenant && h.Side == d.Side && h.Revision > d.Revision {
				return nil // closed by somebody who is not done
			}
			if h.Tenant == d.Tenant && h.Revision > d.Revision {
				return newerError{h.Revision}
			}
		}
		return r.setDoor(ctx, 1-d.Side, d)
	})
}

func (r *group) setDoor(ctx context.Context, on int, d door) error {
	return DB(ctx, r.routes[0].sides[on].db).Exec("INSERT INTO cutover_doors (entity, tenant, revision, side) VALUES (?, ?, ?, ?)"+
		" ON CONFLICT (entity, tenant) DO UPDATE SET revision = excluded.revision, side = excluded.side WHERE cutover_doors.revision <= excluded.revision",
		r.name, d.Tenant, d.Revision, d.Side).Error
}

func (r *group) locked(side int, how string) string {
	if r.routes[0].sides[side].db.Name() != "postgres" {
		return "" // a transaction that writes holds the whole database
	}
	return " FOR " + how
}

// stays holds the door open until the transaction that ctx carries ends, if it may write. It is false if the door is closed.
func (r *group) stays(ctx context.Context, side int, tenant string, writes bool) (bool, error) {
	held := ""
	if writes {
		held = r.locked(side, "SHARE")
	}
	var d []door
	err := DB(ctx, r.routes[0].sides[side].db).Raw("SELECT tenant, revision, side FROM cutover_doors WHERE entity = ? AND tenant = ?"+held, r.name, tenant).Scan(&d).Error
	if err != nil {
		return false, fmt.Errorf("hold the side of %s: %w", r.name, err)
	}
	return len(d) == 1 && d[0].Side == side, nil
}

// drain copies all that is marked on a side, each row once: a mark that is being made anew stays.
func (r *group) drain(ctx context.Context, from int) error {
	for _, table := range r.routes {
		if err := table.drain(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

func (r *tableRoute) drain(ctx context.Context, from int) error {
	for after := int64(0); ; {
		var marks []Mark
		err := DB(ctx, r.sides[from].db).Raw("SELECT row_key AS key, serial FROM cutover_marks WHERE entity = ? AND serial > ? AND substr(row_key, 1, ?) = ? ORDER BY serial LIMIT ?",
			r.marks, after, utf8.RuneCountInString(r.sides[from].prefix), r.sides[from].prefix, drainSome).Scan(&marks).Error
		if err != nil || len(marks) == 0 {
			return err
		}
		keys := make([]string, len(marks))
		for i, mark := range marks {
			keys[i], after = mark.Key, mark.Serial
		}
		if err := r.copy(ctx, from, keys); err != nil {
			return err
		}
	}
}
