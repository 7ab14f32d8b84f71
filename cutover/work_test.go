package cutover

import (
	"context"
	"testing"
)

func TestAPanicOfAHostIsAnErrorOfTheWorkBehind(t *testing.T) {
	_, err := unpanicked(func() (waits, error) {
		var none func(ctx context.Context) (waits, error)
		return none(t.Context())
	})
	if err == nil {
		t.Error("nobody was told of a panic")
	}
}
