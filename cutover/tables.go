package cutover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/models"
)

// TablesConfig describes an entity whose rows are GORM models on both sides, and whose statements a Router sends.
type TablesConfig struct {
	Flag     string   // key of the migration flag that says where the entity is; required
	Old, New *gorm.DB // the connections that the Router is given; required

	// Models are pointers to the structs of all tables that move together. At least one.
	Models []any

	// Tenant is the tenant that a row, a pointer to one of the models' structs, belongs to. Defaults to none: then a row
	// that is different on both sides is copied from the authority of those who ask for all tenants.
	Tenant func(row any) string

	// Sample is the share of reads, in the stages that read both sides, that do so and are compared. Defaults to all: 1.
	Sample float64

	// Timeout is how long looking at a side may take where nobody waits for it. Defaults to 2 seconds.
	Timeout time.Duration

	// Logger defaults to the Cutover's.
	Logger *slog.Logger
}

// Tables is an entity for a Router. Its rows are copied, compared and repaired as those of any entity.
type Tables struct {
	entity   *Entity[string, struct{}, struct{}, tableRow]
	router   *router
	config   TablesConfig
	pairs    []*tablePair // by their prefixes
	uncopied uncopied
	proof    atomic.Pointer[proof]

	mu     sync.Mutex
	groups []*group // of the Routers that send the entity's statements
}

// tablePair is one table on both sides.
type tablePair struct{ sides [2]*gormTable }

// tableRow is a row of one of the tables.
type tableRow struct {
	pair *tablePair
	row  reflect.Value // a struct
}

// AddTables makes an entity of GORM models one of those that the instance moves. All are to be added before Run; the Router
// is told of it as the Entity of each of its tables.
func AddTables(c *Cutover, config TablesConfig) (*Tables, error) {
	if config.Old == nil || config.New == nil || len(config.Models) == 0 {
		return nil, fmt.Errorf("cutover of %q: Old, New or Models is missing", config.Flag)
	}
	t := &Tables{config: config, router: c.newRouter(config.Flag)}
	if err := t.pair(); err != nil {
		return nil, fmt.Errorf("cutover of %q: %w", config.Flag, err)
	}
	if config.Logger == nil {
		config.Logger = c.log
	}
	own := Config[string, struct{}, struct{}, tableRow]{
		Flag: config.Flag, Journal: c.journal, Old: t.side(oldSide), New: t.side(newSide), Key: keyOfRow, Same: sameRows,
		Sample: config.Sample, Timeout: config.Timeout, Logger: config.Logger,
	}
	if config.Tenant != nil {
		own.Tenant = func(r tableRow) string { return config.Tenant(r.row.Addr().Interface()) }
	}
	var err error
	if t.entity, err = NewEntity(own, t.router); err != nil {
		return nil, err
	}
	return t, c.add(config.Flag, t, t.router)
}

// pair finds the models' tables on both sides. Keys begin with their table's name, which contains no colon, so the order of keys
// is that of the tables.
func (t *Tables) pair() error {
	if databaseOf(t.config.Old) == databaseOf(t.config.New) {
		return errors.New("both sides are the same connection")
	}
	for _, model := range t.config.Models {
		pair := &tablePair{}
		for side, db := range []*gorm.DB{t.config.Old, t.config.New} {
			table, err := newGORMTable(db, model)
			if err != nil {
				return err
			}
			table.prefix = table.schema.Table + ":"
			pair.sides[side] = table
		}
		if pair.sides[0].prefix != pair.sides[1].prefix {
			return fmt.Errorf("the table of %T has another name on the new side", model)
		}
		t.pairs = append(t.pairs, pair)
	}
	slices.SortFunc(t.pairs, func(a, b *tablePair) int { return strings.Compare(a.sides[0].prefix, b.sides[0].prefix) })
	for i := range t.pairs[1:] {
		if t.pairs[i].sides[0].prefix == t.pairs[i+1].sides[0].prefix {
			return fmt.Errorf("the table %s is named twice", t.pairs[i].sides[0].schema.Table)
		}
	}
	return nil
}

// errRouted is for what a Router does instead.
var errRouted = errors.New("the entity's statements are sent by a Router")

