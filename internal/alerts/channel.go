package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
)

// Kinds of channels.
const (
	Slack   = "slack" // and what takes the same form: Mattermost, Rocket.Chat
	Discord = "discord"
	Teams   = "teams"
	Email   = "email"
	Webhook = "webhook" // signed JSON, for programs
)

// Kinds are the kinds of channels, with their names for people, in the order in which they are offered.
var Kinds = []struct{ Kind, Title string }{
	{Slack, "Slack, Mattermost or Rocket.Chat"},
	{Teams, "Microsoft Teams"},
	{Discord, "Discord"},
	{Email, "E-mail"},
	{Webhook, "Signed webhook"},
}

// KindTitle is the kind's name for people.
func KindTitle(kind string) string {
	for _, k := range Kinds {
		if k.Kind == kind {
			return k.Title
		}
	}
	return kind
}

// Typed is a channel as somebody typed it. Target is a webhook's address, or e-mail addresses; for a channel that is
// there already, empty means that it stays.
type Typed struct{ Name, Kind, Target string }

// RefusedError says what is wrong with a channel, by field: name, kind or target.
type RefusedError struct{ Errors map[string]string }

func (e *RefusedError) Error() string { return fmt.Sprint("the channel is refused: ", e.Errors) }

// ErrMoved says that somebody else has changed the channel meanwhile.
var ErrMoved = errors.New("somebody else has changed the channel")

// rolled is how long webhooks are signed with the old secret too, so that receivers can be told the new one in peace.
const rolled = 24 * time.Hour

// Create makes a channel. Secret is what a signed webhook's receiver needs; it is never given again.
func (a *Alerts) Create(ctx context.Context, t Typed, by string) (channel models.AlertChannel, secret string, err error) {
	wrong := a.check(&t, false)
	if len(wrong) > 0 {
		return models.AlertChannel{}, "", &RefusedError{wrong}
	}
	channel = models.AlertChannel{ID: uuid.NewString(), Name: t.Name, Kind: t.Kind, Version: 1, CreatedBy: by}
	a.point(&channel, t.Target)
	if t.Kind == Webhook {
		secret = newSecret()
		channel.Secret = a.seal.close(channel.ID+"/secret", secret)
	}
	err = a.store.Write(ctx, func(tx *models.Tx) error {
		if err := freeName(ctx, tx, channel); err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		channel.CreatedAt = models.At(now)
		return tx.AddAlertChannel(ctx, channel)
	})
	return channel, secret, err
}

// Edit changes a channel's name, and its target unless that was left empty. base is the version that was edited; if the
// channel has moved on, nothing is changed, and the error is ErrMoved.
func (a *Alerts) Edit(ctx context.Context, id string, base int64, t Typed) error {
	return a.replace(ctx, id, base, func(channel *models.AlertChannel) error {
		t.Kind = channel.Kind
		if wrong := a.check(&t, true); len(wrong) > 0 {
			return &RefusedError{wrong}
		}
		channel.Name = t.Name
		if t.Target != "" {
			a.point(channel, t.Target)
		}
		return nil
	})
}

// Roll gives a signed webhook a new secret. For a day it is signed with the old one too.
func (a *Alerts) Roll(ctx context.Context, id string, base int64) (secret string, err error) {
	secret = newSecret()
	err = a.replace(ctx, id, base, func(channel *models.AlertChannel) error {
		if channel.Kind != Webhook {
			return models.ErrNotFound
		}
		old, err := a.seal.open(id+"/secret", channel.Secret)
		if err == nil {
			until := models.At(time.Now().Add(rolled))
			channel.PreviousSecret, channel.PreviousUntil = a.seal.close(id+"/previous", old), &until
		} else {
			channel.PreviousSecret, channel.PreviousUntil = "", nil // nobody can read it any more
		}
		channel.Secret = a.seal.close(id+"/secret", secret)
		return nil
	})
	return secret, err
}

func (a *Alerts) replace(ctx context.Context, id string, base int64, change func(*models.AlertChannel) error) error {
	return a.store.Write(ctx, func(tx *models.Tx) error {
		channel, err := tx.AlertChannel(ctx, id)
		if err != nil {
			return err
		}
		if channel.RemovedAt != nil {
			return models.ErrNotFound
		}
		if err := change(&channel); err != nil {
			return err
		}
		if err := freeName(ctx, tx, channel); err != nil {
			return err
		}
		done, err := tx.ReplaceAlertChannel(ctx, channel, base)
		if err == nil && !done {
			return ErrMoved
		}
		return err
	})
}

// Remove ends a channel with its watches, and forgets its secrets.
func (a *Alerts) Remove(ctx context.Context, id, by string) error {
	return a.store.Write(ctx, func(tx *models.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		return tx.RemoveAlertChannel(ctx, id, by, now)
	})
}

// freeName refuses a name that another channel has.
func freeName(ctx context.Context, tx *models.Tx, channel models.AlertChannel) error {
	all, err := tx.AlertChannels(ctx)
	for _, other := range all {
		if other.RemovedAt == nil && other.ID != channel.ID && strings.EqualFold(other.Name, channel.Name) {
			return &RefusedError{map[string]string{"name": "There is a channel of this name already."}}
		}
	}
	return err
}

// check says what is wrong with what was typed, by field.
func (a *Alerts) check(t *Typed, there bool) map[string]string {
	wrong := map[string]string{}
	t.Name, t.Target = strings.TrimSpace(t.Name), strings.TrimSpace(t.Target)
	switch {
	case t.Name == "":
		wrong["name"] = "Give the channel a name, such as #releases."
	case len([]rune(t.Name)) > 100:
		wrong["name"] = "At most 100 characters."
	case clean(t.Name) != t.Name:
		wrong["name"] = "Write the name in one line, with nothing invisible in it."
	}
	switch {
	case KindTitle(t.Kind) == t.Kind:
		wrong["kind"] = "Choose where messages go."
	case t.Target == "" && there:
	case t.Kind == Email && a.mail == nil:
		wrong["kind"] = "This server has no mail server to send through. Ask whoever runs it to set one."
	case t.Kind == Email:
		addresses, message := parseAddresses(t.Target)
		if message != "" {
			wrong["target"] = message
		}
		t.Target = strings.Join(addresses, ", ")
	case len(t.Target) > 2000:
		wrong["target"] = "This address is too long."
	default:
		if message := checkWebhookURL(t.Target, a.options.AllowPrivate); message != "" {
			wrong["target"] = message
		}
	}
	return wrong
}

// point sets where a channel leads, sealed, and what pages show of it: an address's host, never its path, which is the
// key to it.
func (a *Alerts) point(channel *models.AlertChannel, target string) {
	channel.Target, channel.Hint = a.seal.close(channel.ID+"/target", target), target
	if channel.Kind != Email {
		channel.Hint = "…"
		if u, err := url.Parse(target); err == nil {
			channel.Hint = u.Scheme + "://" + u.Host + "/…"
		}
	}
}

func cleanURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errors.New("the public address of the settings pages cannot be read: it looks like https://www.example.com/settings")
	}
	return strings.TrimRight(u.String(), "/"), nil
}
