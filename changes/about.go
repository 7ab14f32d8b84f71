package changes

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// about is the part of all flags that environments share, with a change being made to it.
type about struct {
	byKey   map[string]models.FeatureFlag
	byID    map[string]models.FeatureFlag
	added   map[string]bool
	updated map[string]bool
	before  map[string]models.FeatureFlag // those that are updated, as they were
	now     time.Time

	problems []ruleset.Problem
	lines    []string // what becomes different, in plain words
}

func readAbout(ctx context.Context, tx source) (*about, error) {
	byKey, err := tx.FlagsByKey(ctx)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	a := &about{byKey: byKey, byID: make(map[string]models.FeatureFlag, len(byKey)), added: map[string]bool{}, updated: map[string]bool{}, before: map[string]models.FeatureFlag{}, now: now}
	for _, flag := range byKey {
		a.byID[flag.ID] = flag
	}
	return a, nil
}

func (a *about) flag(key string) (models.FeatureFlag, bool) {
	flag, ok := a.byKey[key]
	return flag, ok
}

// put adds a flag, or changes what is written about it.
func (a *about) put(doc FlagDocument, author string) {
	for _, text := range []string{doc.Title, doc.Description, doc.Purpose, doc.Owner, doc.Category, doc.Lifecycle, doc.Salt} {
		if message := unstorable(text); message != "" {
			a.problems = append(a.problems, ruleset.Problem{Flag: doc.Key, Message: message})
		}
	}
	if !storableTime(doc.PlannedRemoval) {
		a.problems = append(a.problems, ruleset.Problem{Flag: doc.Key, Path: "planned_removal", Message: "is in a year that there is no calendar for: use one from 1970 to 9999"})
	}
	a.problems = append(a.problems, checkLifecycle(doc, a.now)...)
	flag, exists := a.byKey[doc.Key]
	if exists {
		a.problems = append(a.problems, keepsIdentity(flag, doc.Kind, doc.Type, doc.Salt)...)
		a.change(flag, doc, author)
		return
	}
	a.problems = append(a.problems, checkNew(doc)...)
	salt := doc.Salt
	if salt == "" {
		salt = rand.Text()
	}
	at := models.At(a.now)
	flag = models.FeatureFlag{ID: uuid.NewString(), Name: doc.Key, Kind: doc.Kind, Type: doc.Type, Salt: salt,
		About: a.reviewed(models.About{}, doc, author), Version: 1, CreatedAt: at, UpdatedAt: at}
	a.set(flag)
	a.added[doc.Key] = true
	a.lines = append(a.lines, describeNew(flag))
}

func (a *about) change(flag models.FeatureFlag, doc FlagDocument, author string) {
	was, is := flag.About, a.reviewed(flag.About, doc, author)
	lines := describeAbout(flag.Name, was, is)
	if len(lines) == 0 {
		return
	}
	flag.About = is
	if !a.added[flag.Name] {
		if !a.updated[flag.Name] {
			a.before[flag.Name] = a.byKey[flag.Name]
			flag.Version++
		}
		flag.UpdatedAt = models.At(a.now)
		a.updated[flag.Name] = true
	}
	a.set(flag)
	a.lines = append(a.lines, lines...)
}

func (a *about) set(flag models.FeatureFlag) {
	a.byKey[flag.Name], a.byID[flag.ID] = flag, flag
}

func checkNew(doc FlagDocument) (problems []ruleset.Problem) {
	refuse := func(path, message string) {
		problems = append(problems, ruleset.Problem{Flag: doc.Key, Path: path, Message: message})
	}
	if !ruleset.ValidKey(doc.Key) {
		refuse("", "a key must match ^[a-z0-9][a-z0-9._-]{0,127}$")
	}
	if !slices.Contains(ruleset.Kinds, doc.Kind) {
		refuse("kind", "must be one of "+list(ruleset.Kinds))
	}
	if !slices.Contains(ruleset.Types, doc.Type) {
		refuse("type", "must be one of "+list(ruleset.Types))
	}
	return problems
}

// reported says whether the problem is one of those that checkNew has found: they come back with each environment.
func (a *about) reported(problem ruleset.Problem) bool {
	ofKey := problem.Path == "" && !ruleset.ValidKey(problem.Flag)
	return a.added[problem.Flag] && (ofKey || problem.Path == "kind" || problem.Path == "type")
}

func list[S ~string](names []S) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

func aboutOf(doc FlagDocument) models.About {
	return models.About{Title: doc.Title, Description: doc.Description, Purpose: doc.Purpose, Owner: doc.Owner,
		Category: doc.Category, Lifecycle: cmp.Or(doc.Lifecycle, models.LifecycleActive), PlannedRemoval: models.AtOptional(doc.PlannedRemoval)}
}

// DocumentOf gives the part of a flag that environments share, to be changed and put again.
func DocumentOf(flag models.FeatureFlag) FlagDocument { return documentOf(flag) }

func documentOf(flag models.FeatureFlag) FlagDocument {
	return FlagDocument{Key: flag.Name, Title: flag.Title, Description: flag.Description, Purpose: flag.Purpose,
		Owner: flag.Owner, Category: flag.Category, Lifecycle: lifecycleOf(flag), Kind: flag.Kind, Type: flag.Type,
		Salt: flag.Salt, PlannedRemoval: flag.PlannedRemoval.Optional(), KeepUntil: flag.KeepUntil.Optional()}
}

// touched are the keys of the flags that were added or updated.
func (a *about) touched() []string {
	return slices.Sorted(maps.Keys(merged(a.added, a.updated)))
}

func merged(all ...map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, some := range all {
		maps.Copy(out, some)
	}
	return out
}

// store writes what has changed.
func (a *about) store(ctx context.Context, tx *models.Tx) error {
	var added []models.FeatureFlag
	for _, key := range slices.Sorted(maps.Keys(a.added)) {
		added = append(added, a.byKey[key])
	}
	if err := tx.AddFlags(ctx, added); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(a.updated)) {
		if err := tx.UpdateFlag(ctx, a.byKey[key]); err != nil {
			return err
		}
	}
	return nil
}
