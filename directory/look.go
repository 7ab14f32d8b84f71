package directory

import (
	"context"
	"sync"
	"time"

	"github.com/toprent/flags/models"
)

const (
	// patience is how long a page waits for a newer picture than the one that there is.
	patience = 40 * time.Millisecond

	// longestLook is after how long a look is given up.
	longestLook = 2 * time.Minute

	// fresh is how old a picture may be before it is looked again, unless what was seen is stored more often.
	fresh = time.Second

	// visitorDays is how many days of visitors are shown.
	visitorDays = 90
)

// look is one environment's picture. One look goes on at a time; all requests share what it finds.
type look struct {
	mu      sync.Mutex // guards what follows
	present *Snapshot
	at      time.Time     // when it was read
	busy    chan struct{} // closed when the look that goes on is over; nil: none does
	err     error         // of the last look
}

// Snapshot gives the picture of who was seen in an environment. It is about a second old at most, or, while much is being
// read, as old as it takes not to keep a page waiting: before the first reading is over it is empty and says Counting. An
// error means that nothing could be read so far; when the database goes away later, the last picture stays.
func (d *Directory) Snapshot(ctx context.Context, environment string) (*Snapshot, error) {
	l := d.lookAt(environment)
	if busy := d.refresh(l, environment); busy != nil {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case <-busy:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.present != nil {
		return l.present, nil
	}
	return &Snapshot{Environment: environment, Counting: true}, l.err
}

func (d *Directory) lookAt(environment string) *look {
	d.looksMu.Lock()
	defer d.looksMu.Unlock()
	if d.looks[environment] == nil {
		d.looks[environment] = &look{}
	}
	return d.looks[environment]
}

// refresh begins to look anew if the picture is old, and gives what to wait for.
func (d *Directory) refresh(l *look, environment string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy != nil {
		return l.busy
	}
	if l.present != nil && time.Since(l.at) < min(fresh, d.flush) {
		return nil
	}
	d.looksMu.Lock() // so that Run, which waits for the looks, ends before this one begins, or after it is over
	defer d.looksMu.Unlock()
	if d.life.Err() != nil {
		return nil
	}
	l.busy = make(chan struct{})
	before, done := l.present, l.busy
	d.looking.Go(func() { d.look(l, environment, before, done) })
	return done
}

// look makes the next picture. The request that began it may end before it does: others wait for it too.
func (d *Directory) look(l *look, environment string, before *Snapshot, done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(d.life, longestLook)
	defer cancel()
	at := time.Now()
	after, err := d.read(ctx, environment, before)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = err; err == nil {
		l.present, l.at = after, at
	}
	l.busy = nil
	close(done)
}

// read makes the next picture: of what changed, if there is one before it.
func (d *Directory) read(ctx context.Context, environment string, before *Snapshot) (*Snapshot, error) {
	number, err := d.store.DirectoryNumber(ctx, environment)
	if err != nil {
		return nil, err
	}
	forgets, err := d.store.Forgets(ctx)
	if err != nil {
		return nil, err
	}
	if before != nil && before.number == number && before.forgets == forgets {
		return before, nil
	}
	if before == nil || number < before.number || before.forgets != forgets { // a restored database begins anew, and so does one in which somebody was forgotten
		before = &Snapshot{}
	}
	r := &reading{texts: map[string]string{}, boxes: map[string]any{}, addOns: map[string][]string{}}
	if err := d.store.SubjectsSeen(ctx, environment, before.number, r.add); err != nil {
		return nil, err
	}
	days, err := d.store.VisitorsMinted(ctx, environment, visitorDays)
	if err != nil {
		return nil, err
	}
	after := &Snapshot{Environment: environment, People: merge(before.People, r.people), Tenants: merge(before.Tenants, r.tenants), Visitors: daysOf(days),
		number: number, forgets: forgets, attributes: before.attributes, attributed: before.attributed}
	after.survey()
	return after, nil
}

func daysOf(rows []models.DirectoryVisitor) []Day {
	days := make([]Day, len(rows))
	for i, row := range rows {
		days[i] = Day{row.Day, row.Minted}
	}
	return days
}

// readAll begins to read all environments.
func (d *Directory) readAll(ctx context.Context) {
	environments, err := d.store.Environments(ctx)
	if err != nil {
		return // the first page that asks reads it
	}
	for _, environment := range environments {
		d.refresh(d.lookAt(environment.Name), environment.Name)
	}
}
