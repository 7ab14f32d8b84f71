package cutover

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// gormKeys turns a model's primary key into the key of its row, and back. The order of keys' bytes is the order of the rows
// in both databases: text as it is, numbers with all their digits, bytes in hexadecimal.
type gormKeys struct {
	prefix string // of the table, where rows of several share an entity
	schema *schema.Schema
	fields []*schema.Field
	kinds  []keyKind
}

type keyKind int

const (
	keyText keyKind = iota
	keyUUID         // as text that the database may keep in a type of its own
	keyNumber
	keyBytes
)

func newGORMKeys(db *gorm.DB, model any) (*gormKeys, error) {
	parsed, err := schema.Parse(model, &sync.Map{}, db.NamingStrategy)
	if err != nil {
		return nil, fmt.Errorf("read the model %T: %w", model, err)
	}
	if len(parsed.PrimaryFields) == 0 {
		return nil, fmt.Errorf("the model %T has no primary key: rows cannot be told apart", model)
	}
	k := &gormKeys{schema: parsed, fields: parsed.PrimaryFields}
	for _, field := range k.fields {
		kind, err := kindOf(field)
		if err != nil {
			return nil, err
		}
		k.kinds = append(k.kinds, kind)
	}
	return k, nil
}

func kindOf(field *schema.Field) (keyKind, error) {
	uuid := strings.Contains(strings.ToLower(field.TagSettings["TYPE"]), "uuid")
	switch kind := field.IndirectFieldType.Kind(); {
	case uuid || kind == reflect.Array && field.IndirectFieldType.Len() == 16:
		return keyUUID, nil
	case kind == reflect.String:
		return keyText, nil
	case kind >= reflect.Int && kind <= reflect.Uint64:
		return keyNumber, nil
	case kind == reflect.Slice && field.IndirectFieldType.Elem().Kind() == reflect.Uint8:
		return keyBytes, nil
	}
	return 0, fmt.Errorf("the primary key %s.%s is a %s: only text, whole numbers, UUIDs and bytes can be followed", field.Schema.Name, field.Name, field.FieldType)
}

// of returns the key of a row, a struct. It is false while the primary key is not set.
func (k *gormKeys) of(ctx context.Context, row reflect.Value) (key string, set bool) {
	parts := make([]string, len(k.fields))
	for i, field := range k.fields {
		value, zero := field.ValueOf(ctx, row)
		set = set || !zero
		parts[i] = encodeKey(k.kinds[i], reflect.Indirect(reflect.ValueOf(value)), i == len(k.fields)-1)
	}
	return k.prefix + strings.Join(parts, ""), set
}

func encodeKey(kind keyKind, value reflect.Value, last bool) string {
	switch {
	case !value.IsValid():
		return ""
	case kind == keyNumber && value.CanInt():
		if n := value.Int(); n < 0 {
			return fmt.Sprintf("n%020d", uint64(n-math.MinInt64))
		}
		return fmt.Sprintf("p%020d", value.Int())
	case kind == keyNumber:
		return fmt.Sprintf("p%020d", value.Uint())
	case kind == keyBytes:
		return endKey(hex.EncodeToString(value.Bytes()), last)
	case kind == keyUUID:
		return endKey(strings.ToLower(fmt.Sprint(value.Interface())), last)
	}
	return endKey(value.String(), last)
}

// endKey marks where text ends, if more follows: what begins with it comes after it, and nothing else between.
func endKey(text string, last bool) string {
	text = strings.NewReplacer("\x00", "\x01\x02", "\x01", "\x01\x03").Replace(text)
	if last {
		return text
	}
	return text + "\x01\x01"
}

// values are the primary key's values in a key.
func (k *gormKeys) values(key string) ([]any, error) {
	key, ours := strings.CutPrefix(key, k.prefix)
	if !ours {
		return nil, fmt.Errorf("%q is not a key of %s", key, k.schema.Table)
	}
	values := make([]any, len(k.fields))
	for i, kind := range k.kinds {
		part := key
		switch {
		case kind == keyNumber && len(key) >= 21:
			part, key = key[:21], key[21:]
		case i < len(k.fields)-1:
			var found bool
			if part, key, found = strings.Cut(key, "\x01\x01"); !found {
				return nil, fmt.Errorf("%q is not a key of %s", key, k.schema.Table)
			}
		}
		value, err := decodeKey(kind, part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a key of %s: %w", part, k.schema.Table, err)
		}
		values[i] = value
	}
	return values, nil
}

func decodeKey(kind keyKind, part string) (any, error) {
	text := strings.NewReplacer("\x01\x02", "\x00", "\x01\x03", "\x01").Replace(part)
	switch {
	case kind == keyBytes:
		return hex.DecodeString(text)
	case kind != keyNumber:
		return text, nil
	}
	if part == "" {
		return nil, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(part[1:], 10, 64)
	if part[0] == 'n' {
		return int64(n) + math.MinInt64, err
	}
	if n <= math.MaxInt64 {
		return int64(n), err
	}
	return n, err
}
