package changes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/internal/lifecycle"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// checkArchiving refuses to archive what is still needed, whichever edit asks for it: a flag that another one requires,
// and a migration flag so soon after it reached everyone that going back may still be wanted. The clock is the database's.
func (d *draft) checkArchiving(ctx context.Context, tx source) error {
	archived := d.newlyArchived()
	if len(archived) == 0 {
		return nil
	}
	d.checkRequired(archived)
	for _, key := range archived {
		flag, _ := d.about.flag(key)
		if flag.Kind != ruleset.Migration {
			continue
		}
		if staged(flag.Kind, flag.Type) {
			if err := d.checkArchivingStaged(ctx, tx, key); err != nil {
				return err
			}
			continue
		}
		spans, err := spansOf(ctx, tx, d.environment.Name, flag)
		if err != nil {
			return err
		}
		if reached, did := lifecycle.ReachedEveryone(spans, d.now); did {
			d.checkRest(key, reached)
		}
	}
	return nil
}

// checkRest refuses to archive a migration flag too soon after it reached everyone.
func (d *draft) checkRest(key string, reached time.Time) {
	if from := reached.Add(lifecycle.Rest); d.now.Before(from) {
		d.refuse(ruleset.Problem{Flag: key, Path: "archived", Message: fmt.Sprintf(
			"a migration flag is kept for 30 days after it reached everyone, so that you can still go back: this one reached everyone on %s and can be archived from %s UTC",
			reached.UTC().Format("2 Jan 2006"), from.UTC().Format("2 Jan 2006, 15:04"))})
	}
}

// checkArchivingStaged refuses to archive a migration under way: it ends with complete for everybody, long enough ago, or
// with off, where it began.
func (d *draft) checkArchivingStaged(ctx context.Context, tx source, key string) error {
	row, _ := d.flags.get(key)
	flag := row.Flag(d.about.byKey[key])
	if flag.Malformed != "" {
		d.refuseCutover(CutoverError{Flag: key, Rule: CutoverUnended, Message: "it cannot be archived while it cannot be read, since nobody can tell how far it is: mend its settings first"})
		return nil
	}
	reach := reachable(flag, d.definition().Overrides)
	if row.Killed || !row.Enabled {
		reach = cappedSet(reach)
	}
	if moving(reach) {
		d.refuseCutover(CutoverError{Flag: key, Rule: CutoverUnended, From: reach.Min(), To: reach.Max(), Message: fmt.Sprintf(
			"it cannot be archived under way, with stages %s: finish it, so that everybody is at complete, or step back to off, and remove its rules and overrides", reach)})
		return nil
	}
	if !reach.Is(ruleset.StageComplete) {
		return nil
	}
	progress, err := tx.CutoverProgressOf(ctx, d.environment.Name)
	if err != nil {
		return err
	}
	reached := d.now
	if p, ok := progress[key]; ok && p.State == models.CutoverAbandoned { // since then, by the change that made it so
		reached = p.UpdatedAt.Time
	}
	d.checkRest(key, reached)
	return nil
}

// newlyArchived are the flags that the change archives.
func (d *draft) newlyArchived() (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(d.flags.next)) {
		if next := d.flags.next[key]; next != nil && next.Archived && !d.flags.live[key].Archived {
			keys = append(keys, key)
		}
	}
	return keys
}

// checkRequired refuses what flags that stay require. Compiling finds it too, and says it of the flag that stays.
func (d *draft) checkRequired(archived []string) {
	requiredBy := map[string][]string{}
	for _, flag := range d.definition().Flags {
		if flag.Archived {
			continue
		}
		for _, required := range flag.Prerequisites {
			requiredBy[required.Flag] = append(requiredBy[required.Flag], flag.Key)
		}
	}
	for _, key := range archived {
		if by := slices.Compact(requiredBy[key]); len(by) > 0 {
			d.required = append(d.required, key)
			d.refuse(ruleset.Problem{Flag: key, Path: "archived", Message: "it cannot be archived while other flags require it: " + strings.Join(by, ", ") + "; remove that prerequisite first"})
		}
	}
}

// saidOfArchiving reports whether the problem is one that checkRequired has put into better words.
func (d *draft) saidOfArchiving(problem ruleset.Problem) bool {
	return slices.ContainsFunc(d.required, func(key string) bool {
		return strings.HasPrefix(problem.Path, "prerequisites[") && problem.Message == ruleset.ArchivedPrerequisite(key)
	})
}

// spansOf are all settings that the flag ever had in an environment, newest first.
func spansOf(ctx context.Context, tx source, environment string, flag models.FeatureFlag) ([]lifecycle.Span, error) {
	rows, err := tx.FlagSpans(ctx, environment, []string{flag.ID})
	if err != nil {
		return nil, err
	}
	spans := make([]lifecycle.Span, len(rows))
	for i, row := range rows {
		spans[i] = lifecycle.Span{From: row.PublishedAt.Time, Flag: row.Flag(flag)}
	}
	return spans, nil
}
