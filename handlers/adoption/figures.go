package adoption

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

// figure is a flag in the overview.
type figure struct {
	Key, Title      string
	People, Tenants adopted
	Checks          int64      // in the last week, today included
	Read            *time.Time // last; nil: never

	search string
}

// adopted is who has the flag on, as it was counted last, and how that was a week and a month before.
type adopted struct {
	adoption.Tally
	Counted     bool
	Week, Month change
}

// change is by how much a share has grown, in percentage points.
type change struct {
	Known  bool
	Points float64
}

// String writes a change with its sign.
func (c change) String() string {
	tenths := math.Round(c.Points * 10)
	switch {
	case !c.Known:
		return "–"
	case tenths == 0:
		return "0.0"
	case tenths < 0:
		return "−" + decimal(-tenths/10)
	}
	return "+" + decimal(tenths/10)
}

// Kind says whether it grew: up, down or same.
func (c change) Kind() string {
	switch text := c.String(); {
	case strings.HasPrefix(text, "+"):
		return "up"
	case strings.HasPrefix(text, "−"):
		return "down"
	}
	return "same"
}

// readDays is how many days the checks of the overview are of.
const readDays = 7

// near is how many days further back a comparison looks when nothing was counted on the very day.
const near = 3

// figures are those of all flags that are not archived in the environment, in the order of keys.
func figures(ctx context.Context, store *models.Store, environment *catalog.Environment, about *catalog.Flags, now time.Time) ([]*figure, error) {
	byKey := make(map[string]*figure, len(environment.Flags))
	all := make([]*figure, 0, len(environment.Flags))
	for _, flag := range environment.Flags {
		if flag.Archived {
			continue
		}
		f := &figure{Key: flag.Key, Title: titleOf(about, flag.Key)}
		f.search = strings.ToLower(f.Key + "\n" + f.Title + "\n" + about.ByKey[flag.Key].Owner)
		byKey[f.Key] = f
		all = append(all, f)
	}
	reads, err := store.ReadSums(ctx, environment.Name, day(now, 1-readDays))
	if err != nil {
		return nil, err
	}
	for _, read := range reads {
		if f := byKey[read.Flag]; f != nil {
			f.Checks, f.Read = read.Checks, read.LastAt.Optional()
		}
	}
	return all, addAdoption(ctx, store, environment.Name, byKey, now)
}

// addAdoption adds what was counted last, today or a few days ago, and compares it.
func addAdoption(ctx context.Context, store *models.Store, environment string, byKey map[string]*figure, now time.Time) error {
	latest, err := store.AdoptionDay(ctx, environment, day(now, -near), day(now, 0))
	if err != nil || latest == "" {
		return err
	}
	err = eachOn(ctx, store, environment, latest, byKey, func(a *adopted, t adoption.Tally) { a.Tally, a.Counted = t, true })
	for _, back := range []int{7, 30} {
		if err != nil {
			return err
		}
		var before string
		if before, err = store.AdoptionDay(ctx, environment, day(now, -back-near), day(now, -back)); err == nil && before != "" {
			err = eachOn(ctx, store, environment, before, byKey, func(a *adopted, t adoption.Tally) {
				if a.Counted {
					*a.since(back) = change{true, 100 * (a.Share() - t.Share())}
				}
			})
		}
	}
	return err
}

func (a *adopted) since(days int) *change {
	if days == 7 {
		return &a.Week
	}
	return &a.Month
}

// eachOn gives what was counted on a day.
func eachOn(ctx context.Context, store *models.Store, environment, day string, byKey map[string]*figure, do func(*adopted, adoption.Tally)) error {
	rows, err := store.AdoptionOn(ctx, environment, day)
	for _, row := range rows {
		f := byKey[row.Flag]
		if f == nil {
			continue
		}
		of := &f.People
		if row.Kind == models.SeenTenant {
			of = &f.Tenants
		}
		do(of, adoption.Tally{Has: row.Has, Known: row.Known})
	}
	return err
}

// Daily is how often the flag is read a day, on average.
func (f *figure) Daily() int64 { return int64(math.Round(float64(f.Checks) / readDays)) }

// day names the day so many days from now.
func day(now time.Time, days int) string { return models.Day(now.UTC().AddDate(0, 0, days)) }

func titleOf(about *catalog.Flags, key string) string {
	if title := about.ByKey[key].Title; strings.TrimSpace(title) != "" {
		return title
	}
	return key
}
