package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/models"
)

// ErrKey refuses to go on with a chain that was made with another key: it would be broken from there on.
var ErrKey = errors.New("the audit is chained with another key than the one given here: set AUDIT_KEY to that of the servers")

// appendTo appends entries to a chain. The chain's head stays locked until the transaction ends.
func (l *Log) appendTo(ctx context.Context, tx *models.Tx, chain string, entries []prepared) error {
	head, err := tx.LockAuditHead(ctx, chain)
	if err != nil {
		return err
	}
	if head.KeyID != "" && head.KeyID != l.keyID {
		return ErrKey
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	if head.At != nil && head.At.After(now) { // the clock was set back; entries stay in order
		now = head.At.Time
	}
	at := models.At(now)
	for _, e := range entries {
		row := e.entry
		row.Chain, row.Number, row.At, row.KeyID, row.Previous = chain, head.Number+1, at, l.keyID, head.MAC
		if row.Previous == nil {
			row.Previous = []byte{}
		}
		row.MAC = macOf(l.key, row)
		for i := range e.personal {
			e.personal[i].Chain, e.personal[i].Number = chain, row.Number
		}
		topics := make([]models.AuditTopic, len(e.topics))
		for i, topic := range e.topics {
			topics[i] = models.AuditTopic{Topic: topic, Chain: chain, Number: row.Number}
		}
		if err := tx.AddAuditEntry(ctx, row, e.personal, topics); err != nil {
			return err
		}
		head = models.AuditHead{Chain: chain, Number: row.Number, MAC: row.MAC, At: &at, KeyID: l.keyID}
	}
	return tx.SetAuditHead(ctx, head)
}

// macOf is HMAC-SHA256 over all columns of an entry but the MAC itself, each with its length before it, so that nothing
// can pass from one column into the next.
func macOf(key []byte, row models.AuditEntry) []byte {
	mac := hmac.New(sha256.New, key)
	write := func(column []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(column)))
		mac.Write(length[:])
		mac.Write(column)
	}
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	write([]byte("toprent flags: audit entry 1"))
	write([]byte(row.Chain))
	write(number(row.Number))
	write([]byte(row.At.UTC().Format(time.RFC3339Nano)))
	for _, text := range []string{row.Action, row.Source, row.Token, row.Environment} {
		write([]byte(text))
	}
	write(number(row.Revision))
	write(row.Digest)
	for _, text := range []string{row.Request, row.Topics, row.Lines, row.Items, row.Personal, row.KeyID} {
		write([]byte(text))
	}
	write(row.Previous)
	return mac.Sum(nil)
}

// keyIDOf names a key without telling it; empty for none.
func keyIDOf(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("toprent flags: audit key id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// prepared is an entry that lacks its place in a chain.
type prepared struct {
	entry    models.AuditEntry
	personal []models.AuditPersonal
	topics   []string
}

// prepare writes an entry as it is stored, with who did it and from where.
func prepare(ctx context.Context, e Entry) (prepared, error) {
	origin := OriginOf(ctx)
	if e.Action == "" {
		return prepared{}, errors.New("an audit entry says what was done")
	}
	if e.Actor == "" && e.ActorID == "" {
		e.Actor, e.ActorID = origin.Actor, origin.ActorID
	} else if e.ActorID == "" && e.Actor == origin.Actor {
		e.ActorID = origin.ActorID
	}
	if e.ActorID == e.Actor {
		e.ActorID = ""
	}
	var p personal
	p.add("actor", models.AuditActor, storable(e.Actor, maxText))
	p.add("actor_id", models.AuditActor, storable(e.ActorID, maxText))
	p.add("address", models.AuditText, storable(origin.Address, 64))
	p.add("agent", models.AuditText, storable(origin.Agent, 200))
	p.add("reason", models.AuditText, storable(e.Reason, maxText))
	for i, subject := range e.Subjects {
		p.add(fmt.Sprintf("s%d", i+1), models.AuditSubject, storable(subject, maxText))
	}
	out := prepared{topics: e.topicsOf()}
	row := models.AuditEntry{Action: e.Action, Source: origin.Source, Token: origin.Token, Environment: e.Environment,
		Revision: e.Revision, Digest: e.Digest, Request: e.Request}
	if row.Digest == nil {
		row.Digest = []byte{}
	}
	err := error(nil)
	if row.Items, err = p.items(e.Items); err != nil { // first: lines name the people of items in passing
		return prepared{}, err
	}
	lines := make([]string, 0, min(len(e.Lines), maxLines+1)+1)
	if e.Title != "" {
		lines = append(lines, p.place(models.AuditText, storable(e.Title, maxText)))
	}
	for i, line := range e.Lines {
		if i == maxLines {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Lines)-maxLines))
			break
		}
		lines = append(lines, p.within(p.line(storable(line, maxText))))
	}
	for _, part := range []struct {
		into  *string
		value any
	}{{&row.Lines, lines}, {&row.Topics, out.topics}, {&row.Personal, p.commitments()}} {
		if *part.into, err = encode(part.value); err != nil {
			return prepared{}, err
		}
	}
	out.entry, out.personal = row, p.values
	return out, nil
}

// maxText is how long a text of an entry may be, in bytes.
const maxText = 4096
