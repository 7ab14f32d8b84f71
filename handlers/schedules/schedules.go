// Package schedules is the page on which somebody plans what becomes of a flag: step by step at times, or in windows
// that recur. Each plan is a change request, so that it is approved where changes are.
package schedules

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/internal/steps"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// Register adds the page.
func Register(a *shell.App) {
	editor := shell.InEnvironment(access.Editor)
	a.GET("/flags/:key/:env/schedule", editor, show)
	a.POST("/flags/:key/:env/schedule", editor, save)
}

// rowsOfPlan is how many steps the page offers; more can be added to the request.
const rowsOfPlan = 5

// page is the plan of a flag.
type page struct {
	shell.FlagHead
	Steps    *shell.Form // at times
	Windows  *shell.Form // that recur
	Rows     []int
	Does     []views.Choice
	Rules    []views.Choice // whose share can be changed
	Days     []day
	Next     []string // the windows that come, in words
	Late     string
	Upcoming []changes.Upcoming
}

type day struct{ Name, Title string }

// weekdays in the order of a working week.
func weekdays() []time.Weekday {
	return []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}
}

func show(c *shell.Context) error {
	today := time.Now().In(c.Zone()).Format(time.DateOnly)
	windows := shell.NewForm("opens", "09:00", "closes", "17:00", "zone", c.Zone().String(), "from", today)
	for _, d := range weekdays()[:5] {
		windows.Set(dayField(d), "on")
	}
	return render(c, http.StatusOK, c.NewForm(), windows)
}

func dayField(d time.Weekday) string { return "day_" + strings.ToLower(d.String()[:3]) }

// Field is the field of the n-th row, counted from 0.
func (page) Field(what string, i int) string { return what + strconv.Itoa(i+1) }

func render(c *shell.Context, status int, stepsForm, windows *shell.Form) error {
	head, err := c.FlagPage("schedule")
	if err != nil {
		return err
	}
	if head.Settings == nil {
		return shell.NotFound("The flag %q is not in this environment yet: add it on its overview, then plan what becomes of it.", head.About.Name)
	}
	if err := head.Changeable(); err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := page{FlagHead: head, Steps: stepsForm, Windows: windows, Does: steps.Choices(head.Settings.Flag), Late: changes.LateRule,
		Rules: steps.RuleChoices(head.Settings.Flag, func(r ruleset.Rule) string { return words.RuleIn(r, c.Zone()) })}
	for i := range rowsOfPlan {
		p.Rows = append(p.Rows, i)
	}
	for _, d := range weekdays() {
		p.Days = append(p.Days, day{dayField(d), d.String()})
	}
	p.Next = says(recurrence(windows, head.About.Name).Next(time.Now(), shownWindows))
	upcoming, err := c.App.Changes.Upcoming(ctx, head.Environment)
	if err != nil {
		return err
	}
	for _, u := range upcoming {
		if u.Touches(head.About.Name) {
			p.Upcoming = append(p.Upcoming, u)
		}
	}
	return c.Render(status, "schedules/flag", p)
}

// shownWindows is how many beginnings and ends are told.
const shownWindows = 5

// says tells windows in words, with what a change of the clocks does to them.
func says(all []changes.Occurrence) (lines []string) {
	for _, o := range all {
		line := o.At.Format("Mon, 2 Jan 2006, 15:04 MST") + ": it is disabled"
		if o.Opens {
			line = o.At.Format("Mon, 2 Jan 2006, 15:04 MST") + ": it is enabled"
		}
		if o.Remark != "" {
			line += " (" + o.Remark + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// recurrence is what the form says.
func recurrence(f *shell.Form, key string) *changes.Recurrence {
	r := &changes.Recurrence{Flags: []string{key}, Opens: f.Get("opens"), Closes: f.Get("closes"), Zone: f.Get("zone"), From: f.Get("from"), Until: f.Get("until")}
	for _, d := range weekdays() {
		if f.On(dayField(d)) {
			r.Days = append(r.Days, d)
		}
	}
	return r
}

func save(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	switch form.Get("do") {
	case "look":
		form.Message = recurrence(form, c.Param("key")).Mistake()
		if form.Message != "" {
			return render(c, http.StatusUnprocessableEntity, c.NewForm(), form)
		}
		return render(c, http.StatusOK, c.NewForm(), form)
	case "windows":
		content := changes.Content{Title: "Recurring windows of " + c.Param("key"), Reason: form.Get("reason"), Recurrence: recurrence(form, c.Param("key"))}
		return ask(c, form, content, func(status int) error { return render(c, status, c.NewForm(), form) })
	}
	shown, err := c.Environment()
	if err != nil {
		return err
	}
	flag, ok := shown.Flag(c.Param("key"))
	if !ok || flag.Archived {
		return shell.NotFound("The flag %q is not in this environment, or it is archived.", c.Param("key"))
	}
	content := changes.Content{Title: form.Get("title"), Reason: form.Get("reason"), Steps: planned(c, form, flag.Flag, flag.Version)}
	return ask(c, form, content, func(status int) error {
		today := shell.NewForm("opens", "09:00", "closes", "17:00", "zone", c.Zone().String(), "from", time.Now().In(c.Zone()).Format(time.DateOnly))
		return render(c, status, form, today)
	})
}

// planned reads the rows of the plan. Those that are empty are left out.
func planned(c *shell.Context, form *shell.Form, flag ruleset.Flag, base int64) (all []changes.Planned) {
	rule, err := strconv.Atoi(form.Get("rule"))
	if err != nil {
		rule = -1
	}
	for i := range rowsOfPlan {
		n := strconv.Itoa(i + 1)
		if form.Get("at"+n) == "" {
			if form.Get("share"+n) != "" {
				form.Refuse("at"+n, "Say when.")
			}
			continue
		}
		at := form.Time("at" + n)
		edit, wrong := steps.Edit(&flag, base, form.Get("do"+n), form.Get("share"+n), rule)
		if wrong != "" {
			form.Refuse("share"+n, wrong)
			continue
		}
		all = append(all, changes.Planned{At: at, Edits: []changes.Edit{edit}})
	}
	if len(all) == 0 && form.OK() {
		form.Refuse("at1", "Say when something is done.")
	}
	return all
}

// ask makes the request, or shows the form again with what is wrong.
func ask(c *shell.Context, form *shell.Form, content changes.Content, again func(status int) error) error {
	form.Require("Say in a few words why.", "reason")
	if !form.OK() {
		return again(http.StatusUnprocessableEntity)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	content, err := c.Counted(ctx, c.Param("env"), content)
	var r changes.Request
	if err == nil {
		r, err = c.App.Changes.Request(ctx, c.Param("env"), c.Actor(), content, true)
	}
	if _, moved := shell.Conflict(err); moved {
		form.Message = "Somebody has changed the flag in this very moment. Nothing you typed is lost: look at the flag, then send again."
		return again(http.StatusConflict)
	}
	if form.Refused(err, func(p ruleset.Problem) string {
		if p.Path == "reason" || p.Path == "title" {
			return p.Path
		}
		return ""
	}) {
		return again(http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Done(shell.Made(r), "requests", r.Environment, r.ID)
}
