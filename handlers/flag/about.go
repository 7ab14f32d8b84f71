package flag

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// known are what other flags have where people write freely, so that they need not write it anew.
type known struct{ Owners, Categories []string }

func knownOf(flags *catalog.Flags) known {
	owners, categories := map[string]bool{}, map[string]bool{}
	for _, flag := range flags.ByKey {
		owners[flag.Owner], categories[flag.Category] = true, true
	}
	sorted := func(set map[string]bool) []string {
		delete(set, "")
		return slices.Sorted(maps.Keys(set))
	}
	return known{sorted(owners), sorted(categories)}
}

// aboutField is one of the fields that all environments share, as forms and conflicts call it.
type aboutField struct {
	name, label string
	max         int // characters
	of          func(*changes.FlagDocument) *string
}

// aboutFields are the texts among them.
func aboutFields() []aboutField {
	return []aboutField{
		{"title", "Title", 200, func(d *changes.FlagDocument) *string { return &d.Title }},
		{"description", "Description", 4000, func(d *changes.FlagDocument) *string { return &d.Description }},
		{"purpose", "Purpose", 4000, func(d *changes.FlagDocument) *string { return &d.Purpose }},
		{"owner", "Owner", 200, func(d *changes.FlagDocument) *string { return &d.Owner }},
		{"category", "Category", 200, func(d *changes.FlagDocument) *string { return &d.Category }},
		{"lifecycle", "Lifecycle", 200, func(d *changes.FlagDocument) *string { return &d.Lifecycle }},
	}
}

// readAbout reads what all environments share from a form. Title, purpose and planned removal are required.
func readAbout(f *shell.Form, key string) changes.FlagDocument {
	doc := changes.FlagDocument{Key: key}
	f.Require("Give the flag a title.", "title")
	f.Require("Say what the flag is for: those who come after you will want to know.", "purpose")
	f.Require("Say when the flag will go, as far as you can tell now.", "planned_removal")
	for _, field := range aboutFields() {
		text := f.Get(field.name)
		if utf8.RuneCountInString(text) > field.max {
			f.Refuse(field.name, "This is too long: at most "+strconv.Itoa(field.max)+" characters are allowed.")
		}
		*field.of(&doc) = text
	}
	if doc.Lifecycle != "" && !slices.Contains(models.Lifecycles(), doc.Lifecycle) {
		f.Refuse("lifecycle", "Choose active or deprecated.")
	}
	doc.PlannedRemoval = f.Date("planned_removal")
	return doc
}

// aboutForm is the form filled with what is there.
func aboutForm(about models.FeatureFlag) *shell.Form {
	return shell.NewForm("title", about.Title, "description", about.Description, "purpose", about.Purpose, "owner", about.Owner,
		"category", about.Category, "lifecycle", about.Lifecycle, "planned_removal", dateOf(about.PlannedRemoval.Optional()),
		"about_base", strconv.FormatInt(about.Version, 10))
}

func dateOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// editPage is the form of a flag's definition.
type editPage struct {
	shell.FlagHead
	Form      *shell.Form
	Known     known
	Conflicts []views.Conflict
}

func openEdit(c *shell.Context) (editPage, error) {
	head, err := c.FlagPage("definition")
	if err != nil {
		return editPage{}, err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	flags, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return editPage{}, err
	}
	return editPage{FlagHead: head, Known: knownOf(flags), Form: aboutForm(head.About)}, nil
}

func showEdit(c *shell.Context) error {
	page, err := openEdit(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "flag/edit", page)
}

func edit(c *shell.Context) error {
	page, err := openEdit(c)
	if err != nil {
		return keptForm(c, err, "flag/edit", func(f *shell.Form) any { return editPage{FlagHead: headOf(c, "definition"), Form: f} })
	}
	if page.Form, err = c.Form(); err != nil {
		return err
	}
	f, key := page.Form, page.About.Name
	doc := readAbout(f, key)
	if !f.OK() {
		return c.Render(http.StatusUnprocessableEntity, "flag/edit", page)
	}
	base, _ := strconv.ParseInt(f.Get("about_base"), 10, 64) // what is no number is no base: it conflicts
	in := editable(c, page.Page)
	if len(in) == 0 {
		return shell.Denied(access.Editor)
	}
	err = putAbout(c, in[0].Name, changes.PutFlag{About: &doc, AboutBase: base})
	if conflict, ok := shell.Conflict(err); ok {
		at := conflict.Conflicts[0]
		theirs, _ := at.Theirs.(changes.FlagDocument)
		page.Conflicts = []views.Conflict{aboutConflict(theirs, doc)}
		f.Set("about_base", strconv.FormatInt(at.Version, 10))
		return c.Render(http.StatusConflict, "flag/edit", page)
	}
	if status := refused(f, err, func(ruleset.Problem) string { return "" }); status != 0 {
		return c.Render(status, "flag/edit", page)
	}
	if err != nil {
		return err
	}
	return c.Done("The definition of "+doc.Title+" is saved. It holds in all environments and changes no value.", "flags", key)
}

// editable are the environments in which the person may change flags. What all environments share belongs to none of
// them, so whoever may change one may change that.
func editable(c *shell.Context, page shell.Page) (in []models.Environment) {
	for _, environment := range page.Environments {
		if c.Person.In(environment.Name) >= access.Editor {
			in = append(in, environment)
		}
	}
	return in
}

func aboutConflict(theirs, yours changes.FlagDocument) views.Conflict {
	conflict := views.Conflict{What: "The definition of " + yours.Key}
	for _, field := range aboutFields() {
		conflict.Lines = append(conflict.Lines, views.ConflictLine{Field: field.label, Theirs: shown(field, theirs), Yours: shown(field, yours)})
	}
	conflict.Lines = append(conflict.Lines, views.ConflictLine{Field: "Planned removal", Theirs: dateOf(theirs.PlannedRemoval), Yours: dateOf(yours.PlannedRemoval)})
	return conflict
}

// shown is a field as a conflict shows it. Documents leave it out that a flag is active.
func shown(field aboutField, doc changes.FlagDocument) string {
	if text := *field.of(&doc); text != "" || field.name != "lifecycle" {
		return text
	}
	return models.LifecycleActive
}

// refused takes it over into the form if a change was refused, or the database could not be reached. It gives the
// status with which the form is shown again; 0: neither was so.
func refused(f *shell.Form, err error, place func(ruleset.Problem) string) int {
	switch {
	case f.Refused(err, place):
		return http.StatusUnprocessableEntity
	case f.Unavailable(err):
		return http.StatusServiceUnavailable
	}
	return 0
}
