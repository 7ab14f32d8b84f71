package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"
)

// Held is how many rows of a table still hold one of somebody's names, where nothing replaces it.
type Held struct {
	Where string // in plain words
	Rows  int64
}

// named are the columns that hold a person's id or name as somebody's name, by table. What is equal is replaced.
func named() map[string][]string {
	return map[string][]string{
		"feature_flag_overrides": {"user_id", "created_by"},
		"tenant_plans":           {"changed_by"},
		"tenant_addons":          {"created_by", "ended_by"},
		"environments":           {"changed_by"},
		"alert_channels":         {"created_by", "removed_by"},
		"alert_watches":          {"created_by", "removed_by"},
		"accounts":               {"created_by"},
		"one_time_links":         {"created_by"},
		"api_tokens":             {"creator_id", "creator_email", "revoked_by"},
		"change_requests":        {"author", "author_id"},
		"change_request_events":  {"person", "person_id"},
		"emergencies":            {"author", "author_id", "reviewed_by", "reviewed_by_id"},
		"feature_flags":          {"reviewed_by"},
		"code_uploads":           {"uploaded_by"},
		"cutover_limits":         {"changed_by"},
		"feature_flag_recording": {"changed_by"},
	}
}

// Rename puts another name in the place of somebody's names wherever these stand alone, past rows included. It gives
// how many rows that were.
func (tx *Tx) Rename(ctx context.Context, names []string, to string) (rows int64, err error) {
	for table, columns := range named() {
		for _, column := range columns {
			done := tx.with(ctx).Exec("UPDATE "+table+" SET "+column+" = ? WHERE "+column+" IN ?", to, names)
			if done.Error != nil {
				return 0, fmt.Errorf("replace somebody's name in %s: %w", table, done.Error)
			}
			rows += done.RowsAffected
		}
	}
	return rows, nil
}

// documented are the columns of JSON in which a person's id may stand, by table.
func documented() []struct{ table, column string } {
	return []struct{ table, column string }{{"change_requests", "impact"}, {"change_request_steps", "edits"}, {"revision_notes", "impact"}}
}

// RenameWithin is Rename for texts within JSON: edits that change requests ask for, and samples of whom they reach.
func (tx *Tx) RenameWithin(ctx context.Context, names []string, to string) (rows int64, err error) {
	for _, place := range documented() {
		for _, name := range names {
			escaped, err := json.Marshal(name) // as edits are stored
			if err != nil {
				return rows, err
			}
			plain, err := encodeAny(name) // as what was renamed before is
			if err != nil {
				return rows, err
			}
			var texts []string
			holds := tx.holds(place.column)
			if err := tx.with(ctx).Table(place.table).Distinct(place.column).Where(holds+" OR "+holds, string(escaped), plain).Find(&texts).Error; err != nil {
				return rows, fmt.Errorf("look for somebody in %s: %w", place.table, err)
			}
			for _, text := range texts {
				renamed, err := renameJSON(text, name, to)
				if err != nil {
					return rows, err
				}
				done := tx.with(ctx).Exec("UPDATE "+place.table+" SET "+place.column+" = ? WHERE "+place.column+" = ?", renamed, text)
				if done.Error != nil {
					return rows, fmt.Errorf("replace somebody's name in %s: %w", place.table, done.Error)
				}
				rows += done.RowsAffected
			}
		}
	}
	return rows, nil
}

// holds is SQL for that a column holds a text, which LIKE takes many times as long to find.
func (tx *Tx) holds(column string) string {
	if tx.backend.OneWriter() {
		return "instr(" + column + ", ?) > 0"
	}
	return "strpos(" + column + ", ?) > 0"
}

// renameJSON replaces texts within JSON that are a person's name, where people stand: a person may be called like a
// variant, or like an edit, and what was approved stays what it is.
func renameJSON(text, name, to string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return "", fmt.Errorf("stored JSON cannot be read: %w", err)
	}
	return encodeAny(renameValue("", value, name, to))
}

// renameValue replaces a name in what stands under a field.
func renameValue(field string, value any, name, to string) any {
	switch value := value.(type) {
	case string:
		if value == name && slices.Contains([]string{"user", "user_id", "email", "id"}, strings.ToLower(field)) {
			return to
		}
	case []any:
		for i := range value {
			value[i] = renameValue(field, value[i], name, to)
		}
	case map[string]any:
		attribute, _ := value["attribute"].(string)
		alone, _ := value["alone"].(bool) // a sample that is a tenant, not a person
		for key := range value {
			switch {
			case key == "id" && alone:
			case key == "values" && attribute != "":
				value[key] = renameValue(peopleIn(attribute), value[key], name, to)
			default:
				value[key] = renameValue(key, value[key], name, to)
			}
		}
	}
	return value
}

