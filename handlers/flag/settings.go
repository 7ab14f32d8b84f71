package flag

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// settingsPage is the form of what a flag serves in an environment, but for its rules and overrides.
type settingsPage struct {
	shell.FlagHead
	In            string // title of the environment
	Form          *shell.Form
	Variants      variantsPart
	Staged        bool           // its variants are the stages, of which only otherwise is chosen here
	Choices       []views.Choice // a boolean's variants, or the stages
	OffChoices    []views.Choice // those of them that are false
	Prerequisites []prerequisiteRow
	Flags         []string // that can be required
	Plans         []views.Choice
	Trouble       string // what of the stored flag cannot be read, and is replaced by what is saved
	Conflicts     []views.Conflict
}

// prerequisiteRow is a prerequisite as it is edited.
type prerequisiteRow struct {
	Flag, Variant           string
	FlagError, VariantError string
}

// NoPrerequisite is the row that a script begins a new prerequisite with.
func (settingsPage) NoPrerequisite() map[string]any {
	return map[string]any{"I": 0, "N": 1, "Row": prerequisiteRow{}}
}

// openSettings begins the page with the flag as it is.
func openSettings(c *shell.Context) (settingsPage, place, error) {
	p, err := changeable(c)
	if err != nil {
		return settingsPage{}, p, err
	}
	p.Tab = "settings"
	flag := p.flag.Flag
	page := settingsPage{FlagHead: p.FlagHead, In: p.in.Title, Plans: planChoices(p.in), Trouble: flag.Malformed,
		Variants: variantsPart{Rows: rowsOf(flag), Fixed: flag.Type == ruleset.Boolean || flag.Staged()}, Staged: flag.Staged()}
	if t := tierOf(p.in, p.flag); t.gone(p.in) {
		page.Plans = append(page.Plans, views.Choice{Value: t.Required, Label: t.Required + " (there is no such plan)"})
	}
	page.Form = shell.NewForm("base", strconv.FormatInt(p.flag.Version, 10), "tier_required", tierWritten(flag.TierRequired),
		"boolean.off", served(flag, flag.Off), "boolean.otherwise", served(flag, flag.Otherwise), "boolean.default", served(flag, flag.Default))
	if flag.ClientVisible {
		page.Form.Set("client_visible", "on")
	}
	for _, v := range flag.AllVariants() {
		page.Choices = append(page.Choices, views.Choice{Value: v.Name, Label: v.Name})
		if strings.TrimSpace(string(v.Value)) == "false" {
			page.OffChoices = append(page.OffChoices, views.Choice{Value: v.Name, Label: v.Name})
		}
	}
	for _, required := range flag.Prerequisites {
		page.Prerequisites = append(page.Prerequisites, prerequisiteRow{Flag: required.Flag, Variant: required.Variant})
	}
	for _, other := range p.in.Flags {
		if !other.Archived && other.Key != flag.Key {
			page.Flags = append(page.Flags, other.Key)
		}
	}
	return page, p, nil
}

func showSettings(c *shell.Context) error {
	page, _, err := openSettings(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "flag/settings", page)
}

func saveSettings(c *shell.Context) error {
	page, p, err := openSettings(c)
	if err != nil {
		return keptForm(c, err, "flag/settings", settingsFrom(c))
	}
	if page.Form, err = c.Form(); err != nil {
		return err
	}
	if page.readRows() {
		return c.Render(http.StatusOK, "flag/settings", page)
	}
	f, wanted := page.Form, p.flag.Flag
	page.read(&wanted)
	if !f.OK() {
		return page.again(c, http.StatusUnprocessableEntity)
	}
	err = p.put(c, f, baseOf(f), func(flag *ruleset.Flag) { *flag = wanted })
	if conflict, ok := shell.Conflict(err); ok {
		theirs, _ := conflict.Conflicts[0].Theirs.(ruleset.Flag)
		page.Conflicts = []views.Conflict{settingsConflict(p, says(c, p.in, p.flag), theirs, wanted)}
		f.Set("base", strconv.FormatInt(conflict.Conflicts[0].Version, 10))
		return page.again(c, http.StatusConflict)
	}
	if status := refused(f, err, fieldOf(p.About.Name)); status != 0 {
		return page.again(c, status)
	}
	if err != nil {
		return err
	}
	return c.Done(p.noticef("The settings of %s are saved", p.About.Name), "flags", p.About.Name, p.in.Name)
}

