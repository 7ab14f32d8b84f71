package settings

import (
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

func TestAChangeLeadsToItsFlagAndToItsOverrides(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	p := site.As("viewer").Opens("/changes/development/1")
	for address, text := range map[string]string{
		"/settings/flags/new-home/development":           `flag "new-home"`,
		"/settings/flags/new-home/development/overrides": `override of flag "new-home"`,
	} {
		if got := p.Find(`.entry a[href="` + address + `"]`).First().Text(); got != text {
			t.Errorf("the link to %s says %q, want %q", address, got, text)
		}
	}
	p.Sees(`segment "germany": new`)
}
