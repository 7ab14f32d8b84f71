// Package environments are the pages about environments themselves: which there are, what was published last in each,
// and, for admins, their titles, order and protection. An environment is never removed, and nothing here changes a
// value: a recall only lets what is published apply sooner.
package environments

import (
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

// Register adds the pages.
func Register(a *shell.App) {
	a.GET("/environments", shell.Anywhere(access.Viewer), list)
	a.GET("/new-environment", shell.Everywhere(access.Admin), create)
	a.POST("/new-environment", shell.Everywhere(access.Admin), add)
	a.GET("/environments/:env/edit", shell.Everywhere(access.Admin), edit)
	a.POST("/environments/:env/edit", shell.Everywhere(access.Admin), save)
	a.POST("/environments/:env/move", shell.Everywhere(access.Admin), move)
	a.GET("/environments/:env/recall", shell.InEnvironment(access.Approver), askRecall)
	a.POST("/environments/:env/recall", shell.InEnvironment(access.Approver), recall)
}

type listPage struct {
	shell.Page
	List   []entry
	Served string // the environment that this instance serves; empty: none
	Admin  bool
}

// entry is one environment.
type entry struct {
	*catalog.Environment
	Live, Archived, Killed int              // flags
	Newest                 *models.Revision // nil: nothing was published yet
	First, Last            bool
	Upcoming               []changes.Upcoming // the next of what is applied by itself
	More                   int                // of them that are not listed
}

func list(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Environments", "environments")
	if err != nil {
		return err
	}
	all, err := c.App.Catalog.Environments(ctx)
	if err != nil {
		return err
	}
	p := listPage{Page: page, Admin: c.Person.In(access.Everywhere) >= access.Admin}
	if c.App.Flags != nil {
		p.Served = c.App.Flags.Environment()
	}
	upcoming, err := c.App.Changes.Upcoming(ctx, c.In(access.Viewer, page.Environments)...)
	if err != nil {
		return err
	}
	for i, e := range all {
		if c.Person.In(e.Name) < access.Viewer {
			continue
		}
		item := count(e)
		item.First, item.Last = i == 0, i == len(all)-1
		if e.Head > 0 {
			newest, err := c.App.Store.Revision(ctx, e.Name, e.Head)
			if err != nil {
				return err
			}
			item.Newest = &newest
		}
		item.comes(upcoming)
		p.List = append(p.List, item)
	}
	return c.Render(http.StatusOK, "environments/list", p)
}

// shownUpcoming is how many scheduled changes of an environment are listed.
const shownUpcoming = 3

// comes lists what is applied by itself in the environment.
func (e *entry) comes(all []changes.Upcoming) {
	for _, u := range all {
		switch {
		case u.Environment != e.Name:
		case len(e.Upcoming) < shownUpcoming:
			e.Upcoming = append(e.Upcoming, u)
		default:
			e.More++
		}
	}
}

func count(e *catalog.Environment) entry {
	item := entry{Environment: e}
	for _, flag := range e.Flags {
		switch {
		case flag.Archived:
			item.Archived++
		default:
			item.Live++
			if flag.Killed {
				item.Killed++
			}
		}
	}
	return item
}
