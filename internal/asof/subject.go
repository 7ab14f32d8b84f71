package asof

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Subscribe fills in what the subject's tenant had bought at a moment, where the subject does not say: its plan, and its
// add-ons. It reports whether anything is stored about the tenant; if not, the subject stays as it is.
func Subscribe(ctx context.Context, store *models.Store, subject *ruleset.Subject, at time.Time) (known bool, err error) {
	if !storable(subject.Tenant) || subject.Plan != "" && len(subject.AddOns) > 0 {
		return false, nil
	}
	plan, addOns, known, err := store.SubscriptionAt(ctx, subject.Tenant, at)
	if err != nil || !known {
		return false, err
	}
	if subject.Plan == "" {
		subject.Plan = plan
	}
	if len(subject.AddOns) == 0 {
		subject.AddOns = addOns
	}
	return true, nil
}

// storable reports whether something can be stored about a tenant of that id. No database is asked about another.
func storable(tenant string) bool {
	return tenant != "" && len(tenant) <= ruleset.MaxID && utf8.ValidString(tenant) && !strings.Contains(tenant, "\x00")
}

// Attribute is the value of an attribute as people type it: the text as it is, or the list that it is in JSON. Rules read
// numbers and times from texts too.
func Attribute(text string) any {
	var list []any
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &list) == nil {
		return list
	}
	return text
}
