package changes

import (
	"errors"
	"log/slog"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry"
)

// watched is a transaction of which telemetry is told.
type watched struct {
	do   func(*models.Tx) error
	made []models.Revision
}

func (w *watched) run(tx *models.Tx) error {
	err := w.do(tx)
	w.made = tx.Made()
	return err
}

// tell says how the transaction ended, and which revisions it made.
func (w *watched) tell(end telemetry.End, err error) {
	known := []slog.Attr{slog.String(telemetry.Result, resultOf(err))}
	if err == nil {
		for _, r := range w.made {
			known = append(known, slog.Any(telemetry.Made, telemetry.MadeRevision{Environment: r.Environment, Number: r.Number, Kind: r.Kind}))
		}
	}
	end(err, known...)
}

// resultOf tells apart what is wrong with a change and what is wrong with the system.
func resultOf(err error) string {
	var conflict *ConflictError
	switch {
	case err == nil, errors.Is(err, errNotDue): // another instance was quicker
		return telemetry.Done
	case errors.As(err, &conflict), errors.Is(err, errApprovedMeanwhile):
		return telemetry.Conflict
	case errors.Is(err, ErrUnavailable):
		return telemetry.Unavailable
	case isRefusal(err):
		return telemetry.Refused
	}
	return telemetry.Failed
}

func isRefusal(err error) bool {
	for _, known := range []error{ErrNoFlag, service.ErrNoEnvironment, models.ErrNotFound, errAuthor, errReason} {
		if errors.Is(err, known) {
			return true
		}
	}
	return is[*RefusedError](err) || is[*ProtectedError](err) || is[*RequestError](err) || is[*EmergencyError](err) || is[*CutoverError](err)
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
