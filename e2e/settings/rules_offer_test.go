package settings

import (
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

func TestTheBuilderOffersWhatPeopleWereSeenWith(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for user, city := range map[string]string{"u-1": "Bonn", "u-2": "Bonn", "u-3": "Ulm"} {
		site.Directory.Saw("development", ruleset.Subject{User: user, Attributes: map[string]any{"country": city}})
	}
	if err := site.Directory.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	untilSeen(t, site, 3)
	eve := site.As("editor")
	for _, path := range []string{"/flags/new-home/development/rules", "/segments/development/germany"} {
		page := eve.Opens(path)
		offered := page.Find(`datalist[data-often="country"] option`)
		if offered.Length() != 2 || offered.First().AttrOr("value", "") != "Bonn" {
			t.Errorf("%s offers %d cities, first %q", path, offered.Length(), offered.First().AttrOr("value", ""))
		}
		if page.Find(`#attributes option[value="country"]`).Length() != 1 {
			t.Errorf("%s does not offer the attribute", path)
		}
	}
	eve.Opens("/segments/development/germany").Sees("Often: Bonn, Ulm")
}
