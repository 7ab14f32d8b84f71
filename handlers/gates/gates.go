// Package gates shows admins who was let into premium features and who was not, and gives it to auditors as a file.
package gates

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Register adds the pages. They show who did what, so they take an admin, as the audit does.
func Register(a *shell.App) {
	admin := shell.InEnvironment(access.Admin)
	a.GET("/access/:env", admin, list)
	a.GET("/access/:env/list.csv", admin, download)
}

// perPage is how many entries stand on a page.
const perPage = 50

type listPage struct {
	shell.Page
	Form     *shell.Form
	Entries  []models.FeatureFlagEvent
	Older    string // where the older entries are; empty: these are the oldest
	CSV      string
	Filtered bool
}

// Why says why a gate did what it did.
func (listPage) Why(e models.FeatureFlagEvent) string {
	if e.Kind == models.EventGranted && e.Reason == ruleset.NothingMatched.String() {
		return "On for all whom no rule names"
	}
	return why(e.Reason)
}

func list(c *shell.Context) error {
	page, err := c.Page("Access to premium features", "usage")
	if err != nil {
		return err
	}
	in, err := c.Environment()
	if err != nil {
		return err
	}
	form, filter := read(c, in)
	p := listPage{Page: page, Form: form}
	ctx, cancel := c.Ctx()
	defer cancel()
	if form.OK() {
		if p.Entries, err = c.App.Store.Accesses(ctx, filter, perPage+1); err != nil {
			return err
		}
	}
	query := c.Request.URL.Query()
	if len(p.Entries) > perPage {
		p.Entries = p.Entries[:perPage]
		query.Set("before", markText(p.Entries[perPage-1]))
		p.Older = c.Request.URL.Path + "?" + query.Encode()
	}
	query.Del("before")
	p.CSV = c.App.Link("access", in.Name, "list.csv") + "?" + query.Encode()
	p.Filtered = slices.ContainsFunc([]string{"flag", "user", "visitor", "tenant", "outcome", "since", "until"}, func(name string) bool { return form.Get(name) != "" })
	status := http.StatusOK
	if !form.OK() {
		status = http.StatusUnprocessableEntity
	}
	return c.Render(status, "gates/list", p)
}

// maxText is how long a text to look for may be, in bytes.
const maxText = 300

// read reads what the form asks for.
func read(c *shell.Context, in *catalog.Environment) (*shell.Form, models.AccessFilter) {
	query := c.Request.URL.Query()
	form := shell.NewForm()
	for name := range query {
		text := strings.ToValidUTF8(strings.ReplaceAll(query.Get(name), "\x00", ""), "")
		form.Set(name, strings.ToValidUTF8(text[:min(len(text), maxText)], ""))
	}
	filter := models.AccessFilter{Environment: in.Name, Flag: form.Get("flag"), User: form.Get("user"), Visitor: form.Get("visitor"), Tenant: form.Get("tenant")}
	if r := c.App.Recorder; r != nil { // addresses are stored under pseudonyms
		who := models.FeatureFlagEvent{UserID: filter.User, VisitorID: filter.Visitor, Tenant: filter.Tenant}
		r.Hide(&who)
		filter.User, filter.Visitor, filter.Tenant = who.UserID, who.VisitorID, who.Tenant
	}
	switch outcome := models.EventKind(form.Get("outcome")); outcome {
	case models.EventGranted, models.EventDenied:
		filter.Outcome = outcome
	}
	filter.Since = form.Date("since")
	if until := form.Date("until"); until != nil {
		end := until.Add(24 * time.Hour) // that day included
		filter.Until = &end
	}
	if !form.On("all") {
		filter.Premium = premium(in)
	}
	filter.Before = markOf(form.Get("before"))
	return form, filter
}

// premium are the flags of which a plan decides who gets them, archived ones included.
func premium(in *catalog.Environment) []string {
	keys := []string{}
	for _, plan := range in.Plans {
		keys = append(keys, plan.Features...)
	}
	for _, flag := range in.Flags {
		if flag.Kind == ruleset.Premium || flag.TierRequired != "" {
			keys = append(keys, flag.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// markText writes a place in the list for an address.
func markText(e models.FeatureFlagEvent) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(e.At.UnixMicro(), 10) + " " + e.ID))
}

// markOf reads a place in the list; nil, which is the beginning, if it is none.
func markOf(text string) *models.AccessMark {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	at, id, ok := strings.Cut(string(decoded), " ")
	micros, wrong := strconv.ParseInt(at, 10, 64)
	if err != nil || !ok || wrong != nil || micros < 0 || micros > 1<<53 || len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return nil
	}
	return &models.AccessMark{At: models.At(time.UnixMicro(micros)), ID: id}
}

// ByTenant is an address of the list with one tenant's entries.
func (p listPage) ByTenant(tenant string) string {
	return "?" + url.Values{"tenant": {tenant}}.Encode()
}
