package cutover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

const (
	look       = 100 * time.Millisecond // between looks at whether another revision is followed
	tellAll    = 10 * time.Second       // after which an instance tells of an entity of which there is nothing new
	tellLimit  = 5 * time.Second        // for telling once
	silence    = time.Minute            // after which nobody makes up for what an instance may still write elsewhere
	endTimeout = 2 * time.Second        // for the last word: an end must not wait for a database that hangs
)

// heard is what the flag database last said of copying.
type heard struct {
	progress map[string]models.CutoverProgress
	limits   map[string]models.CutoverLimits
}

// Run repairs what could not be written, copies, compares, and tells the settings pages of it, until ctx is done. Then it
// says that the instance has ended, and returns ctx's error once all it started has ended. It is to be called once, and to
// end after the last call of an entity: let the server end first.
// Whatever cannot be reached meanwhile is tried again.
func (c *Cutover) Run(ctx context.Context) error {
	c.mu.Lock()
	c.running = true
	c.mu.Unlock()
	var work sync.WaitGroup
	for _, m := range c.all() {
		work.Go(func() { c.repairs(ctx, m) })
		work.Go(func() { c.copies(ctx, m) })
		work.Go(func() { c.prunes(ctx, m) })
	}
	work.Go(func() { c.stepsBack(ctx) })
	c.tells(ctx)
	work.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	members := c.idle(ending)
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout) // of those that are idle, although others are not
	defer cancel()
	_ = c.tell(telling, members, true) // the others see that it is silent
	return ctx.Err()
}

// idle waits until no call is under way, and returns the entities of which that is so. Of the others it must not be said
// that they have ended.
func (c *Cutover) idle(ctx context.Context) (members []*member) {
	for _, m := range c.all() {
		for m.router.busy() && ctx.Err() == nil {
			wait(ctx, busyLook, func() bool { return false })
		}
		if !m.router.busy() {
			members = append(members, m)
		}
	}
	return members
}

