package ruleset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Calibration makes a share exact. Draws alone give about a share: 25 % of 1,000 people is anything from 210 to 290. So
// when a share is published, the draws of those who are known are counted, and the threshold below which exactly the
// share of them falls is frozen in the revision. A value stays a pure function of what is published: nobody is counted
// when it is evaluated, and who comes later is in if their draw is below the threshold.
//
// One without a threshold asks to be calibrated. It cannot be published.
type Calibration struct {
	Threshold string    `json:"threshold,omitempty"` // 16 hexadecimal digits: draws below it are in. A text, since JSON's numbers lose digits
	Of        string    `json:"of,omitempty"`        // the unit that was counted: user, tenant or an attribute
	Known     int       `json:"known,omitempty"`     // units that were known and matched the conditions
	In        int       `json:"in,omitempty"`        // those of them who fell below
	Share     Share     `json:"share,omitempty"`     // the share that was asked for
	At        time.Time `json:"at,omitzero"`         // when they were counted

	// Again asks for it anew where nothing else about the rule changes, because the real share has drifted.
	Again bool `json:"again,omitempty"`
}

// Asks reports whether it is only asked for: there is no threshold yet.
func (c *Calibration) Asks() bool { return c != nil && c.Threshold == "" }

// Percent is the threshold as draws are told of, from 0 to 100.
func (c *Calibration) Percent() float64 {
	threshold, err := parseThreshold(c.Threshold)
	if err != nil {
		return 0
	}
	return percentOf(threshold)
}

// percentOf is a draw or a threshold from 0 to 100, with five decimals.
func percentOf(draw uint64) float64 { return math.Trunc(float64(draw)/math.MaxUint64*1e7) / 1e5 }

func formatThreshold(threshold uint64) string { return fmt.Sprintf("%016x", threshold) }

func parseThreshold(text string) (uint64, error) {
	threshold, err := strconv.ParseUint(text, 16, 64)
	if err != nil || formatThreshold(threshold) != text { // one way to write it, so that the same is the same
		return 0, fmt.Errorf("%q is no threshold: 16 hexadecimal digits in small letters", text)
	}
	return threshold, nil
}

// Calibrate counts the distinct units of those whom the conditions of a rule match, and chooses the threshold of its share
// so that exactly that share of them, to the nearest whole unit, falls below it. Between the last who is in and the first
// who is out it takes what is nearest to the share itself, so that those who come later are in at the rate that was asked
// for.
//
// before is the percentage as it was, nil if there was none: a larger share never has a lower threshold than before, and a
// smaller one never a higher, so that raising adds and lowering removes. Where those known have changed since, that comes
// before being exact. The same share may move either way. A percentage that drew otherwise is no measure; see the rule's
// unit and seed.
//
// It reports false if there is no such rule, the flag cannot be evaluated, or the rule has no fixed share.
func (r *Revision) Calibrate(key string, rule int, before *Percent, crowd Crowd, at time.Time) (Calibration, bool) {
	d := r.Drawer(key, rule)
	if d == nil || d.percent == nil || d.percent.moving {
		return Calibration{}, false
	}
	share := d.percent.share
	draws := r.draws(key, rule, crowd, at)
	threshold := share.exact(draws)
	if before != nil {
		threshold = before.keep(threshold, share, at)
	}
	out := Calibration{Threshold: formatThreshold(threshold), Of: d.source.Percent.CountedBy(), Known: len(draws), Share: share, At: at.UTC().Truncate(time.Second)}
	out.In = within(draws, share, threshold)
	return out, true
}

// Reach counts how many distinct units of those whom a rule's conditions match are within its percentage, of how many.
func (r *Revision) Reach(key string, rule int, crowd Crowd, at time.Time) (in, known int) {
	d := r.Drawer(key, rule)
	if d == nil || d.percent == nil {
		return 0, 0
	}
	draws := r.draws(key, rule, crowd, at)
	share, threshold := d.percent.share, d.percent.threshold
	if d.percent.moving {
		share = d.percent.at(at)
		threshold = share.nominal()
	}
	return within(draws, share, threshold), len(draws)
}

// within counts the draws that are in; they are sorted.
func within(draws []uint64, share Share, threshold uint64) int {
	if share >= Everyone {
		return len(draws)
	}
	in, _ := slices.BinarySearch(draws, threshold)
	return in
}

// Of is the share of a number, to the nearest whole; halves are rounded up.
func (s Share) Of(n int) int {
	return int((uint64(s)*uint64(n) + uint64(Everyone)/2) / uint64(Everyone))
}

// nominal is the threshold of the share itself, for 100 % the highest that there is.
func (s Share) nominal() uint64 {
	if s >= Everyone {
		return math.MaxUint64
	}
	return s.threshold()
}

// exact is the threshold nearest to the nominal one that has the share of the draws below it. They are sorted and distinct.
func (s Share) exact(draws []uint64) uint64 {
	threshold, in := s.nominal(), s.Of(len(draws))
	if s == 0 || s >= Everyone {
		return threshold
	}
	if in < len(draws) {
		threshold = min(threshold, draws[in]) // the first who is out
	}
	if in > 0 && draws[in-1] < math.MaxUint64 {
		threshold = max(threshold, draws[in-1]+1) // the last who is in
	}
	return threshold
}

// keep holds a threshold to its side of the one before.
func (p *Percent) keep(threshold uint64, share Share, at time.Time) uint64 {
	was, wasThreshold := p.effective(at)
	switch {
	case share == 0 || share >= Everyone || was == share:
		return threshold
	case share > was:
		return max(threshold, wasThreshold)
	}
	return min(threshold, wasThreshold)
}

// effective is a percentage's share with its threshold at a time.
func (p *Percent) effective(at time.Time) (Share, uint64) {
	if p.Moving() {
		moving := percent{moving: p.Start != nil && p.End != nil, share: p.From, from: p.From, to: p.To}
		if moving.moving {
			moving.start, moving.end = *p.Start, *p.End
		}
		share := moving.at(at)
		return share, share.nominal()
	}
	if p.Calibrated != nil {
		if threshold, err := parseThreshold(p.Calibrated.Threshold); err == nil {
			return p.Share, threshold
		}
	}
	return p.Share, p.Share.nominal()
}
