package shell

import (
	"fmt"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Page is what every page has; a page's own struct embeds it.
type Page struct {
	Title   string
	Area    string // of the navigation that is current: flags, segments, plans …
	Product string
	Home    string
	SignOut string
	Person  access.Person
	Notice  string // said once, after a form did its work
	Zone    *time.Location

	Environments []models.Environment // those that the person may see, in their order
	Environment  string               // the one that the page is about; empty: none, or all
	Nav          []Link
	Reviews      int // flags that want a review, as far as is known
	Waiting      int // change requests that wait for the person's approval

	EventsElsewhere bool // events of the environment go elsewhere, and are not kept here
}

// Link is an entry of the navigation.
type Link struct{ Area, Title, Icon, URL string }

// Page begins a page. It reads the environments, so that a page whose database is down says so.
func (c *Context) Page(title, area string) (Page, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	all, err := c.App.Store.Environments(ctx)
	if err != nil {
		return Page{}, err
	}
	c.App.lastSeen.Store(&all)
	p := c.bare(title, area)
	p.Environment = c.Param("env")
	p.EventsElsewhere = c.App.Recorder != nil && c.App.Recorder.OnlySinks && c.App.Recorder.Environment() == p.Environment
	p.Notice = c.takeNotice()
	if approves := c.In(access.Approver, all); len(approves) > 0 {
		if _, p.Waiting, err = c.App.Store.RequestsToApprove(ctx, approves, c.Person.ID, 0, 0); err != nil {
			return Page{}, err
		}
	}
	return p, nil
}

// In names those of the environments in which the person has the role.
func (c *Context) In(role access.Role, environments []models.Environment) (names []string) {
	for _, environment := range environments {
		if c.Person.In(environment.Name) >= role {
			names = append(names, environment.Name)
		}
	}
	return names
}

// bare is a page that needs no database: a problem, or a form that is shown again without it. Whoever is signed in finds
// the way on by the environments that the last page found.
func (c *Context) bare(title, area string) Page {
	a := c.App
	p := Page{Title: title, Area: area, Product: a.Product, Home: a.Home, SignOut: a.SignOut, Person: c.Person, Zone: c.zone}
	if all := a.lastSeen.Load(); all != nil && c.Person.ID != "" {
		for _, environment := range *all {
			if c.Person.In(environment.Name) >= access.Viewer {
				p.Environments = append(p.Environments, environment)
			}
		}
		p.Nav = c.nav(p.Environments)
		if known := a.Reviews.Known(p.EnvironmentNames()); known != nil {
			p.Reviews = len(known.Stale)
		}
	}
	return p
}

// Offline begins a page that shows a form again whose database cannot be reached. Its environments are those that the
// last page found.
func (c *Context) Offline(title, area string) Page {
	p := c.bare(title, area)
	p.Environment = c.Param("env")
	return p
}

// Bare begins a page that reads nothing from the database.
func (c *Context) Bare(title string) Page { return c.bare(title, "") }

// SignedOut begins a page that is the same for everybody, signed in or not.
func (c *Context) SignedOut(title string) Page {
	return Page{Title: title, Product: c.App.Product, Home: c.App.Home, SignOut: c.App.SignOut, Zone: c.zone}
}

// nav are the areas that the person may open.
func (c *Context) nav(environments []models.Environment) []Link {
	if len(environments) == 0 {
		return nil
	}
	a, first := c.App, environments[0].Name
	links := []Link{
		{"flags", "Flags", "flag", a.Link("flags")},
		{"segments", "Segments", "users", a.Link("segments", first)},
		{"plans", "Plans", "layers", a.Link("plans", first)},
		{"migrations", "Migrations", "database", a.Link("migrations", first)},
		{"subjects", "Directory", "user", a.Link("subjects", first)},
		{"usage", "Usage", "gauge", a.Link("adoption", first)},
		{"inspect", "Inspector", "eye", a.Link("inspect")},
		{"requests", "Requests", "git-branch", a.Link("requests")},
		{"changes", "Changes", "history", a.Link("changes")},
		{"review", "Review", "badge-check", a.Link("review")},
		{"environments", "Environments", "server", a.Link("environments")},
		{"maintenance", "Maintenance", "power", a.Link("maintenance")},
		{"health", "Health", "activity", a.Link("health")},
	}
	if c.Person.In(access.Everywhere) >= access.Admin {
		links = append(links, Link{"alerts", "Alerts", "bell", a.Link("alerts")}, Link{"people", "People and access", "key-round", a.Link("people")},
			Link{"audit", "Audit", "lock", a.Link("audit")})
	}
	return links
}

// Start is the page on which the person begins.
func (p Page) Start() string {
	if p.Person.Highest() < access.Viewer && p.Person.Tenant != "" {
		return "my-plan"
	}
	return "flags"
}

// EnvironmentTitle is how the environment that the page is about is called; its name while that is not known.
func (p Page) EnvironmentTitle() string { return p.TitleOf(p.Environment) }

// TitleOf is how an environment is called; its name where that is not known.
func (p Page) TitleOf(environment string) string {
	for _, e := range p.Environments {
		if e.Name == environment {
			return e.Title
		}
	}
	return environment
}

// Asks reports whether changes of an environment have to be approved.
func (p Page) Asks(environment string) bool {
	for _, e := range p.Environments {
		if e.Name == environment {
			return e.TakesRequests()
		}
	}
	return false
}

// EnvironmentNames are the names of the environments that the person may see.
func (p Page) EnvironmentNames() []string {
	names := make([]string, len(p.Environments))
	for i, e := range p.Environments {
		names[i] = e.Name
	}
	return names
}

// At is a time for people, in the reader's zone.
func (p Page) At(t any) views.Moment { return views.MomentOf(t, p.Zone) }

// May reports whether the person has a role, named as roles are, in an environment.
func (p Page) May(role, environment string) bool {
	wanted, err := access.ParseRole(role)
	return err == nil && p.Person.In(environment) >= wanted
}

func text(part any) string { return fmt.Sprint(part) }
