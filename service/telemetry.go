package service

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/telemetry"
)

// ValuesFor is Values, or CachedValues for a subject that is likely to come again, and lets the trace of ctx tell of it.
func (v View) ValuesFor(ctx context.Context, subject ruleset.Subject, at time.Time, again bool) ruleset.Values {
	if v.IsZero() {
		return ruleset.Values{}
	}
	_, end := v.service.telemetry.Start(ctx, telemetry.Work{Kind: telemetry.Evaluate})
	values, cached := v.valuesFor(subject, at, again)
	if end != nil {
		flags, _ := values.Decided()
		end(nil, slog.String(telemetry.Environment, v.service.environment), slog.Int64(telemetry.Revision, v.Revision().Number),
			slog.Int64(telemetry.Flags, int64(flags)), slog.Bool(telemetry.Cached, cached))
	}
	return values
}

func (v View) valuesFor(subject ruleset.Subject, at time.Time, again bool) (values ruleset.Values, cached bool) {
	hears := v.service.telemetry.Evaluated
	if hears == nil || rand.Uint32()%telemetry.Sampled != 0 {
		return v.decide(subject, at, again)
	}
	began := time.Now() // not the instance's clock, which may stand still in tests and has to be right about the day alone
	values, cached = v.decide(subject, at, again)
	hears(time.Since(began), cached)
	return values, cached
}

// endRefresh tells how a refresh went.
func (s *FeatureFlagService) endRefresh(end telemetry.End, before *state, err error) {
	known := []slog.Attr{slog.String(telemetry.Environment, s.environment)}
	if st := s.state.Load(); st != nil {
		known = append(known, slog.Int64(telemetry.Revision, st.head.Number), slog.Int64(telemetry.Flags, int64(st.newest.own.Len())),
			slog.Bool(telemetry.New, before == nil || before.head.ID != st.head.ID || before.head.Floor != st.head.Floor || before.fromDisk != st.fromDisk))
	}
	end(err, known...)
}

// adoption tells of a state that takes another's place.
func (s *FeatureFlagService) adoption(old, st *state) Adoption {
	adopted := Adoption{From: old.head.Number, To: st.head.ID, At: s.Now(), Kills: kills(old, st)}
	if old.fromDisk || st.head.Number <= old.head.Number {
		return adopted
	}
	adopted.Lag = max(1, adopted.At.Sub(st.head.PublishedAt)) // clocks can differ by more than it took
	if st.head.Number > old.head.Number+1 {
		adopted.Lag = max(adopted.Lag, s.clock().Sub(s.health().lastContact))
	}
	return adopted
}

// kills reports whether one of the revisions that came with a state kills a flag that the state before it did not.
func kills(old, st *state) bool {
	killed := map[string]bool{}
	for _, flag := range old.newest.own.Definition().Flags {
		killed[flag.Key] = flag.Killed
	}
	for number, p := range st.recent {
		if number <= old.head.Number && number != st.head.Number {
			continue
		}
		for _, flag := range p.own.Definition().Flags {
			if flag.Killed && !killed[flag.Key] {
				return true
			}
		}
	}
	return false
}
