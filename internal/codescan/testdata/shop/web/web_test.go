package web_test

import (
	"testing"

	"github.com/toprent/flags/flagtest"
)

func TestPages(t *testing.T) {
	flagtest.With(t, "new-home", true,
		"button-text", "not-a-key")
	flagtest.Both(t, "chained", nil)
}
