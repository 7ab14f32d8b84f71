package words

import (
	"strings"
	"testing"
)

func TestWhatWasDoneIsSaidAsPeopleSayIt(t *testing.T) {
	for kind, want := range map[string]string{"publish": "Published", "rollback": "Rolled back", "promote": "Promoted", "lift": "Kill lifted", "request-sent": "Request sent for review",
		"emergency-reviewed": "Emergency looked at", "": ""} {
		if got := Deed(kind); got != want {
			t.Errorf("%q is said as %q, want %q", kind, got, want)
		}
	}
	for _, kind := range []string{"publish", "kill", "lift", "recall", "import", "rollback", "promote", "copy"} {
		if strings.EqualFold(Deed(kind), kind) {
			t.Errorf("%q has no words of its own", kind)
		}
	}
}
