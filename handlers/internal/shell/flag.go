package shell

import (
	"net/http"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

// FlagHead is what stands at the top of every page about one flag: what it is, how far it is out in each environment, and
// the tabs. Its template is "flag-head".
type FlagHead struct {
	Page
	About    models.FeatureFlag // what all environments share
	Settings *catalog.Flag      // in the environment that the path names; nil: the path names none, or the flag is not there
	Tab      string             // overview, rules, overrides, who or settings; definition or history for the pages that are about no environment
	States   []FlagState        // in each environment that the person may see

	Requests []models.ChangeRequest // that wait in the environment that the path names, and name the flag; the newest few
}

// FlagState is a flag in one environment.
type FlagState struct {
	Environment models.Environment
	Flag        *catalog.Flag // nil: the environment does not have it
	Rollout     catalog.Rollout
}

// FlagPage begins a page about the flag that the path names as :key and, if it does, the environment :env.
func (c *Context) FlagPage(tab string) (FlagHead, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("", "flags")
	if err != nil {
		return FlagHead{}, err
	}
	flags, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return FlagHead{}, err
	}
	about, ok := flags.ByKey[c.Param("key")]
	if !ok {
		return FlagHead{}, NotFound("There is no flag %q. It may have been mistyped.", c.Param("key"))
	}
	environments, err := c.App.Catalog.Environments(ctx)
	if err != nil {
		return FlagHead{}, err
	}
	head := FlagHead{Page: page, About: about, Tab: tab}
	head.Title = about.Title
	if head.Title == "" {
		head.Title = about.Name
	}
	named := c.Param("env") == ""
	for _, environment := range environments {
		if c.Person.In(environment.Name) < access.Viewer {
			continue
		}
		flag, _ := environment.Flag(about.Name)
		head.States = append(head.States, FlagState{environment.Environment, flag, flag.Rollout(time.Now())})
		if environment.Name == c.Param("env") {
			named, head.Settings = true, flag
		}
	}
	if !named {
		return FlagHead{}, NotFound("There is no environment %q.", c.Param("env"))
	}
	if head.Environment != "" {
		head.Requests, err = c.App.Store.RequestsAbout(ctx, head.Environment, about.Name, requestsShown)
	}
	return head, err
}

// requestsShown is how many requests stand at the top of a flag's page; all of them stand under Requests.
const requestsShown = 5

// Changeable refuses changes while the flag is archived in the environment that the page is about.
func (h FlagHead) Changeable() error {
	if h.Settings != nil && h.Settings.Archived {
		return Refused(http.StatusConflict, "This flag is archived here", "Nothing was changed. Bring it back on its overview, then change it.")
	}
	return nil
}

// MayKill reports whether the person may disable all access in one of the environments, and it is not disabled in all of
// those already.
func (h FlagHead) MayKill() bool {
	for _, s := range h.States {
		if s.Flag != nil && !s.Flag.Killed && !s.Flag.Archived && h.Person.In(s.Environment.Name) >= access.Approver {
			return true
		}
	}
	return false
}

// Targets are the environments to which the person may promote the flag from the one that the page is about.
func (h FlagHead) Targets() (targets []models.Environment) {
	for _, s := range h.States {
		if s.Environment.Name != h.Environment && h.Person.In(s.Environment.Name) >= access.Editor {
			targets = append(targets, s.Environment)
		}
	}
	return targets
}

// Unwatched reports whether nobody else looks at changes of the environment that the page is about, though it is protected.
func (h FlagHead) Unwatched() bool {
	in := h.State().Environment
	return in.Protected && !in.TakesRequests()
}

// State is the flag's state in the environment that the page is about.
func (h FlagHead) State() FlagState {
	for _, s := range h.States {
		if s.Environment.Name == h.Environment {
			return s
		}
	}
	return FlagState{Rollout: catalog.Missing}
}
