package subjects

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// onePage is one person or tenant: what was seen of them, and what every flag gives them.
type onePage struct {
	shell.Page
	ID, ParamName string // ParamName is user or tenant
	Seen          *directory.Seen
	Known         []knownAttribute
	Counting      bool

	Query, Which string // the list's filters
	Rows         []flagRow
	Pager        views.Pager
	Overrides    int
	Explained    *ruleset.Explanation // of the flag that the query names
	Inspect      string               // the same one in the inspector
}

// flagRow is one flag with what it gives them.
type flagRow struct {
	Key, Title     string
	Variant, Value string
	Reason         string
	Boolean, On    bool
	Override       *catalog.Override // theirs; nil: none
	Explain        string
}

// showOne shows the person that the query names as user, or the tenant that it names as tenant. Somebody who was not seen
// is shown as the rules see an id of which nothing else is known.
func showOne(c *shell.Context) error {
	query := c.Request.URL.Query()
	user, tenant := query.Get("user"), query.Get("tenant")
	if (user == "") == (tenant == "") || idProblem(cmp.Or(user, tenant)) != "" {
		return shell.NotFound("Name one user or one tenant, with an id of at most 256 bytes.")
	}
	environment, err := c.Environment()
	if err != nil {
		return err
	}
	page := onePage{ID: cmp.Or(user, tenant), ParamName: "user", Query: query.Get("q"), Which: query.Get("which")}
	if tenant != "" {
		page.ParamName = "tenant"
	}
	if page.Page, err = c.Page(page.ID, "subjects"); err != nil {
		return err
	}
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), environment.Name)
	if err != nil {
		return err
	}
	page.Counting = seen.Counting
	subject := ruleset.Subject{User: user, Tenant: tenant}
	one, ok := seen.Person(user)
	if tenant != "" {
		one, ok = seen.Tenant(tenant)
	}
	if ok {
		page.Seen, page.Known, subject = one, known(one), one.Subject()
	}
	about, err := c.App.Catalog.Flags(c.Request.Context())
	if err != nil {
		return err
	}
	now, revision := time.Now(), environment.Revision()
	if key := query.Get("explain"); key != "" {
		if _, exists := environment.Flag(key); exists {
			explained := revision.Explain(key, subject, now)
			page.Explained = &explained
		}
	}
	page.Inspect = c.App.Link("inspect") + "?" + url.Values{"in": {environment.Name}, page.ParamName: {page.ID}}.Encode()
	rows := page.flags(environment, about, revision.Evaluate(subject, now))
	pager, from, to := views.PagerOf(c.Request.URL, len(rows), pageSize)
	page.Pager, page.Rows = pager, rows[from:to]
	for i := range page.Rows {
		to := url.Values{page.ParamName: {page.ID}, "explain": {page.Rows[i].Key}}
		page.Rows[i].Explain = c.App.Link("subjects", environment.Name, "one") + "?" + to.Encode() + "#explained"
	}
	return c.Render(http.StatusOK, "subjects/one", page)
}

// flags gives the flags that the list asks for, with what they give.
func (p *onePage) flags(environment *catalog.Environment, about *catalog.Flags, values ruleset.Values) []flagRow {
	text := searchFor(p.Query)
	var rows []flagRow
	for d := range values.All() {
		flag, ok := environment.Flag(d.Key)
		if !ok {
			continue
		}
		row := flagRow{Key: d.Key, Title: about.ByKey[d.Key].Title, Variant: words.Served(d.Variant), Value: words.Value(d.Value), Reason: reasonOf(d, flag).Title,
			Boolean: flag.Type == ruleset.Boolean, On: d.Value == true, Override: p.override(flag)}
		if row.Override != nil {
			p.Overrides++
		}
		if !text.in(row.Key, row.Title) || p.Which == "on" && !row.On || p.Which == "overrides" && row.Override == nil {
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

func (p *onePage) override(flag *catalog.Flag) *catalog.Override {
	if p.ParamName == "user" {
		return overrideFor(flag, p.ID, "")
	}
	return overrideFor(flag, "", p.ID)
}
