package alerts

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
)

// Test sends a message to a channel at once, and says what came of it.
func (a *Alerts) Test(ctx context.Context, channel models.AlertChannel, by string) Result {
	return a.send(ctx, channel, a.testEvent(uuid.NewString(), by))
}

// send sends an event to a channel, once.
func (a *Alerts) send(ctx context.Context, channel models.AlertChannel, e Event) Result {
	target, err := a.seal.open(channel.ID+"/target", channel.Target)
	if err != nil {
		return unreadable
	}
	switch channel.Kind {
	case Email:
		if a.mail == nil {
			return Result{Again: true, Words: "This server has no mail server to send through."}
		}
		to := strings.Split(target, ", ")
		return a.mail.send(ctx, to, message(a.mail.from, to, e))
	case Webhook:
		return a.sendSigned(ctx, channel, target, e)
	}
	body, err := chatBody(channel.Kind, e)
	if err != nil {
		return Result{Words: "The message could not be written."}
	}
	return a.post.send(ctx, target, body, nil)
}

// unreadable may be true of one instance only, whose key is another.
var unreadable = Result{Again: true, Words: "The channel's secrets cannot be read: they were sealed with another key than this server has."}

func (a *Alerts) sendSigned(ctx context.Context, channel models.AlertChannel, target string, e Event) Result {
	secrets, err := a.secrets(channel)
	if err != nil {
		return unreadable
	}
	body, err := payload(e)
	if err != nil {
		return Result{Words: "The message could not be written."}
	}
	headers, err := signed(e.ID, time.Now(), body, secrets...)
	if err != nil {
		return Result{Words: "The message could not be signed: roll the secret."}
	}
	return a.post.send(ctx, target, body, headers)
}

// PostSigned posts JSON to an address as signed webhooks are posted, once. The error is in words for people; again says
// that another attempt may help.
func (a *Alerts) PostSigned(ctx context.Context, to, secret, id string, body []byte) (again bool, err error) {
	headers, err := signed(id, time.Now(), body, secret)
	if err != nil {
		return false, errors.New("the secret cannot be read: it is whsec_ and base64")
	}
	if result := a.post.send(ctx, to, body, headers); !result.OK {
		return result.Again, errors.New(result.String())
	}
	return false, nil
}

// secrets are those that a webhook is signed with: the newest, and for a while the one before it.
func (a *Alerts) secrets(channel models.AlertChannel) ([]string, error) {
	secret, err := a.seal.open(channel.ID+"/secret", channel.Secret)
	secrets := []string{secret}
	if channel.PreviousSecret != "" && channel.PreviousUntil != nil && time.Now().Before(channel.PreviousUntil.Time) {
		previous, wrong := a.seal.open(channel.ID+"/previous", channel.PreviousSecret)
		secrets, err = append(secrets, previous), errors.Join(err, wrong)
	}
	return secrets, err
}
