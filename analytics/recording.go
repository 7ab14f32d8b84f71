package analytics

import (
	"context"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// recording is what is recorded of flags other than the usual.
type recording struct {
	shares map[string]int64     // of people whose exposures are kept, by flag
	until  map[string]time.Time // every check is recorded until then, by flag
	raw    bool                 // there are such flags
}

func (s *recording) share(flag string) int64 {
	if s != nil {
		if share, set := s.shares[flag]; set {
			return share
		}
	}
	return int64(ruleset.Everyone)
}

// readRecording follows what people have set.
func (r *Recorder) readRecording(ctx context.Context) error {
	rows, err := r.store.FlagRecordings(ctx, r.flags.Environment())
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		r.recording.Store(nil)
		return nil
	}
	now := r.flags.Now()
	s := &recording{shares: map[string]int64{}, until: map[string]time.Time{}}
	for _, row := range rows {
		if row.Share < int64(ruleset.Everyone) {
			s.shares[row.Flag] = row.Share
		}
		if row.RawUntil != nil && row.RawUntil.After(now) {
			s.until[row.Flag], s.raw = row.RawUntil.Time, true
		}
	}
	r.recording.Store(s)
	return nil
}

// recordChecks records what a request asked for, of flags whose every check is recorded.
func (r *Recorder) recordChecks(s *recording, who *ruleset.Subject, place string, values ruleset.Values) {
	now := r.flags.Now()
	for detail := range values.Read() {
		if until, raw := s.until[detail.Key]; raw && now.Before(until) {
			event := r.event(models.EventCheck, who, place, values, detail)
			r.mu.Lock()
			r.keep(event)
			r.mu.Unlock()
		}
	}
}
