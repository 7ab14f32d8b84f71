package shell

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// unsavedPage keeps a form that could not be saved while even the page that it stood on cannot be made: all of it is
// sent again with one button, to where it was going.
type unsavedPage struct {
	Page
	Action string
	Fields []keptField
}

// keptField is one field as it was sent.
type keptField struct{ Name, Value string }

// Shown reports whether people recognise the field: what they typed, not what the page put there.
func (f keptField) Shown() bool {
	own := slices.Contains([]string{"do", "back", "zone", "existing"}, f.Name) || strings.HasPrefix(f.Name, "base") || strings.HasSuffix(f.Name, ".was")
	return !own && strings.TrimSpace(f.Value) != ""
}

// Label is the field's name for people.
func (f keptField) Label() string {
	words := strings.NewReplacer("_", " ", "-", " ", ".", " ").Replace(f.Name)
	return strings.ToUpper(words[:1]) + words[1:]
}

// secretFields are never sent back.
func secretFields() []string { return []string{"password", "again", "present"} }

// keep sends what was typed back, to be sent again. It reports whether there was anything. What nobody may send who is
// asking is not kept: another site's form is refused before the database is asked.
func (c *Context) keep() bool {
	if c.Request.Method != http.MethodPost || checkForm(c.Request) != nil {
		return false
	}
	form, err := c.Form()
	if err != nil {
		return false
	}
	page := unsavedPage{Page: c.bare("This was not saved", ""), Action: c.Request.URL.EscapedPath(), Fields: form.kept(secretFields()...)}
	if err := c.Render(http.StatusServiceUnavailable, "shell/unsaved", page); err != nil {
		c.App.Log.Error("a settings page could not be rendered", "error", err)
		return false
	}
	return true
}

// kept are the fields as they were sent, but for some.
func (f *Form) kept(without ...string) (fields []keptField) {
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		if name == "" || slices.Contains(without, name) {
			continue
		}
		for _, value := range f.Values[name] {
			fields = append(fields, keptField{name, value})
		}
	}
	return fields
}
