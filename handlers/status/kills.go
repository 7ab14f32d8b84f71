package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
)

// Kill is a kill, and how long it took to reach every instance.
type Kill struct {
	Environment string        `json:"environment"`
	Revision    int64         `json:"revision"`
	Flag        string        `json:"flag"`
	Author      string        `json:"author"`
	At          time.Time     `json:"at"`
	Took        time.Duration `json:"took"`      // until the last instance adopted it that did, in nanoseconds
	Minutes     float64       `json:"minutes"`   // the same
	Last        string        `json:"last"`      // the host that was last
	Adopted     int           `json:"adopted"`   // instances that adopted it
	Waiting     int           `json:"waiting"`   // that run and have not said that they did
	Lost        int           `json:"lost"`      // that ended, or fell silent, before they said so
	Instances   int           `json:"instances"` // that ran at the kill
	Reached     []Reached     `json:"reached"`   // of these, those that matter most
}

// Reached is how an instance that ran at the kill got it.
type Reached struct {
	Instance string        `json:"instance"`
	Host     string        `json:"host"`
	Took     time.Duration `json:"took"`
	How      string        `json:"how"` // adopted, expected, waiting, ended or silent
}

// Words says how it got it.
func (r Reached) Words() string {
	switch r.How {
	case "adopted":
		return "served the last old value " + span(r.Took) + " after the kill"
	case "waiting":
		return "runs, and has not said yet that it serves the kill"
	case "expected":
		return "has not been heard of since: it tells every ten seconds"
	case "ended":
		return "ended before it served the kill"
	}
	return "fell silent before it said that it serves the kill"
}

// Short is enough of the id to tell instances apart.
func (r Reached) Short() string { return strings.ToLower(r.Instance[:min(len(r.Instance), 8)]) }

// kills are those of the last ninety days, newest first.
func (g *gatherer) kills(rows []models.Instance) ([]Kill, error) {
	since := g.now.Add(-killWindow)
	kills, err := g.App.Store.Kills(g.ctx, since, 4*maxKills)
	if err != nil {
		return nil, err
	}
	kills = slices.DeleteFunc(kills, func(k models.Kill) bool { return g.environment(k.Environment) == nil })
	kills = kills[:min(len(kills), maxKills)]
	if len(kills) == 0 {
		return []Kill{}, nil
	}
	adoptions, err := g.App.Store.KillAdoptions(g.ctx, kills[len(kills)-1].PublishedAt.Time)
	if err != nil {
		return nil, err
	}
	type kill struct {
		environment string
		revision    int64
	}
	byKill := map[kill][]models.KillAdoption{}
	for _, a := range adoptions {
		k := kill{a.Environment, a.Revision}
		byKill[k] = append(byKill[k], a)
	}
	instances := map[string]models.Instance{}
	for _, row := range rows {
		instances[row.ID] = row
	}
	out := []Kill{}
	for _, row := range kills {
		k := Kill{Environment: row.Environment, Revision: row.Revision, Flag: row.Flag, Author: row.Author, At: row.PublishedAt.Time}
		for _, a := range byKill[kill{row.Environment, row.Revision}] {
			k.add(a, instances, g.now)
		}
		k.Minutes, k.Instances = k.Took.Minutes(), len(k.Reached)
		k.shorten()
		out = append(out, k)
	}
	return out, nil
}

func (k *Kill) add(a models.KillAdoption, instances map[string]models.Instance, now time.Time) {
	r := Reached{Instance: a.Instance, Host: a.Host, How: "silent"}
	row, known := instances[a.Instance]
	switch {
	case a.AdoptedAt != nil:
		r.How, r.Took = "adopted", max(0, a.AdoptedAt.Sub(k.At))
		k.Adopted++
		if r.Took >= k.Took {
			k.Took, k.Last = r.Took, a.Host
		}
	case known && row.EndedAt != nil:
		r.How = "ended"
		k.Lost++
	case known && now.Sub(row.HeardAt.Time) <= report.Silent && !row.HeardAt.After(k.At):
		r.How = "expected"
	case known && now.Sub(row.HeardAt.Time) <= report.Silent:
		r.How = "waiting"
		k.Waiting++
	default:
		k.Lost++
	}
	k.Reached = append(k.Reached, r)
}

// maxReached is how many instances are shown for each kill.
const maxReached = 20

// shorten keeps those that did not adopt the kill, and then those that took longest.
func (k *Kill) shorten() {
	slices.SortStableFunc(k.Reached, func(a, b Reached) int {
		if (a.How == "adopted") != (b.How == "adopted") {
			if b.How == "adopted" {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Took, a.Took)
	})
	k.Reached = k.Reached[:min(len(k.Reached), maxReached)]
}

// span writes how long something took, for people.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "less than 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
