package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/ruleset"
)

// side is one answer: who it is about, the rules of the moment, and what they gave of every flag.
type side struct {
	Title, Where string
	Facts        []fact
	Unseen       bool // the directory does not know them
	Counting     bool
	FromLastSeen bool // something that is used is only what was seen last
	Moment       *asof.Moment
	Explained    []asof.Explained
	subject      ruleset.Subject
	flags        []asof.Flag
}

// fact is something of the subject that rules read, with where it is known from.
type fact struct{ Name, Value, From string }

// Where facts come from.
const (
	fromTyped = "as you typed it"
	fromSeen  = "as last seen"
	fromThen  = "what the tenant had then"
	fromNow   = "what the tenant has"
)

// subjectError is what is wrong with who is asked about.
type subjectError struct{ error }

// side answers one question.
func (p *pages) side(c *shell.Context, q question) (*side, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := q.subject.Check(); err != nil {
		return nil, &subjectError{err}
	}
	moment, err := p.moments.Moment(ctx, asof.Question{Environment: q.in, At: q.at, Pinned: q.pinned, PinnedAt: q.pinnedAt})
	if err != nil {
		return nil, err
	}
	seen, err := c.App.Directory.Snapshot(ctx, q.in)
	if err != nil {
		return nil, err
	}
	s := &side{Moment: moment, Where: moment.Newest.Title, Counting: seen.Counting, subject: q.subject}
	s.Title = s.title(q, c.Zone())
	s.recognise(q, seen)
	if err := s.subscribe(c, q, seen); err != nil {
		return nil, err
	}
	if err := s.subject.Check(); err != nil {
		return nil, &subjectError{err}
	}
	s.flags = moment.Flags(s.subject)
	if q.explain != "" {
		s.Explained = moment.Explain(q.explain, s.subject)
	}
	return s, nil
}

func (s *side) fact(name, value, from string) {
	s.FromLastSeen = s.FromLastSeen || from == fromSeen
	s.Facts = append(s.Facts, fact{name, value, from})
}

// recognise adds what the directory knows of the subject; what was typed stands.
func (s *side) recognise(q question, seen *directory.Snapshot) {
	one, known := s.known(seen)
	s.Unseen = !known && (q.subject.User != "" || q.subject.Tenant != "")
	if q.subject.User != "" {
		s.fact("User", q.subject.User, "")
	}
	if q.subject.Visitor != "" {
		s.fact("Visitor", q.subject.Visitor, fromTyped)
	}
	attributes := map[string]any{}
	from := map[string]string{}
	if known {
		theirs := one.Subject()
		if s.subject.Tenant == "" && theirs.Tenant != "" {
			s.subject.Tenant = theirs.Tenant
			s.fact("Tenant", theirs.Tenant, fromSeen)
		}
		for name, value := range theirs.Attributes {
			attributes[name], from[name] = value, fromSeen
		}
	}
	if q.subject.Tenant != "" {
		s.fact("Tenant", q.subject.Tenant, "")
	}
	for name, value := range q.subject.Attributes {
		attributes[name], from[name] = value, fromTyped
	}
	s.subject.Attributes = attributes
	names := make([]string, 0, len(from))
	for name := range from {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.fact(name, textOf(attributes[name]), from[name])
	}
}

// known finds the subject in the directory: the person, or the tenant that stands alone.
func (s *side) known(seen *directory.Snapshot) (*directory.Seen, bool) {
	if s.subject.User != "" {
		return seen.Person(s.subject.User)
	}
	if s.subject.Tenant != "" {
		return seen.Tenant(s.subject.Tenant)
	}
	return nil, false
}

// subscribe adds the plan and the add-ons: those that were typed, else what the tenant had at that moment, else what was
// seen last.
func (s *side) subscribe(c *shell.Context, q question, seen *directory.Snapshot) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	stored, err := asof.Subscribe(ctx, c.App.Store, &s.subject, s.Moment.At)
	if err != nil {
		return err
	}
	from := fromSeen
	switch {
	case stored && s.Moment.Past:
		from = fromThen
	case stored:
		from = fromNow
	default:
		if one, ok := s.subscriber(seen); ok {
			if s.subject.Plan == "" {
				s.subject.Plan = one.Plan
			}
			if len(s.subject.AddOns) == 0 {
				s.subject.AddOns = one.AddOns
			}
		}
	}
	s.bought("Plan", s.subject.Plan, q.subject.Plan, from)
	s.bought("Add-ons", strings.Join(s.subject.AddOns, ", "), strings.Join(q.subject.AddOns, ","), from)
	return nil
}

func (s *side) bought(name, value, typed, from string) {
	switch {
	case typed != "":
		s.fact(name, value, fromTyped)
	case value != "":
		s.fact(name, value, from)
	case name == "Plan" && from == fromSeen:
		s.fact(name, "unknown", "")
	case name == "Plan":
		s.fact(name, "none", from)
	}
}

// subscriber is who was seen with the subject's plan: the person under the same tenant, or the tenant.
func (s *side) subscriber(seen *directory.Snapshot) (*directory.Seen, bool) {
	if person, ok := seen.Person(s.subject.User); ok && person.Tenant == s.subject.Tenant {
		return person, true
	}
	return seen.Tenant(s.subject.Tenant)
}

func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return fmt.Sprint(value)
}
