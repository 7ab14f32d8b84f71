package cli

import "testing"

func TestCookiesGoOverHTTPSAloneWhereverTheSiteIsReachedByIt(t *testing.T) {
	for _, c := range []struct {
		environment, url string
		secure           bool
	}{
		{"production", "", true}, {"production", "http://flags.example", true}, {"staging", "https://flags.example", true},
		{"staging", "HTTPS://flags.example", true}, {"staging", "http://flags.example", false}, {"development", "", false},
	} {
		s := Settings{Environment: c.environment}
		s.URL = c.url
		if s.secure() != c.secure {
			t.Errorf("%s at %q: secure is %v", c.environment, c.url, s.secure())
		}
	}
}
