package flag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// variantRow is a variant as it is edited: its value as people write it, and when it is served.
type variantRow struct {
	Name, Value             string
	Off, Otherwise, Default bool
	NameError, ValueError   string
}

func (r variantRow) blank() bool { return strings.TrimSpace(r.Name) == "" && r.Value == "" }

// variantsPart is the table of variants of a form.
type variantsPart struct {
	Rows  []variantRow
	Error string // what concerns no single row
	Fixed bool   // a boolean's: neither named nor valued here
}

// rowsOf are a flag's variants as they are edited.
func rowsOf(flag ruleset.Flag) []variantRow {
	var rows []variantRow
	for _, v := range flag.AllVariants() {
		rows = append(rows, variantRow{Name: v.Name, Value: written(flag.Type, v.Value),
			Off: v.Name == served(flag, flag.Off), Otherwise: v.Name == served(flag, flag.Otherwise), Default: v.Name == served(flag, flag.Default)})
	}
	return rows
}

// served is the variant that is meant by a name that may be left empty.
func served(flag ruleset.Flag, name string) string {
	if name == "" && flag.Type == ruleset.Boolean {
		return "off"
	}
	return name
}

// readRows reads the variants that a form was sent with.
func readRows(f *shell.Form) []variantRow {
	names, values := f.All("variant.name"), f.All("variant.value")
	rows := make([]variantRow, min(max(len(names), len(values)), ruleset.MaxVariants+1))
	for i := range rows {
		at := strconv.Itoa(i)
		rows[i] = variantRow{Name: strings.TrimSpace(cell(names, i)), Value: strings.ReplaceAll(cell(values, i), "\r\n", "\n"),
			Off: f.Get("off") == at, Otherwise: f.Get("otherwise") == at, Default: f.Get("default") == at}
	}
	return rows
}

// filled leaves out the rows in which nothing was written.
func filled(rows []variantRow) []variantRow {
	var out []variantRow
	for _, row := range rows {
		if !row.blank() {
			out = append(out, row)
		}
	}
	return out
}

// setVariants gives the flag the variants of the rows; what is wrong with them stands in the rows and in the form.
func setVariants(flag *ruleset.Flag, rows []variantRow, f *shell.Form) {
	flag.Variants, flag.Off, flag.Otherwise, flag.Default = nil, "", "", ""
	for i := range rows {
		row := &rows[i]
		value, wrong := valueOf(flag.Type, row.Value)
		if wrong != "" {
			refuseRow(f, "variant.value", i, wrong)
		}
		switch {
		case row.Name == "":
			refuseRow(f, "variant.name", i, "Give the variant a name.")
		case !ruleset.ValidVariant(row.Name):
			refuseRow(f, "variant.name", i, "Use letters, digits, dots, dashes and underscores; begin with a letter or a digit.")
		}
		flag.Variants = append(flag.Variants, ruleset.Variant{Name: row.Name, Value: value})
		for _, choice := range []struct {
			chosen bool
			name   *string
		}{{row.Off, &flag.Off}, {row.Otherwise, &flag.Otherwise}, {row.Default, &flag.Default}} {
			if choice.chosen {
				*choice.name = row.Name
			}
		}
	}
	if len(rows) == 0 {
		f.Refuse("variants", "A flag of this type needs at least one variant.")
		return
	}
	for _, choice := range []struct{ name, what string }{
		{flag.Off, "when the flag is off"}, {flag.Otherwise, "to everybody else"}, {flag.Default, "if it cannot be decided"},
	} {
		if choice.name == "" && f.OK() {
			f.Refuse("variants", "Choose which variant is served "+choice.what+".")
		}
	}
}

func refuseRow(f *shell.Form, column string, row int, message string) {
	f.Refuse(column+"."+strconv.Itoa(row), message)
}

// withErrors puts what is wrong with the form's rows beside them.
func withErrors(rows []variantRow, f *shell.Form) []variantRow {
	for i := range rows {
		at := strconv.Itoa(i)
		rows[i].NameError, rows[i].ValueError = f.Error("variant.name."+at), f.Error("variant.value."+at)
	}
	return rows
}

// valueOf is what was written as JSON of the flag's type, or what is wrong with it.
func valueOf(typ ruleset.Type, text string) (value json.RawMessage, wrong string) {
	switch typ {
	case ruleset.String:
		value, _ = json.Marshal(text) // a string always can be
		return value, ""
	case ruleset.Number:
		var number float64
		text = strings.TrimSpace(text)
		if json.Unmarshal([]byte(text), &number) != nil || text == "null" {
			return json.RawMessage("null"), "Write a number, such as 25 or 0.5."
		}
		return json.RawMessage(text), ""
	}
	text = strings.TrimSpace(text)
	var any any
	if err := json.Unmarshal([]byte(text), &any); err != nil {
		if text == "" {
			return json.RawMessage("null"), `Write JSON, such as {"rows": 20}.`
		}
		return json.RawMessage("null"), fmt.Sprintf("This is no JSON: %v.", err)
	}
	return json.RawMessage(text), ""
}

// written is a stored value as people write it.
func written(typ ruleset.Type, value json.RawMessage) string {
	var text string
	if typ == ruleset.String && json.Unmarshal(value, &text) == nil {
		return text
	}
	// Storage escapes what could end a script; people read it as it was written.
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if typ == ruleset.JSON && encoder.Encode(value) == nil && json.Valid(plain.Bytes()) {
		return strings.TrimSpace(plain.String())
	}
	return string(value)
}
