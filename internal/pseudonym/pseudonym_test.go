package pseudonym

import "testing"

func TestOnePersonHasOnePseudonym(t *testing.T) {
	key := []byte("a key of some length")
	ann := Of(key, "ann@toprent.example")
	if ann != Of(key, "Ann@Toprent.Example") {
		t.Error("an address in upper case is another person")
	}
	if len(ann) != len(Prefix)+32 || Tells(ann) {
		t.Errorf("the pseudonym is %q", ann)
	}
	for _, other := range []string{Of(key, "ben@toprent.example"), Of([]byte("another key"), "ann@toprent.example")} {
		if other == ann {
			t.Error("another person, or another key, gives the same pseudonym")
		}
	}
}

func TestWhatLooksLikeAnAddress(t *testing.T) {
	for text, want := range map[string]bool{
		"ann@toprent.example": true, "mailto:ann@toprent.example": true, "ann%40toprent.example": true, "Ann <a@b>": true, "@ann@toprent.example": true, "%40ann%40toprent.example": true, "ann＠toprent.example": true,
		"u-17": false, "": false, "@handle": false, "ann@": false, "%40": false, "/bookings/:id": false,
		"0198e0a1-5b3c-7d20-a1f2-8f3c5d6e7f80": false,
	} {
		if Tells(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
