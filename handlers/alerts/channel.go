package alerts

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// channelPage is about one channel: to make it, to change it, or to ask whether something should really be done.
type channelPage struct {
	shell.Page
	Channel   channelRow // empty: it is new
	Form      *shell.Form
	Conflicts []views.Conflict
	Kinds     []views.Choice
	Mails     bool
	Sealed    bool
	Base      int64
}

func beginChannel(c *shell.Context, title string, form *shell.Form) (channelPage, error) {
	page, err := c.Page(title, "alerts")
	p := channelPage{Page: page, Form: form, Mails: c.App.Alerts.Mails(), Sealed: c.App.Alerts.Sealed()}
	for _, k := range alerts.Kinds {
		if k.Kind != alerts.Email || p.Mails {
			p.Kinds = append(p.Kinds, views.Choice{Value: k.Kind, Label: k.Title})
		}
	}
	return p, err
}

func newChannel(c *shell.Context) error {
	p, err := beginChannel(c, "New channel", shell.NewForm("kind", alerts.Slack))
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "alerts/channel", p)
}

func createChannel(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	channel, secret, err := c.App.Alerts.Create(ctx, typed(form), c.Person.Author())
	if err == nil {
		noteChannel(c, "channel-made", channel, channel.Name)
	}
	if err == nil && secret != "" {
		return showSecret(c, channel, secret, true)
	}
	if err == nil {
		return c.Done("The channel "+channel.Name+" is there. Send a test, then say what it watches.", "alerts", "channels", channel.ID)
	}
	return refuse(c, form, err, models.AlertChannel{})
}

func typed(form *shell.Form) alerts.Typed {
	return alerts.Typed{Name: form.Get("name"), Kind: form.Get("kind"), Target: form.Get("target")}
}

// refuse shows a form again with what is wrong; nothing typed is lost.
func refuse(c *shell.Context, form *shell.Form, err error, channel models.AlertChannel) error {
	status := http.StatusUnprocessableEntity
	var refused *alerts.RefusedError
	switch {
	case errors.As(err, &refused):
		for field, message := range refused.Errors {
			form.Refuse(field, message)
		}
	case form.Unavailable(err):
		return c.Render(http.StatusServiceUnavailable, "alerts/channel", channelPage{Page: c.Bare("Channel"), Form: form,
			Channel: shownAs(channel), Base: channel.Version, Kinds: kinds(), Mails: c.App.Alerts.Mails(), Sealed: c.App.Alerts.Sealed()})
	default:
		return missing(err, "This channel")
	}
	p, err := beginChannel(c, "Channel", form)
	if err != nil {
		return err
	}
	p.Channel, p.Base = shownAs(channel), channel.Version
	return c.Render(status, "alerts/channel", p)
}

func kinds() (out []views.Choice) {
	for _, k := range alerts.Kinds {
		out = append(out, views.Choice{Value: k.Kind, Label: k.Title})
	}
	return out
}

// shownAs is a channel for people; the zero row for one that is new.
func shownAs(channel models.AlertChannel) channelRow {
	if channel.ID == "" {
		return channelRow{}
	}
	return rowOf(channel)
}

// channelOf reads the channel that the path names. One that was removed is not there.
func channelOf(c *shell.Context) (models.AlertChannel, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	channel, err := c.App.Store.AlertChannel(ctx, c.Param("id"))
	if err == nil && channel.RemovedAt != nil {
		err = models.ErrNotFound
	}
	return channel, missing(err, "This channel")
}

// about begins a page about the channel that the path names.
func about(c *shell.Context) (channelPage, models.AlertChannel, error) {
	channel, err := channelOf(c)
	if err != nil {
		return channelPage{}, channel, err
	}
	form := shell.NewForm("name", channel.Name, "kind", channel.Kind)
	if channel.Kind == alerts.Email {
		form.Set("target", channel.Hint)
	}
	p, err := beginChannel(c, channel.Name, form)
	p.Channel, p.Base = rowOf(channel), channel.Version
	return p, channel, err
}

