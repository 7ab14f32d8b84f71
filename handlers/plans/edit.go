package plans

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// formPage is the form of a plan, new or not.
type formPage struct {
	shell.Page
	Form      *shell.Form
	Key       string // empty: the plan is new
	Name      string
	Base      int64
	Protected bool
	Choices   []choice
	Conflicts []views.Conflict
}

// choice is a flag that the plan may list.
type choice struct {
	Key, Title string
	Note       string // what else is to be known about it
	Checked    bool
}

// maxRank keeps ranks to numbers that people can compare at a glance, and that any database holds.
const maxRank = 1_000_000

func create(c *shell.Context) error {
	e, err := c.Environment()
	if err != nil {
		return err
	}
	next := 0
	if n := len(e.Plans); n > 0 {
		next = min(e.Plans[n-1].Rank+10, maxRank)
	}
	return renderForm(c, http.StatusOK, formPage{Form: shell.NewForm("rank", strconv.Itoa(next))})
}

func add(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	e, err := c.Environment()
	if err != nil {
		return again(c, form, formPage{}, err)
	}
	form.Require("A key is required: it names the plan in rules, files and code, and never changes.", "key")
	plan := read(form, e, ruleset.Plan{Key: form.Get("key")})
	if form.OK() {
		err = publish(c, form, changes.PutPlan{Plan: plan})
		if err == nil {
			return c.Done("The plan "+cmp.Or(plan.Title, plan.Key)+" is there.", "plans", e.Name, plan.Key)
		}
		if _, taken := shell.Conflict(err); taken {
			form.Refuse("key", "There is a plan of this key already. Choose another, or edit that one.")
			err = nil
		}
	}
	return again(c, form, formPage{}, err)
}

func edit(c *shell.Context) error {
	e, err := c.Environment()
	if err != nil {
		return err
	}
	plan, err := planOf(c, e)
	if err != nil {
		return err
	}
	form := shell.NewForm("title", plan.Title, "rank", strconv.Itoa(plan.Rank))
	form.Values["feature"] = plan.Features
	return renderForm(c, http.StatusOK, formPage{Form: form, Key: plan.Key, Name: title(plan), Base: plan.Version})
}

func save(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	was := ruleset.Plan{Key: c.Param("plan")}
	p := formPage{Key: was.Key, Name: was.Key, Base: base(form, "base")}
	e, err := c.Environment()
	if err != nil {
		return again(c, form, p, err)
	}
	if present, ok := e.Plan(was.Key); ok {
		was, p.Name = present.Plan, title(present)
	}
	plan := read(form, e, was)
	if form.OK() {
		err = publish(c, form, changes.PutPlan{Plan: plan, Base: p.Base})
		if err == nil {
			return c.Done("The plan was saved.", "plans", e.Name, plan.Key)
		}
		if conflict, ok := shell.Conflict(err); ok {
			p.Base, p.Conflicts = conflict.Conflicts[0].Version, compare(conflict.Conflicts[0], plan)
			return renderFormOf(c, http.StatusConflict, p, form)
		}
	}
	return again(c, form, p, err)
}

// again shows a form that was not taken, with the reason.
func again(c *shell.Context, form *shell.Form, p formPage, err error) error {
	switch {
	case err == nil, form.Refused(err, field):
		return renderFormOf(c, http.StatusUnprocessableEntity, p, form)
	case form.Unavailable(err):
		return renderFormOf(c, http.StatusServiceUnavailable, p, form)
	}
	return err
}

// field says beside which field of the form a mistake is shown.
func field(problem ruleset.Problem) string {
	switch {
	case problem.Plan == "":
		return ""
	case strings.HasPrefix(problem.Path, "features"):
		return "feature"
	case problem.Path == "rank" || problem.Path == "title":
		return problem.Path
	}
	return "key"
}

// read makes a plan of what was typed. What the plan listed before keeps its order; what is new follows.
func read(form *shell.Form, e *catalog.Environment, was ruleset.Plan) ruleset.Plan {
	plan := ruleset.Plan{Key: was.Key, Title: form.Get("title"), Rank: readRank(form, "rank")}
	if len(plan.Title) > 100 {
		form.Refuse("title", "The title is too long: at most 100 bytes are allowed.")
	}
	wanted := form.All("feature")
	for _, key := range was.Features {
		if slices.Contains(wanted, key) {
			plan.Features = append(plan.Features, key)
		}
	}
	for _, key := range wanted {
		if slices.Contains(plan.Features, key) {
			continue
		}
		if flag, ok := e.Flag(key); !ok || !offered(e, flag) {
			form.Refuse("feature", "“"+key+"” is no premium flag here, so a plan cannot list it. Make a flag premium, or give it a tier, first.")
			continue
		}
		plan.Features = append(plan.Features, key)
	}
	return plan
}