// peopleIn is the field as which a condition's values are looked at: those of attributes that are about people.
func peopleIn(attribute string) string {
	if attribute == "user" || attribute == "email" || strings.HasSuffix(attribute, "_id") {
		return "user"
	}
	return ""
}

// ForgetLetters removes what somebody was told as an owner of flags, and what they were still to be told.
func (tx *Tx) ForgetLetters(ctx context.Context, names []string) (rows int64, err error) {
	done := tx.with(ctx).Exec("DELETE FROM review_letters WHERE owner IN ? OR address IN ?", names, names)
	if done.Error != nil {
		return 0, fmt.Errorf("remove somebody's letters: %w", done.Error)
	}
	return done.RowsAffected, nil
}

// ForgetSubject removes a person from the directory of all environments.
func (tx *Tx) ForgetSubject(ctx context.Context, names []string) (rows int64, err error) {
	done := tx.with(ctx).Exec("DELETE FROM directory_subjects WHERE kind = ? AND id IN ?", SeenUser, names)
	if done.Error != nil {
		return 0, fmt.Errorf("remove somebody from the directory: %w", done.Error)
	}
	return done.RowsAffected, nil
}

// AccountNamed returns the account with one of these ids or e-mail addresses, or ErrNotFound.
func (r reader) AccountNamed(ctx context.Context, names []string) (Account, error) {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = strings.ToLower(name)
	}
	return one(r.accounts(ctx, r.with(ctx).Where("id IN ? OR email_key IN ?", names, keys)))
}

// ForgetAccount makes an account nobody's: it is disabled, without a password, a name or anything that opens it.
func (tx *Tx) ForgetAccount(ctx context.Context, id, to string) error {
	for _, statement := range []string{
		"DELETE FROM account_sessions WHERE account_id = ?", "DELETE FROM account_devices WHERE account_id = ?",
		"DELETE FROM account_identities WHERE account_id = ?", "DELETE FROM account_roles WHERE account_id = ?",
		"DELETE FROM one_time_links WHERE account_id = ?",
	} {
		if err := tx.with(ctx).Exec(statement, id).Error; err != nil {
			return fmt.Errorf("forget an account: %w", err)
		}
	}
	now, err := tx.Now(ctx)
	if err == nil {
		err = tx.with(ctx).Exec("UPDATE api_tokens SET revoked_at = ?, revoked_by = ? WHERE account_id = ? AND revoked_at IS NULL", At(now), to, id).Error
	}
	if err == nil {
		err = tx.with(ctx).Model(&Account{}).Where("id = ?", id).Updates(map[string]any{"email": to, "email_key": to, "name": "", "password": "",
			"disabled": true, "version": gorm.Expr("version + 1")}).Error
	}
	if err != nil {
		return fmt.Errorf("forget an account: %w", err)
	}
	return nil
}

// RevokeTokensOf revokes the tokens that somebody made.
func (tx *Tx) RevokeTokensOf(ctx context.Context, names []string, by string) error {
	now, err := tx.Now(ctx)
	if err == nil {
		err = tx.with(ctx).Exec("UPDATE api_tokens SET revoked_at = ?, revoked_by = ? WHERE creator_id IN ? AND revoked_at IS NULL", At(now), by, names).Error
	}
	if err != nil {
		return fmt.Errorf("revoke somebody's tokens: %w", err)
	}
	return nil
}

// AuditTexts are the texts of the audit, up to an entry of each chain, in which one of somebody's names stands.
type AuditTexts struct {
	names []string
	texts []AuditPersonal
	heads []AuditHead
}

// AuditTextsWith looks for somebody's names in all texts of the audit, which takes long: so that ForgetAudit, while nobody
// else can append, looks at those alone that came since.
func (r reader) AuditTextsWith(ctx context.Context, names []string) (found AuditTexts, err error) {
	found.names = names
	if err := r.with(ctx).Find(&found.heads).Error; err != nil {
		return found, fmt.Errorf("read the heads of the audit: %w", err)
	}
	found.texts, err = r.auditTextsWith(ctx, names, nil)
	return found, err
}

