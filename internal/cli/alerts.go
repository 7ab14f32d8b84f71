package cli

import (
	"errors"
	"net/url"
	"strings"

	"github.com/toprent/flags/handlers/settings"
)

// Alerts are the settings of what tells people of kills and changes.
type Alerts struct {
	MailURL    string `name:"mail-url" env:"MAIL_URL" placeholder:"URL" help:"The server that takes e-mail for alerts: smtp://USER:PASSWORD@HOST:PORT/?from=flags@example.com. Without it, alerts go to chats and webhooks only."`
	SecretsKey string `name:"secrets-key" env:"SECRETS_KEY" placeholder:"KEY" help:"Seals the addresses and secrets of alert channels in the database: 32 random bytes, as hexadecimal or base64, the same for all instances. Without it they are stored plainly."`
	Inside     bool   `name:"private-webhooks" env:"PRIVATE_WEBHOOKS" help:"Let webhooks go to private addresses and by http, for receivers that are inside."`
}

func (a *Alerts) check() error {
	if a.MailURL != "" && !strings.HasPrefix(a.MailURL, "smtp://") && !strings.HasPrefix(a.MailURL, "smtps://") {
		return errors.New("MAIL_URL: use smtp://USER:PASSWORD@HOST:PORT/?from=flags@example.com") // without what was given: it may hold a password
	}
	if a.SecretsKey != "" && len(decodeKey(a.SecretsKey)) < minKey {
		return errors.New("SECRETS_KEY is too short: make one with `openssl rand -hex 32`")
	}
	return nil
}

// apply puts them into the pages' configuration; site is where people reach the site.
func (a *Alerts) apply(config *settings.Config, site string) {
	config.Mail.URL = a.MailURL
	if a.SecretsKey != "" {
		config.Key = decodeKey(a.SecretsKey)
	}
	config.AllowPrivateWebhooks = a.Inside
	if at, err := url.JoinPath(site, settingsPath); err == nil {
		config.URL = at
	}
}
