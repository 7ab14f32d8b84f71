package inspect

import (
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// list is every flag with what each side got.
type list struct {
	Search, Which  string
	Choices        []views.Choice
	Total          int
	Differ, Unsure int // how many of them
	Rows           []row
	Pager          views.Pager
}

// row is one flag. Its cells are those of the sides.
type row struct {
	Key, Title string
	Cells      [][]cell
	Differs    bool
	Unsure     bool
	Explain    string
}

// cell is one outcome.
type cell struct {
	Variant, Value, Reason string
	Under                  string // the pins; empty: all
	Boolean, On, Missing   bool
	Upgradable             bool
}

// list makes the list, and keeps of it what was asked for.
func (p *page) list(c *shell.Context, q question) error {
	about, err := c.App.Catalog.Flags(c.Request.Context())
	if err != nil {
		return err
	}
	p.List = list{Search: q.search, Which: q.filter}
	var kept []entry
	for _, e := range p.entries() {
		p.List.Total++
		if e.differs {
			p.List.Differ++
		}
		if e.unsure {
			p.List.Unsure++
		}
		if e.asked(q, about) {
			kept = append(kept, e)
		}
	}
	p.List.Choices = p.choices()
	pager, from, to := views.PagerOf(c.Request.URL, len(kept), pageSize)
	p.List.Pager = pager
	for _, e := range kept[from:to] {
		p.List.Rows = append(p.List.Rows, p.row(c, q, e, about))
	}
	p.explain(q)
	p.carry(q)
	return nil
}

// entry is a flag on all sides; nil where a side has none of that key.
type entry struct {
	key             string
	sides           []*asof.Flag
	differs, unsure bool
}

// entries puts the sides' flags beside each other, in the order of keys.
func (p *page) entries() []entry {
	byKey := map[string]*entry{}
	for n, s := range p.Sides {
		for i := range s.flags {
			f := &s.flags[i]
			e := byKey[f.Key]
			if e == nil {
				e = &entry{key: f.Key, sides: make([]*asof.Flag, len(p.Sides))}
				byKey[f.Key] = e
			}
			e.sides[n] = f
			e.unsure = e.unsure || !f.Sure()
		}
	}
	all := make([]entry, 0, len(byKey))
	for _, e := range byKey {
		if len(e.sides) == 2 {
			e.differs = e.sides[0] == nil || e.sides[1] == nil || !e.sides[0].SameAs(*e.sides[1])
		}
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return all
}

// The filters of the list.
const (
	whichOn      = "on"
	whichDiffers = "differs"
	whichUnsure  = "unsure"
)

func (e *entry) asked(q question, about *catalog.Flags) bool {
	switch {
	case q.filter == whichDiffers && !e.differs, q.filter == whichUnsure && !e.unsure, q.filter == whichOn && !e.on():
		return false
	}
	text := strings.ToLower(q.search)
	return text == "" || strings.Contains(e.key, text) || strings.Contains(strings.ToLower(about.ByKey[e.key].Title), text)
}

// on reports whether any side got, or could have got, true.
func (e *entry) on() bool {
	return slices.ContainsFunc(e.sides, func(f *asof.Flag) bool {
		return f != nil && slices.ContainsFunc(f.Outcomes, func(o asof.Outcome) bool { return o.Value == true })
	})
}

func (p *page) choices() []views.Choice {
	choices := []views.Choice{{Label: "All flags"}, {Value: whichOn, Label: "On"}}
	if len(p.Sides) == 2 {
		choices = append(choices, views.Choice{Value: whichDiffers, Label: "Only what differs"})
	}
	if p.Guessed() {
		choices = append(choices, views.Choice{Value: whichUnsure, Label: "Only what depends on the pin"})
	}
	return choices
}

// Guessed reports whether several pins are looked at on a side.
func (p *page) Guessed() bool {
	return slices.ContainsFunc(p.Sides, func(s *side) bool { return len(s.Moment.Possible) > 1 })
}

func (p *page) row(c *shell.Context, q question, e entry, about *catalog.Flags) row {
	explain := q
	explain.explain = e.key
	r := row{Key: e.key, Title: about.ByKey[e.key].Title, Differs: e.differs, Unsure: e.unsure, Explain: link(c, explain.values()) + "#explained"}
	for n, f := range e.sides {
		if f == nil {
			r.Cells = append(r.Cells, []cell{{Missing: true, Reason: "There is no such flag."}})
			continue
		}
		var cells []cell
		for _, o := range f.Outcomes {
			cells = append(cells, cellOf(p.Sides[n], o, c.Zone()))
		}
		r.Cells = append(r.Cells, cells)
	}
	return r
}

func cellOf(s *side, o asof.Outcome, zone *time.Location) cell {
	under := s.Moment.Under(o.Under, zone)
	if o.Reason == ruleset.FlagNotFound {
		reason := "There was no such flag."
		if o.Settings != nil && o.Settings.Archived { // or it came with a later revision
			reason = "It was archived."
		}
		return cell{Missing: true, Reason: reason, Under: under}
	}
	out := cell{Variant: words.Served(o.Variant), Value: words.Value(o.Value), Under: under, On: o.Value == true, Upgradable: o.Upgradable}
	var rules []ruleset.Rule
	if o.Settings != nil {
		rules, out.Boolean = o.Settings.Rules, o.Settings.Type == ruleset.Boolean
	}
	out.Reason = words.Reason(o.Detail, rules, zone)
	return out
}

// explain names the flag whose chain of reasons is shown, if it is one.
func (p *page) explain(q question) {
	for _, s := range p.Sides {
		if len(s.Explained) > 0 {
			p.Explained = q.explain
		}
	}
}

// carry lets the list's form keep the question.
func (p *page) carry(q question) {
	q.search, q.filter, q.number, q.explain = "", "", "", ""
	values := q.values()
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			p.CarriedAlong = append(p.CarriedAlong, pair{name, value})
		}
	}
}

// Under names the pins of an explanation.
func (p *page) Under(s *side, e asof.Explained) string { return s.Moment.Under(e.Under, p.Zone) }

// Value is an explanation's value as people read it.
func (*page) Value(e asof.Explained) string { return words.Value(e.Value) }

// found is a person in the directory.
type found struct{ ID, Tenant, URL string }

// mostFound is how many people a search shows.
const mostFound = 20

// search finds people in the directory.
func (p *page) search(c *shell.Context, q question) error {
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), p.In)
	if err != nil {
		return err
	}
	p.Searched = true
	text := strings.ToLower(q.find)
	for _, person := range seen.People {
		if !person.Mentions(text) {
			continue
		}
		if len(p.Found) == mostFound {
			p.MoreFound++
			continue
		}
		to := q
		to.find, to.subject.User, to.subject.Tenant = "", person.ID, ""
		p.Found = append(p.Found, found{person.ID, person.Tenant, link(c, to.values())})
	}
	return nil
}

// Exactly is a moment to the second, in the reader's zone.
func (p *page) Exactly(at time.Time) string { return exactly(at, p.Zone) }
