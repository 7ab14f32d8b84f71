package maintenance

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// formPage asks for when, where and in which words.
type formPage struct {
	shell.Page
	At   Place
	Form *shell.Form
	In   models.Environment
}

// Drains are how long those who are at work may go on.
func (p formPage) Drains() []views.Choice {
	all := []views.Choice{{Value: "", Label: "They see the page at once"}}
	known := p.Form.Get("drain") == ""
	for _, minutes := range []int{1, 5, 10, 15, 30, 60} {
		text, _ := ruleset.Span(time.Duration(minutes) * time.Minute).MarshalText() // which has no error
		known = known || p.Form.Get("drain") == string(text)
		label := fmt.Sprintf("%d minutes", minutes)
		if minutes == 1 {
			label = "1 minute"
		}
		all = append(all, views.Choice{Value: string(text), Label: label})
	}
	if !known {
		all = append(all, views.Choice{Value: p.Form.Get("drain"), Label: p.Form.Get("drain")})
	}
	return all
}

const usualMessage = "We are working on the site, and will be back soon."

// ask shows what is set, or what is usual, so that the button is all that is needed.
func ask(c *shell.Context) error {
	in, err := c.Environment()
	if err != nil {
		return err
	}
	at := PlaceOf(in, time.Now())
	form := c.NewForm("message", usualMessage, "drain", "5m", "base", "0")
	if at.Flag != nil {
		form.Set("base", strconv.FormatInt(at.Flag.Version, 10))
	}
	if at.Set() && at.Phase != Over {
		v := at.Value
		drain := ""
		if v.Drain > 0 {
			text, _ := v.Drain.MarshalText() // which has no error
			drain = string(text)
		}
		for name, value := range map[string]string{"message": v.Message, "drain": drain, "paths": strings.Join(v.Paths, "\n"), "tenants": strings.Join(at.Tenants, "\n")} {
			form.Set(name, value)
		}
		form.SetTime("start", v.Start) // exactly: who was at work when it began must not change because somebody mends the message
		form.SetTime("end", v.End)
		form.SetTime("announce", v.Announce)
	}
	return render(c, http.StatusOK, form)
}

func turnOn(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	m := changes.Maintenance{Environment: c.Param("env"), By: c.Actor(), Reason: form.Get("reason"), Tenants: lines(form, "tenants"),
		Value: ruleset.Maintenance{Message: form.Get("message"), Paths: lines(form, "paths"), Start: form.Time("start"), End: form.Time("end"), Announce: form.Time("announce")}}
	if m.Base, err = strconv.ParseInt(form.Get("base"), 10, 64); err != nil {
		m.Base = -1 // of no version: it conflicts
	}
	if text := form.Get("drain"); text != "" && m.Value.Drain.UnmarshalText([]byte(text)) != nil {
		form.Refuse("drain", "Choose how long.")
	}
	for _, tenant := range m.Tenants {
		if len(tenant) > ruleset.MaxID {
			form.Refuse("tenants", fmt.Sprintf("%.40s… is too long for the id of a tenant.", tenant))
		}
	}
	if m.Reason == "" {
		m.Reason = "Maintenance: " + firstLine(m.Value.Message)
	}
	if !form.OK() {
		return render(c, http.StatusUnprocessableEntity, form)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	published, err := c.App.Changes.Maintain(ctx, m)
	if _, ok := shell.Conflict(err); ok {
		form.Message = "Somebody else has changed the maintenance of this environment while you were typing. What you typed is still here. Look at what is set now, then turn it on again if that is still right."
		form.Set("base", strconv.FormatInt(version(c), 10))
		return render(c, http.StatusConflict, form)
	}
	switch {
	case form.Refused(err, fieldOf):
		return render(c, http.StatusUnprocessableEntity, form)
	case form.Unavailable(err):
		return render(c, http.StatusServiceUnavailable, form)
	case err != nil:
		return err
	case !published.New:
		return c.Done("Nothing was different, so nothing was changed.", "maintenance")
	case m.Value.Start != nil && m.Value.Start.After(time.Now()):
		return c.Done("The maintenance is scheduled.", "maintenance")
	}
	return c.Done("The maintenance is on, on every instance.", "maintenance")
}

// fieldOf is the field that a mistake stands beside; empty: it concerns the flag.
func fieldOf(problem ruleset.Problem) string {
	switch problem.Path {
	case "message", "start", "end", "announce", "drain", "paths", "reason":
		return problem.Path
	}
	return ""
}

func version(c *shell.Context) int64 {
	if in, err := c.Environment(); err == nil {
		if flag, ok := in.Flag(ruleset.MaintenanceKey); ok {
			return flag.Version
		}
	}
	return 0
}

// lines are what was typed into a field, one each, without empty ones and without repeating any.
func lines(form *shell.Form, field string) (all []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(form.Get(field)) {
		if line = strings.TrimSpace(line); line != "" && !seen[line] {
			seen[line] = true
			all = append(all, line)
		}
	}
	return all
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "no message"
	}
	return line
}

// render shows the form for the first time, or again with what was typed.
func render(c *shell.Context, status int, form *shell.Form) error {
	const title = "Turn maintenance on"
	if status == http.StatusServiceUnavailable {
		return c.Render(status, "maintenance/form", formPage{Page: c.Offline(title, "maintenance"), Form: form, In: models.Environment{Name: c.Param("env"), Title: c.Param("env")}})
	}
	page, err := c.Page(title, "maintenance")
	if err != nil {
		return err
	}
	in, err := c.Environment()
	if err != nil {
		return err
	}
	p := formPage{Page: page, At: PlaceOf(in, time.Now()), Form: form, In: in.Environment}
	return c.Render(status, "maintenance/form", p)
}