// readRows takes over the rows that were sent. It reports whether a button asked for no more than to change them.
func (p *settingsPage) readRows() bool {
	f := p.Form
	if !p.Variants.Fixed {
		p.Variants.Rows = readRows(f)
	}
	p.Prerequisites = nil
	flags, variants := f.All("prerequisite.flag"), f.All("prerequisite.variant")
	for i := range min(max(len(flags), len(variants)), ruleset.MaxPrerequisites+1) {
		p.Prerequisites = append(p.Prerequisites, prerequisiteRow{Flag: strings.TrimSpace(cell(flags, i)), Variant: strings.TrimSpace(cell(variants, i))})
	}
	if verb, row, ok := button(f.Get("do"), "variant"); ok && !p.Variants.Fixed {
		p.Variants.Rows = turn(p.Variants.Rows, verb, row)
		return true
	}
	if verb, row, ok := button(f.Get("do"), "prerequisite"); ok {
		p.Prerequisites = turn(p.Prerequisites, verb, row)
		return true
	}
	return false
}

// read gives the flag what the form says. What the form has no field for stays.
func (p *settingsPage) read(flag *ruleset.Flag) {
	f := p.Form
	flag.Malformed = "" // what could not be read is replaced, as the page says
	flag.TierRequired, flag.ClientVisible = tierRead(f), f.On("client_visible")
	if p.Staged {
		flag.Variants, flag.Otherwise = nil, f.Get("boolean.otherwise")
		*flag = flag.Filled()
	} else if p.Variants.Fixed {
		flag.Off = kept(flag.Off, f.Get("boolean.off"))
		flag.Otherwise = kept(flag.Otherwise, f.Get("boolean.otherwise"))
		flag.Default = kept(flag.Default, f.Get("boolean.default"))
	} else {
		p.Variants.Rows = filled(p.Variants.Rows)
		setVariants(flag, p.Variants.Rows, f)
	}
	p.Prerequisites = slices.DeleteFunc(p.Prerequisites, func(r prerequisiteRow) bool { return r.Flag == "" && r.Variant == "" })
	flag.Prerequisites = nil
	for i, row := range p.Prerequisites {
		if row.Flag == "" {
			refuseRow(f, "prerequisite.flag", i, "Name the flag that is required.")
		}
		if row.Variant == "" {
			refuseRow(f, "prerequisite.variant", i, "Name the variant that it must serve.")
		}
		flag.Prerequisites = append(flag.Prerequisites, ruleset.Prerequisite{Flag: row.Flag, Variant: row.Variant})
	}
}

// kept is what was chosen, or what is stored if that means the same: nothing is published for a name written out.
func kept(stored, chosen string) string {
	if stored == "" && chosen == "off" {
		return ""
	}
	return chosen
}

// again shows the form with what was typed and what is wrong with it.
func (p settingsPage) again(c *shell.Context, status int) error {
	p.Variants.Rows, p.Variants.Error = withErrors(p.Variants.Rows, p.Form), p.Form.Error("variants")
	for _, field := range []string{"off", "otherwise", "default"} {
		message := p.Form.Error(field)
		if message == "" {
			continue
		}
		if p.Variants.Fixed {
			p.Form.Refuse("boolean."+field, message)
			delete(p.Form.Errors, field)
		} else {
			p.Variants.Error = strings.TrimSpace(p.Variants.Error + " " + field + ": " + message)
		}
	}
	for i := range p.Prerequisites {
		row, at := &p.Prerequisites[i], strconv.Itoa(i)
		row.FlagError, row.VariantError = p.Form.Error("prerequisite.flag."+at), p.Form.Error("prerequisite.variant."+at)
	}
	return c.Render(status, "flag/settings", p)
}

// settingsConflict sets both versions side by side, the rules too: they are not in this form, and stay as theirs are.
func settingsConflict(p place, state string, theirs, yours ruleset.Flag) views.Conflict {
	line := func(field string, of func(ruleset.Flag) string) views.ConflictLine {
		return views.ConflictLine{Field: field, Theirs: of(theirs), Yours: of(yours)}
	}
	return views.Conflict{What: p.About.Name + " in " + p.in.Title, Lines: []views.ConflictLine{
		line("Variants", func(f ruleset.Flag) string {
			var b strings.Builder
			for _, v := range f.AllVariants() {
				fmt.Fprintf(&b, "%s: %s\n", v.Name, v.Value)
			}
			return strings.TrimSpace(b.String())
		}),
		line("Off", func(f ruleset.Flag) string { return served(f, f.Off) }),
		line("Otherwise", func(f ruleset.Flag) string { return served(f, f.Otherwise) }),
		line("Default", func(f ruleset.Flag) string { return served(f, f.Default) }),
		line("Prerequisites", func(f ruleset.Flag) string {
			var b strings.Builder
			for _, r := range f.Prerequisites {
				fmt.Fprintf(&b, "%s: %s\n", r.Flag, r.Variant)
			}
			return strings.TrimSpace(b.String())
		}),
		line("Who may get it", func(f ruleset.Flag) string { return fromPlan(f.TierRequired) }),
		line("Client-visible", func(f ruleset.Flag) string { return map[bool]string{true: "yes", false: "no"}[f.ClientVisible] }),
		{Field: "Rules and state", Theirs: state, Yours: "(stay as theirs are)"},
	}}
}
