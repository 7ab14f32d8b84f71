package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

type onePage struct {
	shell.Page
	Entry         audit.Stored
	Chain         string
	What          string
	Items         []item
	MAC, Previous string
}

// item is something that became different, before and after side by side.
type item struct {
	Name  string
	Came  bool // it was not there before
	Went  bool // it is not there any more
	Lines []line
}

// line is one field of an item.
type line struct{ Field, Before, After string }

// Differs reports whether the field became different.
func (l line) Differs() bool { return l.Before != l.After }

func one(c *shell.Context) error {
	number, err := strconv.ParseInt(c.Param("number"), 10, 64)
	chain := c.Param("chain")
	if err != nil || !slices.Contains(audit.Chains(), chain) {
		return shell.NotFound("There is no such entry. The address may be mistyped.")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	entry, err := c.App.Audit.Entry(ctx, chain, number)
	if errors.Is(err, models.ErrNotFound) {
		return shell.NotFound("There is no entry %d.", number)
	}
	if err != nil {
		return err
	}
	page, err := c.Page(fmt.Sprintf("%s, entry %d", words.Deed(entry.Action), number), "audit")
	if err != nil {
		return err
	}
	p := onePage{Page: page, Entry: entry, Chain: titleOf(chain), What: words.Deed(entry.Action), MAC: hex.EncodeToString(entry.MAC), Previous: hex.EncodeToString(entry.Previous)}
	for _, i := range entry.Items {
		p.Items = append(p.Items, itemOf(i, c.Zone()))
	}
	return c.Render(http.StatusOK, "audit/one", p)
}

// From is what it was done with.
func (p onePage) From() string {
	switch p.Entry.Source {
	case "":
		return "this server"
	case "page":
		return "the settings pages"
	case "command":
		return "the command line"
	case "api":
		return "the API"
	}
	return p.Entry.Source
}

func itemOf(i audit.Item, zone *time.Location) item {
	out := item{Name: capital(i.Kind) + " " + i.Key, Came: i.Before == nil && i.After != nil, Went: i.After == nil && i.Before != nil}
	switch {
	case i.User != "":
		out.Name += " for user " + i.User
	case i.Tenant != "":
		out.Name += " for tenant " + i.Tenant
	}
	if sides := sidesOf(i, zone); sides != nil {
		out.Lines = sides
		return out
	}
	before, after := map[string]string{}, map[string]string{}
	var order []string
	flatten("", i.Before, before, &order)
	flatten("", i.After, after, &order)
	slices.Sort(order)
	for _, field := range slices.Compact(order) {
		out.Lines = append(out.Lines, line{fieldTitle(field), before[field], after[field]})
	}
	return out
}

// sidesOf tells of what decides values as the history does; nil if the item is something else, or cannot be read whole.
func sidesOf(i audit.Item, zone *time.Location) (lines []line) {
	var was, is any
	var ok bool
	switch i.Kind {
	case "flag":
		was, is, ok = both[ruleset.Flag](i)
	case "segment":
		was, is, ok = both[ruleset.Segment](i)
	case "plan":
		was, is, ok = both[ruleset.Plan](i)
	case "override":
		was, is, ok = both[ruleset.Override](i)
	}
	if !ok {
		return nil
	}
	for _, side := range words.Sides(was, is, zone) {
		lines = append(lines, line{side.Name, side.Was, side.Is})
	}
	return lines
}

// both reads an item before and after as what it is. Nothing is left out: what has other fields is not read.
func both[T any](i audit.Item) (was, is any, ok bool) {
	for from, into := range map[*any]*any{&i.Before: &was, &i.After: &is} {
		if *from == nil {
			continue
		}
		text, err := json.Marshal(*from)
		if err != nil {
			return nil, nil, false
		}
		var value T
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if d.Decode(&value) != nil {
			return nil, nil, false
		}
		*into = value
	}
	return was, is, true
}

// fieldTitle says the name of a field in words: PlannedRemoval is Planned removal, client_visible is Client visible.
func fieldTitle(field string) string {
	var b strings.Builder
	var last rune
	for _, r := range field {
		switch {
		case r == '_' || r == '-':
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
		last = r
	}
	return capital(b.String())
}

// flatten gives each value that JSON holds a line of its own, named by where it is.
func flatten(at string, value any, into map[string]string, order *[]string) {
	under := func(name string) string {
		if at == "" {
			return name
		}
		return at + " › " + name
	}
	switch v := value.(type) {
	case nil:
		return
	case map[string]any:
		for name, inner := range v {
			flatten(under(name), inner, into, order)
		}
		return
	case []any:
		for i, inner := range v {
			flatten(under(strconv.Itoa(i+1)), inner, into, order)
		}
		return
	case bool:
		into[at] = "no"
		if v {
			into[at] = "yes"
		}
	case string:
		into[at] = v
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte("cannot be shown")
		}
		into[at] = string(text)
	}
	*order = append(*order, at)
}
