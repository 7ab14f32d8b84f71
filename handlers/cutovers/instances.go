package cutovers

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/cutover/readiness"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
)

// instanceRow is what one instance tells of the entity.
type instanceRow struct {
	models.CutoverInstance
	Stats     models.CutoverStats
	Label     string
	State     string
	Behind    bool // it has not acknowledged the last change
	Silent    bool // it may still run, and said nothing for a while
	Agreement string
}

// Short is enough of the id to tell instances apart.
func (r instanceRow) Short() string {
	return strings.ToLower(r.Instance[:min(len(r.Instance), 8)])
}

// Name is how people know the instance.
func (r instanceRow) Name() string { return cmp.Or(r.Host, "this machine") }

// instancesOf tells of each instance how it is doing.
func instancesOf(rows []models.CutoverInstance, changed int64, now time.Time) (all []instanceRow) {
	for _, row := range rows {
		r := instanceRow{CutoverInstance: row, Stats: row.Told(), Behind: row.Runs() && row.Revision < changed}
		r.Silent = row.Runs() && !readiness.Runs(row, now)
		switch {
		case row.GoneAt != nil:
			r.Label, r.State = "Gone", "off"
		case row.EndedAt != nil:
			r.Label, r.State = "Ended", "off"
		case r.Silent:
			r.Label, r.State = "Silent", "bad"
		case r.Stats.Problem != "":
			r.Label, r.State = "Has a problem", "bad"
		case r.Behind:
			r.Label, r.State = "Behind", "warn"
		default:
			r.Label, r.State = "Follows", "good"
		}
		if r.Stats.Compared > 0 {
			r.Agreement = readiness.Parts(readiness.Agreement(r.Stats.Compared, r.Stats.Different))
		}
		all = append(all, r)
	}
	return all
}

// setGone says of a silent instance that it is gone, so that no step waits for it.
func (b *board) setGone(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.open(c)
	if err != nil {
		return err
	}
	p.Go = form
	form.Require("Say how you know that it does not run any more.", "why")
	form.Require("Choose the instance.", "instance")
	if !form.OK() {
		return p.render(c, http.StatusUnprocessableEntity)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	err = c.App.Changes.InstanceGone(ctx, p.In.Name, form.Get("instance"), c.Actor(), form.Get("why"))
	if shell.IsMissing(err) {
		p.Form.Message = "Nobody waits for that instance: it has ended, or somebody has said already that it is gone."
		return p.render(c, http.StatusConflict)
	}
	if done, err := p.refused(c, err); done || err != nil {
		return err
	}
	return c.Done("Nobody waits for that instance any more.", "migrations", p.In.Name, p.Flag.Key)
}

// Gone are the instances of which it can be said that they are gone.
func (p *onePage) Gone() (rows []instanceRow) {
	for _, row := range p.Instances {
		if row.Silent {
			rows = append(rows, row)
		}
	}
	return rows
}
