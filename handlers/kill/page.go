package kill

import (
	"errors"
	"net/http"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
)

// page is what both acts show. While the database cannot be reached, it is the form alone.
type page struct {
	shell.FlagHead
	Form  *shell.Form
	Key   string
	Env   string
	Known bool // false: nothing but the form is known

	Where models.Environment
	Since *models.Revision // of the kill, if the flag is killed

	Overrides int                 // that give somebody something other than what is served when off
	Some      []*catalog.Override // the first of them
	Impact    *shell.Impact       // of the act, if it would change anything
	Would     changes.KillEffect  // of a migration, what a kill would do
	Comes     []string            // what decides once the kill is lifted, in the order in which it is asked
}

// shown is how many overrides are listed.
const shown = 10

// render shows the page again or for the first time.
func (act act) render(c *shell.Context, status int, form *shell.Form) error {
	p := page{Form: form, Key: c.Param("key"), Env: c.Param("env")}
	if err := p.read(c); err != nil {
		if !form.Unavailable(err) || status == http.StatusOK {
			return err
		}
		// What was typed is kept, even if nothing else can be shown.
		p.Page, p.Known, status = c.Bare(act.title), false, http.StatusServiceUnavailable
	}
	p.reaches(c, act)
	return c.Render(status, act.template, p)
}

func (p *page) read(c *shell.Context) error {
	var err error
	if p.FlagHead, err = c.FlagPage("overview"); err != nil {
		return err
	}
	if p.Settings == nil {
		return changes.ErrNoFlag
	}
	p.Known, p.Where = true, p.State().Environment
	if !p.Settings.Staged() { // else an override is capped as a rule is
		p.overridden(time.Now())
	}
	p.Comes = comes(p.Settings, c.Zone())
	ctx, cancel := c.Ctx()
	defer cancel()
	if !p.Settings.Killed {
		p.Would, err = c.App.Changes.KillWould(ctx, p.Env, p.Key)
		return err
	}
	since, err := c.App.Store.KilledSince(ctx, p.Env, p.Key)
	switch {
	case err == nil:
		p.Since = &since
	case !errors.Is(err, models.ErrNotFound): // lifted this very moment
		return err
	}
	return nil
}

// soon is how long the page waits until it is counted whom the act reaches: whoever is in a hurry finds the button at
// once, and the numbers follow.
const soon = 50 * time.Millisecond

// reaches counts who has the flag now and loses it, or gets it again.
func (p *page) reaches(c *shell.Context, act act) {
	if !p.Known || p.Settings.Killed == act.kills {
		return // nothing would change
	}
	in, err := c.Environment()
	if err != nil {
		return // the form matters more
	}
	flag := p.Settings.Flag
	flag.Killed = act.kills
	draft, _ := in.DraftFlag(flag)
	p.Impact = c.ImpactWithin(soon, in.Title, in.Revision(), draft)
}

// overridden finds who has the flag by override.
func (p *page) overridden(now time.Time) {
	off := p.Settings.Off
	if off == "" {
		off = "off"
	}
	for _, override := range p.Settings.Overrides {
		if override.Variant == off || override.Expires != nil && !now.Before(*override.Expires) {
			continue
		}
		if p.Overrides++; p.Overrides <= shown {
			p.Some = append(p.Some, override)
		}
	}
}

// More is how many overrides are not listed.
func (p page) More() int { return p.Overrides - len(p.Some) }

// comes says what decides the flag when it is not killed.
func comes(flag *catalog.Flag, zone *time.Location) []string {
	switch {
	case flag.Staged():
		lifted := flag.Flag
		lifted.Killed = false
		return []string{words.FlagIn(lifted, time.Now(), zone)}
	case flag.Malformed != "":
		return []string{"It cannot be read (" + flag.Malformed + "), so everybody gets “" + variant(flag.Default) + "”."}
	case flag.Archived:
		return []string{"It is archived here, so it is asked for no more."}
	case !flag.Enabled:
		return []string{"It is disabled here, so everybody gets “" + variant(flag.Off) + "”, but for those with an override."}
	}
	var lines []string
	if flag.TierRequired != "" {
		lines = append(lines, "Who does not have the plan “"+flag.TierRequired+"” or a higher one gets “"+variant(flag.Off)+"”.")
	}
	for _, p := range flag.Prerequisites {
		lines = append(lines, "Who does not get “"+p.Variant+"” of the flag “"+p.Flag+"” gets “"+variant(flag.Off)+"”.")
	}
	for _, rule := range flag.Rules {
		line := words.RuleIn(rule, zone)
		if rule.Name != "" {
			line = rule.Name + ": " + line
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{"Everybody gets “" + variant(flag.Otherwise) + "”."}
	}
	return append(lines, "Everybody else gets “"+variant(flag.Otherwise)+"”.")
}

func variant(name string) string {
	if name == "" {
		return "off"
	}
	return name
}

// choice is the page on which the environment is chosen.
type choice struct {
	shell.FlagHead
	Form   *shell.Form
	Places []shell.FlagState // where the flag is, and the person may kill it
}

// choose asks for the reason, with a button for each environment.
func choose(c *shell.Context) error {
	head, err := c.FlagPage("definition")
	if err != nil {
		return err
	}
	p := choice{FlagHead: head, Form: shell.NewForm()}
	for _, state := range head.States {
		if state.Flag != nil && !state.Flag.Archived && c.Person.In(state.Environment.Name) >= access.Approver {
			p.Places = append(p.Places, state)
		}
	}
	if len(p.Places) == 0 {
		return shell.NotFound("There is no environment with this flag in which you may disable it.")
	}
	return c.Render(http.StatusOK, "kill/choose", p)
}

// Open reports whether there is an environment in which the flag is not killed yet.
func (p choice) Open() bool {
	for _, state := range p.Places {
		if !state.Flag.Killed {
			return true
		}
	}
	return false
}
