package changes

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// environmentName is what an environment may be called. A name is in addresses, settings and file names, and is never
// changed, so it is plainer than a key.
var environmentName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// ValidEnvironmentName reports whether an environment may be called that.
func ValidEnvironmentName(name string) bool {
	return environmentName.MatchString(name) && name != "edit" && name != "kill" // which are pages of their own
}

// maxTitle is how long an environment's title may be, in bytes.
const maxTitle = 100

// maxApprovals is how many approvals a change can take.
const maxApprovals = 10

// NewEnvironment is an environment to be added.
type NewEnvironment struct {
	Name      string // never changes
	Title     string
	Protected bool
	Approvals int    // how many a change takes if Protected
	From      string // the environment whose configuration of now it begins with; empty: none
	Author    string // required
	Reason    string // for the revision that the copy makes; defaults to saying what was copied
}

// AddEnvironment adds an environment. With From, its first revision is an exact copy of what that one holds now: plans,
// segments, flags with their rules, overrides; what is killed there is killed here. It returns a RefusedError,
// service.ErrNoEnvironment for From, or ErrUnavailable. An environment is never removed.
func (c *Changes) AddEnvironment(ctx context.Context, add NewEnvironment) (published Published, err error) {
	if err := checkNames(add.Author, add.Reason); err != nil {
		return Published{}, err
	}
	if problems := checkEnvironment(add.Name, add.Title, add.Approvals); len(problems) > 0 {
		return Published{}, &RefusedError{Problems: problems}
	}
	err = c.write(ctx, "add an environment", func(tx *models.Tx) error {
		row, err := addEnvironment(ctx, tx, add)
		if err == nil {
			err = c.record(ctx, tx, audit.Entry{Action: "environment-added", Actor: add.Author, Reason: add.Reason, Environment: add.Name,
				Items: []audit.Item{{Kind: string(ItemEnvironment), Key: add.Name, After: environmentOf(row)}}})
		}
		if err != nil {
			return err
		}
		published = Published{ID: row.ID()}
		if add.From == "" {
			return nil
		}
		published, err = c.copyEnvironment(ctx, tx, row, add)
		return err
	})
	if err != nil {
		return Published{}, err
	}
	return published, nil
}

func checkEnvironment(name, title string, approvals int) (problems []Problem) {
	refuse := func(path, message string) {
		problems = append(problems, Problem{Environment: name, Problem: ruleset.Problem{Path: path, Message: message}})
	}
	if !ValidEnvironmentName(name) {
		refuse("name", "a name is 1 to 31 small letters, digits and hyphens, and begins with a letter")
	}
	if approvals < 0 || approvals > maxApprovals {
		refuse("approvals", fmt.Sprintf("0 to %d approvals can be asked for", maxApprovals))
	}
	switch message := unstorable(title); {
	case message != "":
		refuse("title", message)
	case strings.TrimSpace(title) == "":
		refuse("title", "a title is required: it is what people see")
	case len(title) > maxTitle:
		refuse("title", fmt.Sprintf("the title is too long: at most %d bytes are allowed", maxTitle))
	}
	return problems
}

// addEnvironment adds the row, behind all others.
func addEnvironment(ctx context.Context, tx *models.Tx, add NewEnvironment) (models.Environment, error) {
	all, err := tx.LockAll(ctx)
	if err != nil {
		return models.Environment{}, err
	}
	switch _, err := tx.Environment(ctx, add.Name); {
	case err == nil:
		return models.Environment{}, &RefusedError{Problems: []Problem{{Environment: add.Name, Problem: ruleset.Problem{Path: "name", Message: "there is an environment of that name already"}}}}
	case !errors.Is(err, service.ErrNoEnvironment):
		return models.Environment{}, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return models.Environment{}, err
	}
	at := models.At(now)
	row := models.Environment{Name: add.Name, Title: add.Title, Protected: add.Protected, Approvals: add.Approvals, Position: 1, ChangedBy: add.Author, ChangedAt: &at}
	if len(all) > 0 {
		row.Position = all[len(all)-1].Position + 1
	}
	if err := tx.AddEnvironment(ctx, row); err != nil {
		return models.Environment{}, err
	}
	return tx.Environment(ctx, add.Name)
}

// copyEnvironment puts all that is live in one environment into another, as its next revision.
func (c *Changes) copyEnvironment(ctx context.Context, tx *models.Tx, to models.Environment, add NewEnvironment) (Published, error) {
	from, err := tx.Environment(ctx, add.From)
	if err != nil {
		return Published{}, err
	}
	rows, err := tx.RowsAt(ctx, from.Name, from.Head)
	if err != nil {
		return Published{}, err
	}
	about, err := readAbout(ctx, tx)
	if err != nil {
		return Published{}, err
	}
	d := c.draft(to, models.Rows{}, about, add.Author, about.now)
	d.copy(rows)
	if err := d.checkCutover(ctx, tx, true); err != nil {
		return Published{}, err
	}
	reason := add.Reason
	if reason == "" {
		reason = fmt.Sprintf("a copy of %s at its revision %d", from.Name, from.Head)
	}
	return d.publish(ctx, tx, kindCopy, reason) // without check: what is stored there is stored here, mistakes and all
}

