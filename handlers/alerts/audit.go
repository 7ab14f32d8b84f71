package alerts

import (
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
)

// noteChannel tells the audit what became of a channel: its name and its kind, never where it leads.
func noteChannel(c *shell.Context, action string, channel models.AlertChannel, name string) {
	item := audit.Item{Kind: "channel", Key: channel.ID}
	if channel.ID != "" && action != "channel-made" {
		item.Before = map[string]any{"name": channel.Name, "kind": channel.Kind}
	}
	if name != "" {
		item.After = map[string]any{"name": name, "kind": channel.Kind}
	}
	c.Note(audit.Entry{Action: action, Items: []audit.Item{item}})
}
