package cutovers

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// limitsForm is the form of an entity's limits, filled with them.
func limitsForm(limits models.CutoverLimits) *shell.Form {
	f := shell.NewForm("agreement", percentText(limits.Agreement), "compared", strconv.FormatInt(limits.Compared, 10), "minutes", strconv.FormatInt(limits.Minutes, 10))
	if limits.StepBack {
		f.Set("step_back", "on")
	}
	return f
}

// percentText writes parts of a million as a number of percent.
func percentText(parts int64) string {
	return strconv.FormatFloat(float64(parts)/10_000, 'f', -1, 64)
}

// rateText writes a rate for its field; empty: there is no limit.
func rateText(rate int64) string {
	if rate == 0 {
		return ""
	}
	return strconv.FormatInt(rate, 10)
}

// The most that can be asked for, which is more than anybody should.
const (
	mostCompared = 1_000_000_000
	mostMinutes  = 14 * 24 * 60
	mostRate     = 1_000_000
)

// setLimits says what the entity has to reach before its next step.
func (b *board) setLimits(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.open(c)
	if err != nil {
		return err
	}
	p.Limit = form
	limits := p.Limits
	limits.Agreement = agreementOf(form)
	limits.Compared = wholeOf(form, "compared", mostCompared)
	limits.Minutes = wholeOf(form, "minutes", mostMinutes)
	if p.MayStepBack() {
		limits.StepBack = form.On("step_back")
	} else if !p.MayLimit() || form.On("step_back") {
		return shell.Denied(access.Approver)
	}
	return p.store(c, form, limits, "The limits are saved.")
}

// MayStepBack reports whether the person may let tenants step back by themselves. Where a step has to be approved that is
// a kill made beforehand, so it takes whoever may kill: an editor alone could otherwise move tenants by a limit that nobody
// meets.
func (p *onePage) MayStepBack() bool { return p.MayApprove || p.MayEdit && !p.In.TakesRequests() }

// MayLimit reports whether the person may change the limits: where tenants step back by them, who may step them back.
func (p *onePage) MayLimit() bool { return p.MayStepBack() || p.MayEdit && !p.Limits.StepBack }

// setCopying pauses the copying, goes on with it, or says how fast it may be.
func (b *board) setCopying(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.open(c)
	if err != nil {
		return err
	}
	limits, said := p.Limits, ""
	switch form.Get("do") {
	case "pause":
		limits.Paused, said = true, "The copying is paused. What is copied stays copied, and what is written is still written to both."
	case "resume":
		limits.Paused, said = false, "The copying goes on where it was."
	default:
		p.Copying = form
		if limits.Rate = 0; form.Get("rate") != "" {
			limits.Rate = wholeOf(form, "rate", mostRate)
		}
		said = "The copying is as fast as it can be."
		if limits.Rate > 0 {
			said = "At most " + counted(limits.Rate, "row") + " a second are copied."
		}
	}
	return p.store(c, form, limits, said)
}

// store keeps the limits, unless the form has mistakes.
func (p *onePage) store(c *shell.Context, form *shell.Form, limits models.CutoverLimits, said string) error {
	if !form.OK() {
		return p.render(c, http.StatusUnprocessableEntity)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	err := c.App.Changes.SetCutoverLimits(ctx, limits, c.Actor(), form.Get("reason"))
	if done, err := p.refused(c, err); done || err != nil {
		return err
	}
	return c.Done(said, "migrations", p.In.Name, p.Flag.Key)
}

// agreementOf reads a number of percent as parts of a million.
func agreementOf(form *shell.Form) int64 {
	percent, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(form.Get("agreement"), "%")), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		form.Refuse("agreement", "Write a number of percent from 0 to 100, such as 99.99.")
		return 0
	}
	return int64(percent*10_000 + 0.5)
}

// wholeOf reads a whole number from 0 up.
func wholeOf(form *shell.Form, field string, most int64) int64 {
	n, err := strconv.ParseInt(form.Get(field), 10, 64)
	if err != nil || n < 0 || n > most {
		form.Refuse(field, "Write a whole number from 0 to "+views.Thousands(most)+".")
		return 0
	}
	return n
}
