package changes

import (
	"context"
	"fmt"
	"strings"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// KillEffect is what a kill of a migration would do.
type KillEffect struct {
	Refused string   // why it cannot be killed now, and what to do; empty: it can
	Lines   []string // what would happen to whom, in plain words; none: it is no migration
}

// KillWould says what a kill of a flag would do, if it is a migration. It returns ErrNoFlag, service.ErrNoEnvironment or
// ErrUnavailable.
func (c *Changes) KillWould(ctx context.Context, environment, key string) (effect KillEffect, err error) {
	flag, err := c.store.Flag(ctx, key)
	if err != nil {
		return KillEffect{}, noFlag(err, key, environment)
	}
	if flag.Kind != ruleset.Migration {
		return KillEffect{}, nil
	}
	if _, err := c.store.Environment(ctx, environment); err != nil {
		return KillEffect{}, err
	}
	row, err := c.store.LiveFlagSettings(ctx, environment, flag.ID)
	if err != nil {
		return KillEffect{}, noFlag(err, key, environment)
	}
	if !staged(flag.Kind, flag.Type) {
		return KillEffect{Lines: []string{"everybody goes back to off: the old database alone is read and written. What was written to the new one meanwhile is not in it, unless your application copies it back"}}, nil
	}
	k, err := readKill(ctx, c.store, environment, flag, row)
	if err != nil {
		return KillEffect{}, err
	}
	effect.Refused = k.refused()
	if row.Killed || !row.Enabled { // they are back already
		k.free, effect.Refused = cappedSet(k.free), ""
	}
	effect.Lines = k.would()
	return effect, nil
}

// killing is what a kill of a staged flag has to know.
type killing struct {
	free     ruleset.StageSet
	progress models.CutoverProgress
	unread   bool // its settings cannot be read
}

// killSource is what it is read from.
type killSource interface {
	LiveOverridesOf(ctx context.Context, environment, featureID string) ([]models.FeatureFlagOverride, error)
	CutoverProgressOf(ctx context.Context, environment string) (map[string]models.CutoverProgress, error)
	FlagSpans(ctx context.Context, environment string, features []string) ([]models.FlagSpan, error)
}

// readKill reads the flag alone, so that a kill is quick and depends on nothing else. Settings that cannot be read are not
// followed by anybody: then the last that could be are asked.
func readKill(ctx context.Context, from killSource, environment string, global models.FeatureFlag, row models.FeatureFlagEnvironment) (killing, error) {
	flag := row.Flag(global)
	if flag.Malformed != "" {
		spans, err := from.FlagSpans(ctx, environment, []string{global.ID})
		if err != nil {
			return killing{}, err
		}
		for _, span := range spans {
			if read := span.Flag(global); read.Malformed == "" {
				flag = read
				break
			}
		}
	}
	rows, err := from.LiveOverridesOf(ctx, environment, global.ID)
	if err != nil {
		return killing{}, err
	}
	overrides := make([]ruleset.Override, len(rows))
	for i, row := range rows {
		overrides[i] = row.Override(global.Name)
	}
	progress, err := from.CutoverProgressOf(ctx, environment)
	return killing{reachable(flag, overrides), progress[global.Name], row.Flag(global).Malformed != ""}, err
}

// refused says why it cannot be killed; empty: it can.
func (k killing) refused() string { return noReturn(k.free, k.progress) }

// would says who goes where.
func (k killing) would() (lines []string) {
	var back, stay []string
	for _, stage := range k.free.All() {
		switch {
		case stage.New() && stage != ruleset.StageComplete:
			back = append(back, stage.String())
		case stage != ruleset.StageComplete:
			stay = append(stay, stage.String())
		}
	}
	if len(back) > 0 {
		lines = append(lines, fmt.Sprintf("tenants in %s go back to shadow: the old database answers again; both stay written", strings.Join(back, " and ")))
	}
	if len(stay) > 0 {
		lines = append(lines, fmt.Sprintf("tenants in %s stay there: the old database answers already", strings.Join(stay, ", ")))
	}
	if k.unread {
		lines = append(lines, "its settings cannot be read, so this goes by the last that could; after a lift, it stays so until somebody mends them")
	}
	if k.free.Has(ruleset.StageComplete) {
		lines = append(lines, "tenants in complete cannot go back: the old database is not written any more")
	}
	return lines
}

// checkKill refuses to kill a staged flag where that leads nowhere. d may know the flag alone.
func (d *draft) checkKill(ctx context.Context, from killSource, key string) error {
	global := d.about.byKey[key]
	row := d.flags.live[key]
	if !staged(global.Kind, global.Type) || row.Killed {
		return nil
	}
	k, err := readKill(ctx, from, d.environment.Name, global, row)
	if err != nil {
		return err
	}
	if message := k.refused(); message != "" {
		d.refuseCutover(CutoverError{Flag: key, Rule: CutoverNoReturn, From: k.free.Max(), To: k.free.Max().Capped(), Progress: k.progress, Message: message})
		return d.refusedCutover()
	}
	d.cutover.lines = map[string][]string{key: k.would()}
	return nil
}
