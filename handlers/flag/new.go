package flag

import (
	"net/http"
	"slices"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// newPage is the form for a flag that is new.
type newPage struct {
	shell.Page
	Form     *shell.Form
	Known    known
	Kinds    []views.Choice
	Types    []views.Choice
	Plans    []views.Choice
	Variants variantsPart
	In       []newIn

	catalogs []*catalog.Environment
}

// newIn is an environment in which the flag can be created.
type newIn struct {
	models.Environment
	Chosen bool
}

// openNew begins the page. Of the environments in which the person may change flags those are chosen that take changes at
// once: a flag comes to the others when it is ready for them.
func openNew(c *shell.Context) (newPage, error) {
	page, err := c.Page("New flag", "flags")
	if err != nil {
		return newPage{}, err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	flags, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return newPage{}, err
	}
	p := newPage{Page: page, Known: knownOf(flags), Kinds: kinds(), Types: types()}
	for _, environment := range editable(c, page) {
		in, err := c.App.Catalog.Environment(ctx, environment.Name)
		if err != nil {
			return newPage{}, err
		}
		p.In, p.catalogs = append(p.In, newIn{environment, !environment.TakesRequests()}), append(p.catalogs, in)
	}
	if len(p.In) == 0 {
		return newPage{}, shell.Denied(access.Editor)
	}
	p.Plans = planChoices(p.catalogs...)
	return p, nil
}

func showNew(c *shell.Context) error {
	page, err := openNew(c)
	if err != nil {
		return err
	}
	page.Form = shell.NewForm("kind", string(ruleset.Release), "type", string(ruleset.Boolean))
	if c.Query("kind") == string(ruleset.Migration) { // from the board, whose migrations have stages
		page.Form = shell.NewForm("kind", string(ruleset.Migration), "type", string(ruleset.String))
	}
	page.Variants.Rows = []variantRow{{Off: true, Otherwise: true, Default: true}, {}}
	return c.Render(http.StatusOK, "flag/new", page)
}

func create(c *shell.Context) error {
	page, err := openNew(c)
	if err != nil {
		return keptForm(c, err, "flag/new", newFrom(c))
	}
	if page.Form, err = c.Form(); err != nil {
		return err
	}
	if err := page.choose(); err != nil {
		return err
	}
	f, rows := page.Form, readRows(page.Form)
	if verb, row, ok := button(f.Get("do"), "variant"); ok {
		page.Variants.Rows = turn(rows, verb, row)
		return c.Render(http.StatusOK, "flag/new", page)
	}
	rows = filled(rows)
	doc, flag := page.read(rows)
	status := http.StatusUnprocessableEntity
	if f.OK() {
		err = page.publish(c, doc, flag)
		if err == nil {
			return c.Done(doc.Title+" is created. It is disabled until somebody enables it.", "flags", doc.Key)
		}
		if _, taken := shell.Conflict(err); taken {
			f.Refuse("key", "There is a flag with this key already. A key is never used again, even after archiving: choose another.")
		} else if status = refused(f, err, fieldOf(doc.Key)); status == 0 {
			return err
		}
	}
	if len(rows) == 0 {
		rows = []variantRow{{}, {}}
	}
	page.Variants = variantsPart{Rows: withErrors(rows, f), Error: f.Error("variants")}
	return c.Render(status, "flag/new", page)
}

// choose takes over the environments that were chosen. Others than those in which the person may change flags are none
// of this form's.
func (p *newPage) choose() error {
	chosen := p.Form.All("in")
	for i := range p.In {
		p.In[i].Chosen = slices.Contains(chosen, p.In[i].Name)
	}
	for _, name := range chosen {
		if !slices.ContainsFunc(p.In, func(in newIn) bool { return in.Name == name }) {
			return shell.Denied(access.Editor)
		}
	}
	return nil
}

// read reads the flag from the form. What is wrong with it stands in the form.
func (p *newPage) read(rows []variantRow) (changes.FlagDocument, ruleset.Flag) {
	f := p.Form
	doc := readAbout(f, f.Get("key"))
	doc.Kind, doc.Type = ruleset.Kind(f.Get("kind")), ruleset.Type(f.Get("type"))
	if !ruleset.ValidKey(doc.Key) {
		f.Refuse("key", "Use small letters, digits, dots, dashes and underscores, such as new-checkout; begin with a letter or a digit.")
	}
	if !slices.Contains(ruleset.Kinds, doc.Kind) {
		f.Refuse("kind", "Choose one of these.")
	}
	if !slices.Contains(ruleset.Types, doc.Type) {
		f.Refuse("type", "Choose one of these.")
	}
	flag := ruleset.Flag{Key: doc.Key, Type: doc.Type, TierRequired: tierRead(f), ClientVisible: f.On("client_visible")}
	if doc.Type == ruleset.Boolean {
		flag.Otherwise, flag.Default = onOrOff(f.Get("boolean.otherwise")), onOrOff(f.Get("boolean.default"))
		if len(rows) > 0 {
			f.Refuse("variants", "A boolean flag has the variants on and off. Empty these rows, or choose another type.")
		}
	} else if flag.Kind = doc.Kind; flag.Staged() {
		if flag = flag.Filled(); len(rows) > 0 {
			f.Refuse("variants", "A migration flag has the stages for variants. Empty these rows: it begins with off.")
		}
	} else {
		setVariants(&flag, rows, f)
	}
	p.checkEnvironments(flag.TierRequired)
	return doc, flag
}

func onOrOff(name string) string {
	if name == "on" {
		return "on"
	}
	return "off"
}

// checkEnvironments refuses what does not fit where the flag is to be.
func (p *newPage) checkEnvironments(tier string) {
	var without []string
	some := false
	for i, in := range p.In {
		if !in.Chosen {
			continue
		}
		some = true
		if _, ok := p.catalogs[i].Plan(tier); tier != "" && !ok {
			without = append(without, in.Title)
		}
	}
	if !some {
		p.Form.Refuse("in", "Choose at least one environment. Others can be added later.")
	}
	if len(without) > 0 {
		p.Form.Refuse("tier_required", "There is no such plan in "+strings.Join(without, " and ")+": leave them out, or set the plan there later.")
	}
}

// publish creates the flag in all environments that were chosen, or in none. This is the one place from which these
// pages change several environments.
func (p *newPage) publish(c *shell.Context, doc changes.FlagDocument, flag ruleset.Flag) error {
	var all []changes.Change
	for _, in := range p.In {
		if !in.Chosen {
			continue
		}
		edit := changes.PutFlag{Flag: &flag}
		if len(all) == 0 {
			edit.About = &doc
		}
		all = append(all, changes.Change{Environment: in.Name, Reason: "new flag", Edits: []changes.Edit{edit}})
	}
	_, err := c.Propose(p.Form, "New flag "+doc.Key, all...)
	return err
}

func kinds() []views.Choice {
	says := map[ruleset.Kind]string{
		ruleset.Release:     "Release: something new on its way to everybody",
		ruleset.Premium:     "Premium: for those whose plan or add-on includes it",
		ruleset.Experiment:  "Experiment: find out which variant does better",
		ruleset.Operational: "Operational: a switch for running the product; takes effect at once",
		ruleset.Migration:   "Migration: moves data in stages; takes effect at once",
	}
	var out []views.Choice
	for _, kind := range ruleset.Kinds {
		out = append(out, views.Choice{Value: string(kind), Label: says[kind]})
	}
	return out
}

func types() []views.Choice {
	says := map[ruleset.Type]string{ruleset.Boolean: "Boolean: on or off", ruleset.String: "String: a text", ruleset.Number: "Number", ruleset.JSON: "JSON: anything that JSON can say"}
	var out []views.Choice
	for _, typ := range ruleset.Types {
		out = append(out, views.Choice{Value: string(typ), Label: says[typ]})
	}
	return out
}

// noPlan stands for none in a field that must have a value. No plan can have this key.
const noPlan = "-"

func tierWritten(key string) string {
	if key == "" {
		return noPlan
	}
	return key
}

func tierRead(f *shell.Form) string { return strings.TrimPrefix(f.Get("tier_required"), noPlan) }

// planChoices are the plans that there are, from the lowest rank.
func planChoices(in ...*catalog.Environment) []views.Choice {
	out := []views.Choice{{Value: noPlan, Label: "Everybody: no plan is needed"}}
	for _, environment := range in {
		for _, plan := range environment.Plans {
			if !slices.ContainsFunc(out, func(c views.Choice) bool { return c.Value == plan.Key }) {
				out = append(out, views.Choice{Value: plan.Key, Label: "From " + planTitle(plan.Plan) + " on"})
			}
		}
	}
	return out
}

func planTitle(plan ruleset.Plan) string {
	if plan.Title != "" {
		return plan.Title
	}
	return plan.Key
}
