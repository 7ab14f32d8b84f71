// Package cli is the command: its settings, and what each of its words does.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the command's words, with the settings that all of them share.
type commands struct {
	Settings

	Serve   serve      `cmd:"" default:"withargs" help:"Serve the sample site. This is what happens without a command."`
	Migrate migrate    `cmd:"" help:"Bring the database's schema up to date."`
	Import  importFile `cmd:"" help:"Publish a flags file (YAML or JSON): all of it, or nothing."`
	Export  export     `cmd:"" help:"Write the whole configuration as a flags file."`
	Explain explain    `cmd:"" help:"Say how a flag's value comes about for somebody."`
	Kill    kill       `cmd:"" help:"Turn a flag off for everybody at once, whatever else is set."`
	Lift    lift       `cmd:"" help:"Lift a kill: the flag's rules decide again."`
}

// streams are where a command reads and writes.
type streams struct {
	out, err io.Writer
	log      *slog.Logger
}

// Main runs the command line and returns the exit code: 0 if all went well, 1 if the command failed, 2 if it was not
// understood.
func Main(args []string, out, err io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, args, out, err)
}

// Run is Main under a context: when it is done, the command ends.
func Run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c commands
	code, exited := 0, false
	parser, err := kong.New(&c,
		kong.Name("flags"),
		kong.Description("Feature flags for Toprent. Every setting can be given as a flag or in the environment."),
		kong.Writers(out, errs),
		kong.Exit(func(n int) { code, exited = n, true }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(errs, "flags:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if exited { // --help
		return code
	}
	if err == nil {
		err = c.Settings.check(parsed.Selected().Name)
	}
	if err != nil {
		fmt.Fprintf(errs, "flags: %v\nflags: see --help for all settings\n", err)
		return 2
	}
	s := streams{out: out, err: errs, log: slog.New(slog.NewTextHandler(errs, nil))}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&c.Settings, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(errs, "flags: %v\n", err)
		return 1
	}
	return 0
}
