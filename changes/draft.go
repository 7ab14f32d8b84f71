package changes

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// draft is one environment, locked, with a change being made to it.
type draft struct {
	environment models.Environment
	about       *about
	audit       *audit.Log // nil: a draft that is only looked at
	author      string
	authorID    string // of the person; empty: not known
	request     string // the id of the change request by which it comes; empty: none
	now         time.Time
	approved    bool   // by as many people as it takes
	kind        string // of the revision, if an edit says so
	cutover     cutover
	recall      bool // sessions move up to the revision on their next page

	flags     table[string, models.FeatureFlagEnvironment]
	overrides table[overrideKey, models.FeatureFlagOverride]
	plans     table[string, models.Plan]
	segments  table[string, models.Segment]

	before         models.Rows
	problemsBefore map[ruleset.Problem]bool // nil until asked for

	required  []string            // flags that the change would archive, and others require
	places    map[overrideKey]int // of the overrides in the document that is imported, from 1
	problems  []Problem
	conflicts []Conflict
}

// overrideKey is whose override of which flag it is.
type overrideKey struct{ flag, tenant, user string }

func (k overrideKey) item() Item {
	return Item{Kind: ItemOverride, Key: k.flag, User: k.user, Tenant: k.tenant}
}

func compareOverrides(a, b overrideKey) int {
	return cmp.Or(strings.Compare(a.flag, b.flag), strings.Compare(a.tenant, b.tenant), strings.Compare(a.user, b.user))
}

func keyOf(o ruleset.Override) overrideKey { return overrideKey{o.Flag, o.Tenant, o.User} }

// source is what a draft is read from: a transaction that has locked the environment, or, to look only, the store.
type source interface {
	RowsAt(ctx context.Context, environment string, n int64) (models.Rows, error)
	FlagsByKey(ctx context.Context) (map[string]models.FeatureFlag, error)
	Now(ctx context.Context) (time.Time, error)
	FlagSpans(ctx context.Context, environment string, features []string) ([]models.FlagSpan, error)
	CutoverProgressOf(ctx context.Context, environment string) (map[string]models.CutoverProgress, error)
	CutoverBehind(ctx context.Context, environment, flag string, revision int64) ([]models.CutoverInstance, error)
	OverridesChanged(ctx context.Context, environment, featureID string) (int64, error)
}

// begin reads what is live in an environment.
func (c *Changes) begin(ctx context.Context, tx source, environment models.Environment, about *about, author string) (*draft, error) {
	rows, err := tx.RowsAt(ctx, environment.Name, environment.Head)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	return c.draft(environment, rows, about, author, now), nil
}

// draft is a draft that can be published.
func (c *Changes) draft(environment models.Environment, rows models.Rows, about *about, author string, now time.Time) *draft {
	d := newDraft(environment, rows, about, author, now)
	d.audit = c.audit
	return d
}

// newDraft is a draft of an environment in which those rows are live.
func newDraft(environment models.Environment, rows models.Rows, about *about, author string, now time.Time) *draft {
	return &draft{
		environment: environment, about: about, author: author, now: now, before: rows,
		flags: newTable(rows.Flags,
			func(row models.FeatureFlagEnvironment) string { return about.byID[row.FeatureID].Name },
			func(a, b models.FeatureFlagEnvironment) bool { return a.FlagSettings == b.FlagSettings }),
		overrides: newTable(rows.Overrides,
			func(row models.FeatureFlagOverride) overrideKey {
				return keyOf(row.Override(about.byID[row.FeatureID].Name))
			},
			models.FeatureFlagOverride.Same),
		plans:    newTable(rows.Plans, func(row models.Plan) string { return row.Key }, models.Plan.Same),
		segments: newTable(rows.Segments, func(row models.Segment) string { return row.Key }, models.Segment.Same),
	}
}

// make makes edits, and refuses what they would take away that is still needed.
func (d *draft) make(ctx context.Context, from source, edits []Edit) error {
	for _, edit := range edits {
		edit.apply(d)
	}
	return d.checkMigrations(ctx, from, false)
}

// checkMigrations refuses what would take away something that is still needed, and steps of migrations that are not safe.
func (d *draft) checkMigrations(ctx context.Context, from source, fills bool) error {
	if err := d.checkArchiving(ctx, from); err != nil {
		return err
	}
	return d.checkCutover(ctx, from, fills)
}

// empty reports whether the change makes nothing different.
func (d *draft) empty() bool {
	return len(d.flags.next)+len(d.overrides.next)+len(d.plans.next)+len(d.segments.next) == 0
}

// definition is the environment as the change leaves it.
func (d *draft) definition() ruleset.Definition {
	rows := models.Rows{Flags: d.flags.merged(), Overrides: d.overrides.merged(), Plans: d.plans.merged(), Segments: d.segments.merged()}
	return rows.Definition(d.about.byID)
}

func (d *draft) refuse(problem ruleset.Problem) {
	d.problems = append(d.problems, Problem{Environment: d.environment.Name, Problem: problem})
}