func showChannel(c *shell.Context) error { return ask(c, "alerts/channel") }
func askRoll(c *shell.Context) error     { return ask(c, "alerts/roll") }
func askRemove(c *shell.Context) error   { return ask(c, "alerts/remove") }

func ask(c *shell.Context, page string) error {
	p, _, err := about(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, page, p)
}

// baseOf is the version that a form was made for.
func baseOf(form *shell.Form) int64 {
	base, _ := strconv.ParseInt(form.Get("base"), 10, 64)
	return base
}

func editChannel(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	channel, err := channelOf(c)
	if err != nil && !models.Unavailable(err) {
		return err
	}
	if err == nil {
		ctx, cancel := c.Ctx()
		defer cancel()
		err = c.App.Alerts.Edit(ctx, channel.ID, baseOf(form), typed(form))
	}
	switch {
	case err == nil:
		noteChannel(c, "channel-edited", channel, form.Get("name"))
		return c.Done("Saved.", "alerts", "channels", channel.ID)
	case errors.Is(err, alerts.ErrMoved):
		return conflict(c, form)
	}
	if channel.ID == "" {
		channel.ID, channel.Version = c.Param("id"), baseOf(form)
	}
	return refuse(c, form, err, channel)
}

// conflict shows what somebody else has made of the channel, beside what was typed. Saving again replaces theirs.
func conflict(c *shell.Context, form *shell.Form) error {
	p, channel, err := about(c)
	if err != nil {
		return err
	}
	p.Form = form
	yours := form.Get("target")
	switch {
	case yours == "":
		yours = channel.Hint
	case channel.Kind != alerts.Email:
		yours = "another address"
	}
	p.Conflicts = []views.Conflict{{What: "Channel " + channel.Name, Lines: []views.ConflictLine{
		{Field: "Name", Theirs: channel.Name, Yours: form.Get("name")},
		{Field: "Goes to", Theirs: channel.Hint, Yours: yours},
	}}}
	return c.Render(http.StatusConflict, "alerts/channel", p)
}

// testedPage says what came of a test.
type testedPage struct {
	shell.Page
	Channel channelRow
	Result  alerts.Result
}

// testChannel sends a test at once. Nothing is kept of it.
func testChannel(c *shell.Context) error {
	channel, err := channelOf(c)
	if err != nil {
		return err
	}
	page, err := c.Page("Test of "+channel.Name, "alerts")
	if err != nil {
		return err
	}
	result := c.App.Alerts.Test(c.Request.Context(), channel, c.Person.Author())
	return c.Render(http.StatusOK, "alerts/tested", testedPage{page, rowOf(channel), result})
}

// secretPage shows a secret, once. It answers the form itself: a secret has no place in an address or a cookie.
type secretPage struct {
	shell.Page
	Channel channelRow
	Secret  string
	New     bool
}

func showSecret(c *shell.Context, channel models.AlertChannel, secret string, isNew bool) error {
	page, err := c.Page("Secret of "+channel.Name, "alerts")
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "alerts/secret", secretPage{page, rowOf(channel), secret, isNew})
}

func roll(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	channel, err := channelOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	secret, err := c.App.Alerts.Roll(ctx, channel.ID, baseOf(form))
	if errors.Is(err, alerts.ErrMoved) {
		return shell.Refused(http.StatusConflict, "Somebody else was quicker", "The channel was changed in the meantime, and the secret was not rolled. Open the channel and look again.")
	}
	if err != nil {
		return missing(err, "This signed webhook")
	}
	noteChannel(c, "channel-secret-rolled", channel, channel.Name)
	return showSecret(c, channel, secret, false)
}

func removeChannel(c *shell.Context) error {
	channel, err := channelOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := c.App.Alerts.Remove(ctx, c.Param("id"), c.Person.Author()); err != nil {
		return missing(err, "This channel")
	}
	noteChannel(c, "channel-removed", channel, "")
	return c.Done("The channel is removed. Nothing more is sent there.", "alerts")
}
