package audit

import (
	"context"
	"encoding/json"

	"github.com/toprent/flags/models"
)

// Entries gives the entries that the filter lets through, newest first, at most limit of them.
func (l *Log) Entries(ctx context.Context, filter models.AuditFilter, limit int) ([]Stored, error) {
	rows, err := l.store.AuditEntries(ctx, filter, limit)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(rows))
	for i, row := range rows {
		numbers[i] = row.Number
	}
	personal, err := l.store.AuditPersonal(ctx, filter.Chain, numbers)
	if err != nil {
		return nil, err
	}
	values := map[int64][]models.AuditPersonal{}
	for _, p := range personal {
		values[p.Number] = append(values[p.Number], p)
	}
	entries := make([]Stored, len(rows))
	for i, row := range rows {
		entries[i] = storedOf(row, values[row.Number])
	}
	return entries, nil
}

// Entry gives one entry, or models.ErrNotFound.
func (l *Log) Entry(ctx context.Context, chain string, number int64) (Stored, error) {
	row, personal, err := l.store.AuditEntry(ctx, chain, number)
	if err != nil {
		return Stored{}, err
	}
	return storedOf(row, personal), nil
}

// storedOf puts an entry and its personal values together. What cannot be read is left out: verify says that it is
// broken.
func storedOf(row models.AuditEntry, personal []models.AuditPersonal) Stored {
	s := Stored{AuditEntry: row}
	values := make(map[string]string, len(personal))
	for _, p := range personal {
		values[p.Field] = p.Value
		if p.Field[0] == 's' {
			s.Subjects = append(s.Subjects, p.Value)
		}
	}
	s.Actor, s.ActorID, s.Address, s.Agent, s.Reason = values["actor"], values["actor_id"], values["address"], values["agent"], values["reason"]
	var commitments map[string]string
	if json.Unmarshal([]byte(row.Personal), &commitments) == nil {
		s.Forgotten = len(commitments) - len(personal)
		for field, into := range map[string]*string{"actor": &s.Actor, "address": &s.Address, "agent": &s.Agent, "reason": &s.Reason} {
			if _, had := commitments[field]; had && *into == "" {
				*into = Gone
			}
		}
	}
	_ = json.Unmarshal([]byte(row.Topics), &s.Topics)
	_ = json.Unmarshal([]byte(row.Lines), &s.Lines)
	_ = json.Unmarshal([]byte(row.Items), &s.Items)
	for i, line := range s.Lines {
		s.Lines[i] = expand(line, values)
	}
	for i, item := range s.Items {
		s.Items[i] = Item{Kind: item.Kind, Key: expand(item.Key, values), User: expand(item.User, values), Tenant: expand(item.Tenant, values),
			Before: expandAll(item.Before, values), After: expandAll(item.After, values)}
	}
	return s
}

// expandAll puts values back into all texts of what JSON held.
func expandAll(value any, values map[string]string) any {
	switch v := value.(type) {
	case string:
		return expand(v, values)
	case []any:
		for i := range v {
			v[i] = expandAll(v[i], values)
		}
	case map[string]any:
		for name, inner := range v {
			v[name] = expandAll(inner, values)
		}
	}
	return value
}
