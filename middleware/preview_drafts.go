package middleware

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/toprent/flags/ruleset"
)

const (
	draftLife    = 5 * time.Second // a draft is as new as the rules of other sessions
	draftTimeout = 2 * time.Second
	maxDrafts    = 32
)

// drafts remembers drafts for a moment, so that a page with all its requests asks for its draft once. It is safe for
// concurrent use.
type drafts struct {
	from        *Preview
	environment string
	now         func() time.Time

	mu    sync.Mutex // guards what follows
	known map[int64]knownDraft
}

type knownDraft struct {
	revision *ruleset.Revision
	at       time.Time
}

// get gives a draft. One that cannot be read just now is what it was the last time.
func (d *drafts) get(ctx context.Context, id int64) (*ruleset.Revision, error) {
	if d.from.Drafts == nil {
		return nil, ErrNoDraft
	}
	d.mu.Lock()
	last, known := d.known[id]
	d.mu.Unlock()
	if known && d.now().Sub(last.at) < draftLife {
		return last.revision, nil
	}
	ctx, cancel := context.WithTimeout(ctx, draftTimeout)
	defer cancel()
	revision, err := d.from.Drafts.Draft(ctx, id)
	switch {
	case err == nil && (revision == nil || revision.ID().Environment != d.environment):
		return nil, ErrNoDraft
	case err == nil:
		d.keep(id, knownDraft{revision, d.now()})
		return revision, nil
	case isGone(err):
		return nil, err
	case known:
		return last.revision, nil
	}
	return nil, err
}

func (d *drafts) keep(id int64, k knownDraft) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDrafts {
		d.known = map[int64]knownDraft{}
	}
	d.known[id] = k
}

// isGone reports whether a draft is not there, rather than not to be read.
func isGone(err error) bool { return errors.Is(err, ErrNoDraft) }
