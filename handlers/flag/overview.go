package flag

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/exact"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// overviewPage is a flag's state in one environment.
type overviewPage struct {
	shell.FlagHead
	In         models.Environment
	MayEdit    bool
	MayKill    bool
	Previews   bool // there is a site on which variants can be previewed
	Says       string
	Trouble    string   // why it cannot be evaluated; empty if it can
	Problems   []string // everything that is wrong with what is stored about it
	Rules      []string
	Otherwise  string
	Variants   []variantRow
	RequiredBy []string
	Tier       tier
	Users      int // with an override that holds
	Tenants    int
	Last       *models.Revision // the last change here; nil: not known
	Recorded   string           // what of it is recorded
	Form       *shell.Form      // of the tier
	Plans      []views.Choice
	Conflicts  []views.Conflict
	Exact      exact.Panel
	Why        why
	Upcoming   []changes.Upcoming // changes of it that are applied by themselves
	Emergency  *models.Emergency  // a kill that somebody has to look at
}

func (s *pages) showOverview(c *shell.Context) error {
	p, err := find(c, "overview")
	if err != nil {
		return err
	}
	page, err := s.overview(c, p)
	if err != nil {
		return err
	}
	if p.flag == nil {
		return c.Render(http.StatusOK, "flag/missing", page)
	}
	page.Why, err = explain(c, p)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "flag/overview", page)
}

