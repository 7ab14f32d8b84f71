package settings

import (
	"context"

	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/audit"
)

// AuditHeads are where the heads of the audit's chains are sent.
type AuditHeads struct {
	URL    string // takes a POST of JSON; empty: nowhere
	Secret string // signs it as signed webhooks are signed: whsec_ and base64. Required with URL
}

// sendHeads sends the heads once a day.
func sendHeads(ctx context.Context, log *audit.Log, telling *alerts.Alerts, config Config) error {
	return log.SendHeads(ctx, func(ctx context.Context, id string, body []byte) (again bool, err error) {
		return telling.PostSigned(ctx, config.AuditHeads.URL, config.AuditHeads.Secret, id, body)
	})
}
