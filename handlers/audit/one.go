package audit

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
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
		p.Items = append(p.Items, itemOf(i))
	}
	return c.Render(http.StatusOK, "audit/one", p)
}

func itemOf(i audit.Item) item {
	out := item{Name: named(i.Kind) + " " + i.Key, Came: i.Before == nil && i.After != nil, Went: i.After == nil && i.Before != nil}
	switch {
	case i.User != "":
		out.Name += " for user " + i.User
	case i.Tenant != "":
		out.Name += " for tenant " + i.Tenant
	}
	before, after := map[string]string{}, map[string]string{}
	var order []string
	flatten("", i.Before, before, &order)
	flatten("", i.After, after, &order)
	slices.Sort(order)
	for _, field := range slices.Compact(order) {
		out.Lines = append(out.Lines, line{named(field), before[field], after[field]})
	}
	return out
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