func (s *pages) overview(c *shell.Context, p place) (overviewPage, error) {
	page := overviewPage{FlagHead: p.FlagHead, In: p.in.Environment, MayEdit: c.Person.In(p.in.Name) >= access.Editor,
		MayKill: c.Person.In(p.in.Name) >= access.Approver}
	if p.flag == nil {
		return page, nil
	}
	page.Previews = page.MayEdit && !p.flag.Archived && !p.flag.Staged() && c.App.Previews()
	page.Why.Form = shell.NewForm()
	page.Says = says(c, p.in, p.flag)
	page.Trouble = p.in.Revision().Malformed()[p.flag.Key]
	if page.Trouble == "" {
		page.Trouble = p.flag.Malformed // of an archived one, which is not compiled
	}
	for _, problem := range p.in.Problems() {
		if problem.Flag == p.flag.Key && problem.Override == 0 {
			page.Problems = append(page.Problems, problem.Error())
		}
	}
	if !told(p.flag) {
		for _, rule := range p.flag.Rules {
			page.Rules = append(page.Rules, words.RuleIn(rule, c.Zone()))
		}
	}
	page.Otherwise = words.Variant(p.flag.Flag, p.flag.Otherwise)
	page.Variants = rowsOf(p.flag.Flag)
	page.RequiredBy = p.requiredBy()
	page.Tier = tierOf(p.in, p.flag)
	page.Users, page.Tenants = count(p.flag.Overrides, time.Now())
	page.Plans = planChoices(p.in)
	page.Form = shell.NewForm("base", strconv.FormatInt(p.flag.Version, 10), "tier_required", tierWritten(p.flag.TierRequired))
	if page.Tier.gone(p.in) {
		page.Plans = append(page.Plans, views.Choice{Value: p.flag.TierRequired, Label: p.flag.TierRequired + " (there is no such plan)"})
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	last, err := c.App.Store.Revision(ctx, p.in.Name, p.flag.Version)
	if err != nil {
		return page, err
	}
	page.Last = &last
	recording, err := c.App.Store.FlagRecording(ctx, p.in.Name, p.flag.Key)
	if err != nil {
		return page, err
	}
	page.Recorded = recorded(recording, time.Now())
	page.Exact, err = s.counts.Of(c, p.Page, p.in, p.flag)
	if err != nil {
		return page, err
	}
	return page, page.pending(ctx, c)
}

// recorded says in a few words what is recorded of a flag.
func recorded(r models.FeatureFlagRecording, now time.Time) string {
	who := "everybody"
	if r.Share < int64(ruleset.Everyone) {
		who = words.Percent(float64(r.Share)/1000) + " of people"
	}
	if r.RawUntil != nil && r.RawUntil.After(now) {
		return "Exposures of " + who + ", and every check"
	}
	return "Exposures of " + who
}

// pending finds what is about to happen to the flag, and what somebody has to look at.
func (p *overviewPage) pending(ctx context.Context, c *shell.Context) error {
	upcoming, err := c.App.Changes.Upcoming(ctx, p.In.Name)
	if err != nil {
		return err
	}
	for _, u := range upcoming {
		if u.Touches(p.About.Name) {
			p.Upcoming = append(p.Upcoming, u)
		}
	}
	emergencies, _, err := c.App.Store.Emergencies(ctx, []string{p.In.Name}, p.About.Name, 1)
	if len(emergencies) > 0 {
		p.Emergency = &emergencies[0]
	}
	return err
}

// told reports whether the sentence about the flag says all that its rules do.
func told(flag *catalog.Flag) bool {
	return len(flag.Rules) < 2 && flag.Enabled && !flag.Killed && !flag.Archived
}

// count tells the users and the tenants who have an override that holds.
func count(overrides []*catalog.Override, now time.Time) (users, tenants int) {
	for _, o := range overrides {
		switch {
		case o.Expires != nil && !now.Before(*o.Expires):
		case o.User != "":
			users++
		default:
			tenants++
		}
	}
	return users, tenants
}

// tier says which plans a flag needs.
type tier struct {
	Required string   // key of the lowest plan; empty: none is named
	Title    string   // of that plan
	Gated    bool     // needs a plan at all
	Includes []string // titles of the plans that include it
	Excludes []string // titles of those that do not
	Listed   bool     // some plan lists it
}

func tierOf(in *catalog.Environment, flag *catalog.Flag) tier {
	t := tier{Required: flag.TierRequired, Title: flag.TierRequired}
	lowest, named := in.Plan(flag.TierRequired)
	if named {
		t.Title = planTitle(lowest.Plan)
	}
	for _, plan := range in.Plans {
		lists := slices.Contains(plan.Features, flag.Key)
		t.Listed = t.Listed || lists
		if lists || named && plan.Rank >= lowest.Rank {
			t.Includes = append(t.Includes, planTitle(plan.Plan))
		} else {
			t.Excludes = append(t.Excludes, planTitle(plan.Plan))
		}
	}
	t.Gated = flag.TierRequired != "" || t.Listed || flag.Kind == ruleset.Premium
	return t
}

// gone reports whether the plan that is required is not there.
func (t tier) gone(in *catalog.Environment) bool {
	_, ok := in.Plan(t.Required)
	return t.Required != "" && !ok
}

// setTier says from which plan on people get the flag.
func (s *pages) setTier(c *shell.Context) error {
	p, err := changeable(c)
	if err != nil {
		return err
	}
	page, err := s.overview(c, p)
	if err != nil {
		return err
	}
	f, err := c.Form()
	if err != nil {
		return err
	}
	wanted := tierRead(f)
	err = p.put(c, f, baseOf(f), func(flag *ruleset.Flag) { flag.TierRequired = wanted })
	page.Form = f
	if conflict, ok := shell.Conflict(err); ok {
		theirs, _ := conflict.Conflicts[0].Theirs.(ruleset.Flag)
		page.Conflicts = []views.Conflict{{What: p.About.Name + " in " + p.in.Title, Lines: []views.ConflictLine{
			{Field: "Who may get it", Theirs: fromPlan(theirs.TierRequired), Yours: fromPlan(wanted)},
			{Field: "Who gets what", Theirs: page.Says, Yours: page.Says}}}}
		f.Set("base", strconv.FormatInt(conflict.Conflicts[0].Version, 10))
		return c.Render(http.StatusConflict, "flag/overview", page)
	}
	if status := refused(f, err, fieldOf(p.About.Name)); status != 0 {
		return c.Render(status, "flag/overview", page)
	}
	if err != nil {
		return err
	}
	return c.Done(p.noticef("Who may get %s is saved", p.About.Name), "flags", p.About.Name, p.in.Name)
}

func fromPlan(key string) string {
	if key == "" {
		return "everybody"
	}
	return "from " + key + " on"
}
