// Package changes is the writing side, and the only way to change anything: publish, kill and lift, recall, import (and
// export, which reads), and change requests, which are approved before they are applied. Each change makes the next revision of an environment in one transaction, and everything that could be wrong with it is
// found inside that transaction: what is refused has changed nothing.
//
// Killed changes only by Kill, StepBack and Lift; everything else carries the present value over.
package changes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/telemetry"
)

// Changes publishes to one database. It is safe for concurrent use.
type Changes struct {
	store   *models.Store
	audit   *audit.Log
	options Options
	rows    rowsMemo
}

// Options say what changes are checked with, and how they are recorded. All are optional.
type Options struct {
	// AuditKey chains the audit's entries: the same on all instances and for all commands. Where entries are chained with
	// a key already, changes with another one, or with none, are refused. Defaults to none: the chain then proves less.
	AuditKey []byte

	// EventKeys are those that pseudonyms of events are made with, or were: see analytics.Options.Key. Who is forgotten by an
	// e-mail address is found in events with them. Defaults to AuditKey, if there is one.
	EventKeys [][]byte

	// MayApprove reports whether a person, by id, may approve changes of an environment now. It is asked again when a
	// request is applied, so that the approval of somebody who has lost the role since counts no more. Without it, who
	// approved once has approved.
	MayApprove func(ctx context.Context, person, environment string) (bool, error)

	// Telemetry hears of every change that is tried, and of the revisions that it makes. Defaults to none.
	Telemetry telemetry.Hooks
}

// New makes the writing side of a database. At most one Options is looked at.
func New(store *models.Store, options ...Options) *Changes {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if len(o.EventKeys) == 0 && len(o.AuditKey) > 0 {
		o.EventKeys = [][]byte{o.AuditKey}
	}
	return &Changes{store: store, audit: audit.New(store, audit.Options{Key: o.AuditKey}), options: o}
}

// Actor is a person who does something.
type Actor struct {
	ID   string // empty: somebody who cannot sign in, such as the command line
	Name string // required
}

// Published says what came of a change.
type Published struct {
	ruleset.ID          // the environment's newest revision after it
	New        bool     // false: nothing was different, and nothing was published
	Changes    []string // what became different, in plain words, one line each
}

// Kinds of revisions.
const (
	kindKill   = "kill"
	kindLift   = "lift"
	kindImport = "import"
	kindRecall = "recall"
	kindCopy   = "copy" // the first revision of an environment, copied from another

	kindStepBack       = "step-back"       // of a migration, from a stage that does not go well
	kindMaintenance    = "maintenance"     // turned on, or what is on changed
	kindMaintenanceEnd = "maintenance-end" // of what was turned on without approval, or where none is needed

	KindPublish  = "publish"
	KindRollback = "rollback" // to a revision of before
	KindPromote  = "promote"  // from another environment
)

// checkKind refuses a change that calls itself what others do: a kill waits for nobody, and an import may fill an
// environment, so neither is a word that a change says of itself.
func checkKind(kind string, allowed ...string) error {
	if slices.Contains(allowed, kind) {
		return nil
	}
	return &RefusedError{[]Problem{{Problem: ruleset.Problem{Path: "kind", Message: fmt.Sprintf("%q is not what a change can be", kind)}}}}
}

// errReason and errAuthor refuse a change of which nobody could say later who made it and why.
var (
	errAuthor = errors.New("an author is required: who is making this change?")
	errReason = errors.New("a reason is required: say in a few words why")
)

// checkNames refuses a change whose author is missing, or whose author or reason no database could hold.
func checkNames(author, reason string) error {
	if strings.TrimSpace(author) == "" {
		return errAuthor
	}
	if message := unstorable(author); message != "" {
		return errors.New("author: " + message)
	}
	message := unstorable(reason)
	if message == "" && utf8.RuneCountInString(reason) > MaxReason {
		message = fmt.Sprintf("a reason has at most %d characters: shorten it", MaxReason)
	}
	if message != "" {
		return &RefusedError{[]Problem{{Problem: ruleset.Problem{Path: "reason", Message: message}}}}
	}
	return nil
}

// MaxReason is how long the reason of a change may be, in characters: every page and feed of the history carries it.
const MaxReason = 1000

// checkNamesAndReason refuses in addition a change for which nobody gave a reason.
func checkNamesAndReason(author, reason string) error {
	if err := checkNames(author, reason); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return errReason
	}
	return nil
}

// write runs one transaction, and says so when the database could not be reached.
func (c *Changes) write(ctx context.Context, doing string, do func(*models.Tx) error) (err error) {
	ctx, end := c.options.Telemetry.Start(ctx, telemetry.Work{Kind: telemetry.Change, Name: doing})
	if end != nil {
		work := watched{do: do}
		do = work.run
		defer func() { work.tell(end, err) }()
	}
	err = c.store.Write(ctx, do)
	if models.Unavailable(err) {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
