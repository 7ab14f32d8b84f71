package flag

import (
	"net/http"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
)

// definitionPage is what all environments share about a flag, and where it stands in each.
type definitionPage struct {
	shell.FlagHead
	MayEdit bool
	Overdue bool // its planned removal has passed
	Missing bool // purpose or planned removal, as in what was imported
	In      []definitionIn
	Review  reviewOf
	Until   *shell.Form // of the review
}

// definitionIn is the flag in one environment.
type definitionIn struct {
	shell.FlagState
	Says     string
	LastRead time.Time
	MayAdd   bool
}

func showDefinition(c *shell.Context) error {
	head, err := c.FlagPage("definition")
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	reads, err := c.App.Store.LastReadsOf(ctx, head.About.ID)
	if err != nil {
		return err
	}
	page := definitionPage{Until: shell.NewForm(), FlagHead: head, MayEdit: len(editable(c, head.Page)) > 0}
	removal := head.About.PlannedRemoval.Optional()
	page.Overdue = removal != nil && removal.Before(time.Now())
	page.Missing = removal == nil || head.About.Purpose == ""
	if page.Review, err = readReview(c, head.Page, head.About.Name); err != nil {
		return err
	}
	for _, state := range head.States {
		in := definitionIn{FlagState: state, LastRead: reads[state.Environment.Name]}
		if state.Flag == nil {
			in.MayAdd = c.Person.In(state.Environment.Name) >= access.Editor
		} else {
			environment, err := c.App.Catalog.Environment(ctx, state.Environment.Name)
			if err != nil {
				return err
			}
			in.Says = says(c, environment, state.Flag)
		}
		page.In = append(page.In, in)
	}
	return c.Render(http.StatusOK, "flag/definition", page)
}

// add puts the flag into an environment that does not have it yet: disabled, without rules, with the variants that it
// has elsewhere.
func add(c *shell.Context) error {
	p, err := find(c, "overview")
	if err != nil {
		return err
	}
	if p.flag != nil {
		return c.Done(p.About.Name+" was there already.", "flags", p.About.Name, p.in.Name)
	}
	flag, err := p.elsewhere()
	if err != nil {
		return err
	}
	if _, ok := p.in.Plan(flag.TierRequired); !ok {
		flag.TierRequired = ""
	}
	f, err := c.Form()
	if err != nil {
		return err
	}
	_, err = c.Publish(f, changes.Change{Environment: p.in.Name, Reason: "added to " + p.in.Title, Edits: []changes.Edit{changes.PutFlag{Flag: &flag}}})
	if _, already := shell.Conflict(err); err != nil && !already {
		return err
	}
	return c.Done(p.noticef("%s is added, disabled,", p.About.Name), "flags", p.About.Name, p.in.Name)
}

// elsewhere is the flag as it begins in one more environment, after one that the person may see.
func (p place) elsewhere() (ruleset.Flag, error) {
	begun := ruleset.Flag{Key: p.About.Name}
	for _, state := range p.States {
		if f := state.Flag; f != nil && f.Malformed == "" {
			begun.Variants, begun.Off, begun.Otherwise, begun.Default = f.Variants, f.Off, f.Otherwise, f.Default
			begun.ClientVisible, begun.TierRequired = f.ClientVisible, f.TierRequired
			return begun, nil
		}
	}
	if p.About.Type == ruleset.Boolean {
		return begun, nil
	}
	return begun, shell.Refused(http.StatusUnprocessableEntity, "Its variants are not known here",
		"The flag is in no environment that you may see, so its variants cannot be taken over. Ask somebody who sees all environments.")
}

// holders are the overrides that hold now and give something else than what everybody gets while the flag is off.
func holders(flag *catalog.Flag, now time.Time) (held []*catalog.Override) {
	for _, o := range flag.Overrides {
		if (o.Expires == nil || now.Before(*o.Expires)) && o.Variant != served(flag.Flag, flag.Off) {
			held = append(held, o)
		}
	}
	return held
}
