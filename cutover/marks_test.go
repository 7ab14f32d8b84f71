package cutover

import (
	"context"
	"testing"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
)

// stuck is an entity of which one row is marked on the old side, and cannot be copied yet.
type stuck struct {
	moved
	Store
}

func (s stuck) kept(bool) Store { return s }

func (s stuck) copyRows(_ context.Context, keys []string, _ bool) (busy []string, err error) {
	return keys, nil
}

func (s stuck) Marked(context.Context, string, int) ([]Mark, int64, error) {
	return []Mark{{Key: "a", Serial: 1}}, 1, nil
}

func (s stuck) Unmark(context.Context, string, []Mark) error { return nil }

func TestMarksThatHaveToWaitAreNotLookedAtAllTheTime(t *testing.T) {
	source := flagtest.NewSource()
	source.Publish(staged("clients", ruleset.StageShadow, nil))
	r, _ := routed(t, source, "clients")
	w := &copier{m: &member{moved: stuck{}, router: r}}
	if left, err := w.drain(t.Context()); err != nil || left != little {
		t.Errorf("%d marks are to be looked at, %v", left, err)
	}
}
