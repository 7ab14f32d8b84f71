package plans

import (
	"maps"
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

// ranksPage is the form in which all plans of an environment are ranked at once.
type ranksPage struct {
	shell.Page
	Form      *shell.Form
	Protected bool
	Plans     []*catalog.Plan
	Conflicts []views.Conflict
}

// A plan's fields are named after its key.
const rankOf, baseOf = "rank-", "base-"

func ranks(c *shell.Context) error {
	e, err := c.Environment()
	if err != nil {
		return err
	}
	form := shell.NewForm()
	for _, plan := range e.Plans {
		form.Set(rankOf+plan.Key, strconv.Itoa(plan.Rank))
		form.Set(baseOf+plan.Key, strconv.FormatInt(plan.Version, 10))
	}
	return renderRanks(c, http.StatusOK, ranksPage{Form: form})
}

func rank(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p := ranksPage{Form: form}
	e, err := c.Environment()
	if form.Unavailable(err) {
		return renderRanks(c, http.StatusServiceUnavailable, p)
	}
	if err != nil {
		return err
	}
	edits := readRanks(form, e)
	if !form.OK() {
		return renderRanks(c, http.StatusUnprocessableEntity, p)
	}
	err = publish(c, form, edits...)
	if err == nil {
		return c.Done("The ranks were saved.", "plans", e.Name)
	}
	if conflict, ok := shell.Conflict(err); ok {
		p.Conflicts = compareRanks(conflict, form)
		return renderRanks(c, http.StatusConflict, p)
	}
	switch {
	case form.Refused(err, func(problem ruleset.Problem) string {
		if problem.Plan == "" {
			return ""
		}
		return rankOf + problem.Plan
	}):
		return renderRanks(c, http.StatusUnprocessableEntity, p)
	case form.Unavailable(err):
		return renderRanks(c, http.StatusServiceUnavailable, p)
	}
	return err
}

// readRanks makes an edit of each plan whose rank was typed. Titles and what is listed stay as they were seen, which
// the base makes sure of.
func readRanks(form *shell.Form, e *catalog.Environment) (edits []changes.Edit) {
	for _, plan := range e.Plans {
		if _, typed := form.Values[rankOf+plan.Key]; !typed {
			continue
		}
		next := plan.Plan
		next.Rank = readRank(form, rankOf+plan.Key)
		edits = append(edits, changes.PutPlan{Plan: next, Base: base(form, baseOf+plan.Key)})
	}
	return edits
}

// compareRanks shows both versions, and takes the new bases over.
func compareRanks(conflict *changes.ConflictError, form *shell.Form) []views.Conflict {
	var lines []views.ConflictLine
	for _, item := range conflict.Conflicts {
		theirs, _ := item.Theirs.(ruleset.Plan)
		lines = append(lines, views.ConflictLine{Field: "Rank of " + item.Item.Key, Theirs: strconv.Itoa(theirs.Rank), Yours: form.Get(rankOf + item.Item.Key)})
		form.Set(baseOf+item.Item.Key, strconv.FormatInt(item.Version, 10))
	}
	return []views.Conflict{{What: "Ranks", Lines: lines}}
}

func renderRanks(c *shell.Context, status int, p ranksPage) error {
	if status == http.StatusServiceUnavailable {
		p.Page, p.Plans = c.Offline("Rank the plans", "plans"), typedPlans(p.Form)
		return c.Render(status, "plans/ranks", p)
	}
	page, err := c.Page("Rank the plans", "plans")
	if err != nil {
		return err
	}
	e, err := c.Environment()
	if err != nil {
		return err
	}
	p.Page, p.Plans, p.Protected = page, e.Plans, e.Protected
	return c.Render(status, "plans/ranks", p)
}

// typedPlans are the plans whose ranks somebody has typed, for a form that is shown while the database is away.
func typedPlans(form *shell.Form) (plans []*catalog.Plan) {
	for _, name := range slices.Sorted(maps.Keys(form.Values)) {
		if key, ok := strings.CutPrefix(name, rankOf); ok && ruleset.ValidKey(key) {
			plans = append(plans, &catalog.Plan{Plan: ruleset.Plan{Key: key}})
		}
	}
	return plans
}
