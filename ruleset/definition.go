// Package ruleset decides flag values. It does no I/O, reads no clock and draws no random numbers: a value is a
// pure function of a compiled revision, a subject and a time, so the same question has the same answer on every
// instance, in a preview and in an audit a year later.
//
// The way through it: a [Definition] is compiled once into a [Revision], which refuses every mistake; a Revision
// is evaluated for a [Subject] into [Values], which cannot fail.
package ruleset

import (
	"encoding/json"
	"time"
)

// Definition is everything that can decide a value in one environment: what one revision consists of.
type Definition struct {
	Plans     []Plan     `json:"plans,omitempty"`
	Segments  []Segment  `json:"segments,omitempty"`
	Flags     []Flag     `json:"flags,omitempty"`
	Overrides []Override `json:"overrides,omitempty"`
}

// Kind says what a flag is for. Operational and migration flags are read from the newest revision, all others from
// the session's pinned one.
type Kind string

const (
	Release     Kind = "release"
	Premium     Kind = "premium"
	Experiment  Kind = "experiment"
	Operational Kind = "operational"
	Migration   Kind = "migration"
)

// Kinds are all kinds, in the order in which they are offered to people.
var Kinds = []Kind{Release, Premium, Experiment, Operational, Migration}

// Newest reports whether flags of this kind follow the newest revision at once, whatever a session has pinned.
func (k Kind) Newest() bool { return k == Operational || k == Migration }

// Type is the type of a flag's values.
type Type string

const (
	Boolean Type = "boolean"
	String  Type = "string"
	Number  Type = "number"
	JSON    Type = "json"
)

// Types are all types of values.
var Types = []Type{Boolean, String, Number, JSON}

// Flag is one flag as it is set in one environment.
type Flag struct {
	Key  string `json:"key"`
	Kind Kind   `json:"kind"`
	Type Type   `json:"type"`
	Salt string `json:"salt"` // set at creation, never changed: changing it would move people

	TierRequired  string `json:"tier_required,omitempty"` // key of the lowest plan that includes the flag; empty: none
	ClientVisible bool   `json:"client_visible,omitempty"`
	Archived      bool   `json:"archived,omitempty"`
	Enabled       bool   `json:"enabled,omitempty"`
	Killed        bool   `json:"killed,omitempty"`

	// In stored order; empty for a boolean flag: on and off; for a staged migration flag: the stages.
	Variants  []Variant `json:"variants,omitempty"`
	Off       string    `json:"off,omitempty"`       // variant served when disabled, killed or gated; a boolean's default is off
	Otherwise string    `json:"otherwise,omitempty"` // variant served when nothing matches; a boolean's default is off
	Default   string    `json:"default,omitempty"`   // variant served when the flag cannot be evaluated; a boolean's default is off

	Prerequisites []Prerequisite `json:"prerequisites,omitempty"`
	Rules         []Rule         `json:"rules,omitempty"`

	// Malformed is set when the stored flag could not even be read: the reason. It is then served by its default.
	Malformed string `json:"malformed,omitempty"`
}

// Variant is one named value of a flag.
type Variant struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"` // JSON of the flag's type
}

// Prerequisite demands that another flag serves a variant to the same subject in the same request.
type Prerequisite struct {
	Flag    string `json:"flag"`
	Variant string `json:"variant"`
}

// Rule serves something to those who match its conditions. It has exactly one of Serve, Percent and Split.
type Rule struct {
	Name    string     `json:"name,omitempty"`
	When    *Condition `json:"when,omitempty"`  // nil matches everybody
	Serve   string     `json:"serve,omitempty"` // a variant
	Percent *Percent   `json:"percent,omitempty"`
	Split   *Split     `json:"split,omitempty"`
	Seed    string     `json:"seed,omitempty"` // draws apart from the flag's other rules; empty shares the flag's draw
}

// Percent serves a variant to a share of units; a unit outside the share goes on to the next rule.
// The share is fixed (Share), and may be exact (Calibrated); or it moves linearly from From to To between Start and End.
type Percent struct {
	Unit  string `json:"unit,omitempty"` // user (the default), visitor, tenant or an attribute
	Serve string `json:"serve"`
	Share Share  `json:"share,omitempty"`

	// Calibrated makes a fixed share exact for those who were known; nil leaves it to the draws.
	Calibrated *Calibration `json:"calibrated,omitempty"`

	From  Share      `json:"from,omitempty"`
	To    Share      `json:"to,omitempty"`
	Start *time.Time `json:"start,omitempty"`
	End   *time.Time `json:"end,omitempty"`
}

// Moving reports whether the share changes with time.
func (p *Percent) Moving() bool { return p.Start != nil || p.End != nil }

// CountedBy is the unit by its name: user where none is given.
func (p *Percent) CountedBy() string {
	if p.Unit == "" {
		return AttributeUser
	}
	return p.Unit
}

// Split serves every unit one of several variants, by weight. It is final: it never goes on to the next rule.
type Split struct {
	Unit    string            `json:"unit,omitempty"` // user (the default), visitor, tenant or an attribute
	Weights map[string]Weight `json:"weights"`        // by variant; ranges follow the variants' stored order
}

// Segment is a named condition, to be used by many rules.
type Segment struct {
	Key   string    `json:"key"`
	Title string    `json:"title,omitempty"`
	When  Condition `json:"when"`
}

// Plan is a subscription plan (tier). It includes the flags that it lists and those whose tier_required has at most
// its rank.
type Plan struct {
	Key      string   `json:"key"`
	Title    string   `json:"title,omitempty"`
	Rank     int      `json:"rank"`
	Features []string `json:"features,omitempty"` // keys of flags
}

// Override gives one user or one tenant a variant of a flag. It has exactly one of User and Tenant.
type Override struct {
	Flag    string     `json:"flag"`
	User    string     `json:"user,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Variant string     `json:"variant"`
	Reason  string     `json:"reason,omitempty"`
	Expires *time.Time `json:"expires_at,omitempty"` // nil never expires
}
