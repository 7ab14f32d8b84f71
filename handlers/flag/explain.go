package flag

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/asof"
	"github.com/toprent/flags/ruleset"
)

// why answers why somebody gets what they get.
type why struct {
	Form   *shell.Form
	Asked  bool
	Value  string // JSON
	Result *ruleset.Explanation

	Inspect string // the same person in the inspector
}

// explain asks the newest revision about the subject that the address names. A tenant's plan and add-ons are those that
// are stored, unless the address names a plan.
func explain(c *shell.Context, p place) (why, error) {
	query := c.Request.URL.Query()
	w := why{Form: &shell.Form{Values: query, Errors: map[string]string{}}, Asked: query.Has("why")}
	if !w.Asked {
		return w, nil
	}
	subject := ruleset.Subject{User: w.Form.Get("user"), Visitor: w.Form.Get("visitor"), Tenant: w.Form.Get("tenant"), Plan: w.Form.Get("plan")}
	if subject.Tenant != "" && len(subject.Tenant) <= ruleset.MaxID {
		ctx, cancel := c.Ctx()
		defer cancel()
		plan, addOns, err := c.App.Store.Subscription(ctx, subject.Tenant)
		if err != nil {
			return w, err
		}
		subject.AddOns = addOns
		if subject.Plan == "" {
			subject.Plan = plan
		}
	}
	var wrong string
	if subject.Attributes, wrong = attributesOf(w.Form.Get("attributes")); wrong != "" {
		w.Form.Refuse("attributes", wrong)
	}
	if err := subject.Check(); err != nil {
		w.Form.Refuse("attributes", "This cannot be asked: "+err.Error()+".")
	}
	if !w.Form.OK() {
		return w, nil
	}
	result := p.in.Revision().Explain(p.About.Name, subject, time.Now())
	value, err := json.Marshal(result.Value)
	if err != nil {
		return w, fmt.Errorf("explain %s: %w", p.About.Name, err)
	}
	w.Result, w.Value = &result, string(value)
	w.Inspect = inspectorOf(c, p, subject)
	return w, nil
}

// inspectorOf is where all flags of the subject are inspected, at any moment.
func inspectorOf(c *shell.Context, p place, subject ruleset.Subject) string {
	to := url.Values{"in": {p.in.Name}, "explain": {p.About.Name}, "asked": {"1"}}
	for name, value := range map[string]string{"user": subject.User, "visitor": subject.Visitor, "tenant": subject.Tenant, "plan": c.Query("plan")} {
		if value = strings.TrimSpace(value); value != "" {
			to.Set(name, value)
		}
	}
	for line := range strings.Lines(c.Query("attributes")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			to.Add("name", strings.TrimSpace(name))
			to.Add("value", strings.TrimSpace(value))
		}
	}
	return c.App.Link("inspect") + "?" + to.Encode()
}

// attributesOf reads lines such as country=DE. A list is written as JSON: cities=["Bonn","Ulm"].
func attributesOf(lines string) (attributes map[string]any, wrong string) {
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Sprintf("Write each attribute on a line of its own, as name=value: %q is not.", line)
		}
		if attributes == nil {
			attributes = map[string]any{}
		}
		attributes[name] = asof.Attribute(strings.TrimSpace(value))
	}
	return attributes, ""
}
