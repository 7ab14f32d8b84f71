package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Snapshot is who was seen in one environment, as it was looked up last. It is shared and must not be changed.
type Snapshot struct {
	Environment string
	Counting    bool    // nothing has been read yet: an empty snapshot says nothing
	People      []*Seen // by id
	Tenants     []*Seen // by id
	Visitors    []Day   // the newest first, at most 90 days

	number     int64
	forgets    int64 // how many times somebody was forgotten when it was read
	attributes []Attribute
	attributed time.Time
}

// Seen is a person or a tenant as they were seen last.
type Seen struct {
	ID     string
	Tenant string // of a person; empty: none
	Plan   string // empty: unknown
	AddOns []string

	attributes  []named
	words       string // all that a search looks at, in small letters, with NULs between
	first, last int64  // Unix seconds
	person      bool
}

// named is an attribute: a text, a number, a boolean or a list.
type named struct {
	name  string
	value any
}

// Day is how many visitors' ids were newly given to browsers on a day of UTC. Somebody who keeps cookies is counted on the
// day on which they came first; a browser without cookies is counted with each page.
type Day struct {
	Day    string // 2006-01-02
	Minted int64
}

// Person reports whether this is a person, not a tenant.
func (s *Seen) Person() bool { return s.person }

// FirstSeen is when the subject was seen first.
func (s *Seen) FirstSeen() time.Time { return time.Unix(s.first, 0).UTC() }

// LastSeen is when the subject was seen last, right to about an hour.
func (s *Seen) LastSeen() time.Time { return time.Unix(s.last, 0).UTC() }

// Fill makes into the subject that rules are asked about: of a person what was seen of them, of a tenant the tenant alone,
// without a user. It gives it those of the attributes that are asked for, each time the same: the map is used again, so that
// a hundred thousand people need one.
func (s *Seen) Fill(into *ruleset.Subject, attributes []string) {
	known := into.Attributes
	if known == nil && len(attributes) > 0 {
		known = make(map[string]any, len(attributes))
	}
	for _, name := range attributes {
		if value := s.attribute(name); value != nil {
			known[name] = value
		} else {
			delete(known, name)
		}
	}
	*into = ruleset.Subject{Tenant: s.Tenant, Plan: s.Plan, AddOns: s.AddOns, Attributes: known}
	if s.person {
		into.User = s.ID
	} else {
		into.Tenant = s.ID
	}
}

// attribute gives an attribute; nil if the subject was seen without.
func (s *Seen) attribute(name string) any {
	for i := range s.attributes {
		if s.attributes[i].name == name {
			return s.attributes[i].value
		}
	}
	return nil
}

// Subject is a subject of its own, with all attributes; see Fill.
func (s *Seen) Subject() ruleset.Subject {
	names := make([]string, len(s.attributes))
	for i, a := range s.attributes {
		names[i] = a.name
	}
	var subject ruleset.Subject
	s.Fill(&subject, names)
	return subject
}

// Attributes gives each attribute with its value as people read it, by name.
func (s *Seen) Attributes(yield func(name, value string) bool) {
	for _, a := range s.attributes {
		if !yield(a.name, textOf(a.value)) {
			return
		}
	}
}

func textOf(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// Mentions reports whether a text, in small letters, stands in the id, the tenant's id or an attribute, whatever the case
// there.
func (s *Seen) Mentions(small string) bool { return strings.Contains(s.words, small) }

// Person finds a person.
func (s *Snapshot) Person(id string) (*Seen, bool) { return find(s.People, id) }

// Tenant finds a tenant.
func (s *Snapshot) Tenant(id string) (*Seen, bool) { return find(s.Tenants, id) }

func find(all []*Seen, id string) (*Seen, bool) {
	i, ok := slices.BinarySearchFunc(all, id, func(s *Seen, id string) int { return strings.Compare(s.ID, id) })
	if !ok {
		return nil, false
	}
	return all[i], true
}

// reading makes what is in memory of what is stored. Texts that many share are kept once.
type reading struct {
	texts   map[string]string
	boxes   map[string]any
	addOns  map[string][]string
	people  []*Seen
	tenants []*Seen
}

func (r *reading) add(row models.DirectorySubject) error {
	s := &Seen{ID: row.ID, Tenant: r.shared(row.Tenant), Plan: r.shared(row.Plan), AddOns: r.list(row.AddOns), first: row.FirstSeen.Unix(), last: row.LastSeen.Unix(), person: row.Kind == models.SeenUser}
	if row.Attributes != "{}" {
		var values map[string]any
		if json.Unmarshal([]byte(row.Attributes), &values) == nil { // else somebody wrote it by hand: the rest still counts
			s.attributes = make([]named, 0, len(values))
			for name, value := range values {
				if text, ok := value.(string); ok {
					value = r.boxed(text)
				}
				s.attributes = append(s.attributes, named{r.shared(name), value})
			}
			slices.SortFunc(s.attributes, func(a, b named) int { return strings.Compare(a.name, b.name) })
		}
	}
	s.words = s.wordsOf()
	if s.person {
		r.people = append(r.people, s)
	} else {
		r.tenants = append(r.tenants, s)
	}
	return nil
}

func (s *Seen) wordsOf() string {
	words := s.ID + "\x00" + s.Tenant
	for _, a := range s.attributes {
		words += "\x00" + textOf(a.value)
	}
	return strings.ToLower(words)
}

// sharedAtMost bounds what is remembered in order to share it: texts that are each one person's are not worth it.
const sharedAtMost = 10_000

func (r *reading) shared(text string) string {
	if known, ok := r.texts[text]; ok {
		return known
	}
	if len(r.texts) < sharedAtMost {
		r.texts[text] = text
	}
	return text
}

// boxed is the same for attributes, whose values may be other than texts: what many share lies in one place, where whoever
// goes through all people finds it close by.
func (r *reading) boxed(text string) any {
	known, ok := r.boxes[text]
	if !ok {
		if known = r.shared(text); len(r.boxes) < sharedAtMost {
			r.boxes[text] = known
		}
	}
	return known
}

func (r *reading) list(text string) []string {
	if text == "[]" {
		return nil
	}
	known, ok := r.addOns[text]
	if !ok && json.Unmarshal([]byte(text), &known) == nil && len(r.addOns) < sharedAtMost {
		r.addOns[text] = known
	}
	return known
}

// merge puts what changed among what was there, by id.
func merge(before, changed []*Seen) []*Seen {
	if len(changed) == 0 {
		return before
	}
	slices.SortFunc(changed, func(a, b *Seen) int { return strings.Compare(a.ID, b.ID) })
	after := make([]*Seen, 0, len(before)+len(changed))
	for len(before) > 0 && len(changed) > 0 {
		order := strings.Compare(before[0].ID, changed[0].ID)
		if order < 0 {
			after, before = append(after, before[0]), before[1:]
			continue
		}
		after, changed = append(after, changed[0]), changed[1:]
		if order == 0 {
			before = before[1:]
		}
	}
	return append(append(after, before...), changed...)
}
