package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/models"
)

type importFile struct {
	File   string `arg:"" help:"The flags file; - reads standard input."`
	DryRun bool   `name:"dry-run" help:"Print what would become different, and change nothing."`
	Reason string `default:"import" help:"Why, for the history."`
	Author string `help:"Who, for the history (default: the signed-in user)."`
}

// Run checks the whole file before anything is published.
func (cmd importFile) Run(ctx context.Context, settings *Settings, s streams) error {
	data, err := readFile(cmd.File)
	if err != nil {
		return err
	}
	file, err := flagfile.Read(cmd.File, data)
	if err != nil {
		return err
	}
	for _, warning := range file.Warnings {
		fmt.Fprintf(s.err, "warning: %v\n", warning)
	}
	return settings.write(ctx, func(_ *models.Store, writing *changes.Changes) error {
		imported, err := writing.Import(ctx, file.Document, changes.ImportOptions{Author: author(cmd.Author), Reason: cmd.Reason, DryRun: cmd.DryRun, Requests: true})
		var refused *changes.RefusedError
		if errors.As(err, &refused) {
			return file.Explain(refused.Problems)
		}
		if err != nil {
			return err
		}
		report(s.out, imported, cmd.DryRun)
		return nil
	})
}

func readFile(name string) ([]byte, error) {
	in := io.ReadCloser(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, flagfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > flagfile.MaxSize {
		return nil, fmt.Errorf("%s is larger than %d MB: split it", name, flagfile.MaxSize>>20)
	}
	return data, nil
}

// report prints what an import changed, or would change.
func report(out io.Writer, imported changes.Imported, dryRun bool) {
	for _, line := range imported.Flags {
		fmt.Fprintln(out, line)
	}
	published := len(imported.Flags) > 0
	for _, p := range imported.Environments {
		published = published || p.New
		if r := imported.RequestFor(p.Environment); r != nil {
			fmt.Fprintf(out, "%s takes changes as change requests: this is change request %d now, and waits for approval.\n", p.Environment, r.ID)
			continue
		}
		switch {
		case !p.New:
			fmt.Fprintf(out, "%s: nothing is different\n", p.Environment)
			continue
		case dryRun && imported.Asks(p.Environment):
			fmt.Fprintf(out, "%s takes changes as change requests: one would be sent for review, of this:\n", p.Environment)
		case dryRun:
			fmt.Fprintf(out, "%s would become revision %d:\n", p.Environment, p.Number+1) // a dry run gives the present one
		default:
			fmt.Fprintf(out, "%s is now revision %d:\n", p.Environment, p.Number)
		}
		for _, line := range p.Changes {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	if dryRun && published {
		fmt.Fprintln(out, "Nothing was changed: this was a dry run.")
	}
}

type export struct {
	Format string `enum:"yaml,json" default:"yaml" help:"yaml or json (default: ${default})."`
	Output string `short:"o" placeholder:"FILE" help:"Write to a file instead of standard output."`
}

// Run writes everything that import reads.
func (cmd export) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		doc, err := changes.New(store).Export(ctx)
		if err != nil {
			return err
		}
		write := flagfile.Write
		if cmd.Format == "json" {
			write = flagfile.WriteJSON
		}
		if cmd.Output == "" {
			return write(s.out, doc)
		}
		var text bytes.Buffer // complete before the file of the last export is touched
		if err := write(&text, doc); err != nil {
			return err
		}
		return os.WriteFile(cmd.Output, text.Bytes(), 0o600) // it names people
	})
}
