package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/toprent/flags/models"
)

// Head is the newest entry of a chain, as it is kept elsewhere: whoever has it can tell later that none was cut off.
type Head struct {
	Chain  string    `json:"chain"`
	Number int64     `json:"number"`
	MAC    []byte    `json:"mac"`
	At     time.Time `json:"at"`
	Keyed  bool      `json:"keyed"`
}

// Heads are the heads of all chains.
func (l *Log) Heads(ctx context.Context) ([]Head, error) {
	var heads []Head
	for _, chain := range Chains() {
		row, err := l.store.AuditHead(ctx, chain)
		if err != nil {
			return nil, err
		}
		head := Head{Chain: chain, Number: row.Number, MAC: row.MAC, Keyed: row.KeyID != ""}
		if row.At != nil {
			head.At = row.At.Time
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// Finding is the first thing that is wrong with a chain.
type Finding struct {
	Number int64 // of the entry; 0: the chain as a whole
	Why    string
}

// Verified says how a chain was found.
type Verified struct {
	Chain     string
	Entries   int64
	Unkeyed   int64    // entries that were chained without a key: they prove less
	Forgotten int64    // personal values that are gone
	Finding   *Finding // nil: nothing is wrong
	Head      Head
}

// Report is what a look at all chains found.
type Report struct {
	Chains []Verified
	Began  time.Time
	Took   time.Duration
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Chains, func(v Verified) bool { return v.Finding != nil })
}

// step is how many entries are read at once.
const step = 1000

// Verify looks through both chains, from the first entry to the last, and finds any that was altered, added, removed or
// moved; with heads that were kept elsewhere, also entries that were cut off the end. It needs no more memory for a
// million entries than for a thousand. progress, if given, is told how many entries are done of how many.
func (l *Log) Verify(ctx context.Context, kept []Head, progress func(done, total int64)) (Report, error) {
	report := Report{Began: time.Now()}
	err := l.store.Snapshot(ctx, func(s models.Snapshot) error {
		report.Chains = nil
		heads := map[string]models.AuditHead{}
		var total int64
		for _, chain := range Chains() {
			head, err := s.AuditHead(ctx, chain)
			if err != nil {
				head = models.AuditHead{Chain: chain, Number: -1}
			}
			heads[chain] = head
			total += head.Number
		}
		v := verifying{log: l, s: s, progress: progress, total: total}
		for _, chain := range Chains() {
			found, err := v.chain(ctx, heads[chain], kept)
			if err != nil {
				return err
			}
			report.Chains = append(report.Chains, found)
		}
		return v.account(ctx, report.Chains)
	})
	report.Took = time.Since(report.Began)
	if err != nil {
		return Report{}, fmt.Errorf("verify the audit: %w", err)
	}
	return report, nil
}

// verifying is one look on its way.
type verifying struct {
	log       *Log
	s         models.Snapshot
	progress  func(done, total int64)
	done      int64
	total     int64
	forgotten int64 // personal values of which a forget entry says that it removed them
}

func (v *verifying) chain(ctx context.Context, head models.AuditHead, kept []Head) (Verified, error) {
	found := Verified{Chain: head.Chain}
	var last models.AuditEntry
	for {
		entries, personal, topics, err := v.s.AuditRows(ctx, head.Chain, last.Number, step)
		if err != nil {
			return found, err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			e.Chain = head.Chain // the query's, not what the row may say: rows of no chain are looked at nowhere
			values := front(&personal, e.Number, func(p models.AuditPersonal) int64 { return p.Number })
			about := front(&topics, e.Number, func(t models.AuditTopic) int64 { return t.Number })
			why, gone := v.entry(last, e, values, about)
			if why == "" {
				why = againstKept(e, kept)
			}
			if e.Number > last.Number+1 {
				found.Finding = &Finding{last.Number + 1, "it is missing"}
				return found, nil
			}
			if why != "" {
				found.Finding = &Finding{e.Number, why}
				return found, nil
			}
			found.Entries++
			found.Forgotten += gone
			if e.KeyID == "" {
				found.Unkeyed++
			}
			if e.Action == forgetAction {
				v.forgotten += forgottenBy(e)
			}
			last = e
		}
		v.done += int64(len(entries))
		if v.progress != nil {
			v.progress(v.done, max(v.total, v.done))
		}
	}
	found.Head = Head{Chain: head.Chain, Number: last.Number, MAC: last.MAC, At: last.At.Time, Keyed: last.KeyID != ""}
	found.Finding = v.end(last, head, kept)
	return found, nil
}

// front takes the rows of an entry off the front of rows that are sorted by number.
func front[R any](rows *[]R, number int64, of func(R) int64) []R {
	all := *rows
	for len(all) > 0 && of(all[0]) < number {
		all = all[1:]
	}
	n := 0
	for n < len(all) && of(all[n]) == number {
		n++
	}
	*rows = all[n:]
	return all[:n]
}

// entry says what is wrong with an entry; empty: nothing. gone is how many of its personal values are not there.
func (v *verifying) entry(last, e models.AuditEntry, values []models.AuditPersonal, about []models.AuditTopic) (why string, gone int64) {
	switch {
	case !bytes.Equal(e.Previous, last.MAC):
		return "it does not follow the entry before it: one of them was altered, moved, added or replaced", 0
	case e.At.Before(last.At.Time):
		return "it is older than the entry before it", 0
	case e.KeyID == "" && last.KeyID != "":
		return "it was chained without a key, though the entry before it was chained with one", 0
	case e.KeyID != "" && e.KeyID != v.log.keyID:
		if !v.log.Keyed() {
			return "it was chained with a key, and none is given: set AUDIT_KEY", 0
		}
		return "it was chained with another key than the one given", 0
	}
	key := v.log.key
	if e.KeyID == "" {
		key = nil
	}
	if !hmac.Equal(macOf(key, e), e.MAC) {
		return "its content does not match its MAC: it was altered", 0
	}
	return checkValues(e, values, about)
}

// checkValues compares what stands beside an entry with what the entry says of it.
func checkValues(e models.AuditEntry, values []models.AuditPersonal, about []models.AuditTopic) (why string, gone int64) {
	var commitments map[string]string
	var topics []string
	if json.Unmarshal([]byte(e.Personal), &commitments) != nil || json.Unmarshal([]byte(e.Topics), &topics) != nil {
		return "it cannot be read", 0
	}
	for _, p := range values {
		want, ok := commitments[p.Field]
		if !ok {
			return fmt.Sprintf("a personal value (%s) was added to it", p.Field), 0
		}
		if base64.RawStdEncoding.EncodeToString(commitment(p.Field, p.Value, p.Salt)) != want {
			return fmt.Sprintf("a personal value (%s) of it was altered", p.Field), 0
		}
		if kind := kindOf(p.Field); kind != "" && kind != p.Kind && len(p.Value) <= maxIndexed {
			return fmt.Sprintf("a personal value (%s) of it was altered", p.Field), 0
		}
	}
	found := make([]string, len(about))
	for i, t := range about {
		found[i] = t.Topic
	}
	slices.Sort(found)
	if !slices.Equal(found, topics) {
		return "what it can be found by was altered", 0
	}
	return "", int64(len(commitments) - len(values))
}

// kindOf is the kind of a field that is always of one; empty: it may be of several.
func kindOf(field string) string {
	switch {
	case field == "actor" || field == "actor_id":
		return models.AuditActor
	case field == "address" || field == "agent" || field == "reason":
		return models.AuditText
	case field[0] == 's':
		return models.AuditSubject
	}
	return ""
}

// againstKept compares an entry with heads that were kept elsewhere.
func againstKept(e models.AuditEntry, kept []Head) string {
	for _, head := range kept {
		if head.Chain == e.Chain && head.Number == e.Number && !bytes.Equal(head.MAC, e.MAC) {
			return "it is another one than the head that was kept elsewhere"
		}
	}
	return ""
}

// end says what is wrong with the end of a chain; nil: nothing.
func (v *verifying) end(last models.AuditEntry, head models.AuditHead, kept []Head) *Finding {
	for _, k := range kept {
		if k.Chain == head.Chain && k.Number > last.Number {
			return &Finding{last.Number + 1, fmt.Sprintf("it is missing: the chain ends at %d, and the head that was kept elsewhere is %d", last.Number, k.Number)}
		}
	}
	switch {
	case head.Number < 0:
		return &Finding{0, "the row with the chain's head is missing"}
	case head.Number > last.Number:
		return &Finding{last.Number + 1, fmt.Sprintf("it is missing: the chain ends at %d, and its head is %d", last.Number, head.Number)}
	case head.Number < last.Number:
		return &Finding{head.Number + 1, fmt.Sprintf("it was added behind the chain's head, which is %d", head.Number)}
	case !bytes.Equal(head.MAC, last.MAC), head.KeyID != last.KeyID,
		(head.At == nil) != (last.Number == 0), head.At != nil && !head.At.Equal(last.At.Time):
		return &Finding{last.Number, "it does not match the row with the chain's head"}
	case v.log.Keyed() && last.Number > 0 && last.KeyID == "":
		return &Finding{last.Number, "no entry is chained with the key that is given. If the key is new, make one change and verify again; otherwise the chain was replaced"}
	}
	return nil
}

// account compares the personal values that are gone with those of which entries say that they were forgotten.
func (v *verifying) account(ctx context.Context, chains []Verified) error {
	var gone int64
	for _, found := range chains {
		if found.Finding != nil {
			return nil
		}
		gone += found.Forgotten
	}
	strays, err := v.s.AuditStrays(ctx)
	switch {
	case err != nil:
		return err
	case strays > 0:
		chains[0].Finding = &Finding{0, fmt.Sprintf("%d personal values or topics belong to no entry", strays)}
	case gone != v.forgotten:
		chains[0].Finding = &Finding{0, fmt.Sprintf("%d personal values are gone, and forget removed %d", gone, v.forgotten)}
	}
	return nil
}

// forgetAction is what an entry says that was made when somebody was forgotten.
const forgetAction = "forget"

// forgottenBy is how many personal values a forget removed, as its entry says.
func forgottenBy(e models.AuditEntry) int64 {
	var items []struct {
		Kind  string
		After struct {
			Removed int64 `json:"personal_values_removed"`
		}
	}
	if json.Unmarshal([]byte(e.Items), &items) != nil {
		return 0
	}
	for _, item := range items {
		if item.Kind == "audit" {
			return item.After.Removed
		}
	}
	return 0
}
