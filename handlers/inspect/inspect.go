// Package inspect is the inspector: what somebody gets of every flag, now or at any past moment, why, and what differs from
// another person, moment or environment. Its address holds the whole question, so that it can be kept and sent on. It
// changes nothing.
package inspect

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/views"
)

// pageSize is how many flags a page of the list has.
const pageSize = 50

// Register adds the inspector to the pages. It asks for the role in the environment that is inspected, which its query
// names, and in the one that is compared with it.
func Register(a *shell.App) {
	p := &pages{moments: asof.New(a.Store, a.Catalog)}
	a.GET("/inspect", shell.Anywhere(access.Viewer), p.inspect)
}

type pages struct{ moments *asof.Inspector }

// page is the inspector.
type page struct {
	shell.Page
	Form         *shell.Form
	Rows         []attributeRow
	In           string
	InChoices    []views.Choice
	Compares     []views.Choice
	Searched     bool
	Found        []found
	MoreFound    int
	ZoneName     string
	Sides        []*side // what was asked for, and what it is compared with; none: nothing was asked
	Explained    string  // the key of the flag that is explained
	NowURL       string  // the same question, compared with now
	List         list
	CarriedAlong []pair // what the list's own form keeps of the question
}

// pair is a field that is carried along.
type pair struct{ Name, Value string }

func (p *pages) inspect(c *shell.Context) error {
	query := c.Request.URL.Query()
	q, form := read(query, c.Zone())
	if clean := q.encode(); form.OK() && clean != query.Encode() {
		c.Redirect(http.StatusSeeOther, c.App.Link("inspect")+"?"+clean) // one that means the same in every time zone
		return nil
	}
	localise(form)
	base, err := c.Page("Inspector", "inspect")
	if err != nil {
		return err
	}
	page := &page{Page: base, Form: form, Rows: attributeRows(query), ZoneName: zoneName(form.Zone)}
	if page.In, err = page.where(c, q.in); err != nil {
		return err
	}
	q.in, page.Environment = page.In, page.In
	page.Compares = []views.Choice{{Value: "", Label: "Nothing"}, {Value: byPerson, Label: "Another person"}, {Value: byMoment, Label: "Another moment"}, {Value: byEnvironment, Label: "Another environment"}}
	status := http.StatusOK
	switch {
	case q.find != "":
		err = page.search(c, q)
	case q.asked() && form.OK():
		err = p.answer(c, page, q)
	}
	if err != nil {
		return err
	}
	if !form.OK() {
		status = http.StatusUnprocessableEntity
	}
	return c.Render(status, "inspect/page", page)
}

// where is the environment that is inspected: the one that is asked for, or the first that the person may see.
func (p *page) where(c *shell.Context, in string) (string, error) {
	for _, e := range p.Environments {
		p.InChoices = append(p.InChoices, views.Choice{Value: e.Name, Label: e.Title})
	}
	if in == "" && len(p.Environments) > 0 {
		return p.Environments[0].Name, nil
	}
	return in, p.sees(c, in)
}

// sees refuses an environment that the person may not see, in the same words as one that does not exist.
func (p *page) sees(c *shell.Context, in string) error {
	for _, e := range p.Environments {
		if e.Name == in {
			return nil
		}
	}
	return shell.NotFound("There is no environment %q.", in)
}

// answer fills in what was asked for.
func (p *pages) answer(c *shell.Context, page *page, q question) error {
	first, err := p.side(c, q)
	if err != nil {
		return page.refused(err, "at")
	}
	page.Sides = []*side{first}
	if other, ok := q.other(); ok {
		if err := page.sees(c, other.in); err != nil {
			return err
		}
		second, err := p.side(c, other)
		if err != nil {
			page.Sides = nil
			return page.refused(err, "vs_at")
		}
		page.Sides = append(page.Sides, second)
	} else if first.Moment.Past {
		now := q
		now.compare, now.vsAt = byMoment, time.Time{}
		page.NowURL = c.App.Link("inspect") + "?" + now.encode()
	}
	return page.list(c, q)
}

// refused puts what nobody can answer beside the field that asks for it.
func (p *page) refused(err error, at string) error {
	var check *subjectError
	switch {
	case errors.Is(err, asof.ErrFuture):
		p.Form.Refuse(at, "That moment is still to come.")
	case errors.Is(err, asof.ErrNotThen):
		p.Form.Refuse("pinned", "There was no such revision at that moment.")
	case errors.As(err, &check):
		p.Form.Refuse("user", "This cannot be asked: "+check.Error()+".")
	case errors.Is(err, service.ErrNoEnvironment):
		return shell.NotFound("There is no such environment.")
	default:
		return err
	}
	return nil
}

// title is how a side is called: who, where and when.
func (s *side) title(q question, zone *time.Location) string {
	who := "An anonymous visitor"
	switch {
	case q.subject.User != "":
		who = q.subject.User
	case q.subject.Tenant != "":
		who = "Tenant " + q.subject.Tenant
	case q.subject.Visitor != "":
		who = "Visitor " + q.subject.Visitor
	}
	who += " in " + s.Where
	if !s.Moment.Past {
		return who + ", now"
	}
	return who + ", " + exactly(s.Moment.At, zone)
}

// exactly is a moment to the second.
func exactly(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2 Jan 2006, 15:04:05 MST")
}

func zoneName(zone *time.Location) string { return time.Now().In(zone).Format("MST") }

// link is the inspector at a query.
func link(c *shell.Context, query url.Values) string {
	return c.App.Link("inspect") + "?" + query.Encode()
}
