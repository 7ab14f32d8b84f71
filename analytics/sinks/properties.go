package sinks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/toprent/flags/models"
)

// nameOf is what an event is called where people look at charts. What the host measures has the name that the host gave
// it, which has no space.
func nameOf(e models.FeatureFlagEvent) string {
	switch e.Kind {
	case models.EventExposure:
		return "flag exposure"
	case models.EventCheck:
		return "flag check"
	case models.EventGranted:
		return "gate granted"
	case models.EventDenied:
		return "gate denied"
	case models.EventPrompt:
		return "upgrade prompt"
	case models.EventUpgrade:
		return "upgrade page"
	case models.EventPlan:
		return "plan changed"
	case models.EventMetric:
		return e.Name
	}
	return "flag " + string(e.Kind)
}

// properties are what an event says beyond who, when and what. Nobody's name or address is among them.
type properties struct {
	Environment string   `json:"environment"`
	Flag        string   `json:"flag,omitempty"`
	Variant     string   `json:"variant,omitempty"`
	Revision    int64    `json:"revision,omitempty"`
	Reason      string   `json:"reason,omitempty"`
	Place       string   `json:"place,omitempty"`
	Tenant      string   `json:"tenant,omitempty"`
	Plan        string   `json:"plan,omitempty"`
	PlanBefore  string   `json:"plan_before,omitempty"`
	Value       *float64 `json:"value,omitempty"`
	Share       float64  `json:"share"` // of people whose events of this kind are recorded, from 0 to 1
}

func propertiesOf(e models.FeatureFlagEvent) properties {
	p := properties{Environment: e.Environment, Flag: e.Flag, Variant: e.Variant, Revision: e.Revision, Reason: e.Reason, Place: e.Place,
		Tenant: e.Tenant, Plan: e.Plan, Value: e.Value, Share: float64(e.Share) / 100_000}
	if e.Kind == models.EventPlan {
		p.PlanBefore = e.Name
	}
	return p
}

// encode gives JSON without the escapes that HTML needs.
func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("encode an event: %v", err)) // it is made of texts and finite numbers
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// fieldName is what a field may be called that an error repeats: receivers write what they like.
var fieldName = regexp.MustCompile(`^[A-Za-z$_.]{1,40}$`)

// inFields says in which fields something is wrong.
func inFields(err error, fields []string) error {
	fields = slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return !fieldName.MatchString(field) })
	if len(fields) == 0 {
		return err
	}
	slices.Sort(fields)
	return fmt.Errorf("%w: in %s", err, strings.Join(slices.Compact(fields), ", "))
}
