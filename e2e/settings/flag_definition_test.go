package settings

import (
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

func TestFlagPagesOpen(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	ada := site.As("admin")
	for _, path := range []string{"/new-flag", "/flags/new-home", "/flags/new-home/edit", "/flags/new-home/development", "/flags/checkout/development",
		"/flags/new-home/development/settings", "/flags/checkout/development/settings", "/flags/new-home/development/enable",
		"/flags/new-home/development/disable", "/flags/new-home/development/archive", "/flags/new-home/development?why=1&user=u-ann&attributes=country=DE"} {
		ada.Opens(path)
	}
}
