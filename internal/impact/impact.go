// Package impact says what a change would do to real people, before it is made: two compiled revisions are evaluated for
// everybody who was seen, and who would get something else is counted. It is pure but for what it is given, so an impact
// that is stored can be counted again.
package impact

import "time"

// State says whether there was anybody to count.
type State string

const (
	// Counted: everybody who was seen was evaluated.
	Counted State = "counted"
	// NobodySeen: nobody was seen in the environment yet, so it cannot be said whom a change reaches.
	NobodySeen State = "nobody_seen"
	// StillReading: who was seen is still being read from the database. Ask again.
	StillReading State = "still_reading"
)

// Impact is what changes for whom between two revisions of one environment. Its JSON is kept with changes: the names of
// its fields stay, and it is never larger than 64 kB. It holds the ids of people (Who), as the directory has them.
type Impact struct {
	State       State     `json:"state"`
	Environment string    `json:"environment"`
	Revision    int64     `json:"revision"` // the one that was live: what the draft was compared with
	At          time.Time `json:"at"`       // the moment that it holds for
	People      int       `json:"people"`   // that were evaluated
	Tenants     int       `json:"tenants"`  // that were evaluated as subjects by themselves, without a person
	Compared    int       `json:"compared"` // flags whose values could differ
	Timed       bool      `json:"timed"`    // some values change with time by themselves, so at another moment it is another
	Changed     Reach     `json:"changed"`  // who gets something else, of any flag

	Flags []Flag `json:"flags,omitempty"` // that change for somebody, those that change for most people first; at most 50
	Rest  Rest   `json:"rest"`            // what is not listed

	ByVisitor     []string `json:"by_visitor,omitempty"` // compared flags whose values can depend on the browser, which nobody is counted with; at most 3
	MoreByVisitor int      `json:"more_by_visitor,omitempty"`

	Malformed     []Malformed `json:"malformed,omitempty"` // flags that can no longer be evaluated; at most 20
	MoreMalformed int         `json:"more_malformed,omitempty"`
}

// Reach is how many are concerned.
type Reach struct {
	People    int `json:"people"`
	InTenants int `json:"in_tenants"` // in how many distinct tenants those people are
	Tenants   int `json:"tenants"`    // tenants as subjects by themselves, without a person
}

// None reports whether nobody is concerned.
func (r Reach) None() bool { return r.People == 0 && r.Tenants == 0 }

// Flag is what changes of one flag.
type Flag struct {
	Key     string `json:"key"`
	Boolean bool   `json:"boolean"`
	Timed   bool   `json:"timed"`   // its values change with time by themselves
	Changed Reach  `json:"changed"` // who gets something else
	On      Reach  `json:"on"`      // for whom a boolean flag turns on
	Off     Reach  `json:"off"`     // for whom a boolean flag turns off

	Moves []Move `json:"moves"` // those of most people first; at most 12
	Rest  Rest   `json:"rest"`  // moves that are not listed
}

// Move is one change: from one variant to another, or to another value of the same one.
type Move struct {
	From Side `json:"from"`
	To   Side `json:"to"`
	Reach
	Sample []Who `json:"sample,omitempty"` // at most 10 people, the first by id; if there are none, tenants
}

// Side is what is served before or after.
type Side struct {
	Variant string `json:"variant"`      // empty: none, so the fallback in the code
	On      bool   `json:"on,omitempty"` // its value is boolean true
}

// Who is somebody for whom a value changes.
type Who struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant,omitempty"` // of a person
	Plan   string `json:"plan,omitempty"`
	Alone  bool   `json:"alone,omitempty"` // the id is that of a tenant
}

// Rest sums up what is not listed: how many flags, or how many moves, and how often one of them changes for a person.
type Rest struct {
	Count   int `json:"count"`
	Changes int `json:"changes"`
}

// Malformed is a flag that can be evaluated now, and could not after the change.
type Malformed struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

// Turns is "on" or "off" if a boolean flag turns; else empty.
func (m Move) Turns() string {
	switch {
	case m.To.On && !m.From.On:
		return "on"
	case m.From.On && !m.To.On:
		return "off"
	}
	return ""
}
