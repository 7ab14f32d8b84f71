// Package alerts are the pages on which admins say who hears of changes: channels, watches, and what became of each
// message. Secrets are shown once, when they are made; addresses of webhooks never.
package alerts

import (
	"errors"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
)

// Register adds the pages. Channels concern all environments, so they are for admins of all. The watches of one
// environment are shown to whoever may see it, and are its own admins' to add and remove.
func Register(a *shell.App) {
	all, here := shell.Everywhere(access.Admin), shell.InEnvironment(access.Admin)
	a.GET("/alerts", all, overview)
	a.GET("/alerts/format", all, format)
	a.GET("/alerts/deliveries", all, deliveries)
	a.POST("/alerts/deliveries/:id/again", all, again)

	a.GET("/alerts/channels/new", all, newChannel)
	a.POST("/alerts/channels/new", all, createChannel)
	a.GET("/alerts/channels/:id", all, showChannel)
	a.POST("/alerts/channels/:id", all, editChannel)
	a.POST("/alerts/channels/:id/test", all, testChannel)
	a.GET("/alerts/channels/:id/roll", all, askRoll)
	a.POST("/alerts/channels/:id/roll", all, roll)
	a.GET("/alerts/channels/:id/remove", all, askRemove)
	a.POST("/alerts/channels/:id/remove", all, removeChannel)

	a.GET("/alerts/watches/new", all, newWatch)
	a.POST("/alerts/watches/new", all, createWatch)
	a.POST("/alerts/watches/:id/remove", all, removeWatch)

	a.GET("/watch/:env", shell.InEnvironment(access.Viewer), showWatch)
	a.POST("/watch/:env", here, addWatch)
	a.POST("/watch/:env/:id/remove", here, removeWatchHere)
}

// overviewPage shows who hears of what.
type overviewPage struct {
	shell.Page
	Channels      []channelRow
	Watches       []watchRow
	Deliveries    []deliveryRow
	Sealed, Mails bool
}

// recent is how many deliveries the overview shows.
const recent = 8

func overview(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Alerts", "alerts")
	if err != nil {
		return err
	}
	channels, err := c.App.Store.AlertChannels(ctx)
	if err != nil {
		return err
	}
	watches, err := readWatches(ctx, c, page, channels)
	if err != nil {
		return err
	}
	rows, _, err := c.App.Store.AlertDeliveries(ctx, "", 0, recent)
	if err != nil {
		return err
	}
	kinds, err := c.App.Store.RevisionKinds(ctx, rows)
	if err != nil {
		return err
	}
	events, err := requestEvents(ctx, c, rows)
	if err != nil {
		return err
	}
	return c.Render(200, "alerts/overview", overviewPage{Page: page, Channels: channelRows(channels, watches), Watches: watches,
		Deliveries: deliveryRows(rows, kinds, events, channels, page), Sealed: c.App.Alerts.Sealed(), Mails: c.App.Alerts.Mails()})
}

// formatPage tells receivers how to read a signed webhook.
type formatPage struct{ shell.Page }

func format(c *shell.Context) error {
	page, err := c.Page("Signed webhooks", "alerts")
	if err != nil {
		return err
	}
	return c.Render(200, "alerts/format", formatPage{page})
}

// missing turns what storage does not find into a page.
func missing(err error, what string) error {
	if errors.Is(err, models.ErrNotFound) {
		return shell.NotFound("%s is not there, or no longer.", what)
	}
	return err
}

// channelRow is a channel for people.
type channelRow struct {
	ID, Name, Kind, KindTitle, Hint string
	Watches                         int
	Signed                          bool
}

func rowOf(c models.AlertChannel) channelRow {
	return channelRow{ID: c.ID, Name: c.Name, Kind: c.Kind, KindTitle: alerts.KindTitle(c.Kind), Hint: c.Hint, Signed: c.Kind == alerts.Webhook}
}

// channelRows are the channels that are there.
func channelRows(channels []models.AlertChannel, watches []watchRow) (rows []channelRow) {
	for _, c := range channels {
		if c.RemovedAt != nil {
			continue
		}
		row := rowOf(c)
		for _, w := range watches {
			if w.ChannelID == c.ID {
				row.Watches++
			}
		}
		rows = append(rows, row)
	}
	return rows
}
