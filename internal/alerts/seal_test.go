package alerts

import (
	"strings"
	"testing"
)

func TestWhatIsSealedOpensOnlyInItsPlaceAndWithItsKey(t *testing.T) {
	ours, _ := newSeal([]byte("0123456789abcdef"))
	theirs, _ := newSeal([]byte("fedcba9876543210"))
	none, _ := newSeal(nil)
	stored := ours.close("a/secret", "open sesame")
	if strings.Contains(stored, "sesame") {
		t.Errorf("stored as %q", stored)
	}
	if value, err := ours.open("a/secret", stored); err != nil || value != "open sesame" {
		t.Errorf("%q, %v", value, err)
	}
	for name, open := range map[string]func() (string, error){
		"another place": func() (string, error) { return ours.open("b/secret", stored) },
		"another key":   func() (string, error) { return theirs.open("a/secret", stored) },
		"no key":        func() (string, error) { return none.open("a/secret", stored) },
		"cut":           func() (string, error) { return ours.open("a/secret", stored[:20]) },
		"no form":       func() (string, error) { return ours.open("a/secret", "open sesame") },
	} {
		if value, err := open(); err == nil {
			t.Errorf("with %s it opens as %q", name, value)
		}
	}
	if value, err := ours.open("a/secret", none.close("a/secret", "from before")); err != nil || value != "from before" {
		t.Errorf("what was stored before there was a key: %q, %v", value, err)
	}
	if _, err := newSeal([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
