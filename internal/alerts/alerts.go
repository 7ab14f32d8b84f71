// Package alerts tells people of what is published, and of what waits for them: it follows the revisions and the change
// requests of all environments, from whichever page, command or instance they come, and sends what channels watch. Each
// revision and each event of a request becomes one delivery for each watch, however many instances run; a delivery is sent at least once, kills first, and tried again for half a day.
package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/toprent/flags/models"
)

// Options say how alerts are sent. The zero Options send chat messages and webhooks to public addresses.
type Options struct {
	Mail         Mail          // the server that takes e-mail; none: channels of that kind cannot be made
	Key          []byte        // seals what is secret in the database; at least 16 bytes; none: it is stored plainly
	URL          string        // where the settings pages are reached from outside; none: alerts carry no link
	AllowPrivate bool          // webhooks may go to private addresses, and without TLS
	Resolver     *net.Resolver // finds receivers' addresses; defaults to the machine's
	Logger       *slog.Logger  // defaults to slog.Default()
}

// Alerts are the channels and watches of one database. It is safe for concurrent use.
type Alerts struct {
	store   *models.Store
	options Options
	seal    *seal
	post    *poster
	mail    *mailer // nil: no server takes e-mail
	log     *slog.Logger
}

// New makes the alerts of a database. It reads nothing and sends nothing before Run.
func New(store *models.Store, options Options) (*Alerts, error) {
	seal, err := newSeal(options.Key)
	if err != nil {
		return nil, err
	}
	mail, err := newMailer(options.Mail)
	if err != nil {
		return nil, err
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.URL, err = cleanURL(options.URL); err != nil {
		return nil, err
	}
	return &Alerts{store: store, options: options, seal: seal, mail: mail, post: newPoster(options.AllowPrivate, options.Resolver), log: options.Logger}, nil
}

// Sealed reports whether secrets are sealed in the database.
func (a *Alerts) Sealed() bool { return a.seal.aead != nil }

// Mails reports whether a server takes e-mail.
func (a *Alerts) Mails() bool { return a.mail != nil }

const (
	poll      = time.Second         // between looks for new revisions and due deliveries, plus or minus a fifth
	lease     = 2 * time.Minute     // after it, a delivery whose sender fell silent is due again
	atOnce    = 8                   // how many ordinary alerts are sent at the same time
	urgent    = 32                  // how many kills and the like: they have places of their own, and never wait for others
	retention = 90 * 24 * time.Hour // how long deliveries are remembered
	sweep     = time.Hour           // between looks for what is to be forgotten
)

// Run follows and sends until ctx is done. What is being sent then is given back, for whoever runs next.
func (a *Alerts) Run(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	lanes := []*lane{newLane(true, urgent), newLane(false, atOnce)}
	freed := make(chan struct{}, 1)
	ticks := time.NewTimer(0)
	defer ticks.Stop()
	var swept time.Time
	broken := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
			ticks.Reset(time.Duration(float64(poll) * (0.8 + 0.4*rand.Float64())))
		case <-freed:
		}
		err := a.follow(ctx)
		for _, l := range lanes {
			if err == nil {
				err = a.dispatch(ctx, l, &sending, freed)
			}
		}
		if err == nil && time.Since(swept) > sweep {
			swept = time.Now()
			_, err = a.store.ForgetAlerts(ctx, retention)
		}
		broken = a.report(ctx, err, broken)
	}
}

// report logs when following begins to fail, and when it works again.
func (a *Alerts) report(ctx context.Context, err error, broken bool) bool {
	switch {
	case ctx.Err() != nil:
	case err != nil && !broken:
		a.log.Error("alerts cannot be followed; they are sent as soon as that works again", "error", err)
	case err == nil && broken:
		a.log.Info("alerts are followed again")
	}
	return err != nil
}

// follow makes deliveries of what was published, and of what happened to change requests.
func (a *Alerts) follow(ctx context.Context) error {
	behind, err := a.store.AlertsBehind(ctx)
	if err != nil {
		return err
	}
	for _, environment := range behind {
		for more := true; more; {
			if _, more, err = a.store.FollowForAlerts(ctx, environment); err != nil {
				return err
			}
		}
	}
	for more := true; more; {
		if _, more, err = a.store.FollowRequestsForAlerts(ctx); err != nil {
			return err
		}
	}
	return nil
}

// lane sends deliveries of one urgency, a bounded number at the same time.
type lane struct {
	urgent bool
	places chan struct{}
}

func newLane(urgent bool, places int) *lane {
	return &lane{urgent, make(chan struct{}, places)}
}

// dispatch starts to send as many due deliveries as there are places.
func (a *Alerts) dispatch(ctx context.Context, l *lane, sending *sync.WaitGroup, freed chan<- struct{}) error {
	free := cap(l.places) - len(l.places)
	if free == 0 {
		return nil
	}
	due, err := a.store.ClaimAlerts(ctx, l.urgent, free, lease)
	if err != nil {
		return err
	}
	for _, d := range due {
		l.places <- struct{}{}
		sending.Go(func() {
			a.deliver(ctx, d)
			<-l.places
			select {
			case freed <- struct{}{}: // there may be more
			default:
			}
		})
	}
	return nil
}

// deliver sends one delivery and notes what came of it. A note that cannot be written leads to another attempt, once
// the claim has run out: that is why receivers may see an alert twice.
func (a *Alerts) deliver(ctx context.Context, d models.AlertDelivery) {
	result, err := a.attempt(ctx, d)
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	switch pause, again := wait(d.Attempts, result); {
	case ctx.Err() != nil && !result.OK: // not the receiver's fault
		err = a.store.PostponeAlert(noting, d, 0, "This server ended while it was sending.")
	case err != nil:
		err = fmt.Errorf("prepare alert %s: %w", d.ID, err)
		if noted := a.store.PostponeAlert(noting, d, firstPause, "It could not be prepared: it is tried again."); noted != nil {
			err = noted
		}
	case result.OK:
		err = a.store.EndAlert(noting, d, models.AlertSent, result.String())
	case again:
		err = a.store.PostponeAlert(noting, d, pause, result.String())
	default:
		err = a.store.EndAlert(noting, d, models.AlertFailed, result.String())
	}
	if err != nil {
		a.log.Error("what became of an alert could not be noted", "delivery", d.ID, "error", err)
	}
}

// attempt sends a delivery once. An error means that it could not even be tried.
func (a *Alerts) attempt(ctx context.Context, d models.AlertDelivery) (Result, error) {
	channel, err := a.store.AlertChannel(ctx, d.ChannelID)
	if err != nil {
		return Result{}, err
	}
	if channel.RemovedAt != nil {
		return Result{Words: "The channel was removed before this was sent."}, nil
	}
	event, err := a.event(ctx, d)
	if err != nil {
		return Result{}, err
	}
	return a.send(ctx, channel, event), nil
}
