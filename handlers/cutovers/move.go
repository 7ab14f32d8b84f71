package cutovers

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/builder"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// movePage asks which tenants move, and to which stage.
type movePage struct {
	*onePage
	Form     *shell.Form
	Stages   []views.Choice
	Segments []views.Choice
	Kinds    []views.Choice
}

// Who moves.
const (
	whoShare   = "share"
	whoSegment = "segment"
	whoTenants = "tenants"
)

// mostNamed is how many tenants a rule names at most: for more there are segments.
const mostNamed = 1000

func (b *board) offerMove(c *shell.Context) error {
	p, err := b.openMove(c)
	if err != nil {
		return err
	}
	from := p.otherwise()
	p.Form = shell.NewForm("base", p.Version(), "who", whoShare, "share", "10")
	for _, move := range p.Moves(from) {
		p.Form.Set("to", move.To.String())
	}
	return p.render(c, http.StatusOK)
}

func (b *board) openMove(c *shell.Context) (*movePage, error) {
	one, err := b.open(c)
	if err != nil {
		return nil, err
	}
	p := &movePage{onePage: one, Kinds: []views.Choice{{Value: whoShare, Label: "A share of all tenants"}, {Value: whoSegment, Label: "The tenants of a segment"}, {Value: whoTenants, Label: "Tenants by name"}}}
	for _, words := range p.stages() {
		p.Stages = append(p.Stages, views.Choice{Value: words.Stage.String(), Label: words.Title})
	}
	p.Segments = append(p.Segments, views.Choice{Value: "", Label: "Choose one"})
	for _, option := range builder.SegmentsOf(p.In, "") {
		p.Segments = append(p.Segments, views.Choice(option))
	}
	return p, nil
}

// otherwise is the stage of those whom no rule and no override names.
func (p *onePage) otherwise() ruleset.Stage {
	stage, _ := stageOf(otherwiseOf(p.Flag.Flag))
	return stage
}

// Otherwise are the words of that stage.
func (p *onePage) Otherwise() StageWords { return p.WordsOf(p.otherwise()) }

func (p *movePage) render(c *shell.Context, status int) error {
	p.Page.Title = "Move some tenants of " + p.Standing.Name()
	return c.Render(status, "cutovers/move", p)
}

// move puts a rule for those tenants before the others.
func (b *board) move(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.openMove(c)
	if err != nil {
		return err
	}
	p.Form = form
	rule := p.typed()
	if !form.OK() {
		return p.render(c, http.StatusUnprocessableEntity)
	}
	to, _ := ruleset.ParseStage(form.Get("to"))
	change := changes.Change{Environment: p.In.Name, Edits: addRule(p.Flag, rule, baseOf(form))}
	published, err := c.Propose(form, p.titled("some tenants to "+p.WordsOf(to).Title), change)
	if status := standsAgainst(form, p.Version(), err); status != 0 {
		return p.render(c, status)
	}
	if err != nil {
		return err
	}
	return c.Done(said(published[0]), "migrations", p.In.Name, p.Flag.Key)
}

// standsAgainst takes over into a form what stands against its change, and gives the status of the page that says so; 0:
// nothing does. version is the flag's, against which the form is sent again.
func standsAgainst(form *shell.Form, version string, err error) int {
	switch {
	case form.Unavailable(err):
		return http.StatusServiceUnavailable
	case form.Refused(err, place):
		if form.OK() { // back from the review
			return http.StatusOK
		}
		return http.StatusUnprocessableEntity
	}
	if _, ok := shell.Conflict(err); ok {
		form.Set("base", version)
		form.Message = "Somebody else has changed this flag in the meantime. What you typed is still here: compare it with the stages that are listed now, and look at the change again."
		return http.StatusConflict
	}
	if message, ok := notNow(err); ok {
		form.Message = message
		return http.StatusConflict
	}
	return 0
}

// place says beside which field a mistake stands.
func place(problem ruleset.Problem) string {
	if strings.Contains(problem.Path, ".segment") {
		return "segment"
	}
	return ""
}

// typed is the rule that the form asks for. What cannot be read is refused in the form.
func (p *movePage) typed() (rule ruleset.Rule) {
	to, ok := ruleset.ParseStage(p.Form.Get("to"))
	if !ok {
		p.Form.Refuse("to", "Choose a stage.")
		return rule
	}
	variant := variantOf(p.Flag.Flag, to)
	switch p.Form.Get("who") {
	case whoShare:
		share, err := ruleset.ParseShare(strings.TrimSuffix(strings.TrimSpace(p.Form.Get("share")), "%"))
		if err != nil || share == 0 {
			p.Form.Refuse("share", "Write a number of percent from 0.001 to 100.")
		}
		return ruleset.Rule{Percent: &ruleset.Percent{Unit: ruleset.AttributeTenant, Serve: variant, Share: share}}
	case whoSegment:
		if _, ok := p.In.Segment(p.Form.Get("segment")); !ok {
			p.Form.Refuse("segment", "Choose a segment of tenants. It may ask for tenant, plan, plan.rank and attributes whose name begins with “tenant.”.")
		}
		return ruleset.Rule{When: &ruleset.Condition{Segment: p.Form.Get("segment")}, Serve: variant}
	case whoTenants:
		return ruleset.Rule{When: &ruleset.Condition{Attribute: ruleset.AttributeTenant, Operator: ruleset.In, Values: p.named()}, Serve: variant}
	}
	p.Form.Refuse("who", "Choose who moves.")
	return rule
}

// named are the tenants that were typed, one a line or with commas between.
func (p *movePage) named() (tenants ruleset.Texts) {
	known := map[string]bool{}
	for _, tenant := range strings.FieldsFunc(p.Form.Get("tenants"), func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if tenant = strings.TrimSpace(tenant); tenant != "" && !known[tenant] {
			known[tenant] = true
			tenants = append(tenants, tenant)
		}
	}
	switch {
	case len(tenants) == 0:
		p.Form.Refuse("tenants", "Name at least one tenant.")
	case len(tenants) > mostNamed:
		p.Form.Refuse("tenants", fmt.Sprintf("These are %s tenants; at most %s can be named. Make a segment of them.", views.Thousands(len(tenants)), views.Thousands(mostNamed)))
	}
	return tenants
}
