// Package recording lets editors say what is recorded of a flag beyond the usual, or less.
package recording

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Register adds the page.
func Register(a *shell.App) {
	a.GET("/flags/:key/:env/recording", shell.InEnvironment(access.Viewer), show)
	a.POST("/flags/:key/:env/recording", shell.InEnvironment(access.Editor), save)
}

type page struct {
	shell.FlagHead
	In       string // title of the environment
	Form     *shell.Form
	Row      models.FeatureFlagRecording
	Recorded bool // every check is, now
	MayEdit  bool
}

// Percent is the share as people write it.
func (p page) Percent() string { return percentText(p.Row.Share) }

func open(c *shell.Context) (page, error) {
	head, err := c.FlagPage("overview")
	if err != nil {
		return page{}, err
	}
	if head.Settings == nil {
		return page{}, shell.NotFound("%s does not have the flag %q yet. It can be added on its page.", head.EnvironmentTitle(), head.About.Name)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	row, err := c.App.Store.FlagRecording(ctx, head.Environment, head.About.Name)
	if err != nil {
		return page{}, err
	}
	p := page{FlagHead: head, In: head.EnvironmentTitle(), Row: row, MayEdit: c.Person.In(head.Environment) >= access.Editor}
	p.Form = c.NewForm("share", percentText(row.Share))
	if p.Recorded = row.RawUntil != nil && row.RawUntil.After(time.Now()); p.Recorded {
		p.Form.SetTime("raw_until", row.RawUntil.Optional())
	}
	return p, nil
}

func show(c *shell.Context) error {
	p, err := open(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "recording/flag", p)
}

func save(c *shell.Context) error {
	p, err := open(c)
	if err != nil {
		return err
	}
	if p.Form, err = c.Form(); err != nil {
		return err
	}
	f := p.Form
	wanted := models.FeatureFlagRecording{Environment: p.Environment, Flag: p.About.Name, Share: shareOf(f), RawUntil: models.AtOptional(f.Time("raw_until"))}
	if !f.OK() {
		return c.Render(http.StatusUnprocessableEntity, "recording/flag", p)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	err = c.App.Changes.SetFlagRecording(ctx, wanted, c.Actor(), f.Get("reason"))
	switch {
	case f.Refused(err, fieldOf):
		return c.Render(http.StatusUnprocessableEntity, "recording/flag", p)
	case f.Unavailable(err):
		return c.Render(http.StatusServiceUnavailable, "recording/flag", p)
	case err != nil:
		return err
	}
	return c.Done("What is recorded of "+p.About.Name+" in "+p.In+" is saved. It takes effect within seconds.", "flags", p.About.Name, p.Environment, "recording")
}

// fieldOf is the field for a mistake.
func fieldOf(problem ruleset.Problem) string {
	switch problem.Path {
	case "share", "raw_until":
		return problem.Path
	}
	return ""
}

// percentText writes hundred-thousandths as a number of percent.
func percentText(share int64) string {
	return strconv.FormatFloat(float64(share)/1000, 'f', -1, 64)
}

// shareOf reads a number of percent as hundred-thousandths.
func shareOf(f *shell.Form) int64 {
	percent, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(f.Get("share"), "%")), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		f.Refuse("share", "Write a number of percent from 0 to 100, such as 12.5.")
		return 0
	}
	return int64(math.Round(percent * 1000))
}
