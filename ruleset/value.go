package ruleset

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// value is an attribute as conditions read it.
type value struct {
	kind   valueKind
	text   string
	number float64 // of a number; 1 or 0 of a boolean
	raw    any     // of an instant: time.Time; of a list: []string or []any
}

type valueKind uint8

const (
	missing valueKind = iota
	text
	number
	boolean
	instant
	list
)

// read takes an attribute. The first case is the usual one, and in place is quicker.
func (v *value) read(attribute any) {
	if s, ok := attribute.(string); ok {
		v.kind, v.text = text, s
		return
	}
	*v = valueOf(attribute)
}

// valueOf takes an attribute as it is. What rules cannot use is missing.
func valueOf(attribute any) value {
	switch a := attribute.(type) {
	case string:
		return value{kind: text, text: a}
	case bool:
		if a {
			return value{kind: boolean, number: 1}
		}
		return value{kind: boolean}
	case int:
		return integerOf(int64(a))
	case float64:
		return numberOf(a)
	case []string, []any:
		return value{kind: list, raw: a}
	case time.Time:
		return value{kind: instant, raw: a}
	case int64:
		return integerOf(a)
	case int32:
		return integerOf(int64(a))
	case int16:
		return integerOf(int64(a))
	case int8:
		return integerOf(int64(a))
	case uint:
		return unsignedOf(uint64(a))
	case uint64:
		return unsignedOf(a)
	case uint32:
		return integerOf(int64(a))
	case uint16:
		return integerOf(int64(a))
	case uint8:
		return integerOf(int64(a))
	case float32:
		return numberOf(float64(a))
	case json.Number:
		return writtenOf(a)
	}
	return value{}
}

// exactly bounds the integers that a float64 tells apart.
const exactly = 1 << 53

// integerOf takes an integer: as its text, if a number could not tell it from the next one, since it is an id then.
func integerOf(i int64) value {
	if i > exactly || i < -exactly {
		return value{kind: text, text: strconv.FormatInt(i, 10)}
	}
	return value{kind: number, number: float64(i)}
}

func unsignedOf(u uint64) value {
	if u > exactly {
		return value{kind: text, text: strconv.FormatUint(u, 10)}
	}
	return value{kind: number, number: float64(u)}
}

// writtenOf takes a number as JSON writes it.
func writtenOf(n json.Number) value {
	if i, err := n.Int64(); err == nil {
		return integerOf(i)
	}
	f, err := n.Float64()
	switch {
	case err != nil:
		return value{}
	case !strings.ContainsAny(n.String(), ".eE"): // an integer of more than 64 bits
		return value{kind: text, text: n.String()}
	}
	return numberOf(f)
}

func numberOf(f float64) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}
	}
	if f == 0 {
		f = 0 // not -0, whose text form is another
	}
	return value{kind: number, number: f}
}

// len is the number of elements: that of a list, 1 of a single value, 0 of a missing one.
func (v *value) len() int {
	switch v.kind {
	case missing:
		return 0
	case list:
		if texts, ok := v.raw.([]string); ok {
			return len(texts)
		}
		return len(v.raw.([]any))
	}
	return 1
}

// at gives an element. Lists in lists count as missing.
func (v *value) at(i int) value {
	if v.kind != list {
		return *v
	}
	if texts, ok := v.raw.([]string); ok {
		return value{kind: text, text: texts[i]}
	}
	e := valueOf(v.raw.([]any)[i])
	if e.kind == list {
		return value{}
	}
	return e
}

// appendString appends the text form of a single value: numbers as 'f', -1; booleans as true and false; times in
// RFC 3339.
func (v *value) appendString(dst []byte) []byte {
	switch v.kind {
	case text:
		return append(dst, v.text...)
	case number:
		return strconv.AppendFloat(dst, v.number, 'f', -1, 64)
	case boolean:
		return strconv.AppendBool(dst, v.number == 1)
	case instant:
		return v.raw.(time.Time).UTC().AppendFormat(dst, time.RFC3339Nano)
	}
	return dst
}

// String is the text form of a single value.
func (v *value) String() string {
	if v.kind == text {
		return v.text
	}
	return string(v.appendString(nil))
}

// asNumber reads a number, or a text that is one.
func (v *value) asNumber() (float64, bool) {
	switch v.kind {
	case number:
		return v.number, true
	case text:
		return parseNumber(v.text)
	}
	return 0, false
}

func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// asTime reads a time, or a text in RFC 3339.
func (v *value) asTime() (time.Time, bool) {
	switch v.kind {
	case instant:
		return v.raw.(time.Time), true
	case text:
		t, err := time.Parse(time.RFC3339, v.text)
		return t, err == nil
	}
	return time.Time{}, false
}

// unit reads the value as the unit of a rollout: a UTF-8 text or the text form of a number; anything else is none.
func (v *value) unit() (string, bool) {
	switch v.kind {
	case text:
		return v.text, v.text != "" && utf8.ValidString(v.text)
	case number:
		return v.String(), true
	}
	return "", false
}

// size is about how many bytes the value holds.
func (v *value) size() int {
	switch v.kind {
	case text:
		return len(v.text)
	case list:
		n := 0
		for i := range v.len() {
			e := v.at(i)
			n += e.size() + 1
		}
		return n
	}
	return 8
}
