package flag

import (
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// act is something that is done to a flag in an environment as a whole, after a page, or a dialog, that says what will
// happen.
type act struct {
	Path, Title, Button, Icon string
	Danger                    bool
	done                      string // in what is said afterwards
	change                    func(*ruleset.Flag)
}

// enabling, disabling, archiving and unarchiving are the acts that there are.
func enabling() act {
	return act{"enable", "Enable", "Enable", "toggle-right", false, "is enabled", func(f *ruleset.Flag) { f.Enabled = true }}
}

func disabling() act {
	return act{"disable", "Disable", "Disable", "toggle-left", false, "is disabled", func(f *ruleset.Flag) { f.Enabled = false }}
}

func archiving() act {
	return act{"archive", "Archive", "Archive", "archive", true, "is archived", nil}
}

func unarchiving() act {
	return act{"unarchive", "Bring back", "Bring back", "undo-2", false, "is back, as it was when it was archived,", func(f *ruleset.Flag) { f.Archived = false }}
}

// switchPage asks for an act.
type switchPage struct {
	shell.FlagHead
	Act        act
	In         string // title of the environment
	Form       *shell.Form
	Now        string // who gets what now
	Will       string // who will get what
	Held       []*catalog.Override
	More       int                // of those, how many are not listed
	Steps      bool               // it is a migration in stages
	Would      changes.KillEffect // of one, what disabling does
	RequiredBy []string
	Impact     *shell.Impact
	MayKill    bool
	Unknown    bool // the database cannot be reached, so nothing is known of the flag
	Conflicts  []views.Conflict
}

// listed is how many overrides a dialog lists.
const listed = 10

func askFor(c *shell.Context, a act) (switchPage, place, error) {
	opened := changeable
	if a.Path == "unarchive" {
		opened = present
	}
	p, err := opened(c)
	if err != nil {
		return switchPage{}, p, err
	}
	page := switchPage{FlagHead: p.FlagHead, Act: a, In: p.in.Title, Now: says(c, p.in, p.flag), RequiredBy: p.requiredBy(),
		Form: shell.NewForm("base", strconv.FormatInt(p.flag.Version, 10)), MayKill: p.May("approver", p.in.Name)}
	if a.change != nil {
		after := *p.flag
		a.change(&after.Flag)
		page.Will = says(c, p.in, &after)
	}
	if page.Steps = p.flag.Staged(); !page.Steps { // whose overrides step back too
		page.Held = holders(p.flag, time.Now())
	} else if a.Path == "disable" {
		ctx, cancel := c.Ctx()
		defer cancel()
		if page.Would, err = c.App.Changes.KillWould(ctx, p.in.Name, p.flag.Key); err != nil {
			return switchPage{}, p, err
		}
	}
	if len(page.Held) > listed {
		page.Held, page.More = page.Held[:listed], len(page.Held)-listed
	}
	page.Title = a.Title + " " + page.Title
	return page, p, nil
}

// renderSwitch shows the page, with whom the act would reach.
func renderSwitch(c *shell.Context, status int, page switchPage, p place) error {
	page.Impact = p.impactOf(c, page.Act)
	return c.Render(status, "flag/switch", page)
}

// impactOf counts for whom the act would change something if it were done now.
func (p place) impactOf(c *shell.Context, a act) *shell.Impact {
	after := p.flag.Flag
	if a.change == nil {
		after.Archived = true
	} else {
		a.change(&after)
	}
	draft, _ := p.in.DraftFlag(after)
	return c.ImpactOf(p.in.Title, p.in.Revision(), draft)
}

// All is how many overrides hold against it.
func (p switchPage) All() int { return len(p.Held) + p.More }

func showSwitch(which func() act) shell.Handler {
	return func(c *shell.Context) error {
		page, p, err := askFor(c, which())
		if err != nil {
			return err
		}
		return renderSwitch(c, http.StatusOK, page, p)
	}
}

func doSwitch(which func() act) shell.Handler {
	return func(c *shell.Context) error {
		page, p, err := askFor(c, which())
		if err != nil {
			return keptForm(c, err, "flag/switch", switchFrom(c, which()))
		}
		if page.Form, err = c.Form(); err != nil {
			return err
		}
		f := page.Form
		err = p.does(c, f, page.Act, baseOf(f))
		if _, overtaken := shell.Conflict(err); overtaken {
			if page, p, err = askFor(c, page.Act); err != nil { // as it is now
				return err
			}
			page.Conflicts = []views.Conflict{{What: p.About.Name + " in " + p.in.Title, Lines: []views.ConflictLine{
				{Field: "Who gets what", Theirs: page.Now, Yours: page.Act.Button + ", as it was when you opened this page"}}}}
			f.Set("base", page.Form.Get("base"))
			page.Form = f
			return renderSwitch(c, http.StatusConflict, page, p)
		}
		if status := refused(f, err, func(ruleset.Problem) string { return "" }); status != 0 {
			return renderSwitch(c, status, page, p)
		}
		if err != nil {
			return err
		}
		notice := p.noticef("%s %s", p.About.Name, page.Act.done)
		if now, err := c.Environment(); err == nil && page.Act.Path == "enable" {
			if flag, ok := now.Flag(p.About.Name); ok && flag.Rollout(time.Now()) == catalog.Off {
				notice += " Nobody gets it yet: edit the rules to say who does."
			}
		}
		return c.Done(notice, "flags", p.About.Name, p.in.Name)
	}
}

// does the act. Archiving works on flags that cannot be read, too.
func (p place) does(c *shell.Context, f *shell.Form, a act, base int64) error {
	if a.change == nil {
		return publish(c, f, p.in.Name, changes.ArchiveFlag{Key: p.flag.Key, Base: base})
	}
	return p.put(c, f, base, a.change)
}

// baseOf is the version that a form was shown with. What is no number is no base: it conflicts.
func baseOf(f *shell.Form) int64 {
	base, err := strconv.ParseInt(f.Get("base"), 10, 64)
	if err != nil {
		return -1
	}
	return base
}
