package review

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/models"
)

// Letters tell owners once a week which of their flags want a review.
type Letters struct {
	reviews *Reviews
	alerts  *alerts.Alerts
	log     *slog.Logger
}

// NewLetters makes them. Nothing is sent before Run.
func NewLetters(reviews *Reviews, alerts *alerts.Alerts, log *slog.Logger) *Letters {
	return &Letters{reviews, alerts, log}
}

// every is how long it takes until a new week, or a letter that is to be tried again, is noticed.
const every = time.Minute

// Run makes and sends the letters of each week, from its Monday on, until ctx is done. However many instances
// run, one makes the letters of a week, and each letter is sent by one. A week in which nothing ran is passed over.
func (l *Letters) Run(ctx context.Context) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	broken := false
	for {
		err := l.Tell(ctx)
		if err != nil && !broken && ctx.Err() == nil {
			l.log.Error("owners cannot be told of reviews; it is tried again", "error", err)
		}
		broken = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
	}
}

// Tell makes the letters of this week unless they were made, and sends what is due.
func (l *Letters) Tell(ctx context.Context) error {
	now, err := l.reviews.store.Now(ctx)
	if err != nil {
		return err
	}
	week := weekOf(now)
	made, err := l.reviews.store.ReviewWeekMade(ctx, week)
	if err == nil && !made {
		err = l.make(ctx, week)
	}
	if err != nil {
		return err
	}
	return l.alerts.SendLetters(ctx)
}

// weekOf names the week of a moment, in UTC.
func weekOf(at time.Time) string {
	year, number := at.UTC().ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, number)
}

func (l *Letters) make(ctx context.Context, week string) error {
	environments, err := l.reviews.store.Environments(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(environments))
	for i, e := range environments {
		names[i] = e.Name
	}
	queue, err := l.reviews.Queue(ctx, names)
	if err != nil {
		return err
	}
	watches, err := l.reviews.store.AlertWatches(ctx)
	if err != nil {
		return err
	}
	letters, err := l.lettersOf(queue, watches)
	if err != nil {
		return err
	}
	_, err = l.reviews.store.AddReviewWeek(ctx, week, letters)
	return err
}

// lettersOf writes to each owner by e-mail or, where that does not reach them, to the channels that watch reviews.
func (l *Letters) lettersOf(queue *Queue, watches []models.AlertWatch) (letters []models.ReviewLetter, err error) {
	byOwner := map[string][]*Item{}
	for _, item := range queue.Stale {
		byOwner[item.Owner] = append(byOwner[item.Owner], item)
	}
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		if l.alerts.CanWrite(owner) {
			flags, err := written(byOwner[owner])
			if err != nil {
				return nil, err
			}
			letters = append(letters, models.ReviewLetter{Owner: owner, Address: owner, Flags: flags})
			continue
		}
		for channel, items := range heard(watches, byOwner[owner]) {
			flags, err := written(items)
			if err != nil {
				return nil, err
			}
			letters = append(letters, models.ReviewLetter{Owner: owner, ChannelID: &channel, Flags: flags})
		}
	}
	return letters, nil
}

// heard are the flags that each channel hears of, by the channel's id.
func heard(watches []models.AlertWatch, items []*Item) map[string][]*Item {
	out := map[string][]*Item{}
	for _, item := range items {
		for _, watch := range watches {
			if watch.Events == models.AlertReviews && (watch.FeatureID == nil || *watch.FeatureID == item.ID) &&
				(watch.Environment == nil || item.Served(*watch.Environment)) && !slices.Contains(out[watch.ChannelID], item) {
				out[watch.ChannelID] = append(out[watch.ChannelID], item)
			}
		}
	}
	return out
}

func written(items []*Item) (string, error) {
	var flags []alerts.Change
	for _, item := range items {
		change := alerts.Change{Key: item.Name}
		for _, reason := range item.Reasons {
			change.What = append(change.What, reason.Words)
		}
		flags = append(flags, change)
	}
	text, err := json.Marshal(flags)
	return string(text), err
}
