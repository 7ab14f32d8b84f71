package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
)

// Export gives the newest configuration of all environments that were ever published to, killed flags as killed. Flags come sorted by key. A flag
// that cannot be read is exported with Malformed set, which Import refuses.
func (c *Changes) Export(ctx context.Context) (Document, error) {
	doc, err := c.export(ctx)
	if models.Unavailable(err) {
		return Document{}, fmt.Errorf("export: %w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return Document{}, fmt.Errorf("export: %w", err)
	}
	return doc, nil
}

func (c *Changes) export(ctx context.Context) (doc Document, err error) {
	// Environments first: a flag is always stored before the first revision that has it.
	environments, err := c.store.Environments(ctx)
	if err != nil {
		return Document{}, err
	}
	// An environment in which nothing was ever published is left out: mentioned, it would get every flag, as off.
	used := slices.ContainsFunc(environments, func(e models.Environment) bool { return e.Head > 0 })
	for _, environment := range environments {
		if used && environment.Head == 0 {
			continue
		}
		def, err := c.store.Load(ctx, environment.ID())
		if err != nil {
			return Document{}, err
		}
		doc.Environments = append(doc.Environments, EnvironmentDocument{Name: environment.Name, Definition: def,
			PlansGiven: true, SegmentsGiven: true})
	}
	if doc.Flags, err = c.flags(ctx); err != nil {
		return Document{}, err
	}
	return doc, nil
}

func (c *Changes) flags(ctx context.Context) ([]FlagDocument, error) {
	byKey, err := c.store.FlagsByKey(ctx)
	if err != nil {
		return nil, err
	}
	flags := make([]FlagDocument, 0, len(byKey))
	for _, flag := range byKey {
		flags = append(flags, documentOf(flag))
	}
	slices.SortFunc(flags, func(a, b FlagDocument) int { return strings.Compare(a.Key, b.Key) })
	return flags, nil
}