func readRank(form *shell.Form, name string) int {
	rank, err := strconv.Atoi(form.Get(name))
	if err != nil || rank < -maxRank || rank > maxRank {
		form.Refuse(name, "Write a whole number, such as 10. A plan includes what plans of lower ranks require.")
	}
	return rank
}

func base(form *shell.Form, name string) int64 {
	n, err := strconv.ParseInt(form.Get(name), 10, 64)
	if err != nil {
		return -1 // of no item: whoever leaves the base out learns what there is
	}
	return n
}

// offered reports whether the form of a plan offers a flag. One that needs no plan yet is not: to list it would take it
// from everybody else.
func offered(e *catalog.Environment, flag *catalog.Flag) bool {
	return !flag.Archived && (gated(flag) || slices.ContainsFunc(e.Plans, func(p *catalog.Plan) bool { return slices.Contains(p.Features, flag.Key) }))
}

func publish(c *shell.Context, form *shell.Form, edits ...changes.Edit) error {
	_, err := c.Publish(form, changes.Change{Environment: c.Param("env"), Edits: edits})
	return err
}

func renderFormOf(c *shell.Context, status int, p formPage, form *shell.Form) error {
	p.Form = form
	return renderForm(c, status, p)
}

func renderForm(c *shell.Context, status int, p formPage) error {
	name := "New plan"
	if p.Key != "" {
		name = "Edit " + p.Name
	}
	if status == http.StatusServiceUnavailable {
		p.Page, p.Choices = c.Offline(name, "plans"), choicesOf(nil, p.Key, p.Form.All("feature"))
		return c.Render(status, "plans/form", p)
	}
	page, err := c.Page(name, "plans")
	if err != nil {
		return err
	}
	e, all, err := featuresOf(c)
	if err != nil {
		return err
	}
	p.Page, p.Protected = page, e.Protected
	p.Choices = choicesOf(all, p.Key, p.Form.All("feature"))
	return c.Render(status, "plans/form", p)
}

// choicesOf are the flags that the form offers, with those that are checked, offered any more or not.
func choicesOf(all []Feature, plan string, checked []string) []choice {
	var choices []choice
	offered := map[string]bool{}
	for _, f := range all {
		offered[f.Key] = true
		ch := choice{Key: f.Key, Title: f.Title, Checked: slices.Contains(checked, f.Key)}
		switch {
		case plan != "" && f.In(plan).ByRank:
			ch.Note = "included by rank already"
		case f.Off != "":
			ch.Note = "off now: " + f.Off
		}
		choices = append(choices, ch)
	}
	for _, key := range checked {
		if !offered[key] {
			offered[key] = true
			choices = append(choices, choice{Key: key, Title: key, Note: "not offered here any more", Checked: true})
		}
	}
	return choices
}

// compare shows what somebody else has made of the plan beside what was typed.
func compare(conflict changes.Conflict, yours ruleset.Plan) []views.Conflict {
	theirs, ok := conflict.Theirs.(ruleset.Plan)
	if !ok {
		return []views.Conflict{{What: "Somebody has removed the plan. Saving again makes it anew.", Lines: []views.ConflictLine{
			{Field: "Title", Yours: yours.Title}, {Field: "Rank", Yours: strconv.Itoa(yours.Rank)}, {Field: "Listed flags", Yours: strings.Join(yours.Features, "\n")}}}}
	}
	return []views.Conflict{{What: "Plan " + yours.Key, Lines: []views.ConflictLine{
		{Field: "Title", Theirs: theirs.Title, Yours: yours.Title},
		{Field: "Rank", Theirs: strconv.Itoa(theirs.Rank), Yours: strconv.Itoa(yours.Rank)},
		{Field: "Listed flags", Theirs: strings.Join(theirs.Features, "\n"), Yours: strings.Join(yours.Features, "\n")},
	}}}
}
