// Package kill turns a flag off for everybody in an environment at once, and ends that again. Both ask for a reason, and
// neither waits for anything but the one flag: what a page shows beside the form is read only when the page is shown.
package kill

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// Register adds the kill switch to the pages.
func Register(a *shell.App) {
	approver := shell.InEnvironment(access.Approver)
	a.GET("/flags/:key/kill", shell.Anywhere(access.Approver), choose)
	for _, act := range []act{kills(), lifts()} {
		a.GET("/flags/:key/:env/"+act.path, approver, act.show)
		a.POST("/flags/:key/:env/"+act.path, approver, act.submit)
	}
}

// act is one of the two: kill or lift.
type act struct {
	kills    bool
	path     string // the last part of the address, and the template
	template string
	title    string
	do       func(*shell.Context, *shell.Form) (changes.Published, error)
	done     string // with the flag's key and the environment's title
	already  string
}

func kills() act {
	return act{true, "kill", "kill/kill", "Disable all access", doKill,
		"All access to %s in %s is disabled: it is off for everybody, on every instance.",
		"Nothing was changed: all access to %s in %s was disabled already."}
}

func lifts() act {
	return act{false, "lift", "kill/lift", "Lift the kill", doLift,
		"The kill of %s in %s is lifted: it is decided by its rules again.",
		"Nothing was changed: %s is not killed in %s."}
}

// show is the page that asks for the reason.
func (act act) show(c *shell.Context) error { return act.render(c, http.StatusOK, shell.NewForm()) }

// maxReason is how long a reason may be, in characters.
const maxReason = 1000

// submit does it.
func (act act) submit(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	form.Require("Say in a few words why: it stands in the history, and those who are woken by it will read it.", "reason")
	reason := form.Get("reason")
	switch {
	case !utf8.ValidString(reason) || strings.ContainsRune(reason, 0):
		form.Refuse("reason", "This holds characters that cannot be stored. Write it anew.")
	case utf8.RuneCountInString(reason) > maxReason:
		form.Refuse("reason", fmt.Sprintf("At most %d characters are kept. Shorten it.", maxReason))
	}
	if !form.OK() {
		return act.render(c, http.StatusUnprocessableEntity, form)
	}
	key, environment := c.Param("key"), c.Param("env")
	published, err := act.do(c, form)
	if form.Unavailable(err) {
		return act.render(c, http.StatusServiceUnavailable, form)
	}
	if form.Refused(err, shell.Nowhere) {
		return act.render(c, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	if !published.New {
		// That page says by whom, when and why; for a flag that is not killed, what is set.
		return c.Done(fmt.Sprintf(act.already, key, act.titleOf(c)), "flags", key, environment, act.path)
	}
	return c.Done(act.said(c), "flags", key, environment)
}

// said tells what the act has done. A kill of a migration in stages turns nothing off.
func (act act) said(c *shell.Context) string {
	key, title := c.Param("key"), act.titleOf(c)
	if in, err := c.Environment(); err == nil && act.kills {
		if flag, ok := in.Flag(key); ok && flag.Staged() {
			return fmt.Sprintf("%s in %s is killed: everybody is in shadow at most, where the old database answers and both are written.", key, title)
		}
	}
	return fmt.Sprintf(act.done, key, title)
}

// doKill never waits for an approval.
func doKill(c *shell.Context, form *shell.Form) (changes.Published, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	return c.App.Changes.KillBy(ctx, c.Param("env"), c.Param("key"), c.Actor(), form.Get("reason"))
}

// doLift is an ordinary change, made against the kill that the form has shown: not against a later one.
func doLift(c *shell.Context, form *shell.Form) (changes.Published, error) {
	in, err := c.Environment()
	if err != nil {
		return changes.Published{}, err
	}
	if flag, ok := in.Flag(c.Param("key")); ok && !flag.Killed {
		return changes.Published{}, nil
	}
	base, err := strconv.ParseInt(form.Get("base"), 10, 64)
	if err != nil {
		base = -1 // of no version: it conflicts
	}
	return c.Publish(form, changes.Change{Environment: c.Param("env"), Edits: []changes.Edit{changes.LiftFlag{Key: c.Param("key"), Base: base}}})
}

// titleOf is how the environment is called; the name if that cannot be found out.
func (act) titleOf(c *shell.Context) string {
	ctx, cancel := c.Ctx()
	defer cancel()
	if environment, err := c.App.Store.Environment(ctx, c.Param("env")); err == nil {
		return environment.Title
	}
	return c.Param("env")
}