// putFlag sets a flag's settings. Killed stays as it is; what is new in the environment takes it from killed.
func (d *draft) putFlag(flag ruleset.Flag, killed bool) {
	global, ok := d.about.flag(flag.Key)
	if !ok {
		d.refuse(ruleset.Problem{Flag: flag.Key, Message: "there is no such flag yet: create it first"})
		return
	}
	if flag.Malformed != "" {
		d.refuse(ruleset.Problem{Flag: flag.Key, Message: "cannot be read: " + flag.Malformed})
		return
	}
	for _, problem := range keepsIdentity(global, flag.Kind, flag.Type, flag.Salt) {
		d.refuse(problem)
	}
	if !d.storable(ruleset.Problem{Flag: flag.Key}, flag.TierRequired, flag.Off, flag.Otherwise, flag.Default) {
		return
	}
	if staged(global.Kind, global.Type) {
		flag.Off, flag.Default = flag.Otherwise, flag.Otherwise // both are always the present stage
	}
	row, existed := d.flags.get(flag.Key)
	flag.Killed = killed
	if existed {
		flag.Killed = row.Killed
	}
	settings, err := models.SettingsOf(flag)
	if err != nil {
		d.refuse(ruleset.Problem{Flag: flag.Key, Message: err.Error()})
		return
	}
	d.flags.put(flag.Key, models.FeatureFlagEnvironment{FeatureID: global.ID, FlagSettings: settings})
}

// keepsIdentity says what of a flag would change that never may. What is left empty stays as it is.
func keepsIdentity(flag models.FeatureFlag, kind ruleset.Kind, typ ruleset.Type, salt string) (problems []ruleset.Problem) {
	refuse := func(path, message string) {
		problems = append(problems, ruleset.Problem{Flag: flag.Name, Path: path, Message: message})
	}
	if kind != "" && kind != flag.Kind {
		refuse("kind", "a flag's kind never changes: it is "+string(flag.Kind)+"; make a new flag with a key of its own")
	}
	if typ != "" && typ != flag.Type {
		refuse("type", "a flag's type never changes: it is "+string(flag.Type)+"; make a new flag with a key of its own")
	}
	if salt != "" && salt != flag.Salt {
		refuse("salt", "a flag's salt never changes, since that would move people: leave it out, or make a new flag with a key of its own")
	}
	return problems
}

// rewrite changes a flag's stored settings without reading its rules, so that it works on those that cannot be read.
func (d *draft) rewrite(key string, change func(*models.FlagSettings)) bool {
	row, ok := d.flags.get(key)
	if ok {
		settings := row.FlagSettings
		change(&settings)
		d.flags.put(key, models.FeatureFlagEnvironment{FeatureID: row.FeatureID, FlagSettings: settings})
	}
	return ok
}

func (d *draft) putSegment(segment ruleset.Segment) {
	row, err := models.SegmentOf(segment)
	if err != nil {
		d.refuse(ruleset.Problem{Segment: segment.Key, Message: err.Error()})
		return
	}
	at := ruleset.Problem{Segment: segment.Key}
	if d.validKey(segment.Key, at) && d.storable(at, segment.Title) {
		d.segments.put(segment.Key, row)
	}
}

func (d *draft) putPlan(plan ruleset.Plan) {
	at := ruleset.Problem{Plan: plan.Key}
	if d.validKey(plan.Key, at) && d.storable(at, append([]string{plan.Title}, plan.Features...)...) {
		d.plans.put(plan.Key, models.PlanOf(plan))
	}
}

func (d *draft) putOverride(override ruleset.Override) {
	flag, ok := d.about.flag(override.Flag)
	at := ruleset.Problem{Flag: override.Flag, Override: d.places[keyOf(override)]}
	if at.Override == 0 {
		at.Path = keyOf(override).item().String()
	}
	switch {
	case !ok:
		at.Message = "there is no such flag"
	case (override.User == "") == (override.Tenant == ""):
		at.Message = "an override is for exactly one of user and tenant"
	case len(override.User) > ruleset.MaxID || len(override.Tenant) > ruleset.MaxID:
		at.Message = "the id is too long: at most 256 bytes are allowed"
	case !storableTime(override.Expires):
		at.Message = "an override ends in a year from 1970 to 9999, or never"
	case override.Variant == "":
		at.Message = "an override names the variant that it gives"
	}
	if at.Message != "" {
		d.refuse(at)
		return
	}
	if !d.storable(at, override.User, override.Tenant, override.Variant, override.Reason) {
		return
	}
	row := models.OverrideOf(override, flag)
	row.ID, row.CreatedBy, row.CreatedAt = uuid.NewString(), d.author, models.At(d.now)
	d.overrides.put(keyOf(override), row)
}

// validKey refuses keys that the database would refuse too, with words that help.
func (d *draft) validKey(key string, at ruleset.Problem) bool {
	if ruleset.ValidKey(key) {
		return true
	}
	at.Message = "a key must match ^[a-z0-9][a-z0-9._-]{0,127}$"
	d.refuse(at)
	return false
}

// storable refuses texts that a database cannot hold.
func (d *draft) storable(at ruleset.Problem, texts ...string) bool {
	for _, text := range texts {
		if at.Message = unstorable(text); at.Message != "" {
			d.refuse(at)
			return false
		}
	}
	return true
}

// unstorable says why a database could not hold the text, or nothing if it can.
func unstorable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return ""
	}
	return fmt.Sprintf("the text %q holds a NUL or is not UTF-8: write it anew", text)
}
