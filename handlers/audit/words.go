package audit

import (
	"strings"

	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/views"
)

func titleOf(chain string) string {
	if chain == audit.Access {
		return "Access"
	}
	return "Configuration"
}

func chains() []views.Choice {
	return []views.Choice{{Value: audit.Configuration, Label: "Configuration: what was changed"}, {Value: audit.Access, Label: "Access: who came in, who was refused"}}
}

// kinds are what entries of a chain can be of, in the order in which they are offered.
func kinds(chain string) []views.Choice {
	actions := []string{"publish", "kill", "lift", "maintenance", "maintenance-end", "import", "recall", "copy", "rollback", "promote", "step-back", "flag", "tenant-plan", "add-on-added", "add-on-ended",
		"environment-added", "environment-edited", "environment-moved", "request-created", "request-edited", "request-sent", "request-approved", "request-rejected",
		"request-withdrawn", "request-comment", "request-applied", "request-skipped", "request-failed", "emergency-reviewed", "instance-gone", "cutover-limits", "cutover-verify", "recording", "forget"}
	if chain == audit.Access {
		actions = []string{"sign-in", "sign-in-failed", "sign-out", "refused", "form-refused", "token-made", "token-refused", "token-revoked",
			"invited", "roles-changed", "account-disabled", "account-enabled", "link-made", "link-used", "password-changed", "password-refused",
			"session-ended", "sessions-ended", "channel-made", "channel-edited", "channel-secret-rolled", "channel-removed", "verify", "dropped"}
	}
	out := []views.Choice{{Value: "", Label: "All kinds"}}
	for _, action := range actions {
		out = append(out, views.Choice{Value: action, Label: words.Deed(action)})
	}
	return out
}

func capital(action string) string {
	text := strings.ReplaceAll(action, "-", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
