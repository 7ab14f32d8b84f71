package alerts

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// deliveryRow is a delivery for people.
type deliveryRow struct {
	ID, Channel, Environment, Kind, Answer string
	Revision, Request, Attempts            int64
	Again                                  bool
	State, StateTitle                      string
	Next, Created                          views.Moment
}

func deliveryRows(rows []models.AlertDelivery, kinds map[models.RevisionName]string, events map[int64]models.RequestEvent, channels []models.AlertChannel, page shell.Page) []deliveryRow {
	byID := map[string]models.AlertChannel{}
	for _, channel := range channels {
		byID[channel.ID] = channel
	}
	out := make([]deliveryRow, 0, len(rows))
	for _, d := range rows {
		channel := byID[d.ChannelID]
		row := deliveryRow{ID: d.ID, Channel: channel.Name, Environment: d.Environment, Kind: kinds[d.Name()], Answer: d.Answer, Revision: d.Revision,
			Attempts: d.Attempts, Created: page.At(d.CreatedAt.Time)}
		if e, ok := events[d.RequestEvent]; ok {
			row.Request, row.Kind = e.RequestID, e.Kind
		}
		switch {
		case d.Status == models.AlertSent:
			row.State, row.StateTitle = "good", "Sent"
		case d.Status == models.AlertFailed:
			row.State, row.StateTitle, row.Again = "bad", "Failed", channel.RemovedAt == nil
		case d.ClaimedUntil != nil && d.ClaimedUntil.After(time.Now()):
			row.State, row.StateTitle = "partial", "Being sent"
		case d.Attempts > 0:
			row.State, row.StateTitle, row.Next = "warn", "Trying again", page.At(d.NextAt.Time)
		default:
			row.State, row.StateTitle = "scheduled", "Waiting"
		}
		out = append(out, row)
	}
	return out
}

// requestEvents are what happened to requests, for those deliveries that tell of it.
func requestEvents(ctx context.Context, c *shell.Context, rows []models.AlertDelivery) (map[int64]models.RequestEvent, error) {
	var ids []int64
	for _, d := range rows {
		if d.RequestEvent != 0 {
			ids = append(ids, d.RequestEvent)
		}
	}
	return c.App.Store.RequestEvents(ctx, ids)
}

// deliveriesPage shows what became of each alert.
type deliveriesPage struct {
	shell.Page
	Status     string
	Deliveries []deliveryRow
	Pager      views.Pager
	Attempts   int
}

const perPage = 50

func deliveries(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Deliveries", "alerts")
	if err != nil {
		return err
	}
	status := c.Query("status")
	switch status {
	case models.AlertWaiting, models.AlertSent, models.AlertFailed:
	default:
		status = ""
	}
	number, _ := strconv.Atoi(c.Query("page"))
	number = min(max(number, 1), 1_000_000)
	rows, total, err := c.App.Store.AlertDeliveries(ctx, status, (number-1)*perPage, perPage)
	if err != nil {
		return err
	}
	channels, err := c.App.Store.AlertChannels(ctx)
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
	pager, _, _ := views.PagerOf(c.Request.URL, int(total), perPage)
	return c.Render(http.StatusOK, "alerts/deliveries", deliveriesPage{page, status, deliveryRows(rows, kinds, events, channels, page), pager, alerts.Attempts})
}

// again makes a delivery that failed due at once.
func again(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := c.App.Store.RetryAlert(ctx, c.Param("id")); err != nil {
		return missing(err, "A delivery that failed")
	}
	return c.Done("It is tried again now.", "alerts", "deliveries")
}
