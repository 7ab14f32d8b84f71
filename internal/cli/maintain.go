package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// maintain closes the site, for when the settings pages cannot be reached.
type maintain struct {
	Reason   string        `required:"" help:"Why, for the history."`
	Message  string        `help:"What people read on the page (default: its own words)."`
	Start    time.Time     `help:"When it begins, such as 2026-06-01T22:00:00Z (default: now)."`
	Until    time.Time     `help:"When it ends by itself (default: when it is ended)."`
	Announce time.Time     `help:"From when a banner announces it (default: it does not)."`
	Drain    time.Duration `help:"How long sessions go on that were at work when it began." default:"5m"`
	Tenant   []string      `help:"Only for these tenants." sep:"none"`
	Path     []string      `help:"Only at these paths and below." sep:"none"`
	Author   string        `help:"Who, for the history (default: the signed-in user)."`
}

// Run turns maintenance on. Running servers follow within seconds.
func (cmd maintain) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(store *models.Store, writing *changes.Changes) error {
		base, err := versionOf(ctx, store, settings.Environment, ruleset.MaintenanceKey)
		if err != nil {
			return err
		}
		published, err := writing.Maintain(ctx, changes.Maintenance{Environment: settings.Environment, By: changes.Actor{Name: author(cmd.Author)}, Reason: cmd.Reason,
			Tenants: cmd.Tenant, Base: base, Value: ruleset.Maintenance{Message: cmd.Message, Start: given(cmd.Start), End: given(cmd.Until),
				Announce: given(cmd.Announce), Drain: ruleset.Span(cmd.Drain), Paths: cmd.Path}})
		if err != nil {
			return err
		}
		if !published.New {
			fmt.Fprintf(s.out, "Maintenance in %s was set like that already.\n", settings.Environment)
			return nil
		}
		fmt.Fprintf(s.out, "Maintenance is set in %s (revision %d). Servers follow within seconds.\n", settings.Environment, published.Number)
		return nil
	})
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// versionOf is the version of a flag's settings; 0: the environment does not have the flag.
func versionOf(ctx context.Context, store *models.Store, environment, key string) (int64, error) {
	flag, err := store.Flag(ctx, key)
	if err == nil {
		var row models.FeatureFlagEnvironment
		if row, err = store.LiveFlagSettings(ctx, environment, flag.ID); err == nil {
			return row.FromRevision, nil
		}
	}
	if errors.Is(err, models.ErrNotFound) {
		return 0, nil
	}
	return 0, err
}

// reopen ends maintenance.
type reopen struct {
	Reason string `required:"" help:"Why, for the history."`
	Author string `help:"Who, for the history (default: the signed-in user)."`
}

// Run ends maintenance. What was approved is ended by a change request, or by a kill of its flag.
func (cmd reopen) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(_ *models.Store, writing *changes.Changes) error {
		published, err := writing.EndMaintenance(ctx, settings.Environment, "", changes.Actor{Name: author(cmd.Author)}, cmd.Reason)
		if err != nil {
			return err
		}
		if !published.New {
			fmt.Fprintf(s.out, "There was no maintenance to end in %s.\n", settings.Environment)
			return nil
		}
		fmt.Fprintf(s.out, "The maintenance in %s is ended (revision %d).\n", settings.Environment, published.Number)
		return nil
	})
}
