package flag

import (
	"fmt"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

// place is a flag in the environment that a path names.
type place struct {
	shell.FlagHead
	in   *catalog.Environment
	flag *catalog.Flag // nil: the environment does not have it
}

// find gives the flag in the environment of the path.
func find(c *shell.Context, tab string) (place, error) {
	head, err := c.FlagPage(tab)
	if err != nil {
		return place{}, err
	}
	in, err := c.Environment()
	if err != nil {
		return place{}, err
	}
	p := place{FlagHead: head, in: in}
	p.flag, _ = in.Flag(head.About.Name)
	p.Settings = p.flag
	return p, nil
}

// present gives the flag in the environment of the path, which must have it.
func present(c *shell.Context) (place, error) {
	p, err := find(c, "overview")
	if err == nil && p.flag == nil {
		err = shell.NotFound("%s does not have the flag %q yet. It can be added on its page.", p.in.Title, p.About.Name)
	}
	return p, err
}

// changeable is present, for a flag that is not archived there.
func changeable(c *shell.Context) (place, error) {
	p, err := present(c)
	if err == nil {
		err = p.Changeable()
	}
	return p, err
}

// publish makes edits of one environment. Everything on these pages that concerns one environment goes through here.
func publish(c *shell.Context, f *shell.Form, environment string, edits ...changes.Edit) error {
	_, err := c.Publish(f, changes.Change{Environment: environment, Edits: edits})
	return err
}

// putAbout changes what all environments share about a flag, which changes no value and needs no approval.
func putAbout(c *shell.Context, environment string, edit changes.PutFlag) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	_, err := c.App.Changes.Publish(ctx, changes.Change{Environment: environment, Author: c.Person.Author(), Edits: []changes.Edit{edit}})
	return err
}

// put changes the flag's settings, made against the version base. What the change does not touch is as it is now: so a
// base that is not the present one is a conflict here already.
func (p place) put(c *shell.Context, f *shell.Form, base int64, change func(*ruleset.Flag)) error {
	if base != p.flag.Version {
		return p.overtaken(base)
	}
	flag := p.flag.Flag
	change(&flag)
	return publish(c, f, p.in.Name, changes.PutFlag{Flag: &flag, Base: base})
}

// overtaken says that the flag has moved on since its version base.
func (p place) overtaken(base int64) error {
	return &changes.ConflictError{Environment: p.in.Name, Conflicts: []changes.Conflict{{
		Item: changes.Item{Kind: changes.ItemFlag, Key: p.flag.Key}, Base: base, Version: p.flag.Version, Theirs: p.flag.Flag}}}
}

// says tells who gets what of a flag in an environment, to the reader of a page. Plans and overrides are told apart.
func says(c *shell.Context, in *catalog.Environment, flag *catalog.Flag) string {
	told := flag.Flag
	if malformed := in.Revision().Malformed()[flag.Key]; malformed != "" {
		told.Malformed = malformed
	}
	return words.FlagIn(told, time.Now(), c.Zone())
}

// requiredBy are the keys of the flags here that have this one as a prerequisite.
func (p place) requiredBy() (keys []string) {
	for _, other := range p.in.Flags {
		if other.Archived {
			continue
		}
		for _, required := range other.Prerequisites {
			if required.Flag == p.About.Name {
				keys = append(keys, other.Key)
				break
			}
		}
	}
	return keys
}

// noticef is what a page says once after a change here.
func (p place) noticef(format string, args ...any) string {
	return fmt.Sprintf(format, args...) + " in " + p.in.Title + "."
}
