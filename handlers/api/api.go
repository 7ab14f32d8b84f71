// Package api is what programs ask for by token: the flags of an environment, what was last published, and the acts
// that cannot wait for a person: kill, lift, enable and disable, and to close the site and open it again. All of it is
// JSON; every error says what to do.
package api

import (
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
)

// Register mounts the routes.
func Register(a *shell.App) {
	viewer, editor, approver := shell.InEnvironment(access.Viewer), shell.InEnvironment(access.Editor), shell.InEnvironment(access.Approver)
	a.API("GET", "/api/me", shell.SignedIn(), me)
	a.API("GET", "/api/environments/:env/flags", viewer, list)
	a.API("GET", "/api/environments/:env/flags/:key", viewer, one)
	a.API("GET", "/api/environments/:env/changes", viewer, latest)
	a.API("GET", "/api/environments/:env/requests", viewer, requests)
	a.API("GET", "/api/environments/:env/requests/:id", viewer, request)
	a.API("POST", "/api/environments/:env/requests/:id/approve", approver, refuseToApprove)
	a.API("POST", "/api/environments/:env/flags/:key/kill", approver, kill)
	a.API("POST", "/api/environments/:env/flags/:key/lift", approver, lift)
	a.API("POST", "/api/environments/:env/flags/:key/enable", editor, setEnabled(true))
	a.API("POST", "/api/environments/:env/flags/:key/disable", editor, setEnabled(false))
	a.API("GET", "/api/environments/:env/maintenance", viewer, maintained)
	a.API("POST", "/api/environments/:env/maintenance/start", approver, maintain(false))
	a.API("POST", "/api/environments/:env/maintenance/schedule", approver, maintain(true))
	a.API("POST", "/api/environments/:env/maintenance/end", approver, reopen)
	a.API("POST", "/api/environments/:env/metrics", editor, postMetrics)
	a.API("PUT", "/api/references", shell.Anywhere(access.Editor), putReferences)
}

// Me is on whose behalf a token asks, and what it may do.
type Me struct {
	ID    string            `json:"id"`
	Email string            `json:"email,omitempty"`
	Token string            `json:"token"`
	Roles map[string]string `json:"roles"` // by environment; * for all
}

func me(c *shell.Context) (any, error) {
	out := Me{ID: c.Person.ID, Email: c.Person.Email, Token: c.Person.Token, Roles: map[string]string{}}
	for environment, role := range c.Person.Roles {
		out.Roles[environment] = role.String()
	}
	return out, nil
}

// Flag is a flag in an environment.
type Flag struct {
	Key         string          `json:"key"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Owner       string          `json:"owner,omitempty"`
	Kind        string          `json:"kind"`
	Type        string          `json:"type"`
	Enabled     bool            `json:"enabled"`
	Killed      bool            `json:"killed"`
	Archived    bool            `json:"archived"`
	Rollout     catalog.Rollout `json:"rollout"` // off, partial, everyone, killed, scheduled or archived
	Version     int64           `json:"version"` // the revision since which it has been as it is
}

// Flags are those of an environment at its newest revision.
type Flags struct {
	Environment string `json:"environment"`
	Revision    int64  `json:"revision"`
	Flags       []Flag `json:"flags"` // archived ones are not among them
}

func list(c *shell.Context) (any, error) {
	environment, about, err := read(c)
	if err != nil {
		return nil, err
	}
	out := Flags{environment.Name, environment.Head, []Flag{}}
	for _, f := range environment.Flags {
		if !f.Archived {
			out.Flags = append(out.Flags, describe(f, about))
		}
	}
	return out, nil
}

func one(c *shell.Context) (any, error) {
	environment, about, err := read(c)
	if err != nil {
		return nil, err
	}
	f, err := flagOf(c, environment)
	if err != nil {
		return nil, err
	}
	return describe(f, about), nil
}

func read(c *shell.Context) (*catalog.Environment, *catalog.Flags, error) {
	environment, err := c.Environment()
	if err != nil {
		return nil, nil, err
	}
	about, err := c.App.Catalog.Flags(c.Request.Context())
	return environment, about, err
}

func describe(f *catalog.Flag, about *catalog.Flags) Flag {
	row := about.ByKey[f.Key]
	return Flag{Key: f.Key, Title: row.Title, Description: row.Description, Owner: row.Owner, Kind: string(f.Kind), Type: string(f.Type),
		Enabled: f.Enabled, Killed: f.Killed, Archived: f.Archived, Rollout: f.Rollout(time.Now()), Version: f.Version}
}

// Change is a revision.
type Change struct {
	Revision    int64     `json:"revision"`
	Kind        string    `json:"kind"` // publish, kill, lift, import or recall
	Author      string    `json:"author"`
	Reason      string    `json:"reason,omitempty"`
	PublishedAt time.Time `json:"published_at"`
}

// Changes are the latest revisions of an environment, newest first.
type Changes struct {
	Environment string   `json:"environment"`
	Changes     []Change `json:"changes"`
}

// latestAtMost is how many revisions are given.
const latestAtMost = 100

func latest(c *shell.Context) (any, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	environment, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return nil, err
	}
	rows, err := c.App.Store.Revisions(ctx, environment.Name, latestAtMost)
	out := Changes{environment.Name, make([]Change, len(rows))}
	for i, row := range rows {
		out.Changes[i] = Change{row.Number, row.Kind, row.Author, row.Reason, row.PublishedAt.Time}
	}
	return out, err
}
