// Package audit shows admins who did what, when, why and from where, and whether the chains that prove it are whole.
package audit

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// Register adds the audit to the pages.
func Register(a *shell.App) {
	all := shell.Everywhere(access.Admin)
	a.GET("/audit", all, list)
	a.GET("/audit.csv", all, download("csv", "text/csv; charset=utf-8", (*audit.Log).ExportCSV))
	a.GET("/audit.json", all, download("json", "application/x-ndjson", (*audit.Log).ExportJSON))
	a.GET("/audit/:chain/:number", all, one)
	a.POST("/audit/verify", all, verify)
}

// pageSize is how many entries stand on a page.
const pageSize = 50

type listPage struct {
	shell.Page
	Filter   models.AuditFilter
	Form     *shell.Form
	Entries  []audit.Stored
	Older    string // where the older entries are; empty: these are the oldest
	CSV      string
	JSON     string
	Chains   []views.Choice
	Kinds    []views.Choice
	Where    []views.Choice
	Heads    []head
	State    audit.State
	Keyed    bool
	Filtered bool
}

// ChainTitle is what a chain is called.
func (listPage) ChainTitle(chain string) string { return titleOf(chain) }

// head is the newest entry of a chain, for people.
type head struct {
	audit.Head
	Title string
}

// Short is the beginning of the MAC, by which people compare it.
func (h head) Short() string {
	text := hex.EncodeToString(h.MAC)
	return text[:min(16, len(text))]
}

func list(c *shell.Context) error {
	page, err := c.Page("Audit", "audit")
	if err != nil {
		return err
	}
	form, filter := read(c)
	p := listPage{Page: page, Form: form, Filter: filter, State: c.App.Audit.State(), Keyed: c.App.Audit.Keyed(), Chains: chains(), Kinds: kinds(filter.Chain)}
	p.Where = []views.Choice{{Value: "", Label: "All"}}
	for _, environment := range page.Environments {
		p.Where = append(p.Where, views.Choice{Value: environment.Name, Label: environment.Title})
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	heads, err := c.App.Audit.Heads(ctx)
	if err != nil {
		return err
	}
	for _, h := range heads {
		p.Heads = append(p.Heads, head{h, titleOf(h.Chain)})
	}
	if p.Entries, err = c.App.Audit.Entries(ctx, filter, pageSize+1); err != nil {
		return err
	}
	if len(p.Entries) > pageSize {
		p.Entries = p.Entries[:pageSize]
		p.Older = with(c.Request.URL, "before", strconv.FormatInt(p.Entries[pageSize-1].Number, 10))
	}
	query := c.Request.URL.Query()
	query.Del("before")
	p.CSV, p.JSON = c.App.Link("audit.csv")+"?"+query.Encode(), c.App.Link("audit.json")+"?"+query.Encode()
	query.Del("chain")
	for _, values := range query {
		p.Filtered = p.Filtered || values[0] != ""
	}
	return c.Render(http.StatusOK, "audit/list", p)
}

// with is an address with another value in its query.
func with(u *url.URL, name, value string) string {
	query := u.Query()
	query.Set(name, value)
	return u.Path + "?" + query.Encode()
}

// read reads what the form asks for. What cannot be read restricts nothing.
func read(c *shell.Context) (*shell.Form, models.AuditFilter) {
	query := c.Request.URL.Query()
	form := shell.NewForm()
	for name := range query {
		text := strings.ToValidUTF8(strings.ReplaceAll(query.Get(name), "\x00", ""), "")
		form.Set(name, text[:min(len(text), maxText)])
	}
	filter := models.AuditFilter{Chain: audit.Configuration, Who: form.Get("who"), Action: form.Get("kind"), Environment: form.Get("in"), Subject: form.Get("user")}
	if form.Get("chain") == audit.Access {
		filter.Chain = audit.Access
	}
	switch flag, tenant := form.Get("flag"), form.Get("tenant"); {
	case flag != "":
		filter.Topic = audit.Topic("flag", flag)
	case tenant != "":
		filter.Topic = audit.Topic("tenant", tenant)
	}
	filter.Since = form.Date("since")
	if until := form.Date("until"); until != nil {
		end := until.Add(24 * time.Hour) // that day included
		filter.Until = &end
	}
	if before, err := strconv.ParseInt(form.Get("before"), 10, 64); err == nil && before > 0 {
		filter.Before = before
	}
	return form, filter
}

// maxText is how long a text to look for may be, in bytes.
const maxText = 300

// verify begins to verify the chains; the page shows how far it is.
func verify(c *shell.Context) error {
	c.Note(audit.Entry{Action: "verify"})
	c.App.Audit.Ask()
	return c.Done("The chains are being verified.", "audit")
}
