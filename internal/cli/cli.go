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

	"github.com/toprent/flags/telemetry"
)

// commands are the command's words, with the settings that all of them share.
type commands struct {
	Settings

	Serve    serve      `cmd:"" default:"withargs" help:"Serve the sample site. This is what happens without a command."`
	Migrate  migrate    `cmd:"" help:"Bring the database's schema up to date, and say what the role that serves may do."`
	Import   importFile `cmd:"" help:"Publish a flags file (YAML or JSON): all of it, or nothing. Environments that take change requests get one."`
	Export   export     `cmd:"" help:"Write the whole configuration as a flags file."`
	Explain  explain    `cmd:"" help:"Say how a flag's value comes about for somebody."`
	Kill     kill       `cmd:"" help:"Turn a flag off for everybody at once, whatever else is set."`
	Lift     lift       `cmd:"" help:"Lift a kill: the flag's rules decide again."`
	Maintain maintain   `cmd:"" help:"Close the site, or a part of it, with a page that says so."`
	Reopen   reopen     `cmd:"" help:"End the maintenance that maintain or the settings pages have turned on."`
	Requests requests   `cmd:"" help:"List the change requests that are open."`
	Rollback rollback   `cmd:"" help:"Make an environment what it was at a revision. Kills stay as they are."`
	Promote  promote    `cmd:"" help:"Make a flag in one environment what it is in another. Kills stay as they are."`
	Audit    auditing   `cmd:"" help:"Verify and export the audit: who did what, when, why and from where."`
	Forget   forget     `cmd:"" help:"Forget a person: their data is deleted, and the audit stays whole."`
	Recall   recall     `cmd:"" help:"Apply what is published now: sessions move up on their next page, not when their pin expires."`
	Scan     scan       `cmd:"" help:"Find where code uses flags: flags without a use, uses without a flag."`
}

// streams are where a command reads and writes.
type streams struct {
	out, err  io.Writer
	log       *slog.Logger
	telemetry telemetry.Hooks // hears of what the command does
}

// Main runs the command line and returns the exit code: 0 if all went well, 1 if the command failed or was
// interrupted, 2 if it was not understood. A server that is told to end has done all it should.
func Main(args []string, out, err io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever asks a second time does not want to wait
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
	command := parsed.Selected().Name
	s := streams{out: out, err: errs, log: logger(command, errs)}
	parsed.BindTo(fromCommand(ctx), (*context.Context)(nil))
	err = parsed.Run(&c.Settings, s)
	switch {
	case err == nil, command == "serve" && errors.Is(err, context.Canceled):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(errs, "flags: interrupted:", err)
	default:
		fmt.Fprintln(errs, "flags:", err)
	}
	return 1
}

// logger logs what a server does. Of the other commands, whose answer is what they print, only what went wrong.
func logger(command string, to io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if command == "serve" {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}))
}
