package directory

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// What is kept of one subject is bounded, whatever a host hands over.
const (
	maxAddOns   = 100
	maxText     = 256 // bytes of an attribute's text
	maxElements = 20  // of an attribute that is a list
)

// storable reports whether both databases can hold the id.
func storable(id string) bool {
	return len(id) <= ruleset.MaxID && utf8.ValidString(id) && strings.IndexByte(id, 0) < 0
}

// rowOf makes a copy of what is kept: the subject is the request's, and changes with it.
func rowOf(kind, id string, s *ruleset.Subject, attributes []string, at models.Time) models.DirectorySubject {
	row := models.DirectorySubject{Kind: kind, ID: strings.Clone(id), AddOns: encodeAddOns(s.AddOns), Attributes: encodeAttributes(s, attributes), FirstSeen: at, LastSeen: at}
	if kind == models.SeenUser {
		row.Tenant = strings.Clone(s.Tenant)
	}
	if ruleset.ValidKey(s.Plan) {
		row.Plan = strings.Clone(s.Plan)
	}
	return row
}

func encodeAddOns(addOns []string) string {
	kept := slices.DeleteFunc(slices.Clone(addOns), func(key string) bool { return !ruleset.ValidKey(key) })
	slices.Sort(kept)
	if kept = slices.Compact(kept); len(kept) == 0 {
		return "[]"
	}
	text, err := json.Marshal(kept[:min(len(kept), maxAddOns)])
	if err != nil { // a list of texts can always be written
		return "[]"
	}
	return string(text)
}

// encodeAttributes keeps those of the allow-list that rules could read. Texts that are too long are left out: half an
// attribute would match the wrong rules.
func encodeAttributes(s *ruleset.Subject, names []string) string {
	kept := map[string]json.RawMessage{}
	for _, name := range names {
		if value, has := s.Attributes[name]; has {
			if text := encodeAttribute(value); text != nil {
				kept[name] = text
			}
		}
	}
	if len(kept) == 0 {
		return "{}"
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return "{}"
	}
	return string(text)
}

// encodeAttribute gives an attribute's JSON; nil if it is not kept.
func encodeAttribute(value any) []byte {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		if len(v) > maxText {
			return nil
		}
	case time.Time:
		value = v.UTC().Format(time.RFC3339Nano)
	case []string:
		value = v[:min(len(v), maxElements)]
	case []any:
		value = v[:min(len(v), maxElements)]
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
	default:
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil || len(text) > 6*maxText { // a list of long texts
		return nil
	}
	return text
}