func (t *Tables) side(of which) Side[string, struct{}, struct{}, tableRow] {
	return Side[string, struct{}, struct{}, tableRow]{
		Store: t.pairs[0].sides[of].store,
		Read:  func(context.Context, string) (struct{}, error) { return struct{}{}, errRouted },
		Apply: func(context.Context, string, struct{}) error { return errRouted },
		Scan: func(ctx context.Context, after string, limit int) ([]tableRow, error) {
			return t.scanFrom(ctx, of, after, limit)
		},
		Get: func(ctx context.Context, keys []string) (found []tableRow, err error) {
			for pair, some := range t.byTable(keys) {
				rows := pair.rows(of)
				if err := pair.sides[of].get(ctx, rows.Interface(), some); err != nil {
					return nil, err
				}
				found = pair.appendTo(found, rows)
			}
			return found, nil
		},
		Put: func(ctx context.Context, rows []tableRow) error {
			for _, pair := range t.pairs {
				own := pair.rows(of).Elem()
				for _, r := range rows {
					if r.pair == pair {
						own = reflect.Append(own, r.row)
					}
				}
				if err := pair.sides[of].put(ctx, own); err != nil {
					return err
				}
			}
			return nil
		},
		Remove: func(ctx context.Context, keys []string) error {
			for pair, some := range t.byTable(keys) {
				if err := pair.sides[of].remove(ctx, some); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// scanFrom reads rows of one table after the other.
func (t *Tables) scanFrom(ctx context.Context, of which, after string, limit int) (found []tableRow, err error) {
	for _, pair := range t.pairs {
		table, begin := pair.sides[of], after
		if !strings.HasPrefix(after, table.prefix) {
			if after > table.prefix {
				continue
			}
			begin = ""
		}
		rows := pair.rows(of)
		if err := table.scan(ctx, rows.Interface(), begin, limit-len(found)); err != nil {
			return nil, err
		}
		if found = pair.appendTo(found, rows); len(found) >= limit {
			break
		}
	}
	return found, nil
}

// byTable sorts keys by their tables.
func (t *Tables) byTable(keys []string) map[*tablePair][]string {
	sorted := map[*tablePair][]string{}
	for _, key := range keys {
		for _, pair := range t.pairs {
			if strings.HasPrefix(key, pair.sides[0].prefix) {
				sorted[pair] = append(sorted[pair], key)
			}
		}
	}
	return sorted
}

// rows is a pointer to an empty slice of the model.
func (p *tablePair) rows(of which) reflect.Value {
	return reflect.New(reflect.SliceOf(p.sides[of].schema.ModelType))
}

func (p *tablePair) appendTo(found []tableRow, rows reflect.Value) []tableRow {
	for i := range rows.Elem().Len() {
		found = append(found, tableRow{p, rows.Elem().Index(i)})
	}
	return found
}

func keyOfRow(r tableRow) string {
	key, _ := r.pair.sides[0].of(context.Background(), r.row)
	return key
}

// sameRows reports whether two rows have the same columns, as the databases have them.
func sameRows(a, b tableRow) bool {
	var columns []string
	var values [2][]any
	for _, name := range a.pair.sides[0].schema.DBNames {
		columns = append(columns, name)
		for i, r := range []tableRow{a, b} {
			value, _ := r.pair.sides[0].schema.FieldsByDBName[name].ValueOf(context.Background(), r.row)
			values[i] = append(values[i], value)
		}
	}
	first, ok := freeze(values[0])
	second, also := freeze(values[1])
	if !ok || !also {
		return reflect.DeepEqual(a.row.Interface(), b.row.Interface())
	}
	return text(columns, first) == text(columns, second)
}

// Name is the entity's name in the sides' stores.
func (t *Tables) Name() string { return t.entity.Name() }

// Locate returns where the entity is for a tenant; a Router asks.
func (t *Tables) Locate(ctx context.Context, tenant string, writing bool) (Location, error) {
	return t.entity.Locate(ctx, tenant, writing)
}

// Stats is what was counted since the entity was made. What waits in databases is not among it.
func (t *Tables) Stats() models.CutoverStats {
	s := t.entity.Stats()
	s.UncopiedOld, s.UncopiedNew = t.uncopied.list(0), t.uncopied.list(1)
	return s
}
