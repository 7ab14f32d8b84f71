package impact

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/toprent/flags/ruleset"
)

// Key names a question: what changes from one revision to a draft? Two drafts that decide the same of a revision have the
// same key, however they came about.
type Key struct {
	Before ruleset.ID
	Draft  [sha256.Size]byte
}

// KeyOf gives the key of a draft: it covers the flags that the draft can change, and all that decides them with it.
func KeyOf(before, after *ruleset.Revision) Key {
	affected := map[string]bool{}
	for _, key := range ruleset.Affected(before, after) {
		affected[key] = true
	}
	draft := after.Definition()
	part := struct {
		Affected map[string]bool
		Draft    ruleset.Definition
	}{affected, ruleset.Definition{Plans: draft.Plans, Segments: draft.Segments}}
	for _, f := range draft.Flags {
		if affected[f.Key] {
			f.Variants = quoted(f.Variants)
			part.Draft.Flags = append(part.Draft.Flags, f)
		}
	}
	for _, o := range draft.Overrides {
		if affected[o.Flag] {
			part.Draft.Overrides = append(part.Draft.Overrides, o)
		}
	}
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(part); err != nil { // nothing in it can fail, once values are quoted
		hash.Write([]byte(err.Error()))
	}
	return Key{Before: before.ID(), Draft: [sha256.Size]byte(hash.Sum(nil))}
}

// quoted are the variants with their values as texts: a draft's may be no JSON.
func quoted(variants []ruleset.Variant) []ruleset.Variant {
	out := slices.Clone(variants)
	for i := range out {
		out[i].Value, _ = json.Marshal(string(out[i].Value))
	}
	return out
}
