package history

import (
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// itemsShown is how many of the things that a revision touched stand on a page.
const itemsShown = 20

// revisionPage is everything that is known of one revision.
type revisionPage struct {
	shell.Page
	Entry   entry
	Head    int64            // the environment's newest revision
	Request *changes.Request // by which it came; nil: it was published at once
	Impact  *shell.Impact    // what it did to the people seen then; nil: not counted
	Items   []touched
	Pager   views.Pager
	Form    *shell.Form
}

// touched is one thing that the revision made different, before and after.
type touched struct {
	changes.ItemChange
	Lines []string
	Sides []words.Side
}

// Before is the number of the revision before it; 0: there is none.
func (p revisionPage) Before() int64 { return p.Entry.Number - 1 }

// After is the number of the one after it; 0: there is none yet.
func (p revisionPage) After() int64 {
	if p.Entry.Number < p.Head {
		return p.Entry.Number + 1
	}
	return 0
}

// InspectAt is the moment at which it was published, as an address carries it.
func (p revisionPage) InspectAt() string { return p.Entry.PublishedAt.UTC().Format(time.RFC3339Nano) }

// MayRollBack reports whether the person may ask for what was before.
func (p revisionPage) MayRollBack() bool { return p.May("editor", p.Entry.Environment) }

// Undoable reports whether the change can be undone alone: it made something different that is no kill.
func (p revisionPage) Undoable() bool {
	return len(p.Items) > 0 && p.Entry.Kind != "kill" && p.Entry.Kind != "lift"
}

func (h *history) one(c *shell.Context) error {
	p, err := h.revision(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "history/one", p)
}

// revision reads the revision that the path names.
func (h *history) revision(c *shell.Context) (revisionPage, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	environment, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return revisionPage{}, err
	}
	number, err := strconv.ParseInt(c.Param("revision"), 10, 64)
	if err != nil || number < 1 || number > environment.Head {
		return revisionPage{}, shell.NotFound("%s has no revision %q.", environment.Title, c.Param("revision"))
	}
	base, err := c.Page("Revision "+strconv.FormatInt(number, 10)+" of "+environment.Title, "changes")
	if err != nil {
		return revisionPage{}, err
	}
	row, err := c.App.Store.Revision(ctx, environment.Name, number)
	if err != nil {
		return revisionPage{}, err
	}
	lines, err := h.words.Describe(ctx, []models.Revision{row})
	if err != nil {
		return revisionPage{}, err
	}
	p := revisionPage{Page: base, Head: environment.Head, Entry: entry{row, environment.Title, lines[row.ID()]}, Form: shell.NewForm()}
	if err := p.provenance(c); err != nil {
		return revisionPage{}, err
	}
	return p, h.items(c, &p)
}

// provenance reads by which request the revision came, and what it did to people.
func (p *revisionPage) provenance(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	notes, err := c.App.Store.RevisionNotes(ctx, p.Entry.Environment, []int64{p.Entry.Number})
	if err != nil {
		return err
	}
	note := notes[p.Entry.Number]
	p.Impact = c.StoredImpact(p.Entry.Environment, p.Entry.Where, note.Impact)
	if note.RequestID == nil {
		return nil
	}
	request, err := c.App.Changes.ReadRequest(ctx, *note.RequestID)
	if err == nil {
		p.Request = &request
	}
	return err
}

// items reads a page of what the revision touched.
func (h *history) items(c *shell.Context, p *revisionPage) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	offset := (pageOf(c) - 1) * itemsShown
	items, total, err := h.words.Items(ctx, p.Entry.Environment, p.Entry.Number, offset, itemsShown)
	if err != nil {
		return err
	}
	var from int
	if p.Pager, from, _ = views.PagerOf(c.Request.URL, total, itemsShown); from != offset { // beyond the end
		if items, _, err = h.words.Items(ctx, p.Entry.Environment, p.Entry.Number, from, itemsShown); err != nil {
			return err
		}
	}
	for _, item := range items {
		p.Items = append(p.Items, touched{item, item.Lines(c.Zone()), words.Differing(words.Sides(item.Was, item.Is, c.Zone()))})
	}
	return nil
}
