package views

import (
	"fmt"
	"strings"
)

// Form is what a field shows: what was typed, and what is wrong with it.
type Form interface {
	Get(name string) string
	Error(name string) string
	On(name string) bool
}

// Field is one field of a form, with its label, its hint and what is wrong with it.
type Field struct {
	Name, Label, Value, Error string
	Type                      string // text, textarea, select, checkbox, date, datetime-local, number, email, password, search
	Hint                      string
	Required, Checked, Short  bool
	Readonly, Autofocus       bool
	Placeholder, List, Rows   string
	Autocomplete, Zone        string
	Max                       string // length in characters
	Step                      string // of a time, in seconds
	Was                       string // a time exactly as it was, which the field cannot say
	Choices                   []Choice
}

// Choice is one option of a select.
type Choice struct{ Value, Label string }

// newField makes a field for templates: {{ template "field" (field .Form "title" "Title" "hint=What people see" "required") }}.
// Options are words (required, short, readonly, autofocus) or name=text (type, hint, placeholder, list, rows, autocomplete, zone,
// max, step). A []Choice makes it a select.
func newField(form Form, name, label string, options ...any) (Field, error) {
	f := Field{Name: name, Label: label, Type: "text", Value: form.Get(name), Error: form.Error(name), Checked: form.On(name), Max: "1000"}
	for _, option := range options {
		if list, ok := option.([]Choice); ok {
			f.Type, f.Choices = "select", list
			continue
		}
		word, text, _ := strings.Cut(fmt.Sprint(option), "=")
		switch word {
		case "required":
			f.Required = true
		case "short":
			f.Short = true
		case "readonly":
			f.Readonly = true
		case "autofocus":
			f.Autofocus = true
		case "": // an option that a template left out
		case "type":
			f.Type = text
		case "hint":
			f.Hint = text
		case "placeholder":
			f.Placeholder = text
		case "list":
			f.List = text
		case "rows":
			f.Rows = text
		case "autocomplete":
			f.Autocomplete = text
		case "zone":
			f.Zone = text
		case "max":
			f.Max = text
		case "step":
			f.Step = text
		default:
			return f, fmt.Errorf("field %s: there is no option %q", name, word)
		}
	}
	if f.Type == "datetime-local" {
		f.Was = form.Get(name + ".was")
		if f.Step == "" && strings.Count(f.Value, ":") > 1 {
			f.Step = "1" // or the browser takes no other minute
		}
	}
	return f, nil
}

// Describes is what explains the field to a screen reader: the ids of its error and its hint.
func (f Field) Describes() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.Name+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// choices makes options of values and labels that alternate.
func choices(valuesAndLabels ...string) []Choice {
	var out []Choice
	for i := 0; i+1 < len(valuesAndLabels); i += 2 {
		out = append(out, Choice{valuesAndLabels[i], valuesAndLabels[i+1]})
	}
	return out
}

// ChoicesOf makes options of values that are their own labels.
func ChoicesOf[S ~string](values ...S) []Choice {
	out := make([]Choice, len(values))
	for i, v := range values {
		out[i] = Choice{string(v), string(v)}
	}
	return out
}

// dict hands several values to a template: names and values alternate.
func dict(namesAndValues ...any) (map[string]any, error) {
	if len(namesAndValues)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments do not make pairs", len(namesAndValues))
	}
	m := make(map[string]any, len(namesAndValues)/2)
	for i := 0; i < len(namesAndValues); i += 2 {
		m[fmt.Sprint(namesAndValues[i])] = namesAndValues[i+1]
	}
	return m, nil
}

// percent writes part of whole in percent, with one decimal where that says more.
func percent(part, whole int) string {
	if whole == 0 {
		return "0 %"
	}
	text := fmt.Sprintf("%.1f", 100*float64(part)/float64(whole))
	return strings.TrimSuffix(text, ".0") + " %"
}
