package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// AuditEntry is one entry of an audit chain. Entries are only ever added. What is personal about them is in
// AuditPersonal; Lines and Items hold places for it.
type AuditEntry struct {
	Chain       string `gorm:"primaryKey"`
	Number      int64  `gorm:"primaryKey;autoIncrement:false"` // from 1, without a gap
	At          Time   // by the database's clock; never before the entry before it
	Action      string
	Source      string // page, api or command; empty: something else
	Token       string // the id of the API token that was used
	Environment string // empty: none, or all
	Revision    int64  // 0: none
	Digest      []byte // of the revision
	Request     string // the change request that led to it
	Topics      string // JSON: what it is about, sorted
	Lines       string // JSON: what became different, in plain words
	Items       string // JSON: each item before and after
	Personal    string // JSON: commitments to the personal values, by field
	KeyID       string // which key the MAC was made with; empty: none
	Previous    []byte // the MAC of the entry before it
	MAC         []byte `gorm:"column:mac"`
}

func (AuditEntry) TableName() string { return "audit_entries" }

// AuditTopic is something that an entry is about.
type AuditTopic struct {
	Topic  string `gorm:"primaryKey"`
	Chain  string `gorm:"primaryKey"`
	Number int64  `gorm:"primaryKey;autoIncrement:false"`
}

func (AuditTopic) TableName() string { return "audit_topics" }

// AddAuditEntry adds an entry with its personal values and its topics.
func (tx *Tx) AddAuditEntry(ctx context.Context, entry AuditEntry, personal []AuditPersonal, topics []AuditTopic) error {
	err := tx.with(ctx).Create(&entry).Error
	if err == nil && len(personal) > 0 {
		err = tx.with(ctx).CreateInBatches(&personal, batch).Error
	}
	if err == nil && len(topics) > 0 {
		err = tx.with(ctx).CreateInBatches(&topics, batch).Error
	}
	if err != nil {
		return fmt.Errorf("add entry %d to the audit (%s): %w", entry.Number, entry.Chain, err)
	}
	return nil
}

// AuditEntry returns one entry with its personal values, or ErrNotFound.
func (r reader) AuditEntry(ctx context.Context, chain string, number int64) (entry AuditEntry, personal []AuditPersonal, err error) {
	if err = r.with(ctx).Where("chain = ? AND number = ?", chain, number).Take(&entry).Error; err == nil {
		personal, err = r.AuditPersonal(ctx, chain, []int64{number})
	}
	if err != nil {
		return AuditEntry{}, nil, fmt.Errorf("read entry %d of the audit: %w", number, first(err))
	}
	return entry, personal, nil
}

// AuditFilter says which entries of a chain are wanted. What is empty restricts nothing.
type AuditFilter struct {
	Chain       string
	Who         string // the actor's name or id
	Action      string
	Environment string
	Topic       string // such as flag:new-home
	Subject     string // a user whom it is about
	Since       *time.Time
	Until       *time.Time // exclusive
	Before      int64      // only entries with a lower number; 0: all
}

