package alerts

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/views"
)

// watchRow is a watch for people.
type watchRow struct {
	ID, ChannelID, Channel string
	Environment            string // its name; empty: all
	Place                  string // its title
	Flag                   string // empty: all
	Events                 string
	CreatedBy              string
	Created                views.Moment
}

func eventsTitle(events string) string {
	switch events {
	case models.AlertKills:
		return "Kills and lifts, maintenance, steps back of migrations"
	case models.AlertReviews:
		return "Flags to review, once a week"
	case models.AlertRequests:
		return "Change requests"
	}
	return "Every change"
}

// readWatches gives the watches that are there.
func readWatches(ctx context.Context, c *shell.Context, page shell.Page, channels []models.AlertChannel) ([]watchRow, error) {
	watches, err := c.App.Store.AlertWatches(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := c.App.Store.FlagKeys(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, channel := range channels {
		names[channel.ID] = channel.Name
	}
	titles := map[string]string{}
	for _, e := range page.Environments {
		titles[e.Name] = e.Title
	}
	rows := make([]watchRow, 0, len(watches))
	for _, w := range watches {
		row := watchRow{ID: w.ID, ChannelID: w.ChannelID, Channel: names[w.ChannelID], Place: "All environments",
			Events: eventsTitle(w.Events), CreatedBy: w.CreatedBy, Created: page.At(w.CreatedAt.Time)}
		if w.Environment != nil {
			row.Environment, row.Place = *w.Environment, titles[*w.Environment]
		}
		if w.FeatureID != nil {
			row.Flag = keys[*w.FeatureID]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// watchPage is the form for a watch; for one environment or flag it shows who hears of it already.
type watchPage struct {
	shell.Page
	Form         *shell.Form
	Channels     []views.Choice
	Environments []views.Choice // to choose from; none: the path says it
	Flag         string         // the page is about this one; empty: about all
	Watches      []watchRow
	MayAdd       bool
	MayMake      bool // channels
}

// beginWatch begins a page with the form for a watch.
func beginWatch(ctx context.Context, c *shell.Context, title string, form *shell.Form) (watchPage, error) {
	page, err := c.Page(title, "alerts")
	if err != nil {
		return watchPage{}, err
	}
	channels, err := c.App.Store.AlertChannels(ctx)
	if err != nil {
		return watchPage{}, err
	}
	watches, err := readWatches(ctx, c, page, channels)
	p := watchPage{Page: page, Form: form, Watches: watches, MayMake: c.Person.In(access.Everywhere) >= access.Admin}
	for _, channel := range channels {
		if channel.RemovedAt == nil {
			p.Channels = append(p.Channels, views.Choice{Value: channel.ID, Label: channel.Name + " (" + alerts.KindTitle(channel.Kind) + ")"})
		}
	}
	return p, err
}

func newWatch(c *shell.Context) error {
	form := shell.NewForm("channel", c.Query("channel"), "events", models.AlertKills)
	return renderNewWatch(c, http.StatusOK, form)
}

func renderNewWatch(c *shell.Context, status int, form *shell.Form) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	p, err := beginWatch(ctx, c, "New watch", form)
	if err != nil {
		return err
	}
	p.Environments = []views.Choice{{Value: "", Label: "All environments"}}
	for _, e := range p.Page.Environments {
		p.Environments = append(p.Environments, views.Choice{Value: e.Name, Label: e.Title})
	}
	return c.Render(status, "alerts/watch-new", p)
}

func createWatch(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	if err := watch(c, form, form.Get("environment"), form.Get("flag")); err != nil {
		return err
	}
	if !form.OK() {
		return renderNewWatch(c, http.StatusUnprocessableEntity, form)
	}
	return c.Done("From now on, the channel hears of it.", "alerts")
}

// watch adds what a form asks for. What is wrong with it is in the form.
func watch(c *shell.Context, form *shell.Form, environment, flag string) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	events := form.Get("events")
	switch {
	case !alerts.Hears(events):
		form.Refuse("events", "Choose what the channel hears of.")
	case events == models.AlertRequests && flag != "":
		form.Refuse("events", "Change requests are watched for all flags: leave the flag out.")
	}
	switch {
	case !shell.Storable(form.Get("channel")):
		form.Refuse("channel", "Choose a channel.")
	case !shell.Storable(flag):
		form.Refuse("flag", "There is no flag of this key.")
	case !shell.Storable(environment):
		form.Refuse("environment", "There is no such environment.")
	}
	if !form.OK() {
		return nil
	}
	if _, err := c.App.Store.AlertChannel(ctx, form.Get("channel")); errors.Is(err, models.ErrNotFound) {
		form.Refuse("channel", "Choose a channel.")
	}
	if flag != "" {
		if _, err := c.App.Store.Flag(ctx, flag); errors.Is(err, models.ErrNotFound) {
			form.Refuse("flag", "There is no flag of this key.")
		}
	}
	if !form.OK() {
		return nil
	}
	err := c.App.Alerts.Watch(ctx, form.Get("channel"), environment, flag, events, c.Person.Author())
	switch {
	case errors.Is(err, alerts.ErrThere):
		form.Refuse("channel", "This channel watches this already. Remove that watch first if it is to hear of something else.")
	case errors.Is(err, models.ErrNotFound):
		form.Refuse("channel", "This channel is not there any more.")
	case errors.Is(err, service.ErrNoEnvironment):
		form.Refuse("environment", "There is no such environment.")
	case err != nil && !form.Unavailable(err):
		return err
	}
	return nil
}

func removeWatch(c *shell.Context) error {
	if err := unwatch(c, ""); err != nil {
		return err
	}
	return c.Done("The watch is removed.", "alerts")
}

func unwatch(c *shell.Context, environment string) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	return missing(c.App.Alerts.Unwatch(ctx, c.Param("id"), environment, c.Person.Author()), "This watch")
}

// showWatch says who hears of an environment, or of one flag in it.
func showWatch(c *shell.Context) error {
	return renderWatch(c, http.StatusOK, c.Query("flag"), shell.NewForm("events", models.AlertAll))
}

func renderWatch(c *shell.Context, status int, flag string, form *shell.Form) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	environment, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return err
	}
	if flag != "" {
		err := models.ErrNotFound
		if shell.Storable(flag) {
			_, err = c.App.Store.Flag(ctx, flag)
		}
		if err != nil {
			return missing(err, "This flag")
		}
	}
	title := "Watch " + environment.Title
	if flag != "" {
		title = "Watch " + flag + " in " + environment.Title
	}
	p, err := beginWatch(ctx, c, title, form)
	if err != nil {
		return err
	}
	p.Flag, p.MayAdd = flag, c.Person.In(environment.Name) >= access.Admin
	p.Area = "environments"
	if flag != "" {
		p.Area = "flags"
	}
	p.Watches = concerning(p.Watches, environment.Name, flag)
	if !p.MayAdd {
		p.Channels = nil
	}
	return c.Render(status, "alerts/watch", p)
}

// concerning are the watches that hear of an environment, or of one flag in it.
func concerning(all []watchRow, environment, flag string) (out []watchRow) {
	for _, w := range all {
		if (w.Environment == "" || w.Environment == environment) && (flag == "" || w.Flag == "" || w.Flag == flag) {
			out = append(out, w)
		}
	}
	return out
}

func addWatch(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	flag := form.Get("flag")
	if err := watch(c, form, c.Param("env"), flag); err != nil {
		return err
	}
	if form.Error("flag") != "" {
		return shell.NotFound("This flag is not there, or no longer.")
	}
	if !form.OK() {
		return renderWatch(c, http.StatusUnprocessableEntity, flag, form)
	}
	return backToWatch(c, "From now on, the channel hears of it.", flag)
}

func removeWatchHere(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	if err := unwatch(c, c.Param("env")); err != nil {
		return err
	}
	return backToWatch(c, "The watch is removed.", form.Get("flag"))
}

func backToWatch(c *shell.Context, notice, flag string) error {
	if flag == "" {
		return c.Done(notice, "watch", c.Param("env"))
	}
	return c.DoneAt(notice, c.App.Link("watch", c.Param("env"))+"?flag="+url.QueryEscape(flag))
}
