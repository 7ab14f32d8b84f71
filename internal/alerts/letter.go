package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/toprent/flags/models"
)

// reviewEvent is the kind of event that a letter about reviews is.
const reviewEvent = "review"

// CanWrite reports whether an owner is an e-mail address that letters can be sent to.
func (a *Alerts) CanWrite(owner string) bool { return a.mail != nil && plainAddress(owner) }

// SendLetters sends the letters about reviews that are due, a few at a time, and tries those again that nobody took.
// However many instances run, each is sent by one of them.
func (a *Alerts) SendLetters(ctx context.Context) error {
	for {
		letters, err := a.store.ClaimReviewLetters(ctx, atOnce, lease)
		if err != nil || len(letters) == 0 {
			return err
		}
		for _, letter := range letters {
			result, err := a.sendLetter(ctx, letter)
			if err != nil {
				return err
			}
			status := models.AlertSent
			pause, again := wait(letter.Attempts, result)
			switch {
			case result.OK:
			case again:
				status = models.AlertWaiting
			default:
				status = models.AlertFailed
			}
			if err := a.store.FinishReviewLetter(ctx, letter, status, result.String(), pause); err != nil {
				return err
			}
		}
	}
}

func (a *Alerts) sendLetter(ctx context.Context, letter models.ReviewLetter) (Result, error) {
	event := Event{ID: letter.ID, Kind: reviewEvent, Author: letter.Owner, At: letter.CreatedAt.Time, Link: a.link("review")}
	if err := json.Unmarshal([]byte(letter.Flags), &event.Flags); err != nil {
		return Result{Words: "The letter cannot be read."}, nil
	}
	if letter.ChannelID == nil {
		if a.mail == nil {
			return Result{Again: true, Words: "This server has no mail server to send through."}, nil
		}
		return a.mail.send(ctx, []string{letter.Address}, message(a.mail.from, []string{letter.Address}, event)), nil
	}
	channel, err := a.store.AlertChannel(ctx, *letter.ChannelID)
	if errors.Is(err, models.ErrNotFound) || err == nil && channel.RemovedAt != nil {
		return Result{Words: "The channel was removed before this was sent."}, nil
	}
	if err != nil {
		return Result{}, err
	}
	return a.send(ctx, channel, event), nil
}

// reviewHeadline says how many flags of an owner want a review.
func (e Event) reviewHeadline() string {
	owner := clean(e.Author)
	if owner == "" {
		owner = "nobody"
	}
	return fmt.Sprintf("REVIEW: %s owned by %s may have outlived their use", counted(len(e.Flags), "flag", "flags"), owner)
}

// reviewLines are the flags with what stands against each.
func (e Event) reviewLines() (lines []string) {
	for _, flag := range e.Flags {
		lines = append(lines, clean(flag.Key+": "+strings.Join(flag.What, " ")))
	}
	return lines
}
