package status

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTheKeyThatWasMeantIsFound(t *testing.T) {
	keys := []string{"new-home", "checkout", "reports", "ui", "uk"}
	for asked, want := range map[string]string{
		"new-hone": "new-home", "newhome": "new-home", "checkuot": "checkout", "reportss": "reports", "report": "reports",
		"something": "", "": "", "x": "", "u": "ui", "new-home-2024": "",
	} {
		if got := nearest(asked, slices.Values(keys)); got != want {
			t.Errorf("%q: %q was meant, want %q", asked, got, want)
		}
	}
}

// plain is the distance by its definition.
func plain(a, b string) int {
	switch {
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	case a[0] == b[0]:
		return plain(a[1:], b[1:])
	}
	return 1 + min(plain(a[1:], b), plain(a, b[1:]), plain(a[1:], b[1:]))
}

func TestTheDistanceIsThatOfItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching("[ab]{0,6}")
		a, b, limit := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(1, 3).Draw(t, "limit")
		if got, want := distance(a, b, limit), min(plain(a, b), limit+1); got != want {
			t.Fatalf("distance(%q, %q, %d) is %d, want %d", a, b, limit, got, want)
		}
	})
}
