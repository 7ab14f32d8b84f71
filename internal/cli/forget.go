package cli

import (
	"context"
	"fmt"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
)

type forget struct {
	User   string   `arg:"" help:"The user's id, or the e-mail address of an account."`
	Also   []string `placeholder:"NAME" help:"What else the person is known as, such as an e-mail address; may be repeated."`
	Author string   `help:"Who, for the audit (default: the signed-in user)."`
}

// Run forgets, and says honestly what it could not.
func (cmd forget) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.write(ctx, func(_ *models.Store, writing *changes.Changes) error {
		f, err := writing.Forget(ctx, append([]string{cmd.User}, cmd.Also...), author(cmd.Author))
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Forgotten. Where the name stood, there is %s now.\n", f.As)
		fmt.Fprintf(s.out, "  audit: %d personal values deleted with their salts; the chains are whole\n", f.Audit)
		fmt.Fprintf(s.out, "  directory: %d rows deleted\n", f.Directory)
		fmt.Fprintf(s.out, "  other tables: the name replaced %d times, in past revisions too\n", f.Replaced)
		fmt.Fprintf(s.out, "  events: %d have the new name, and ids that nobody can tell them by; browsers of theirs that have new ids: %d\n", f.Events.Events, f.Events.Visitors)
		if f.Account {
			fmt.Fprintln(s.out, "  account: disabled, and nobody's; its sessions, links and tokens are ended")
		}
		for _, published := range f.Ended {
			fmt.Fprintf(s.out, "  %s: live overrides ended with revision %d\n", published.Environment, published.Number)
		}
		fmt.Fprintln(s.out, "What this could not remove:")
		for _, held := range f.Held {
			if held.Rows == 0 {
				fmt.Fprintf(s.out, "  %s\n", held.Where)
				continue
			}
			fmt.Fprintf(s.out, "  %d × %s\n", held.Rows, held.Where)
		}
		fmt.Fprintln(s.out, "  running servers know the person's values for up to 36 minutes more, and last-good files until the next revision")
		fmt.Fprintln(s.out, "  what waits in servers' memory for sinks is renamed within 10 seconds; what sinks have taken already is to be removed there")
		fmt.Fprintln(s.out, "  backups, logs, alerts that were sent, audit exports, and the host's own data")
		return nil
	})
}
