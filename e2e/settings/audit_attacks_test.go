package settings

import (
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// tampering is a way to change what the audit holds, by SQL, as the owner of the database.
type tampering struct {
	name  string
	entry int64 // the first bad one; 0: the chain as a whole
	sql   []string
}

func tamperings() []tampering {
	update := func(entry string, set string) string {
		return "UPDATE audit_entries SET " + set + " WHERE chain = 'configuration' AND number = " + entry
	}
	const columns = "at, action, source, token, environment, revision, digest, request, topics, lines, items, personal, key_id, previous, mac"
	of := func(column, number string) string {
		return column + " = (SELECT s." + column + " FROM saved_audit_entries s WHERE s.chain = 'configuration' AND s.number = " + number + ")"
	}
	return []tampering{
		{"what was done is changed", 3, []string{update("3", "action = 'recall'")}},
		{"the words are changed", 4, []string{update("4", "lines = '[]'")}},
		{"before and after are changed", 3, []string{update("3", "items = '[]'")}},
		{"the environment is changed", 4, []string{update("4", "environment = 'staging'")}},
		{"the revision is changed", 4, []string{update("4", "revision = revision + 1")}},
		{"the revision's digest is another's", 4, []string{update("4", of("digest", "5"))}},
		{"the source is changed", 2, []string{update("2", "source = 'command'")}},
		{"a token is put in", 2, []string{update("2", "token = 'abc'")}},
		{"a change request is put in", 2, []string{update("2", "request = '7'")}},
		{"the time is moved", 4, []string{update("4", of("at", "5"))}},
		{"the key is taken away", 4, []string{update("4", "key_id = ''")}},
		{"a MAC is copied from another entry", 4, []string{update("4", of("mac", "5"))}},
		{"the MAC before it is copied from another entry", 5, []string{update("5", of("previous", "3"))}},
		{"text passes from one column into the next", 4, []string{update("4", "source = source || token, token = environment, environment = ''")}},
		{"an entry is removed", 4, []string{"DELETE FROM audit_entries WHERE chain = 'configuration' AND number = 4"}},
		{"the first entry is removed", 1, []string{"DELETE FROM audit_entries WHERE chain = 'configuration' AND number = 1"}},
		{"entries are removed and the others close up", 4, []string{
			"DELETE FROM audit_entries WHERE chain = 'configuration' AND number = 4",
			"UPDATE audit_entries SET number = number - 1 WHERE chain = 'configuration' AND number = 5"}},
		{"the tail is cut", 7, []string{"DELETE FROM audit_entries WHERE chain = 'configuration' AND number >= 7"}},
		{"the tail is cut and the head set back", 7, []string{
			"DELETE FROM audit_topics WHERE chain = 'configuration' AND number >= 7", "DELETE FROM audit_personal WHERE chain = 'configuration' AND number >= 7",
			"DELETE FROM audit_entries WHERE chain = 'configuration' AND number >= 7",
			"UPDATE audit_heads SET number = 6, mac = (SELECT mac FROM audit_entries WHERE chain = 'configuration' AND number = 6), at = (SELECT at FROM audit_entries WHERE chain = 'configuration' AND number = 6) WHERE chain = 'configuration'"}},
		{"everything is removed", 1, []string{"DELETE FROM audit_topics", "DELETE FROM audit_personal", "DELETE FROM audit_entries",
			"DELETE FROM audit_heads WHERE chain = 'configuration'", "INSERT INTO audit_heads (chain) VALUES ('configuration')"}},
		{"an entry is added at the end", 8, []string{
			"INSERT INTO audit_entries (chain, number, " + columns + ") SELECT chain, 8, " + columns + " FROM saved_audit_entries WHERE chain = 'configuration' AND number = 7"}},
		{"an entry is put in between", 4, []string{
			"UPDATE audit_entries SET number = 107 WHERE chain = 'configuration' AND number = 4",
			"INSERT INTO audit_entries (chain, number, " + columns + ") SELECT chain, 4, " + columns + " FROM saved_audit_entries WHERE chain = 'configuration' AND number = 6"}},
		{"two entries change places", 4, []string{
			"UPDATE audit_entries SET number = 104 WHERE chain = 'configuration' AND number = 4",
			"UPDATE audit_entries SET number = 4 WHERE chain = 'configuration' AND number = 5",
			"UPDATE audit_entries SET number = 5 WHERE chain = 'configuration' AND number = 104"}},
		{"an entry is moved to the other chain", 7, []string{"UPDATE audit_entries SET chain = 'access' WHERE chain = 'configuration' AND number = 7"}},
		{"the head's number is changed", 8, []string{"UPDATE audit_heads SET number = 9 WHERE chain = 'configuration'"}},
		{"the head's MAC is another's", 7, []string{"UPDATE audit_heads SET mac = (SELECT s.mac FROM saved_audit_entries s WHERE s.chain = 'configuration' AND s.number = 5) WHERE chain = 'configuration'"}},
		{"the head's row is removed", 0, []string{"DELETE FROM audit_heads WHERE chain = 'configuration'"}},
		{"a commitment is another's", 4, []string{update("4", of("personal", "5"))}},
		{"commitments are taken out", 4, []string{update("4", "personal = '{}'")}},
		{"who did it is changed", 4, []string{"UPDATE audit_personal SET value = 'mallory' WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"the reason is changed", 4, []string{"UPDATE audit_personal SET value = 'no reason' WHERE chain = 'configuration' AND number = 4 AND field = 'reason'"}},
		{"two people change places", 4, []string{"UPDATE audit_personal SET value = 'bob@toprent.example' WHERE chain = 'configuration' AND number = 4 AND field = 'actor'",
			"UPDATE audit_personal SET value = 'ann@toprent.example' WHERE chain = 'configuration' AND number = 5 AND field = 'actor'"}},
		{"value and salt come from another entry", 4, []string{`UPDATE audit_personal SET value = (SELECT s.value FROM saved_audit_personal s WHERE s.chain = 'configuration' AND s.number = 5 AND s.field = 'actor'),
			salt = (SELECT s.salt FROM saved_audit_personal s WHERE s.chain = 'configuration' AND s.number = 5 AND s.field = 'actor') WHERE chain = 'configuration' AND number = 4 AND field = 'actor'`}},
		{"a salt is changed", 4, []string{"UPDATE audit_personal SET salt = (SELECT s.salt FROM saved_audit_personal s WHERE s.chain = 'configuration' AND s.number = 5 AND s.field = 'actor') WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"a value is passed off as another field's", 4, []string{"UPDATE audit_personal SET field = 'p9' WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"somebody is put in", 4, []string{"INSERT INTO audit_personal (chain, number, field, kind, value, salt) SELECT chain, number, 'p9', kind, value, salt FROM saved_audit_personal WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"who did it is erased without forget", 0, []string{"DELETE FROM audit_personal WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"a person is left over from an entry that never was", 0, []string{"INSERT INTO audit_personal (chain, number, field, kind, value, salt) SELECT chain, 999, field, kind, value, salt FROM saved_audit_personal WHERE chain = 'configuration' AND number = 4 AND field = 'actor'"}},
		{"what an entry is found by is removed", 4, []string{"DELETE FROM audit_topics WHERE chain = 'configuration' AND number = 4"}},
		{"what an entry is found by is changed", 4, []string{"UPDATE audit_topics SET topic = 'flag:other' WHERE chain = 'configuration' AND number = 4"}},
		{"an entry of the other chain is changed", -3, []string{"UPDATE audit_entries SET action = 'sign-out' WHERE chain = 'access' AND number = 3"}},
		{"an entry of the other chain is removed", -3, []string{"DELETE FROM audit_entries WHERE chain = 'access' AND number = 3"}},
	}
}

func TestWhateverIsTamperedWithByHandIsFound(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		heads := a.heads()
		a.isWhole(heads...)
		x := a.attacker()
		for _, tampering := range tamperings() {
			x.does(tampering.sql...)
			report := a.verify(heads...)
			chain, entry := report.Chains[0], tampering.entry
			if entry < 0 {
				chain, entry = report.Chains[1], -entry
			}
			switch {
			case report.OK():
				t.Errorf("%s: it is not found", tampering.name)
			case chain.Finding == nil || chain.Finding.Number != entry:
				t.Errorf("%s: found is %+v, want entry %d", tampering.name, chain.Finding, entry)
			}
			x.restores()
			a.isWhole(heads...)
		}
	})
}

func TestATailThatIsCutIsFoundByTheHeadThatWasKept(t *testing.T) {
	t.Parallel()
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		a := newAudited(t, store)
		heads := a.heads()
		x := a.attacker()
		for _, tampering := range tamperings() {
			if tampering.name != "the tail is cut and the head set back" {
				continue
			}
			x.does(tampering.sql...)
			a.isWhole() // nobody can tell without a head that was kept
			if a.verify(heads...).OK() {
				t.Error("with the head that was kept, the cut is not found")
			}
		}
	})
}
