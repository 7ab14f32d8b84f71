package e2e

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
)

// The servers make pseudonyms with the audit's key, or with the oldest of the sessions'; the command finds them by either.
func TestTheCommandForgetsWhoIsKnownByAnAddress(t *testing.T) {
	t.Parallel()
	const auditKey, newKey, oldKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "aa112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	file := filepath.Join(t.TempDir(), "flags.db")
	for name, is := range map[string]struct {
		url, made string
		settings  []string
		unknown   bool
	}{
		"PostgreSQL, by the audit's key":          {pgtest.URL(t), auditKey, []string{"AUDIT_KEY=" + auditKey, "SESSION_KEY=" + newKey}, false},
		"PostgreSQL, by the oldest session key":   {pgtest.URL(t), oldKey, []string{"SESSION_KEY=" + newKey + "," + oldKey}, false},
		"PostgreSQL, in production without a key": {pgtest.URL(t), oldKey, []string{"ENVIRONMENT=production"}, true},
		"SQLite, by the audit's key":              {"sqlite:" + file, auditKey, []string{"AUDIT_KEY=" + auditKey}, false},
	} {
		t.Run(name, func(t *testing.T) {
			command := newCommand(t, append(is.settings, "DATABASE_URL="+is.url)...)
			command.does("migrate")
			open := models.Open
			if strings.HasPrefix(is.url, "sqlite:") {
				open = sqlite.Open
			}
			store, err := open(t.Context(), strings.TrimPrefix(is.url, "sqlite:"))
			if err != nil {
				t.Fatal(err)
			}
			closeAfter(t, store)
			s := &storage{t: t, store: store, changes: changes.New(store)}
			made, err := hex.DecodeString(is.made)
			if err != nil {
				t.Fatal(err)
			}
			hidden := pseudonym.Of(made, annsAddress)
			s.records(batchOf("i", 1, exposure(hidden, "v-ann", "a", eventNoon), exposure("u-ann", "v-ann", "b", eventNoon)))
			out := command.does("forget", "u-ann", "--also", annsAddress, "--author", "dpo")
			if is.unknown {
				if !strings.Contains(out, "without the key of the servers") {
					t.Errorf("forget says %q", out)
				}
				s.isNowhere("u-ann", "v-ann")
				return
			}
			if !strings.Contains(out, "events: 2 have the new name") || !strings.Contains(out, "browsers of theirs that have new ids: 1") || strings.Contains(out, "without the key") {
				t.Errorf("forget says %q", out)
			}
			s.isNowhere("u-ann", "v-ann", hidden, annsAddress)
			s.wantNumber("SELECT count(*) FROM feature_flag_events", 2)
		})
	}
}
