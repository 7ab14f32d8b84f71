package changes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// keptAtMost is how far ahead a review may say that a flag is to stay: who knows more makes it a later question.
const keptAtMost = 2 * 366 * 24 * time.Hour

// checkLifecycle refuses states that there are not, and reviews that would end all questions.
func checkLifecycle(doc FlagDocument, now time.Time) (problems []ruleset.Problem) {
	if states := models.Lifecycles(); doc.Lifecycle != "" && !slices.Contains(states, doc.Lifecycle) {
		problems = append(problems, ruleset.Problem{Flag: doc.Key, Path: "lifecycle",
			Message: fmt.Sprintf("%q is no state: use %s; a flag is archived in each environment by itself", doc.Lifecycle, strings.Join(states, " or "))})
	}
	if doc.KeepUntil != nil && doc.KeepUntil.After(now.Add(keptAtMost)) {
		problems = append(problems, ruleset.Problem{Flag: doc.Key, Path: "keep_until", Message: "is too far ahead: at most two years are allowed, then it is looked at again"})
	}
	return problems
}

// reviewed is what a document says about a flag, with its review. Who reviewed, and when, is never taken from a
// document: a date that was not there before is a review of the one who puts it, now.
func (a *about) reviewed(was models.About, doc FlagDocument, author string) models.About {
	is := aboutOf(doc)
	is.ReviewedAt, is.ReviewedBy, is.KeepUntil = was.ReviewedAt, was.ReviewedBy, was.KeepUntil
	if doc.KeepUntil == nil {
		return is
	}
	day := doc.KeepUntil.UTC().Truncate(24 * time.Hour)
	if was.KeepUntil != nil && was.KeepUntil.Equal(day) {
		return is
	}
	at := models.At(a.now)
	is.ReviewedAt, is.ReviewedBy, is.KeepUntil = &at, author, models.AtOptional(&day)
	return is
}

// lifecycleOf is a flag's state as documents have it: active, which most are, is not said.
func lifecycleOf(flag models.FeatureFlag) string {
	if flag.Lifecycle == models.LifecycleActive {
		return ""
	}
	return flag.Lifecycle
}
