package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
)

// Auditing are the settings of the audit.
type Auditing struct {
	AuditKey        string `name:"audit-key" env:"AUDIT_KEY" placeholder:"KEY" help:"Chains the audit: 32 random bytes, as hexadecimal or base64, the same for all instances and commands, kept outside of the database. For SQLite one is made once and kept beside the database; for PostgreSQL there is none by default, and the chain proves less."`
	AuditHeadURL    string `name:"audit-head-url" env:"AUDIT_HEAD_URL" placeholder:"URL" help:"Takes the heads of the audit's chains once a day, as a signed POST, so that entries cut off the end are noticed (default: none)."`
	AuditHeadSecret string `name:"audit-head-secret" env:"AUDIT_HEAD_SECRET" placeholder:"SECRET" help:"Signs that POST, as signed webhooks are signed: whsec_ and base64."`
}

func (a *Auditing) check() error {
	if a.AuditKey != "" && len(decodeKey(a.AuditKey)) < minKey {
		return errors.New("AUDIT_KEY is too short: make one with `openssl rand -hex 32`")
	}
	if a.AuditHeadURL == "" {
		return nil
	}
	secret, ok := strings.CutPrefix(a.AuditHeadSecret, "whsec_")
	if key, err := base64.StdEncoding.DecodeString(secret); !ok || err != nil || len(key) < 16 {
		return errors.New("AUDIT_HEAD_URL needs AUDIT_HEAD_SECRET: whsec_ and what `openssl rand -base64 32` prints")
	}
	return nil
}

// auditKey is the key that was given, or the one beside the database; none where neither is.
func (s *Settings) auditKey() ([]byte, error) {
	if err := s.Auditing.check(); err != nil {
		return nil, err
	}
	if s.AuditKey != "" {
		return decodeKey(s.AuditKey), nil
	}
	if kind, _, err := s.database(); err != nil || kind != migrations.SQLite {
		return nil, err
	}
	return s.keptKey("toprent.audit-key")
}

func (s *Settings) auditing() (changes.Options, error) {
	key, err := s.auditKey()
	if err != nil {
		return changes.Options{}, err
	}
	return changes.Options{AuditKey: key, EventKeys: s.knownEventKeys(key)}, nil
}

// eventKey is what pseudonyms in events are made with: the audit's key, which never changes, or else the oldest of the
// sessions', which all instances have while keys are changed.
func eventKey(audit []byte, sessions [][]byte) []byte {
	if len(audit) > 0 || len(sessions) == 0 {
		return audit
	}
	return sessions[len(sessions)-1]
}

// knownEventKeys are all that pseudonyms may have been made with, as far as this process knows. It makes none.
func (s *Settings) knownEventKeys(audit []byte) (keys [][]byte) {
	if len(audit) > 0 {
		keys = append(keys, audit)
	}
	sessions, err := s.keys()
	if err != nil { // a command that serves nobody may have none
		return keys
	}
	if sessions == nil {
		sessions = s.foundKey("toprent.session-key")
	}
	return append(keys, sessions...)
}

func (s *Settings) applyAudit(config *settings.Config) (err error) {
	config.AuditHeads = settings.AuditHeads{URL: s.AuditHeadURL, Secret: s.AuditHeadSecret}
	config.AuditKey, err = s.auditKey()
	return err
}

// write opens a database, as use does, for who wants to change something.
func (s *Settings) write(ctx context.Context, do func(*models.Store, *changes.Changes) error) error {
	return s.use(ctx, func(store *models.Store) error {
		options, err := s.auditing()
		if err != nil {
			return err
		}
		return do(store, changes.New(store, options))
	})
}

// fromCommand is a context in which what is done comes from the command line of this machine.
func fromCommand(ctx context.Context) context.Context {
	host, _ := os.Hostname() // without one, the audit says none
	return audit.From(ctx, audit.Origin{Source: audit.Command, Address: host, Actor: author("")})
}

// auditing are the commands on the audit.
type auditing struct {
	Verify verifyAudit `cmd:"" help:"Look through both chains, and find any entry that was altered, added, removed or moved."`
	Head   headAudit   `cmd:"" help:"Print the heads of the chains, one line each, to be kept elsewhere."`
	Export exportAudit `cmd:"" help:"Write the entries as CSV or JSON."`
}

// log opens the audit.
func (s *Settings) withAudit(ctx context.Context, do func(*audit.Log) error) error {
	return s.use(ctx, func(store *models.Store) error {
		key, err := s.auditKey()
		if err != nil {
			return err
		}
		return do(audit.New(store, audit.Options{Key: key}))
	})
}