// AuditEntries returns the entries that the filter lets through, newest first, at most limit of them. Pages are found
// by number, so that the last costs what the first does.
func (r reader) AuditEntries(ctx context.Context, filter AuditFilter, limit int) ([]AuditEntry, error) {
	below, from, err := r.auditBounds(ctx, filter)
	if err != nil || below <= from {
		return nil, err
	}
	// What restricts most drives: its index gives numbers in order.
	query, number := r.with(ctx).Table("audit_entries e").Select("e.*").Where("e.chain = ?", filter.Chain), "e.number"
	drive := func(table, alias, where string, values ...any) {
		if number == "e.number" {
			number = alias + ".number"
			// SQLite asks the tables of a CROSS JOIN in the order in which they stand.
			query = query.Table(table+" "+alias+" CROSS JOIN audit_entries e").Where("e.number = "+alias+".number").
				Where(alias+".chain = ?", filter.Chain).Where(where, values...)
			return
		}
		query = query.Where("EXISTS (SELECT 1 FROM "+table+" "+alias+" WHERE "+alias+".chain = e.chain AND "+alias+".number = e.number AND "+where+")", values...)
	}
	// That no kind is 'text' is said again, in the words of the index, which SQLite would not use otherwise.
	if filter.Subject != "" {
		drive("audit_personal", "s", "s.kind = 'subject' AND s.kind <> 'text' AND s.value = ?", filter.Subject)
	}
	if filter.Topic != "" {
		drive("audit_topics", "t", "t.topic = ?", filter.Topic)
	}
	if filter.Who != "" {
		drive("audit_personal", "a", "a.kind = 'actor' AND a.kind <> 'text' AND a.value = ?", filter.Who)
	}
	// Of these two, SQLite would look through all entries, if it did not find a number in the index alone.
	where := func() { drive("audit_entries", "w", "w.environment = ?", filter.Environment) }
	quiet := false // a place of which there is little: most of what was done was done elsewhere
	if filter.Action != "" && filter.Environment != "" {
		if quiet, err = r.auditQuiet(ctx, filter.Chain, filter.Environment); err != nil {
			return nil, err
		}
	}
	if quiet {
		where()
	}
	if filter.Action != "" {
		drive("audit_entries", "k", "k.action = ?", filter.Action)
	}
	if filter.Environment != "" && !quiet {
		where()
	}
	var rows []AuditEntry
	err = query.Where(number+" < ? AND "+number+" >= ?", below, from).Order(number + " DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return rows, nil
}

// auditQuiet reports whether a chain has few entries of an environment.
func (r reader) auditQuiet(ctx context.Context, chain, environment string) (bool, error) {
	const few = 2000
	var found int
	err := r.with(ctx).Raw("SELECT count(*) FROM (SELECT 1 FROM audit_entries WHERE chain = ? AND environment = ? LIMIT ?) found", chain, environment, few).Scan(&found).Error
	if err != nil {
		return false, fmt.Errorf("read the audit: %w", err)
	}
	return found < few, nil
}

// auditBounds gives the numbers between which the filter's entries lie: times grow with them.
func (r reader) auditBounds(ctx context.Context, filter AuditFilter) (below, from int64, err error) {
	head, err := r.AuditHead(ctx, filter.Chain)
	if err != nil {
		return 0, 0, err
	}
	below, from = head.Number+1, 1
	at := func(t time.Time) (int64, error) {
		var row AuditEntry
		err := r.with(ctx).Select("number").Where("chain = ? AND at >= ?", filter.Chain, At(t)).Order("at, number").Limit(1).Find(&row).Error
		if row.Number == 0 {
			row.Number = head.Number + 1
		}
		return row.Number, err
	}
	if filter.Since != nil {
		if from, err = at(*filter.Since); err != nil {
			return 0, 0, fmt.Errorf("read the audit: %w", err)
		}
	}
	if filter.Until != nil {
		if below, err = at(*filter.Until); err != nil {
			return 0, 0, fmt.Errorf("read the audit: %w", err)
		}
	}
	if filter.Before > 0 {
		below = min(below, filter.Before)
	}
	return below, from, nil
}

// AuditRows returns entries of a chain in the order of their numbers, after that one, at most limit of them, with their
// personal values and topics: for who looks through all of it.
func (r reader) AuditRows(ctx context.Context, chain string, after int64, limit int) (entries []AuditEntry, personal []AuditPersonal, topics []AuditTopic, err error) {
	columns := []string{"number", "at", "action", "source", "token", "environment", "revision", "digest", "request", "topics", "lines", "items", "personal", "key_id", "previous", "mac"}
	query := r.with(ctx).Model(&AuditEntry{}).Select(columns).Where("chain = ? AND number > ?", chain, after).Order("number").Limit(limit)
	entries, err = scanned(query, func(e *AuditEntry) []any {
		e.Chain = chain
		return []any{&e.Number, &e.At, &e.Action, &e.Source, &e.Token, &e.Environment, &e.Revision, &e.Digest, &e.Request, &e.Topics, &e.Lines, &e.Items, &e.Personal, &e.KeyID, &e.Previous, &e.MAC}
	})
	if err == nil && len(entries) > 0 {
		last := entries[len(entries)-1].Number
		within := func() *gorm.DB {
			return r.with(ctx).Where("chain = ? AND number > ? AND number <= ?", chain, after, last).Order("number")
		}
		personal, err = scanned(within().Model(&AuditPersonal{}).Select("number", "field", "kind", "value", "salt"), func(p *AuditPersonal) []any {
			return []any{&p.Number, &p.Field, &p.Kind, &p.Value, &p.Salt}
		})
		if err == nil {
			topics, err = scanned(within().Model(&AuditTopic{}).Select("number", "topic"), func(t *AuditTopic) []any { return []any{&t.Number, &t.Topic} })
		}
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read the audit (%s) after entry %d: %w", chain, after, err)
	}
	return entries, personal, topics, nil
}

// AuditStrays counts personal values and topics that belong to no entry.
func (r reader) AuditStrays(ctx context.Context) (strays int64, err error) {
	err = r.with(ctx).Raw(`SELECT (SELECT count(*) FROM audit_personal p WHERE NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.chain = p.chain AND e.number = p.number))
		+ (SELECT count(*) FROM audit_topics t WHERE NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.chain = t.chain AND e.number = t.number))`).Scan(&strays).Error
	if err != nil {
		return 0, fmt.Errorf("look for strays in the audit: %w", err)
	}
	return strays, nil
}
