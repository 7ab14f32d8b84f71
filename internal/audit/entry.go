// Package audit keeps who did what, when, why and from where, so that nobody can change it afterwards without being
// found out. There are two chains, in which each entry's MAC covers the entry and the MAC before it: what changes the
// configuration is appended inside the change's own transaction; sign-ins and refused attempts follow beside requests.
//
// What is personal (who did it, addresses, user ids, e-mail addresses, reasons) stands apart from the entries, which hold
// salted commitments to it. It can be deleted, and the chain stays whole.
package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/toprent/flags/models"
)

// The chains.
const (
	Configuration = "configuration" // what changes what is served, each entry in its change's own transaction
	Access        = "access"        // who came in, who was refused, and who may do what
)

// Chains are all chains.
func Chains() []string { return []string{Configuration, Access} }

// Entry is something that was done. Who did it and from where is taken from the context where it is left empty.
type Entry struct {
	Action      string // what was done, such as publish or sign-in. Required
	Actor       string // who, as the history calls them
	ActorID     string // the id of that person; empty: none, as on the command line
	Reason      string
	Environment string // empty: none, or all of them
	Revision    int64  // that it made; 0: none
	Digest      []byte // of that revision
	Request     string // the id of the change request that led to it
	Title       string // of that request: the first of the lines. Whoever wrote it may have named people

	Subjects []string // users and accounts whom it is about, by id or e-mail address
	Topics   []string // what it is about beside its items, made by Topic
	Lines    []string // what became different, in plain words
	Items    []Item   // what became different, before and after
}

// Item is one thing that became different.
type Item struct {
	Kind   string `json:"kind"`             // flag, segment, plan, override, environment, tenant, account …
	Key    string `json:"key"`              // of the flag, the segment …
	User   string `json:"user,omitempty"`   // whose override it is
	Tenant string `json:"tenant,omitempty"` // whose override it is
	Before any    `json:"before"`           // nil: it was not there
	After  any    `json:"after"`            // nil: it is not there any more
}

// Topic is what an entry can be found by, such as Topic("flag", "new-home").
func Topic(kind, key string) string { return kind + ":" + key }

// topicsOf are what an entry is about, sorted. They are bounded: an import may touch everything.
func (e Entry) topicsOf() []string {
	topics := append([]string{}, e.Topics...)
	for _, item := range e.Items {
		switch {
		case item.Kind == "override" || item.Kind == "flag's description":
			topics = append(topics, Topic("flag", item.Key))
		case item.Key != "" && item.Kind != "account" && item.Kind != "audit":
			topics = append(topics, Topic(item.Kind, item.Key))
		}
		if item.Tenant != "" {
			topics = append(topics, Topic("tenant", item.Tenant))
		}
	}
	topics = slices.DeleteFunc(topics, func(topic string) bool { return len(topic) > maxIndexed }) // no key or id is as long
	slices.Sort(topics)
	topics = slices.Compact(topics)
	return topics[:min(len(topics), maxTopics)]
}

const (
	maxTopics = 1000
	maxItems  = 200 // told one by one; a revision's digest covers all of them
	maxLines  = 200
	maxPeople = 100      // of one list in a rule
	maxSide   = 64 << 10 // bytes of an item before or after
)

// Stored is an entry as it is kept, with those of its personal values that are still there.
type Stored struct {
	models.AuditEntry
	Actor, ActorID string // empty: nobody, or forgotten
	Address, Agent string
	Reason         string
	Subjects       []string
	Topics         []string
	Lines          []string
	Items          []Item
	Forgotten      int // how many personal values are gone
}

// When is when it was done.
func (s Stored) When() time.Time { return s.At.Time }

// Who is how people call who did it.
func (s Stored) Who() string { return cmp.Or(s.Actor, s.ActorID) }
