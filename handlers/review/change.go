package review

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// chosen is how a form names a flag: with the version of it that was shown.
func chosen(flag models.FeatureFlag) string {
	return flag.Name + "@" + strconv.FormatInt(flag.Version, 10)
}

// mostAtOnce is how many flags one form may be about.
const mostAtOnce = 500

// keep says of flags that they stay until a day.
func keep(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	until := form.Date("keep_until")
	if form.Require("Say until when: then it is looked at again.", "keep_until"); until != nil && !until.After(time.Now()) {
		form.Refuse("keep_until", "Choose a day to come.")
	}
	return change(c, form, form.All("flag"), func(doc *changes.FlagDocument) { doc.KeepUntil = until },
		func(n int) string { return fmt.Sprintf("%s kept until %s.", flags(n), until.Format("2 Jan 2006")) })
}

// deprecate marks one flag as one that is to be used in nothing new.
func deprecate(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	return change(c, form, form.All("deprecate"), func(doc *changes.FlagDocument) { doc.Lifecycle = models.LifecycleDeprecated },
		func(n int) string {
			return flags(n) + " marked as deprecated: still working, and to be used in nothing new."
		})
}

func flags(n int) string {
	if n == 1 {
		return "1 flag is"
	}
	return strconv.Itoa(n) + " flags are"
}

// change puts what is written about the flags, all or none.
func change(c *shell.Context, form *shell.Form, named []string, set func(*changes.FlagDocument), done func(int) string) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if len(named) == 0 {
		form.Refuse("flag", "Choose at least one flag.")
	}
	edits, err := editsOf(c, form, named, set)
	if err != nil {
		return again(c, form, err)
	}
	if !form.OK() {
		return refuse(c, form, http.StatusUnprocessableEntity)
	}
	in := ""
	environments, err := c.App.Store.Environments(ctx)
	if err != nil {
		return again(c, form, err)
	}
	for _, e := range environments {
		if in == "" && c.Person.In(e.Name) >= access.Editor {
			in = e.Name // what environments share belongs to none of them
		}
	}
	if in == "" {
		return shell.Denied(access.Editor)
	}
	_, err = c.App.Changes.Publish(ctx, changes.Change{Environment: in, Author: c.Person.Author(), Reason: "review", Edits: edits})
	if err != nil {
		return again(c, form, err)
	}
	if len(edits) == 1 && form.Get("from") == "flag" {
		return c.Done(done(1), "flags", edits[0].(changes.PutFlag).About.Key)
	}
	return c.DoneAt(done(len(edits)), backTo(c))
}

// backTo is the queue as it was filtered.
func backTo(c *shell.Context) string {
	at := query{c.Query("reason"), c.Query("owner"), c.Query("in"), c.Query("show")}.address(c.App.Link("review"))
	return at.String()
}

func editsOf(c *shell.Context, form *shell.Form, named []string, set func(*changes.FlagDocument)) (edits []changes.Edit, err error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	all, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return nil, err
	}
	if len(named) > mostAtOnce {
		form.Refuse("flag", fmt.Sprintf("At most %d flags can be reviewed at once.", mostAtOnce))
		return nil, nil
	}
	seen := map[string]bool{}
	for _, name := range named {
		key, version, _ := strings.Cut(name, "@")
		flag, ok := all.ByKey[key]
		base, wrong := strconv.ParseInt(version, 10, 64)
		if !ok || wrong != nil || seen[key] {
			form.Refuse("flag", "One of the flags is not there. Choose again.")
			return nil, nil
		}
		seen[key] = true
		doc := changes.DocumentOf(flag)
		set(&doc)
		edits = append(edits, changes.PutFlag{About: &doc, AboutBase: base})
	}
	return edits, nil
}

// again shows the queue with what went wrong, and with what was chosen.
func again(c *shell.Context, form *shell.Form, err error) error {
	if conflict, ok := shell.Conflict(err); ok {
		var keys []string
		for _, at := range conflict.Conflicts {
			keys = append(keys, at.Item.Key)
		}
		form.Message = "Somebody else changed the definition of " + strings.Join(keys, ", ") + " in the meantime, so nothing was saved. It is shown below as it is now: choose it again."
		return refuse(c, form, http.StatusConflict)
	}
	if form.Refused(err, func(ruleset.Problem) string { return "" }) {
		return refuse(c, form, http.StatusUnprocessableEntity)
	}
	if form.Unavailable(err) {
		p := page{Page: c.Offline("Review", "review"), Form: form, MayEdit: true}
		for _, name := range form.All("flag") {
			key, version, _ := strings.Cut(name, "@")
			base, _ := strconv.ParseInt(version, 10, 64)
			p.Unsaved = append(p.Unsaved, chosen(models.FeatureFlag{Name: key, Version: base}))
		}
		return c.Render(http.StatusServiceUnavailable, "review/queue", p)
	}
	return err
}

func refuse(c *shell.Context, form *shell.Form, status int) error {
	p, err := open(c, form)
	if err != nil {
		return err
	}
	return c.Render(status, "review/queue", p)
}
