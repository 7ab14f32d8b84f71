package words

import "strings"

// Deed is what was done, as people say it: what a revision is of, what happened to a change request, or any other act that
// the audit tells of. What has no words of its own is its own name without hyphens.
func Deed(kind string) string {
	switch kind {
	case "":
		return ""
	case "publish":
		return "Published"
	case "kill":
		return "Killed"
	case "lift":
		return "Kill lifted"
	case "maintenance":
		return "Maintenance set"
	case "maintenance-end":
		return "Maintenance ended"
	case "recall":
		return "Recalled"
	case "import":
		return "Imported"
	case "rollback":
		return "Rolled back"
	case "promote":
		return "Promoted"
	case "copy":
		return "Copied"
	case "step-back":
		return "Stepped back"
	case "instance-gone":
		return "Instance declared gone"
	case "cutover-verify":
		return "Verified again"
	case "recording":
		return "Recording of a flag set"
	case "cutover-limits":
		return "Limits of a migration set"
	case "sent":
		return "Sent for review"
	case "comment", "request-comment":
		return "Commented"
	case "failed", "request-failed":
		return "Could not be applied"
	case "skipped", "request-skipped":
		return "Passed over"
	case "request-sent":
		return "Request sent for review"
	case "flag":
		return "Flag described"
	case "tenant-plan":
		return "Plan of a tenant set"
	case "forget":
		return "Somebody forgotten"
	case "sign-in":
		return "Signed in"
	case "sign-in-failed":
		return "Sign-in failed"
	case "sign-out":
		return "Signed out"
	case "emergency-reviewed":
		return "Emergency looked at"
	case "verify":
		return "Audit verified"
	case "dropped":
		return "Entries lost"
	}
	return capital(strings.ReplaceAll(kind, "-", " "))
}
