package changes

import (
	"context"
	"time"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// LongestRaw is how long every check of a flag can be recorded at most, since each is an event of its own.
const LongestRaw = 7 * 24 * time.Hour

// SetFlagRecording sets what is recorded of a flag in an environment. That changes nobody's values and needs no approval; the
// audit tells of it. It returns a RefusedError, ErrNoFlag, service.ErrNoEnvironment or ErrUnavailable. What is so already
// stores nothing.
func (c *Changes) SetFlagRecording(ctx context.Context, recording models.FeatureFlagRecording, by Actor, reason string) error {
	if err := checkNames(by.Name, reason); err != nil {
		return err
	}
	return c.write(ctx, "set what is recorded of a flag", func(tx *models.Tx) error {
		d, err := c.openFlag(ctx, tx, recording.Environment, recording.Flag, by.Name)
		if err != nil {
			return err
		}
		if problems := checkRecording(recording, d.now); len(problems) > 0 {
			return &RefusedError{problems}
		}
		was, err := tx.FlagRecording(ctx, recording.Environment, recording.Flag)
		if err != nil || same(was, recording) {
			return err
		}
		recording.ChangedBy, recording.ChangedAt = by.Name, models.At(d.now)
		if err := tx.SetFlagRecording(ctx, recording); err != nil {
			return err
		}
		return c.record(ctx, tx, audit.Entry{Action: "recording", Actor: by.Name, ActorID: by.ID, Environment: recording.Environment, Reason: reason,
			Items: []audit.Item{{Kind: string(ItemFlag), Key: recording.Flag, Before: recordingOf(was), After: recordingOf(recording)}}})
	})
}

func same(a, b models.FeatureFlagRecording) bool {
	if (a.RawUntil == nil) != (b.RawUntil == nil) {
		return false
	}
	return a.Share == b.Share && (a.RawUntil == nil || a.RawUntil.Equal(b.RawUntil.Time))
}

// recordingOf is what is recorded as the audit shows it.
func recordingOf(r models.FeatureFlagRecording) any {
	until := ""
	if r.RawUntil != nil {
		until = r.RawUntil.UTC().Format(time.RFC3339)
	}
	return map[string]any{"percent_of_people": float64(r.Share) / 1000, "every_check_until": until}
}

func checkRecording(r models.FeatureFlagRecording, now time.Time) (problems []Problem) {
	refuse := func(path, message string) {
		problems = append(problems, Problem{Environment: r.Environment, Problem: ruleset.Problem{Flag: r.Flag, Path: path, Message: message}})
	}
	if r.Share < 0 || r.Share > int64(ruleset.Everyone) {
		refuse("share", "the share of people is from 0 to 100 percent")
	}
	switch {
	case r.RawUntil == nil:
	case !r.RawUntil.After(now):
		refuse("raw_until", "every check can be recorded until a moment in the future")
	case r.RawUntil.Sub(now) > LongestRaw:
		refuse("raw_until", "every check can be recorded for 7 days at most")
	}
	return problems
}
