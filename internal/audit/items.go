package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/toprent/flags/models"
)

// items writes what became different as JSON, with places for what is personal. Of very many, the first are written.
func (p *personal) items(items []Item) (string, error) {
	shown := make([]any, 0, min(len(items), maxItems+1))
	for i, item := range items {
		if i == maxItems {
			shown = append(shown, map[string]any{"kind": "more", "key": fmt.Sprintf("%d more; the revision's digest covers them", len(items)-maxItems), "before": nil, "after": nil})
			break
		}
		before, err := p.side(item.Before)
		if err != nil {
			return "", err
		}
		after, err := p.side(item.After)
		if err != nil {
			return "", err
		}
		one := map[string]any{"kind": item.Kind, "key": p.text(item.Key), "before": before, "after": after}
		if item.Kind == "account" {
			one["key"] = p.place(models.AuditSubject, item.Key)
		}
		if item.User != "" {
			one["user"] = p.place(models.AuditSubject, item.User)
		}
		if item.Tenant != "" {
			one["tenant"] = p.text(item.Tenant)
		}
		shown = append(shown, one)
	}
	return encode(shown)
}

// side is an item before or after, as JSON would hold it.
func (p *personal) side(value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write an item for the audit: %w", err)
	}
	if len(text) > maxSide {
		sum := sha256.Sum256(text)
		return map[string]any{"too large to be shown, bytes": len(text), "sha256": hex.EncodeToString(sum[:])}, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, fmt.Errorf("write an item for the audit: %w", err)
	}
	return p.walk("", plain), nil
}

// walk puts places where a value names people. Where it is, by the name of its field, says what a text is.
func (p *personal) walk(field string, value any) any {
	switch v := value.(type) {
	case string:
		return p.named(field, v)
	case []any:
		if nested, ok := p.list(field, v); ok {
			return nested
		}
		for i := range v {
			v[i] = p.walk(field, v[i])
		}
		return v
	case map[string]any:
		about, _ := v["attribute"].(string)
		out := make(map[string]any, len(v))
		for name, inner := range v {
			if name == "values" && (about == "user" || about == "email" || strings.HasSuffix(about, "_id")) {
				out[name] = p.walk("user", inner)
				continue
			}
			out[p.text(name)] = p.walk(strings.ToLower(name), inner)
		}
		return out
	}
	return value
}

// list keeps the first of many people.
func (p *personal) list(field string, all []any) (any, bool) {
	if field != "user" || len(all) <= maxPeople {
		return nil, false
	}
	out := make([]any, 0, maxPeople+1)
	for _, one := range all[:maxPeople] {
		out = append(out, p.walk(field, one))
	}
	return append(out, fmt.Sprintf("and %d more", len(all)-maxPeople)), true
}

func (p *personal) named(field, text string) string {
	switch field {
	case "user", "user_id", "email":
		return p.place(models.AuditSubject, text)
	case "reason", "override_reason":
		return p.place(models.AuditText, text)
	}
	return p.text(text)
}

func encode(value any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "", fmt.Errorf("write an audit entry: %w", err)
	}
	return strings.ToValidUTF8(strings.TrimSuffix(b.String(), "\n"), "\uFFFD"), nil
}
