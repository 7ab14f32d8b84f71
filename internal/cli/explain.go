package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

type explain struct {
	Flag    string            `arg:"" help:"The flag's key."`
	User    string            `help:"Id of the user."`
	Visitor string            `help:"Id of the visitor."`
	Tenant  string            `help:"Id of the tenant."`
	Plan    string            `help:"Key of the tenant's plan (default: the one stored for the tenant)."`
	AddOn   []string          `name:"add-on" help:"Key of a flag that the tenant bought as an add-on; may be repeated (default: those stored for the tenant)."`
	Attr    map[string]string `placeholder:"KEY=VALUE" mapsep:"none" help:"Another attribute; may be repeated. A list is written as JSON: [\"a\",\"b\"]."`
	JSON    bool              `name:"json" help:"Print JSON."`
}

// Run evaluates by the newest revision.
func (cmd explain) Run(ctx context.Context, settings *Settings, s streams) error {
	return settings.use(ctx, func(store *models.Store) error {
		flags, err := service.New(ctx, service.Config{Source: store, Environment: settings.Environment, Logger: s.log})
		if err != nil {
			return err
		}
		subject, err := cmd.subject(ctx, store)
		if err != nil {
			return err
		}
		explanation, err := flags.Newest().Explain(cmd.Flag, subject, flags.Now())
		if err != nil {
			return err
		}
		if err := cmd.print(s.out, explanation); err != nil {
			return err
		}
		if explanation.Reason == ruleset.FlagNotFound {
			return fmt.Errorf("%w as %q in %s", changes.ErrNoFlag, cmd.Flag, settings.Environment)
		}
		return nil
	})
}

func (cmd explain) print(out io.Writer, explanation ruleset.Explanation) error {
	if !cmd.JSON {
		printExplanation(out, explanation)
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(explanation)
}

func (cmd explain) subject(ctx context.Context, store *models.Store) (ruleset.Subject, error) {
	subject := ruleset.Subject{User: cmd.User, Visitor: cmd.Visitor, Tenant: cmd.Tenant, Plan: cmd.Plan, AddOns: cmd.AddOn}
	for name, value := range cmd.Attr {
		if subject.Attributes == nil {
			subject.Attributes = map[string]any{}
		}
		subject.Attributes[name] = attribute(value)
	}
	if cmd.Tenant != "" {
		plan, addOns, err := store.Subscription(ctx, cmd.Tenant)
		if err != nil {
			return ruleset.Subject{}, err
		}
		if cmd.Plan == "" {
			subject.Plan = plan
		}
		if len(cmd.AddOn) == 0 {
			subject.AddOns = addOns
		}
	}
	return subject, subject.Check()
}

// attribute is the text as it is, or the list that it is in JSON. Rules read numbers and times from texts too.
func attribute(value string) any {
	var list []any
	if strings.HasPrefix(value, "[") && json.Unmarshal([]byte(value), &list) == nil {
		return list
	}
	return value
}

func printExplanation(out io.Writer, e ruleset.Explanation) {
	value, err := json.Marshal(e.Value)
	if err != nil {
		value = []byte("?")
	}
	fmt.Fprintf(out, "%s is %s", e.Key, value)
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