// copy puts rows of another environment. They are new rows here; overrides are made by whoever makes the copy.
func (d *draft) copy(rows models.Rows) {
	for _, row := range rows.Flags {
		d.flags.put(d.about.byID[row.FeatureID].Name, models.FeatureFlagEnvironment{FeatureID: row.FeatureID, FlagSettings: row.FlagSettings})
	}
	for _, row := range rows.Plans {
		d.plans.put(row.Key, models.PlanOf(row.Plan()))
	}
	for _, row := range rows.Segments {
		d.segments.put(row.Key, models.Segment{Key: row.Key, Title: row.Title, Condition: row.Condition})
	}
	for _, row := range rows.Overrides {
		row.ID, row.CreatedBy, row.CreatedAt, row.Version = uuid.NewString(), d.author, models.At(d.now), models.Version{}
		d.overrides.put(keyOf(row.Override(d.about.byID[row.FeatureID].Name)), row)
	}
}

// EnvironmentEdit changes what is written about an environment. It changes no value and makes no revision.
type EnvironmentEdit struct {
	Name      string
	Title     string
	Protected bool
	Approvals int    // how many a change takes if Protected; 0: none, as a team of one has it
	Author    string // required
	Base      int64  // the version of the environment that the edit was made against
}

// EditEnvironment makes the edit, or returns a ConflictError, a RefusedError, service.ErrNoEnvironment or
// ErrUnavailable. An edit that makes nothing different stores nothing.
func (c *Changes) EditEnvironment(ctx context.Context, edit EnvironmentEdit) error {
	if err := checkNames(edit.Author, ""); err != nil {
		return err
	}
	if problems := checkEnvironment(edit.Name, edit.Title, edit.Approvals); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return c.write(ctx, "change an environment", func(tx *models.Tx) error {
		row, err := tx.Lock(ctx, edit.Name)
		if err != nil {
			return err
		}
		if row.Version != edit.Base {
			return environmentConflict(row, edit.Base)
		}
		if row.Title == edit.Title && row.Protected == edit.Protected && row.Approvals == edit.Approvals {
			return nil
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		was := environmentOf(row)
		row.Title, row.Protected, row.Approvals = edit.Title, edit.Protected, edit.Approvals
		if err := updateEnvironment(ctx, tx, row, edit.Author, now); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "environment-edited", Actor: edit.Author, Environment: edit.Name,
			Items: []audit.Item{{Kind: string(ItemEnvironment), Key: edit.Name, Before: was, After: environmentOf(row)}}})
	})
}

// environmentOf is what is written about an environment, as the audit shows it.
func environmentOf(row models.Environment) any {
	return map[string]any{"title": row.Title, "protected": row.Protected, "approvals": row.Approvals, "position": row.Position}
}

func updateEnvironment(ctx context.Context, tx *models.Tx, row models.Environment, author string, now time.Time) error {
	at := models.At(now)
	row.ChangedBy, row.ChangedAt = author, &at
	return tx.UpdateEnvironment(ctx, row)
}

func environmentConflict(row models.Environment, base int64) error {
	return &ConflictError{Environment: row.Name, Conflicts: []Conflict{{
		Item: Item{Kind: ItemEnvironment, Key: row.Name}, Base: base, Version: row.Version, Theirs: row}}}
}

// MoveEnvironment moves an environment by one place among the others: up (to the front) or down. Base is its version,
// as for EditEnvironment, whose errors it returns. Who is at the end already stays there.
func (c *Changes) MoveEnvironment(ctx context.Context, name string, up bool, author string, base int64) error {
	if err := checkNames(author, ""); err != nil {
		return err
	}
	return c.write(ctx, "move an environment", func(tx *models.Tx) error {
		all, err := tx.LockAll(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(e models.Environment) bool { return e.Name == name })
		if i < 0 {
			return fmt.Errorf("%w: %q", service.ErrNoEnvironment, name)
		}
		if all[i].Version != base {
			return environmentConflict(all[i], base)
		}
		to := i + 1
		if up {
			to = i - 1
		}
		if to < 0 || to >= len(all) {
			return nil
		}
		all[i], all[to] = all[to], all[i]
		if err := placeEnvironments(ctx, tx, all, author); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "environment-moved", Actor: author, Environment: name,
			Items: []audit.Item{{Kind: string(ItemEnvironment), Key: name, Before: map[string]any{"position": i + 1}, After: map[string]any{"position": to + 1}}}})
	})
}

// placeEnvironments stores the order of all environments.
func placeEnvironments(ctx context.Context, tx *models.Tx, all []models.Environment, author string) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	for i, row := range all {
		if row.Position == i+1 {
			continue
		}
		row.Position = i + 1
		if err := updateEnvironment(ctx, tx, row, author, now); err != nil {
			return err
		}
	}
	return nil
}