// ForgetAudit deletes, with their salts, the personal values that are one of somebody's names, all personal values of
// entries that somebody of that name made, and texts in which a name stands. It gives how many those were.
func (tx *Tx) ForgetAudit(ctx context.Context, names []string, known AuditTexts) (removed int64, err error) {
	texts, err := tx.auditTextsWith(ctx, known.names, known.heads)
	if err != nil {
		return 0, err
	}
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(known.names, name) })
	more, err := tx.auditTextsWith(ctx, others, nil)
	if err != nil {
		return 0, err
	}
	count := func(statement string, values ...any) {
		if err == nil {
			done := tx.with(ctx).Exec(statement, values...)
			removed, err = removed+done.RowsAffected, done.Error
		}
	}
	var acts []AuditPersonal // as long as they name who it was; that no kind is 'text' is said again, in the words of the index
	err = tx.with(ctx).Select("chain", "number").Where("kind = 'actor' AND kind <> 'text' AND value IN ?", names).Find(&acts).Error
	numbers := map[string][]int64{}
	for _, act := range acts {
		numbers[act.Chain] = append(numbers[act.Chain], act.Number)
	}
	for chain, all := range numbers {
		for some := range slices.Chunk(all, batch) {
			count("DELETE FROM audit_personal WHERE chain = ? AND number IN ? AND field IN ('actor', 'actor_id', 'address', 'agent', 'reason')", chain, some)
		}
	}
	for _, text := range slices.Concat(known.texts, texts, more) {
		count("DELETE FROM audit_personal WHERE chain = ? AND number = ? AND field = ?", text.Chain, text.Number, text.Field)
	}
	count("DELETE FROM audit_personal WHERE kind IN ('actor', 'subject') AND kind <> 'text' AND value IN ?", names)
	if err != nil {
		return 0, fmt.Errorf("forget somebody in the audit: %w", err)
	}
	return removed, nil
}

// auditTextsWith are the texts in which a name stands as a word of its own, of entries behind those heads.
func (r reader) auditTextsWith(ctx context.Context, names []string, heads []AuditHead) (found []AuditPersonal, err error) {
	behind := r.with(ctx).Where("true")
	if len(heads) > 0 {
		behind = r.with(ctx)
		for _, head := range heads {
			behind = behind.Or("chain = ? AND number > ?", head.Chain, head.Number)
		}
	}
	for _, name := range names {
		var rows []AuditPersonal
		err := r.with(ctx).Select("chain", "number", "field", "kind", "value").Where(behind).
			Where(`lower(value) LIKE lower(CAST(? AS TEXT)) ESCAPE '\'`, "%"+literally(name)+"%").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("look for somebody in the audit: %w", err)
		}
		for _, row := range rows {
			if strings.EqualFold(row.Value, name) || row.Kind == AuditText && Names(row.Value, name) { // ids and addresses of others may begin like this one
				found = append(found, row)
			}
		}
	}
	return found, nil
}

// Names reports whether a name stands in a text as a word of its own, in upper or lower case.
func Names(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	if name == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(name):])
		if (i == 0 || !wordy(before)) && (i+len(name) == len(text) || !wordy(after)) {
			return true
		}
		from = i + 1
	}
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// NoteForget says that somebody was forgotten, for instances that keep something in memory.
func (tx *Tx) NoteForget(ctx context.Context) error {
	now, err := tx.Now(ctx)
	if err == nil {
		err = tx.with(ctx).Exec("INSERT INTO audit_forgets (at) VALUES (?)", At(now)).Error
	}
	if err != nil {
		return fmt.Errorf("note that somebody was forgotten: %w", err)
	}
	return nil
}

// Forgets is how many times somebody was forgotten.
func (r reader) Forgets(ctx context.Context) (n int64, err error) {
	if err = r.with(ctx).Raw("SELECT coalesce(max(id), 0) FROM audit_forgets").Scan(&n).Error; err != nil {
		return 0, fmt.Errorf("look whether somebody was forgotten: %w", err)
	}
	return n, nil
}

// StillHolding counts what holds one of somebody's names where nothing can replace it.
func (tx *Tx) StillHolding(ctx context.Context, names []string) (held []Held, err error) {
	count := func(where, query string, values ...any) {
		var n int64
		if wrong := tx.with(ctx).Raw(query, values...).Scan(&n).Error; wrong != nil {
			err = errors.Join(err, wrong)
		} else if n > 0 {
			held = append(held, Held{where, n})
		}
	}
	count("the author of revisions, which a digest covers: they never change", "SELECT count(*) FROM revisions WHERE author IN ?", names)
	for _, name := range names {
		like := "%" + literally(name) + "%"
		for _, place := range []struct{ where, table, column string }{
			{"the reason of revisions, which a digest covers", "revisions", "reason"},
			{"rules of flags, now or in the past: what is live can be edited", "feature_flag_environments", "rollout_strategy"},
			{"conditions of segments, now or in the past: what is live can be edited", "segments", "condition"},
			{"reasons of overrides", "feature_flag_overrides", "override_reason"},
			{"titles of change requests", "change_requests", "title"},
			{"reasons of change requests", "change_requests", "reason"},
			{"comments on change requests", "change_request_events", "text"},
			{"notes on kills that were looked at", "emergencies", "note"},
			{"owners of flags", "feature_flags", "owner"},
			{"what alert channels show of where they lead", "alert_channels", "hint"},
			{"differences between two databases, as the host redacts them", "cutover_instances", "stats || details"},
		} {
			count(place.where+" (texts with "+fmt.Sprintf("%q", name)+")", "SELECT count(*) FROM "+place.table+" WHERE "+place.column+` LIKE ? ESCAPE '\'`, like)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look what else holds somebody's name: %w", err)
	}
	return held, nil
}
