package flag

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// promotePage shows a flag in two environments, and asks whether the second is to become what the first is.
type promotePage struct {
	shell.FlagHead
	Target    models.Environment
	Promotion changes.Promotion
	Needs     []promoteNeed
	Lines     []string // what becomes different about the flag
	Sides     []words.Side
	Form      *shell.Form
	version   int64 // of the flag in the target
}

// promoteNeed is a segment or a plan, and whether it comes along.
type promoteNeed struct {
	changes.Need
	Name  string // of the field's value
	Tick  bool
	Lines []string // in which way it differs
}

// promotable begins the page. Who promotes may see where the flag comes from, and edit where it goes.
func promotable(c *shell.Context, to string) (promotePage, error) {
	if c.Person.In(c.Param("env")) < access.Viewer {
		return promotePage{}, shell.Denied(access.Viewer)
	}
	head, err := c.FlagPage("overview")
	if err != nil {
		return promotePage{}, err
	}
	if head.Settings == nil {
		return promotePage{}, shell.NotFound("%s does not have the flag %q.", head.EnvironmentTitle(), head.About.Name)
	}
	targets := head.Targets()
	if to == "" && len(targets) > 0 {
		to = targets[0].Name
	}
	at := slices.IndexFunc(targets, func(e models.Environment) bool { return e.Name == to })
	if at < 0 {
		return promotePage{}, shell.Denied(access.Editor)
	}
	return promotePage{FlagHead: head, Target: targets[at], Form: shell.NewForm()}, nil
}

// read finds out what promoting does, with the choices of the form if it was sent.
func (p *promotePage) read(c *shell.Context, f *shell.Form) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	options := changes.PromotionOptions{Overrides: f.On("overrides")}
	if f.On("chosen") {
		options.Bring = func(n changes.Need) bool { return slices.Contains(f.All("bring"), nameOf(n)) }
	}
	var err error
	if p.Promotion, err = c.App.Changes.PromotionEdits(ctx, p.About.Name, p.Environment, p.Target.Name, options); err != nil {
		return err
	}
	p.Form = f
	for _, need := range p.Promotion.Needs {
		n := promoteNeed{Need: need, Name: nameOf(need), Tick: need.Missing}
		if options.Bring != nil {
			n.Tick = options.Bring(need)
		}
		if need.Differs {
			n.Lines = changes.ItemChange{Item: need.Item, Was: need.Was, Is: need.Is}.Lines(c.Zone())
		}
		p.Needs = append(p.Needs, n)
	}
	p.compare(c)
	return nil
}

// compare sets the flag in both environments beside each other. Killed is left as it is in each.
func (p *promotePage) compare(c *shell.Context) {
	is := *p.Promotion.From
	if to := p.Promotion.To; to != nil {
		is.Killed = to.Killed
		p.Lines, p.Sides = words.FlagDiff(*to, is, c.Zone()), words.Sides(*to, is, c.Zone())
	} else {
		is.Killed = false
		p.Sides = words.Sides(nil, is, c.Zone())
	}
	for _, s := range p.States {
		if s.Environment.Name == p.Target.Name && s.Flag != nil {
			p.version = s.Flag.Version
		}
	}
}

func nameOf(n changes.Need) string { return string(n.Item.Kind) + " " + n.Item.Key }

func showPromote(c *shell.Context) error {
	p, err := promotable(c, c.Query("to"))
	if err == nil {
		err = p.read(c, p.Form)
	}
	if status := p.refused(err); status != 0 {
		return c.Render(status, "flag/promote", p)
	}
	if err != nil {
		return err
	}
	p.fill()
	return c.Render(http.StatusOK, "flag/promote", p)
}

// fill keeps in the form what the page was made of.
func (p *promotePage) fill() {
	p.Form.Set("base", strconv.FormatInt(p.version, 10))
	p.Form.Set("source", strconv.FormatInt(p.Settings.Version, 10))
	p.Form.Set("head", strconv.FormatInt(p.Target.Head, 10))
}

func promote(c *shell.Context) error {
	f, err := c.Form()
	if err != nil {
		return err
	}
	p, err := promotable(c, f.Get("to"))
	if err == nil {
		err = p.read(c, f)
	}
	moved := err == nil && (f.Get("base") != strconv.FormatInt(p.version, 10) || f.Get("source") != strconv.FormatInt(p.Settings.Version, 10))
	if moved || err == nil && len(p.Promotion.Mistakes) > 0 {
		status := http.StatusUnprocessableEntity
		if moved {
			f.Message, status = "Somebody has changed the flag meanwhile. Nothing was done: this is how it is now.", http.StatusConflict
		}
		p.fill()
		return c.Render(status, "flag/promote", p)
	}
	var published changes.Published
	if err == nil {
		published, err = p.publish(c, f)
	}
	if status := p.refused(err); status != 0 {
		p.fill()
		return c.Render(status, "flag/promote", p)
	}
	if err != nil {
		return err
	}
	notice := p.About.Name + " is in " + p.Target.Title + " as it is in " + p.EnvironmentTitle() + "."
	if !published.New {
		notice = "Nothing was changed: " + p.Target.Title + " has it like that already."
	}
	return c.Done(notice, "flags", p.About.Name, p.Target.Name)
}

// calibrated has exact shares counted anew: others were seen in the target.
func calibrated(edits []changes.Edit) []changes.Edit {
	for i, edit := range edits {
		if put, ok := edit.(changes.PutFlag); ok {
			flag := changes.AskToCalibrate(*put.Flag, false)
			put.Flag = &flag
			edits[i] = put
		}
	}
	return edits
}

// publish shows the change and then makes it. What was published in the target meanwhile is looked at first.
func (p *promotePage) publish(c *shell.Context, f *shell.Form) (changes.Published, error) {
	change := changes.Change{Environment: p.Target.Name, Kind: changes.KindPromote, Edits: calibrated(p.Promotion.Edits), Notes: p.Promotion.Notes,
		Reason: fmt.Sprintf("Promote %s from %s", p.About.Name, p.EnvironmentTitle())}
	if head := strconv.FormatInt(p.Target.Head, 10); f.Get("head") != head {
		f.Values.Del("confirm")
		f.Set("head", head)
	}
	published, err := c.Propose(f, change.Reason, change)
	if err != nil {
		return changes.Published{}, err
	}
	return published[0], nil
}

// refused takes over why it cannot be done, and gives the status to show it with; 0: err says something else.
func (p *promotePage) refused(err error) int {
	if conflict, overtaken := shell.Conflict(err); overtaken {
		p.Form.Message = conflict.Error()
		return http.StatusConflict
	}
	switch {
	case err == nil || errors.Is(err, shell.ErrAnswered):
		return 0
	case p.Form == nil || p.About.Name == "":
		return 0 // there is no page to show it on
	case p.Form.Unavailable(err):
		return http.StatusServiceUnavailable
	case p.Form.Refused(err, func(ruleset.Problem) string { return "" }):
		if p.Form.Get("confirm") == "back" {
			return http.StatusOK
		}
		return http.StatusUnprocessableEntity
	}
	return 0
}
