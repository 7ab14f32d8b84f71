package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/toprent/flags/models"
)

// TooManyError says that somebody has to wait before the next attempt.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %d seconds", int(e.Wait.Seconds())+1)
}

// lane counts attempts of one kind. An attempt has to be free in all of its lanes.
type lane struct {
	kind, whose string
	patience
}

// patience is how many attempts may fail before there is a wait, which doubles up to the longest.
type patience struct {
	free    int64
	longest time.Duration
}

// forgive is after how long without failures a lane is empty again.
const forgive = time.Hour

func (l lane) key() []byte {
	sum := sha256.Sum256([]byte(l.kind + "\x00" + l.whose))
	return sum[:]
}

// lanes are those of an attempt to sign in: the account's, whether it exists or not, and the client address's. The wait
// for an account is short at its longest, and a browser in which somebody has signed in to it before has a lane of its
// own, so that strangers who guess lock nobody out.
func (a *Accounts) lanes(ctx context.Context, row models.Account, email string, client Client) (lanes []lane, known bool, err error) {
	account := lane{"account", emailKey(email), patience{5, time.Minute}}
	if client.Device != "" { // asked for accounts that there are not, too, so that it takes as long
		if known, err = a.store.KnowsDevice(ctx, row.ID, digest(client.Device)); err != nil {
			return nil, false, err
		}
		if known {
			account = lane{"browser", client.Device, patience{5, time.Minute}}
		}
	}
	return []lane{account, {"address", network(client.Address), patience{20, 15 * time.Minute}}}, known, nil
}

// network is what counts as one client: an IPv4 address, or what a household gets of IPv6.
func network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if parsed = parsed.Unmap(); parsed.Is6() {
		if prefix, err := parsed.WithZone("").Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return parsed.String()
}

// attempt counts a failure in each lane, or returns a *TooManyError. Who succeeds clears it again.
func (a *Accounts) attempt(ctx context.Context, lanes []lane) error {
	now := a.now()
	return a.store.Write(ctx, func(tx *models.Tx) error {
		rows := make([]models.SignInAttempt, len(lanes))
		for i, l := range lanes {
			row, err := tx.LockAttempts(ctx, l.key(), now)
			if err != nil {
				return err
			}
			if wait := row.BlockedUntil.Sub(now); wait > 0 {
				return &TooManyError{wait}
			}
			if now.Sub(row.LastAt.Time) > forgive {
				row.Failures = 0
			}
			rows[i] = row
		}
		for i, l := range lanes {
			row := rows[i]
			row.Failures++
			row.LastAt = models.At(now)
			row.BlockedUntil = models.At(now.Add(l.wait(row.Failures)))
			if err := tx.SetAttempts(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// wait is how long the next attempt has to wait after so many failures.
func (p patience) wait(failures int64) time.Duration {
	over := failures - p.free
	if over < 0 {
		return 0
	}
	return min(time.Second<<min(over, 20), p.longest)
}

// clear takes back what attempt counted: all of it for the account, which was entered, and this one for the address,
// from which others may be guessing.
func (a *Accounts) clear(ctx context.Context, tx *models.Tx, lanes []lane) error {
	for _, l := range lanes {
		row, err := tx.LockAttempts(ctx, l.key(), a.now())
		if err != nil {
			return err
		}
		row.Failures = max(0, row.Failures-1)
		if l.kind != "address" {
			row.Failures = 0
		}
		row.BlockedUntil = models.At(a.now())
		if err := tx.SetAttempts(ctx, row); err != nil {
			return err
		}
	}
	return nil
}
