package segments

import (
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/builder"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// editPage is one segment, or one that is being made.
type editPage struct {
	shell.Page
	Form      *shell.Form
	Builder   *builder.Builder
	Key       string // empty while it is made
	Words     string
	Uses      []use
	Editable  bool
	Conflicts []views.Conflict
}

// open begins the page about the segment that the path names, or, with no name, about a new one. Of a segment that is not
// there it gives the page beside the error, for what somebody has typed about it.
func open(c *shell.Context) (*editPage, *ruleset.Segment, int64, error) {
	key := c.Param("segment")
	title := "New segment"
	if key != "" {
		title = key
	}
	p, err := c.Page(title, "segments")
	if err != nil {
		return nil, nil, 0, err
	}
	environment, err := c.Environment()
	if err != nil {
		return nil, nil, 0, err
	}
	page := &editPage{Page: p, Key: key, Editable: c.Person.In(p.Environment) >= access.Editor,
		Builder: builder.New(nil, builder.SegmentsOf(environment, key), builder.AttributesOf(environment), c.Zone())}
	page.Builder.In = environment.Name
	if key == "" {
		return page, nil, 0, nil
	}
	segment, ok := environment.Segment(key)
	if !ok {
		return page, nil, 0, shell.NotFound("There is no segment %q in this environment.", key)
	}
	if segment.Title != "" {
		page.Title = segment.Title
	}
	page.Words = words.ConditionIn(segment.When, c.Zone())
	page.Uses = usesOf(environment)[key]
	return page, &segment.Segment, segment.Version, nil
}

func showNew(c *shell.Context) error {
	p, _, _, err := open(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("base", "0")
	p.Builder.ReadWhen(p.Form.Values)
	p.offer(c)
	p.Builder.Do("add-condition:when")
	p.Builder.When.Children[0].Focus = false
	return c.Render(http.StatusOK, "segments/edit", p)
}

func show(c *shell.Context) error {
	p, segment, version, err := open(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("base", strconv.FormatInt(version, 10), "title", segment.Title)
	p.Builder.SetWhen(segment.When)
	p.offer(c)
	return c.Render(http.StatusOK, "segments/edit", p)
}

// offer has the builder offer what people were seen with.
func (p *editPage) offer(c *shell.Context) {
	p.Builder.Offer(c.Request.Context(), c.App.Directory, p.Environment)
}

func create(c *shell.Context) error { return submit(c) }

func save(c *shell.Context) error { return submit(c) }

// submit takes the form of a new or a present segment.
func submit(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, _, _, err := open(c)
	if p == nil {
		return err
	}
	p.Form = form
	p.Builder.ReadWhen(form.Values)
	p.offer(c)
	if do := form.Get("do"); do != "" {
		p.Builder.Do(do)
		return c.Render(http.StatusOK, "segments/edit", p)
	}
	segment := p.typed()
	if !form.OK() {
		return p.refused(c, http.StatusUnprocessableEntity)
	}
	return p.publish(c, segment)
}

// typed is the segment as the form would have it. What cannot be read is refused in the form.
func (p *editPage) typed() ruleset.Segment {
	segment := ruleset.Segment{Key: p.Key, Title: p.Form.Get("title"), When: p.Builder.Condition()}
	if p.Key == "" {
		segment.Key = p.Form.Get("key")
		if !ruleset.ValidKey(segment.Key) {
			p.Form.Refuse("key", "Use lower-case letters, digits, dots, dashes and underscores, and begin with a letter or a digit.")
		}
	}
	if len(segment.Title) > 200 {
		p.Form.Refuse("title", "Use at most 200 bytes.")
	}
	p.Form.Message = p.Builder.Over()
	for field, message := range p.Builder.Errors {
		p.Form.Refuse(field, message)
	}
	return segment
}

// publish saves the segment. This is the one place that does.
func (p *editPage) publish(c *shell.Context, segment ruleset.Segment) error {
	base, err := p.base()
	if err != nil {
		return err
	}
	published, err := c.Publish(p.Form, changes.Change{Environment: p.Environment, Edits: []changes.Edit{changes.PutSegment{Segment: segment, Base: base}}})
	if conflict, is := shell.Conflict(err); is {
		return p.conflict(c, conflict, segment)
	}
	place := func(problem ruleset.Problem) string {
		if problem.Segment != segment.Key {
			return "" // what uses the segment would break
		}
		return p.Builder.Place(problem)
	}
	if p.Form.Refused(err, place) {
		return p.refused(c, http.StatusUnprocessableEntity)
	}
	if p.Form.Unavailable(err) {
		return p.refused(c, http.StatusServiceUnavailable)
	}
	if err != nil {
		return err
	}
	notice := "Saved: whoever is in the segment changes with the next page."
	if !published.New {
		notice = "Nothing was different, so nothing was published."
	}
	return c.Done(notice, "segments", p.Environment, segment.Key)
}

// base is the version that the edit was made against. A new segment has none, whatever a form says.
func (p *editPage) base() (int64, error) {
	if p.Key == "" {
		return 0, nil
	}
	base, err := strconv.ParseInt(p.Form.Get("base"), 10, 64)
	if err != nil {
		return 0, shell.Refused(http.StatusBadRequest, "This form is not complete", "Open the page again and make your change there.")
	}
	return base, nil
}

// refused shows the form again, with what is wrong beside each field.
func (p *editPage) refused(c *shell.Context, status int) error {
	for field, message := range p.Form.Errors {
		p.Builder.Errors[field] = message
	}
	return c.Render(status, "segments/edit", p)
}

// conflict shows both versions. Saving again replaces theirs; a new segment whose key is taken needs another key.
func (p *editPage) conflict(c *shell.Context, conflict *changes.ConflictError, mine ruleset.Segment) error {
	if p.Key == "" {
		p.Form.Refuse("key", "There is a segment with this key already. Choose another one, or change that one.")
		return p.refused(c, http.StatusConflict)
	}
	for _, item := range conflict.Conflicts {
		theirs, there := item.Theirs.(ruleset.Segment)
		if !there { // removed: the form stands for a new one now
			p.Form.Set("base", "0")
			p.Conflicts = append(p.Conflicts, views.Conflict{What: "Somebody has removed this segment. Saving again makes it anew.", Lines: []views.ConflictLine{
				{Field: "Title", Yours: mine.Title}, {Field: "Who is in it", Yours: words.ConditionIn(mine.When, p.Builder.Zone)},
			}})
			continue
		}
		p.Form.Set("base", strconv.FormatInt(item.Version, 10))
		p.Conflicts = append(p.Conflicts, views.Conflict{What: "Segment " + mine.Key, Lines: []views.ConflictLine{
			{Field: "Title", Theirs: theirs.Title, Yours: mine.Title},
			{Field: "Who is in it", Theirs: words.ConditionIn(theirs.When, p.Builder.Zone), Yours: words.ConditionIn(mine.When, p.Builder.Zone)},
		}})
	}
	return c.Render(http.StatusConflict, "segments/edit", p)
}
