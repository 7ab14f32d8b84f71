// Package rules is the page on which a flag's rules are built: who gets what, in which order, and what everybody else
// gets. Viewers read them in plain words. Buttons that add, move and remove change the form alone; only saving publishes.
package rules

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/builder"
	"github.com/toprent/flags/handlers/internal/exact"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// Register mounts the page.
func Register(a *shell.App) {
	p := &pages{}
	a.GET("/flags/:key/:env/rules", shell.InEnvironment(access.Viewer), p.show)
	a.POST("/flags/:key/:env/rules", shell.InEnvironment(access.Editor), p.save)
	a.POST("/flags/:key/:env/calibrate", shell.InEnvironment(access.Editor), p.calibrateAgain)
}

// pages is what the requests share.
type pages struct{ counts exact.Counts }

// page is a flag's rules in an environment.
type page struct {
	shell.FlagHead
	Form      *shell.Form
	Builder   *builder.Builder
	Editable  bool
	Conflicts []views.Conflict
	Exact     exact.Panel
}

func (s *pages) show(c *shell.Context) error {
	p, err := s.open(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("base", strconv.FormatInt(p.Settings.Version, 10))
	p.Builder.SetRules(p.Settings.Rules, otherwise(p.Settings.Flag))
	return p.render(c, http.StatusOK)
}

// open begins the page. An environment that does not have the flag has no rules of it.
func (s *pages) open(c *shell.Context) (*page, error) {
	head, err := c.FlagPage("rules")
	if err != nil {
		return nil, err
	}
	if head.Settings == nil {
		return nil, shell.NotFound("The flag %q is not in this environment yet: add it on its overview, then give it rules.", head.About.Name)
	}
	environment, err := c.Environment()
	if err != nil {
		return nil, err
	}
	editable := c.Person.In(head.Environment) >= access.Editor && !head.Settings.Archived
	p := &page{FlagHead: head, Editable: editable,
		Builder: builder.New(builder.Variants(head.Settings.Flag), builder.SegmentsOf(environment, ""), builder.AttributesOf(environment), c.Zone())}
	p.Builder.In = environment.Name
	p.Exact, err = s.counts.Of(c, head.Page, environment, head.Settings)
	return p, err
}

func (p *page) render(c *shell.Context, status int) error {
	p.Builder.Describe()
	p.Builder.Offer(c.Request.Context(), c.App.Directory, p.Environment)
	return c.Render(status, "rules/edit", p)
}

func (s *pages) save(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := s.open(c)
	if err != nil {
		return err
	}
	p.Form = form
	p.Builder.ReadRules(form.Values)
	if p.Settings.Archived {
		p.Editable, form.Message = true, "Somebody has archived this flag here in the meantime. What you typed is still below: bring the flag back on its overview, then save again."
		return p.render(c, http.StatusConflict)
	}
	if do := form.Get("do"); do != "" {
		p.Builder.Do(do)
		return p.render(c, http.StatusOK)
	}
	flag := p.typed()
	if form.Message != "" || len(p.Builder.Errors) > 0 {
		return p.refused(c)
	}
	return p.publish(c, flag)
}

// typed is the flag as the form would have it. What cannot be read is refused in the form.
func (p *page) typed() ruleset.Flag {
	flag := p.Settings.Flag
	flag.Malformed = "" // saving mends what could not be read
	var chosen string
	flag.Rules, chosen = p.Builder.Result()
	if chosen != otherwise(flag) {
		flag.Otherwise = chosen
	}
	p.Form.Message = p.Builder.Over()
	return flag
}

// publish saves the rules; exact shares are counted first. This is the one place that does.
func (p *page) publish(c *shell.Context, flag ruleset.Flag) error {
	base, err := strconv.ParseInt(p.Form.Get("base"), 10, 64)
	if err != nil {
		return shell.Refused(http.StatusBadRequest, "This form is not complete", "Open the page again and make your change there.")
	}
	published, err := c.Publish(p.Form, changes.Change{Environment: p.Environment, Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: base}}})
	if conflict, is := shell.Conflict(err); is {
		return p.conflict(c, conflict, flag)
	}
	if p.Form.Refused(err, p.Builder.Place) || p.Form.Unavailable(err) {
		return p.refusedBy(c, err)
	}
	if err != nil {
		return err
	}
	if !published.New {
		return c.Done("Nothing was different, so nothing was published.", "flags", flag.Key, p.Environment, "rules")
	}
	return c.Done(fmt.Sprintf("Saved. The rules are published in revision %d.", published.Number), "flags", flag.Key, p.Environment, "rules")
}

func (p *page) refusedBy(c *shell.Context, err error) error {
	var none shell.Form
	if none.Unavailable(err) {
		return p.render(c, http.StatusServiceUnavailable)
	}
	return p.refused(c)
}

// refused shows the form again, with what is wrong beside each field.
func (p *page) refused(c *shell.Context) error {
	for field, message := range p.Form.Errors {
		p.Builder.Errors[field] = message
	}
	for field, message := range p.Builder.Errors {
		p.Form.Refuse(field, message)
	}
	return p.render(c, http.StatusUnprocessableEntity)
}

// conflict shows both versions. Saving again replaces theirs.
func (p *page) conflict(c *shell.Context, conflict *changes.ConflictError, mine ruleset.Flag) error {
	for _, item := range conflict.Conflicts {
		theirs, ok := item.Theirs.(ruleset.Flag)
		if !ok {
			continue
		}
		p.Form.Set("base", strconv.FormatInt(item.Version, 10))
		p.Conflicts = append(p.Conflicts, views.Conflict{What: "Rules of " + p.About.Name, Lines: p.compare(theirs, mine)})
	}
	return p.render(c, http.StatusConflict)
}

// compare sets the two versions beside each other, rule by rule.
func (p *page) compare(theirs, mine ruleset.Flag) []views.ConflictLine {
	var lines []views.ConflictLine
	say := func(rules []ruleset.Rule, i int) string {
		if i >= len(rules) {
			return "none"
		}
		text := words.RuleIn(rules[i], p.Builder.Zone)
		if rules[i].Name != "" {
			text = rules[i].Name + ":\n" + text
		}
		return text
	}
	for i := range max(len(theirs.Rules), len(mine.Rules)) {
		lines = append(lines, views.ConflictLine{Field: fmt.Sprintf("Rule %d", i+1), Theirs: say(theirs.Rules, i), Yours: say(mine.Rules, i)})
	}
	return append(lines, views.ConflictLine{Field: "Otherwise", Theirs: otherwise(theirs), Yours: otherwise(mine)})
}

// otherwise is the variant served when nothing matches; a boolean's is off if nothing else is said.
func otherwise(flag ruleset.Flag) string {
	if flag.Otherwise == "" && flag.Type == ruleset.Boolean {
		return "off"
	}
	return flag.Otherwise
}