// tells follows revisions and tells of it.
func (c *Cutover) tells(ctx context.Context) {
	ticks := time.NewTicker(look)
	defer ticks.Stop()
	var last, again time.Time
	var failed bool
	for ctx.Err() == nil {
		if changed := c.acknowledge(ctx, &again); changed || time.Since(last) >= c.every {
			last = time.Now()
			// What is told is as old as what was read or older: who waits for an instance to acknowledge a stage may take it
			// that it knows which sides were whole at that stage.
			err := c.read(ctx)
			if err == nil {
				err = c.tell(ctx, c.all(), false)
			}
			c.logged(ctx, &failed, err)
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

// logged logs when telling begins to fail, and when it succeeds again.
func (c *Cutover) logged(ctx context.Context, failed *bool, err error) {
	switch {
	case err != nil && !*failed && ctx.Err() == nil:
		c.log.Warn("cutover: the flag database cannot be told how entities do; they go on as they were", "error", err)
		*failed = true
	case err == nil && *failed:
		c.log.Info("cutover: the flag database is told how entities do again")
		*failed = false
	}
}

// acknowledge notes which revision each entity follows, and reports whether one follows another than before.
func (c *Cutover) acknowledge(ctx context.Context, again *time.Time) (changed bool) {
	looked := false
	for _, m := range c.all() {
		if (m.router.unsettled() || c.cutOff()) && time.Now().After(*again) {
			refreshing, cancel := context.WithTimeout(ctx, tellLimit)
			err := m.router.refresh(refreshing)
			cancel()
			if m.failed(staging, err); err != nil { // the others would wait in vain too
				*again = time.Now().Add(time.Second)
			}
			looked = true
		}
		changed = m.acknowledges() || changed
	}
	if now := time.Now(); looked && now.After(*again) && c.cutOff() {
		*again = now.Add(c.every)
	}
	return changed
}

// cutOff reports whether revisions do not reach the instance. Then it looks whether others have stored newer stages.
func (c *Cutover) cutOff() bool { return c.flags.Status().State != service.Live }

// acknowledges notes which revision the entity follows, and reports whether it is another than before.
func (m *member) acknowledges() (changed bool) {
	revision, ok := m.router.acknowledged()
	if !ok {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changed = m.acked != revision
	m.acked = revision
	return changed
}

// What an instance does for an entity beside calls.
const (
	staging   = "stage"
	repairing = "repair"
	copying   = "copy"
	showing   = "progress"
	stepping  = "step back"
)

// failed keeps why something does not go on; nil: it does.
func (m *member) failed(what string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil || errors.Is(err, context.Canceled) {
		delete(m.behind, what)
		return
	}
	m.behind[what] = err.Error()
}

// tell stores what is new of entities.
func (c *Cutover) tell(ctx context.Context, members []*member, ended bool) error {
	if c.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	var rows []models.CutoverInstance
	var counted []models.CutoverAgreement
	var told []*member
	var stored []func()
	for _, m := range members {
		if row, due := c.row(m, ended); due {
			rows, told = append(rows, row), append(told, m)
			more, done := c.untold(m)
			counted, stored = append(counted, more...), append(stored, done)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := c.store.TellCutovers(ctx, rows, counted, ended); err != nil {
		return err
	}
	for i, m := range told {
		stored[i]()
		m.mu.Lock()
		m.told, m.toldAt = saying(rows[i]), time.Now()
		m.mu.Unlock()
	}
	return nil
}

// saying is all that a row says, to be compared with what was said last.
func saying(row models.CutoverInstance) string {
	return fmt.Sprint(row.Revision, row.Stats, row.Details)
}

// row is what the instance tells of an entity, and whether that is due.
func (c *Cutover) row(m *member, ended bool) (models.CutoverInstance, bool) {
	stats := m.moved.stats()
	m.mu.Lock()
	defer m.mu.Unlock()
	stats.Queue, stats.Oldest, stats.Marked = m.waiting.queue, m.waiting.oldest.Seconds(), m.waiting.marked
	var problems []string
	if err := m.router.trouble(); err != nil {
		problems = append(problems, err.Error())
	}
	for _, what := range slices.Sorted(maps.Keys(m.behind)) {
		problems = append(problems, what+": "+m.behind[what])
	}
	stats.Problem = strings.Join(problems, "; ")
	row := models.CutoverInstance{Instance: c.instance, Environment: c.flags.Environment(), Flag: m.key, Host: c.host, Revision: m.acked}
	if row.Tell(stats) != nil { // a figure that JSON does not know
		row.Stats, row.Details = `{}`, `{}`
	}
	return row, ended || m.told != saying(row) || time.Since(m.toldAt) >= tellAll
}

// read keeps what the flag database says of copying.
func (c *Cutover) read(ctx context.Context) error {
	if c.store == nil { // no other instance can be known of
		for _, m := range c.all() {
			if since, trails := m.router.trails(); trails {
				m.router.caughtUp(since)
			}
			if t, ok := m.moved.(*Tables); ok {
				_ = c.prove(ctx, m, t) // which asks nobody
			}
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	progress, err := c.store.CutoverProgressOf(ctx, c.flags.Environment())
	if err != nil {
		return err
	}
	limits, err := c.store.CutoverLimitsOf(ctx, c.flags.Environment())
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.heard = heard{progress, limits}
	c.mu.Unlock()
	for _, m := range c.all() {
		m.router.verified()
		if since, trails := m.router.trails(); trails {
			if err := c.catchUp(ctx, m, since); err != nil {
				return err
			}
		}
		if t, ok := m.moved.(*Tables); ok {
			if err := c.prove(ctx, m, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// catchUp notes when no instance may follow an authority any more that was one before.
func (c *Cutover) catchUp(ctx context.Context, m *member, since int64) error {
	m.mu.Lock()
	acked := m.acked
	m.mu.Unlock()
	if acked < since {
		return nil
	}
	behind, err := c.store.CutoverBehind(ctx, c.flags.Environment(), m.key, since)
	if err != nil {
		return err
	}
	for _, other := range behind {
		if c.flags.Now().Sub(other.HeardAt.Time) < silence { // who is silent may have been killed, and steps wait for it anyway
			return nil
		}
	}
	m.router.caughtUp(since)
	return nil
}

// knows reports whether the flag database has said anything yet.
func (c *Cutover) knows() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.progress != nil
}

// known is what the flag database last said of an entity.
func (c *Cutover) known(key string) (progress models.CutoverProgress, found bool, limits models.CutoverLimits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	progress, found = c.heard.progress[key]
	limits, ok := c.heard.limits[key]
	if !ok {
		limits = models.DefaultCutoverLimits(c.flags.Environment(), key)
	}
	return progress, found, limits
}
