package rules

import (
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
)

// calibrateAgain counts anew for the exact share of one rule that has drifted. The form names the rule by its place in the
// version that it was shown with; if that is no longer the newest, both versions are shown, as for any other edit.
func (s *pages) calibrateAgain(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := s.open(c)
	if err != nil {
		return err
	}
	if err := p.Changeable(); err != nil {
		return err
	}
	place, err := strconv.Atoi(form.Get("rule"))
	if err != nil || place < 0 {
		return shell.Refused(http.StatusBadRequest, "This form is not complete", "Open the page again and calibrate there.")
	}
	p.Form = form
	if form.Get("reason") == "" {
		form.Set("reason", "Rule "+strconv.Itoa(place+1)+" calibrated again: exactly its share of those seen by now")
	}
	p.Builder.SetRules(p.Settings.Rules, otherwise(p.Settings.Flag))
	return p.publish(c, changes.AskToCalibrate(p.Settings.Flag, true, place))
}