type verifyAudit struct {
	Head []string `placeholder:"FILE|[CHAIN:]NUMBER:MAC" help:"A head that was kept elsewhere: a file with what audit head printed, or the head itself; may be repeated."`
}

// errTampered ends the command with 1; what is wrong is printed.
var errTampered = errors.New("the audit is not what was written")

// Run verifies.
func (cmd verifyAudit) Run(ctx context.Context, settings *Settings, s streams) error {
	kept, err := readHeads(cmd.Head)
	if err != nil {
		return err
	}
	return settings.withAudit(ctx, func(log *audit.Log) error {
		report, err := log.Verify(ctx, kept, nil)
		if err != nil {
			return err
		}
		for _, v := range report.Chains {
			printVerified(s, v)
		}
		if !report.OK() {
			return errTampered
		}
		return nil
	})
}

func printVerified(s streams, v audit.Verified) {
	switch {
	case v.Finding != nil && v.Finding.Number > 0:
		fmt.Fprintf(s.out, "%s: BROKEN at entry %d: %s\n", v.Chain, v.Finding.Number, v.Finding.Why)
		return
	case v.Finding != nil:
		fmt.Fprintf(s.out, "%s: BROKEN: %s\n", v.Chain, v.Finding.Why)
		return
	}
	fmt.Fprintf(s.out, "%s: %d entries, whole", v.Chain, v.Entries)
	if v.Forgotten > 0 {
		fmt.Fprintf(s.out, ", %d personal values forgotten", v.Forgotten)
	}
	fmt.Fprintln(s.out)
	if v.Unkeyed > 0 {
		fmt.Fprintf(s.out, "  %d of them are chained without a key: that shows mistakes, not somebody who wrote the whole chain anew. Set AUDIT_KEY.\n", v.Unkeyed)
	}
}

// readHeads reads heads that were kept elsewhere.
func readHeads(given []string) (heads []audit.Head, err error) {
	for _, text := range given {
		if head, ok := parseHead(text); ok {
			heads = append(heads, head)
			continue
		}
		file, err := os.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("--head: neither a head (NUMBER:MAC) nor a file: %w", err)
		}
		for line := range strings.Lines(string(file)) {
			var head audit.Head
			if strings.TrimSpace(line) == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &head); err != nil || head.Chain == "" {
				return nil, fmt.Errorf("--head: %s holds a line that is no head: use what audit head printed", text)
			}
			if head.Number > 0 {
				heads = append(heads, head)
			}
		}
	}
	return heads, nil
}

// parseHead reads NUMBER:MAC, of the configuration chain unless another is named before it.
func parseHead(text string) (audit.Head, bool) {
	head := audit.Head{Chain: audit.Configuration}
	for _, chain := range audit.Chains() {
		if rest, ok := strings.CutPrefix(text, chain+":"); ok {
			head.Chain, text = chain, rest
		}
	}
	number, mac, ok := strings.Cut(text, ":")
	var err, wrong error
	head.Number, err = strconv.ParseInt(number, 10, 64)
	head.MAC, wrong = base64.StdEncoding.DecodeString(mac)
	return head, ok && err == nil && wrong == nil && len(head.MAC) == 32
}

type headAudit struct{}

// Run prints the heads.
func (headAudit) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.withAudit(ctx, func(log *audit.Log) error {
		heads, err := log.Heads(ctx)
		if err != nil {
			return err
		}
		for _, head := range heads {
			if err := json.NewEncoder(s.out).Encode(head); err != nil {
				return err
			}
		}
		return nil
	})
}

type exportAudit struct {
	Format string `enum:"csv,json" default:"json" help:"csv or json, one entry a line (default: ${default})."`
	Chain  string `enum:"configuration,access" default:"configuration" help:"configuration or access (default: ${default})."`
	Since  string `placeholder:"DATE" help:"Only from that day on (2026-01-31, UTC)."`
	Until  string `placeholder:"DATE" help:"Only up to that day, which is included."`
}

// Run writes entries, the newest first.
func (cmd exportAudit) Run(ctx context.Context, settings *Settings, s streams) error {
	filter := models.AuditFilter{Chain: cmd.Chain}
	for _, date := range []struct {
		text string
		into **time.Time
		days int
	}{{cmd.Since, &filter.Since, 0}, {cmd.Until, &filter.Until, 1}} {
		if date.text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, date.text)
		if err != nil {
			return fmt.Errorf("%q is no date such as 2026-01-31", date.text)
		}
		day = day.AddDate(0, 0, date.days)
		*date.into = &day
	}
	return settings.withAudit(ctx, func(log *audit.Log) error {
		if cmd.Format == "csv" {
			return log.ExportCSV(ctx, filter, s.out)
		}
		return log.ExportJSON(ctx, filter, s.out)
	})
}
