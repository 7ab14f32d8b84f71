// Package exact tells how the exact shares of a flag stand: what was asked for, the threshold that was frozen, and the real
// share of those who have been seen by now. Who was seen changes, so the two drift apart; where that shows, it offers to
// calibrate again.
package exact

import (
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// Panel is the exact shares of a flag in an environment, as its template "exact-shares" shows them.
type Panel struct {
	Shares      []Share
	Key         string
	Environment string
	Base        int64 // the version that calibrating again is made against
	Counting    bool  // who was seen is not read yet
	Editable    bool
}

// Share is one rule's exact share.
type Share struct {
	Place  int // of the rule, from 0
	Number int // from 1
	Name   string
	Asked  ruleset.Share
	Below  string // the frozen threshold in words: draws below 24.87 %
	Units  string // what is counted: users, tenants
	Known  int    // when it was frozen
	In     int    // of them
	At     views.Moment
	Now    Reach
}

// Reach is how many are in, of how many who are known.
type Reach struct{ In, Known int }

// Asked is how many should be in for a share.
func (r Reach) Asked(share ruleset.Share) int { return share.Of(r.Known) }

// Percent is the real share, in words.
func (r Reach) Percent() string {
	if r.Known == 0 {
		return "0 %"
	}
	return words.Percent(100 * float64(r.In) / float64(r.Known))
}

// Wanted is how many should be in now.
func (s Share) Wanted() int { return s.Now.Asked(s.Asked) }

// Drifted reports whether the real share and the one that was asked for are apart by more than one and by more than a
// hundredth of what was asked for: less than that is not worth moving anybody.
func (s Share) Drifted() bool {
	off := s.Now.In - s.Wanted()
	if off < 0 {
		off = -off
	}
	return off > 1 && off*100 > s.Wanted()
}

// Drifted reports whether one of the shares has.
func (p Panel) Drifted() bool {
	return p.Editable && !p.Counting && slices.ContainsFunc(p.Shares, Share.Drifted)
}

// Of gives the panel of the flag that a page is about; empty if none of its shares is exact, or the flag decides nothing.
func (c *Counts) Of(ctx *shell.Context, page shell.Page, environment *catalog.Environment, flag *catalog.Flag) (Panel, error) {
	p := Panel{Key: flag.Key, Environment: environment.Name, Base: flag.Version, Editable: ctx.Person.In(environment.Name) >= access.Editor && !flag.Archived}
	for place, rule := range flag.Rules {
		if rule.Percent == nil || rule.Percent.Calibrated == nil || environment.Revision().Drawer(flag.Key, place) == nil {
			continue
		}
		k := rule.Percent.Calibrated
		p.Shares = append(p.Shares, Share{Place: place, Number: place + 1, Name: rule.Name, Asked: rule.Percent.Share, Below: words.Below(*rule.Percent),
			Units: words.Units(rule.Percent.Unit), Known: k.Known, In: k.In, At: page.At(k.At)})
	}
	if len(p.Shares) == 0 {
		return p, nil
	}
	seen, err := ctx.App.Directory.Snapshot(ctx.Request.Context(), environment.Name)
	if err != nil {
		return p, err
	}
	if p.Counting = seen.Counting; p.Counting {
		return p, nil
	}
	reaches := c.of(environment, flag, seen, time.Now())
	for i := range p.Shares {
		p.Shares[i].Now = reaches[p.Shares[i].Place]
	}
	return p, nil
}
