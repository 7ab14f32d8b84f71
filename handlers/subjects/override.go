package subjects

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// overridePage is the form of one override, new or not.
type overridePage struct {
	shell.FlagHead
	Form      *shell.Form
	Base      int64
	Existing  bool // whose it is cannot be changed
	Gated     bool
	Back      string // "one": back to the subject's page
	Variants  []views.Choice
	Conflicts []views.Conflict
}

// editOverride shows the form: of the user or tenant that the query names, or of nobody yet.
func editOverride(c *shell.Context) error {
	head, environment, err := openFlag(c)
	if err != nil {
		return err
	}
	query := c.Request.URL.Query()
	page := newOverridePage(head, environment)
	page.Back = query.Get("back")
	page.Form = c.NewForm("kind", "user", "variant", query.Get("variant"))
	user, tenant := query.Get("user"), query.Get("tenant")
	if tenant != "" {
		page.Form.Set("kind", "tenant")
	}
	page.Form.Set("id", cmp.Or(user, tenant))
	if o := overrideFor(head.Settings, user, tenant); o != nil {
		page.Existing, page.Base = true, o.Version
		page.Form.Set("variant", cmp.Or(query.Get("variant"), o.Variant))
		page.Form.Set("reason", o.Reason)
		page.Form.SetTime("expires", o.Expires)
	}
	return c.Render(http.StatusOK, "subjects/override", page)
}

func newOverridePage(head shell.FlagHead, environment *catalog.Environment) overridePage {
	return overridePage{FlagHead: head, Gated: gated(environment, head.Settings), Variants: views.ChoicesOf(variantsOf(head.Settings)...)}
}

func overrideFor(flag *catalog.Flag, user, tenant string) *catalog.Override {
	for _, o := range flag.Overrides {
		if o.User == user && o.Tenant == tenant {
			return o
		}
	}
	return nil
}

// saveOverride gives one user or one tenant a variant.
func saveOverride(c *shell.Context) error {
	head, environment, err := openFlag(c)
	if err != nil {
		return err
	}
	form, err := c.Form()
	if err != nil {
		return err
	}
	page := newOverridePage(head, environment)
	page.Form, page.Back, page.Existing = form, form.Get("back"), form.On("existing")
	if page.Base, err = baseOf(form); err != nil {
		return err
	}
	override := readOverride(form, head.Settings)
	id := form.Values.Get("id")
	checkID(form, "id", id)
	if form.Get("kind") == "tenant" {
		override.Tenant = id
	} else {
		override.User = id
	}
	if !form.OK() {
		return c.Render(http.StatusUnprocessableEntity, "subjects/override", page)
	}
	published, err := c.Publish(form, changes.Change{Environment: environment.Name, Reason: override.Reason,
		Edits: []changes.Edit{changes.PutOverride{Override: override, Base: page.Base}}})
	if conflict, ok := shell.Conflict(err); ok {
		page.Conflicts, page.Base, page.Existing = conflictsOf(conflict, form.Zone, override), conflict.Conflicts[0].Version, conflict.Conflicts[0].Version > 0
		return c.Render(http.StatusConflict, "subjects/override", page)
	}
	if status := refused(form, err); status != 0 {
		return c.Render(status, "subjects/override", page)
	}
	if err != nil {
		return err
	}
	notice := fmt.Sprintf("%s now has %s by override.", id, override.Variant)
	if !published.New {
		notice = "Nothing was different, so nothing was changed."
	}
	return done(c, form, notice)
}

// refused puts what changes refused, or that the database is away, into the form. It gives the status; 0: err is something
// else.
func refused(form *shell.Form, err error) int {
	switch {
	case form.Refused(err, func(ruleset.Problem) string { return "" }):
		return http.StatusUnprocessableEntity
	case form.Unavailable(err):
		return http.StatusServiceUnavailable
	}
	return 0
}

// readOverride reads what all forms of overrides have: variant, reason and expiry. Author and time are not read from forms.
func readOverride(form *shell.Form, flag *catalog.Flag) ruleset.Override {
	o := ruleset.Override{Flag: flag.Key, Variant: form.Get("variant"), Reason: form.Get("reason"), Expires: form.Time("expires")}
	form.Require("Choose what the override gives.", "variant")
	form.Require("Say in a few words why, for whoever finds it later.", "reason")
	if len(o.Reason) > 1000 {
		form.Refuse("reason", "Say it in at most 1,000 characters.")
	}
	if o.Expires != nil && !o.Expires.After(time.Now()) {
		form.Refuse("expires", "This is in the past. Choose a time to come, or leave it empty.")
	}
	if kind := form.Get("kind"); kind != "user" && kind != "tenant" {
		form.Refuse("kind", "An override is for exactly one user or one tenant.")
	}
	return o
}

// checkID refuses an id that no subject has.
func checkID(form *shell.Form, field, id string) {
	if problem := idProblem(id); problem != "" {
		form.Refuse(field, problem)
	}
}

func idProblem(id string) string {
	switch {
	case strings.TrimSpace(id) == "":
		return "Write whose id it is."
	case len(id) > ruleset.MaxID:
		return fmt.Sprintf("This is %d bytes long: an id has at most %d.", len(id), ruleset.MaxID)
	case !utf8.ValidString(id) || strings.ContainsRune(id, 0):
		return "This holds something that is no text: write it anew."
	}
	return ""
}

func baseOf(form *shell.Form) (int64, error) {
	text := form.Get("base")
	if text == "" {
		return 0, nil
	}
	base, err := strconv.ParseInt(text, 10, 64)
	if err != nil || base < 0 {
		return 0, shell.Refused(http.StatusBadRequest, "This form is damaged", "Go back, load the page anew and try again.")
	}
	return base, nil
}

// conflictsOf sets what somebody else made of overrides beside what was typed.
func conflictsOf(e *changes.ConflictError, zone *time.Location, yours ruleset.Override) []views.Conflict {
	out := make([]views.Conflict, 0, len(e.Conflicts))
	for _, c := range e.Conflicts {
		theirs, _ := c.Theirs.(ruleset.Override)
		shown := views.Conflict{What: "Override for " + cmp.Or(c.Item.User, c.Item.Tenant)}
		if c.Theirs == nil {
			shown.Lines = append(shown.Lines, views.ConflictLine{Field: "Override", Theirs: "removed", Yours: "kept"})
		}
		shown.Lines = append(shown.Lines,
			views.ConflictLine{Field: "Variant", Theirs: theirs.Variant, Yours: yours.Variant},
			views.ConflictLine{Field: "Reason", Theirs: theirs.Reason, Yours: yours.Reason},
			views.ConflictLine{Field: "Expires", Theirs: views.MomentOf(theirs.Expires, zone).String(), Yours: views.MomentOf(yours.Expires, zone).String()})
		out = append(out, shown)
	}
	return out
}

// done goes back to where the form was opened: the flag's overrides, or the subject's own page.
func done(c *shell.Context, form *shell.Form, notice string) error {
	if form.Get("back") != "one" {
		return c.Done(notice, "flags", c.Param("key"), c.Param("env"), "overrides")
	}
	id := url.Values{}
	switch {
	case form.Values.Get("user") != "":
		id.Set("user", form.Values.Get("user"))
	case form.Values.Get("tenant") != "":
		id.Set("tenant", form.Values.Get("tenant"))
	case form.Get("kind") == "tenant":
		id.Set("tenant", form.Values.Get("id"))
	default:
		id.Set("user", form.Values.Get("id"))
	}
	return c.DoneAt(notice, c.App.Link("subjects", c.Param("env"), "one")+"?"+id.Encode())
}
