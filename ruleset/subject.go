package ruleset

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Subject is who asks. Its zero value is an anonymous visitor of whom nothing is known.
type Subject struct {
	User    string   // id of the signed-in person; empty before sign-in
	Visitor string   // id of the browser, the same before and after sign-in
	Tenant  string   // id of the tenant on whose behalf they act
	Plan    string   // key of the tenant's plan; empty: unknown
	AddOns  []string // keys of the flags that the tenant bought beside its plan

	// Attributes are what else rules may read: strings, booleans, numbers, time.Time, []string, or []any of
	// strings, numbers and booleans. Anything else counts as missing. An integer beyond 2^53 is read as its text.
	Attributes map[string]any
}

// Check says what is wrong with a subject that comes from outside: an id or the whole of it too long, too many
// attributes, or an attribute of a reserved name. An attribute of an unsupported type alone is an [*AttributeError].
// Evaluation needs no check; it ignores what it cannot use.
func (s *Subject) Check() error {
	size := 0
	var unreadable error
	for _, id := range [...]struct{ name, value string }{{"user", s.User}, {"visitor", s.Visitor}, {"tenant", s.Tenant}, {"plan", s.Plan}} {
		if len(id.value) > MaxID {
			return fmt.Errorf("%s is %d bytes long: at most %d are allowed", id.name, len(id.value), MaxID)
		}
		size += len(id.value)
	}
	if len(s.Attributes) > MaxAttributes {
		return fmt.Errorf("%d attributes: at most %d are allowed", len(s.Attributes), MaxAttributes)
	}
	for _, addOn := range s.AddOns {
		size += len(addOn)
	}
	for name, attribute := range s.Attributes {
		if reserved(name) {
			return fmt.Errorf("attribute %q is reserved: set the subject's own field instead", name)
		}
		v := valueOf(attribute)
		if v.kind == missing && attribute != nil {
			unreadable = &AttributeError{name, attribute}
		}
		size += len(name) + v.size()
	}
	if size > MaxSubject {
		return fmt.Errorf("the subject is %d bytes large: at most %d are allowed", size, MaxSubject)
	}
	return unreadable
}

// AttributeError says that rules cannot read an attribute of a subject, and take it for missing. Nothing else is wrong.
type AttributeError struct {
	Name  string
	Value any
}

func (e *AttributeError) Error() string {
	switch e.Value.(type) {
	case float64, float32:
		return fmt.Sprintf("attribute %q is %v, which is no number that rules can read", e.Name, e.Value)
	}
	return fmt.Sprintf("attribute %q is a %T: use a string, a number, a boolean, a time or a list of strings", e.Name, e.Value)
}

func reserved(attribute string) bool {
	switch attribute {
	case AttributeUser, AttributeVisitor, AttributeTenant, AttributePlan, AttributePlanRank, AttributeNow:
		return true
	}
	return false
}

// AppendKey appends the part of a cache key that tells subjects apart as far as rules of the revision can: two
// subjects with the same key have the same values. Everything is length-prefixed and tagged with its type.
func (r *Revision) AppendKey(dst []byte, s *Subject) []byte {
	dst = appendText(dst, s.User)
	dst = appendText(dst, s.Visitor)
	dst = appendText(dst, s.Tenant)
	dst = appendText(dst, s.Plan)
	dst = binary.AppendUvarint(dst, uint64(len(s.AddOns)))
	for _, addOn := range s.AddOns {
		dst = appendText(dst, addOn)
	}
	for _, name := range r.attributes {
		v := valueOf(s.Attributes[name])
		dst = v.appendKey(dst)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func (v *value) appendKey(dst []byte) []byte {
	dst = append(dst, byte(v.kind))
	switch v.kind {
	case text:
		dst = appendText(dst, v.text)
	case number:
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v.number))
	case boolean:
		dst = append(dst, byte(v.number))
	case instant:
		t := v.raw.(time.Time)
		dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix()))
		dst = binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	case list:
		dst = binary.AppendUvarint(dst, uint64(v.len()))
		for i := range v.len() {
			e := v.at(i)
			dst = e.appendKey(dst)
		}
	}
	return dst
}
