package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

type explain struct {
	Flag     string            `arg:"" optional:"" help:"The flag's key (default: all flags, with their values)."`
	User     string            `help:"Id of the user."`
	Visitor  string            `help:"Id of the visitor."`
	Tenant   string            `help:"Id of the tenant."`
	Plan     string            `help:"Key of the tenant's plan (default: the one stored for the tenant, at that time)."`
	AddOn    []string          `name:"add-on" help:"Key of a flag that the tenant bought as an add-on; may be repeated (default: those stored for the tenant, at that time)."`
	Attr     map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"Another attribute; may be repeated. A list is written as JSON: [\"a\",\"b\"]."`
	At       moment            `placeholder:"TIME" help:"A moment of the past: 2026-11-22T14:02:00Z, or a local time with its zone, such as \"2026-11-22 15:02 Europe/Berlin\" (default: now)."`
	Pinned   *int64            `placeholder:"REVISION" help:"The revision that the session had pinned, if it is known (default: each that a pin could have held)."`
	PinnedAt moment            `placeholder:"TIME" help:"When it was pinned (default: at that moment)."`
	JSON     bool              `name:"json" help:"Print JSON."`
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText reads RFC 3339, or a local time with its zone.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if m.Time, err = time.Parse(time.RFC3339Nano, string(text)); err == nil {
		return nil
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return fmt.Errorf("%q is no time with a zone: write 2026-11-22T14:02:00Z, or \"2026-11-22 15:02 Europe/Berlin\"", text)
	}
	zone, err := time.LoadLocation(words[len(words)-1])
	if err != nil || words[len(words)-1] == "Local" {
		return fmt.Errorf("%q is no time zone: write one such as Europe/Berlin or UTC", words[len(words)-1])
	}
	local := strings.Join(words[:len(words)-1], "T")
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if m.Time, err = time.ParseInLocation(layout, local, zone); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no time: write 2026-11-22T14:02:00Z, or \"2026-11-22 15:02 Europe/Berlin\"", text)
}

// Run evaluates by the newest revision, or by those of a past moment.
func (cmd explain) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		question := asof.Question{Environment: settings.Environment, At: cmd.At.Time, Pinned: cmd.Pinned}
		if !cmd.PinnedAt.IsZero() {
			question.PinnedAt = &cmd.PinnedAt.Time
		}
		moment, err := asof.New(store, catalog.New(store)).Moment(ctx, question)
		if err != nil {
			return err
		}
		subject, err := cmd.subject(ctx, store, moment.At)
		if err != nil {
			return err
		}
		if cmd.Flag == "" {
			return cmd.all(s.out, moment, subject)
		}
		return cmd.one(s.out, moment, subject)
	})
}

// one tells the whole chain of one flag.
func (cmd explain) one(out io.Writer, moment *asof.Moment, subject ruleset.Subject) error {
	all := moment.Explain(cmd.Flag, subject)
	if err := cmd.printOne(out, moment, all); err != nil {
		return err
	}
	for _, e := range all {
		if e.Reason != ruleset.FlagNotFound {
			return nil
		}
	}
	return fmt.Errorf("%w as %q in %s", changes.ErrNoFlag, cmd.Flag, moment.Environment)
}

func (cmd explain) printOne(out io.Writer, moment *asof.Moment, all []asof.Explained) error {
	if cmd.JSON {
		if moment.Past {
			return printJSON(out, past{moment.At, moment.Says(), moment.Revisions(), explanationsOf(moment, all)})
		}
		return printJSON(out, all[0].Explanation)
	}
	if moment.Past {
		fmt.Fprintf(out, "%s\n%s\n\n", moment.At.Format(time.RFC3339), moment.Says())
	}
	for n, e := range all {
		if n > 0 {
			fmt.Fprintln(out)
		}
		if under := moment.Under(e.Under, time.UTC); under != "" {
			fmt.Fprintf(out, "Under %s:\n", under)
		}
		printExplanation(out, e.Explanation)
	}
	return nil
}

// all tells the values of all flags.
func (cmd explain) all(out io.Writer, moment *asof.Moment, subject ruleset.Subject) error {
	flags := moment.Flags(subject)
	if cmd.JSON {
		return printJSON(out, past{moment.At, moment.Says(), moment.Revisions(), outcomesOf(moment, flags)})
	}
	fmt.Fprintf(out, "%s\n%s\n\n", moment.At.Format(time.RFC3339), moment.Says())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, flag := range flags {
		for _, o := range flag.Outcomes {
			fmt.Fprintf(table, "%s\t%s\t%s", flag.Key, encoded(o.Value), o.Reason)
			if under := moment.Under(o.Under, time.UTC); under != "" {
				fmt.Fprintf(table, "\tunder %s", under)
			}
			fmt.Fprintln(table)
		}
	}
	return table.Flush()
}

// past is an answer as a program reads it: what was looked at, and what it came to.
type past struct {
	At        time.Time `json:"at"`
	Says      string    `json:"says"`
	Revisions []int64   `json:"revisions"` // that a pin could have held
	Outcomes  []outcome `json:"outcomes"`
}

// outcome is a value, or a whole explanation, with the revisions under which it was so.
type outcome struct {
	Under  string `json:"under,omitempty"` // empty: all of them
	Answer any    `json:"answer"`
}

func explanationsOf(moment *asof.Moment, all []asof.Explained) (outcomes []outcome) {
	for _, e := range all {
		outcomes = append(outcomes, outcome{moment.Under(e.Under, time.UTC), e.Explanation})
	}
	return outcomes
}

func outcomesOf(moment *asof.Moment, flags []asof.Flag) []outcome {
	outcomes := []outcome{}
	for _, flag := range flags {
		for _, o := range flag.Outcomes {
			outcomes = append(outcomes, outcome{moment.Under(o.Under, time.UTC), o.Detail})
		}
	}
	return outcomes
}

func printJSON(out io.Writer, answer any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

func (cmd explain) subject(ctx context.Context, store *models.Store, at time.Time) (ruleset.Subject, error) {
	subject := ruleset.Subject{User: cmd.User, Visitor: cmd.Visitor, Tenant: cmd.Tenant, Plan: cmd.Plan, AddOns: cmd.AddOn}
	for name, value := range cmd.Attr {
		if subject.Attributes == nil {
			subject.Attributes = map[string]any{}
		}
		subject.Attributes[name] = asof.Attribute(value)
	}
	if _, err := asof.Subscribe(ctx, store, &subject, at); err != nil {
		return ruleset.Subject{}, err
	}
	return subject, subject.Check()
}

func encoded(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}

func printExplanation(out io.Writer, e ruleset.Explanation) {
	fmt.Fprintf(out, "%s is %s", e.Key, encoded(e.Value))
	if e.Variant != "" {
		fmt.Fprintf(out, " (variant %s)", e.Variant)
	}
	fmt.Fprintf(out, ", because %s", e.Reason)
	if e.Upgradable {
		fmt.Fprint(out, "; an upgrade would turn it on")
	}
	fmt.Fprintf(out, "\nrevision %d of %s\n\n", e.Revision.Number, e.Revision.Environment)
	for i, step := range e.Steps {
		fmt.Fprintf(out, "%2d. %s\n", i+1, step.Text)
		if step.Condition != nil {
			printCondition(out, *step.Condition, 1)
		}
		if step.Draw != nil {
			printDraw(out, *step.Draw)
		}
	}
}

func printCondition(out io.Writer, c ruleset.ConditionResult, depth int) {
	verdict := "no "
	if c.Matched {
		verdict = "yes"
	}
	fmt.Fprintf(out, "    %s%s  %s", strings.Repeat("  ", depth-1), verdict, c.Text)
	if c.Actual != "" {
		fmt.Fprintf(out, "  (is %s)", c.Actual)
	}
	fmt.Fprintln(out)
	for _, child := range c.Children {
		printCondition(out, child, depth+1)
	}
}

func printDraw(out io.Writer, d ruleset.DrawResult) {
	if d.Value == "" {
		fmt.Fprintf(out, "         there is no %s to draw for, so it is out\n", d.Unit)
		return
	}
	fmt.Fprintf(out, "         %s %q drew %.3f of 100; the share is %s", d.Unit, d.Value, d.Percent, d.Share)
	if d.Below > 0 {
		fmt.Fprintf(out, ", made exact by a threshold frozen at %.3f", d.Below)
	}
	fmt.Fprintln(out)
}
