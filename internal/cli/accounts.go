package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/access/oidc"
	"github.com/toprent/flags/models"
)

// Access are the settings on who may use the settings pages.
type Access struct {
	URL             string        `name:"url" env:"URL" placeholder:"URL" help:"The public address of the site, such as https://flags.toprent.example: for links that are sent to people, and for OpenID Connect (default: where it listens)."`
	TrustedProxies  string        `name:"trusted-proxies" env:"TRUSTED_PROXIES" placeholder:"NETWORKS" help:"Proxies that may say in X-Forwarded-For for whom they ask: addresses or networks, separated by commas (default: none)."`
	SessionIdle     time.Duration `name:"session-idle" env:"SESSION_IDLE" default:"12h" help:"How long somebody stays signed in to the settings without using them (default: ${default})."`
	OIDCIssuer      string        `name:"oidc-issuer" env:"OIDC_ISSUER" placeholder:"URL" help:"Lets people sign in to the settings at this OpenID Connect provider (default: none)."`
	OIDCClientID    string        `name:"oidc-client-id" env:"OIDC_CLIENT_ID" placeholder:"ID" help:"As whom the provider is asked."`
	OIDCSecret      string        `name:"oidc-client-secret" env:"OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"The client's secret. Better given in the environment than as a flag."`
	OIDCTitle       string        `name:"oidc-title" env:"OIDC_TITLE" placeholder:"NAME" help:"How people know the provider (default: its host)."`
	OIDCDefaultRole string        `name:"oidc-default-role" env:"OIDC_DEFAULT_ROLE" enum:"none,viewer,editor,approver,admin" default:"none" help:"What somebody may do everywhere who signs in there for the first time: none, viewer, editor, approver or admin (default: ${default})."`
	OIDCGroupsClaim string        `name:"oidc-groups-claim" env:"OIDC_GROUPS_CLAIM" default:"groups" help:"The claim that lists somebody's groups (default: ${default})."`
	OIDCScopes      []string      `name:"oidc-scopes" env:"OIDC_SCOPES" placeholder:"LIST" help:"What the provider is asked for besides openid, profile and email, such as groups (default: nothing)."`
	OIDCGroupRoles  string        `name:"oidc-group-roles" env:"OIDC_GROUP_ROLES" placeholder:"LIST" help:"Roles of groups: GROUP=ROLE or GROUP=ROLE@ENVIRONMENT, separated by commas (default: none)."`
}

// check refuses a wrong setting with the reason.
func (s *Access) check() error {
	if _, err := s.publicURL(); err != nil {
		return err
	}
	if _, err := access.ParseProxies(s.TrustedProxies); err != nil {
		return fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	if s.SessionIdle < time.Minute {
		return fmt.Errorf("SESSION_IDLE=%s: use a minute or more, such as 12h", s.SessionIdle)
	}
	if _, err := access.ParseGroupRoles(s.OIDCGroupRoles); err != nil {
		return fmt.Errorf("OIDC_GROUP_ROLES: %w", err)
	}
	if s.OIDCIssuer == "" {
		return nil
	}
	if s.URL == "" {
		return errors.New("OIDC_ISSUER needs URL, the public address of the site: the provider sends browsers back to it")
	}
	_, err := s.provider()
	return err
}

func (s *Access) publicURL() (*url.URL, error) {
	if s.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(strings.TrimSuffix(s.URL, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("URL must be the public address of the site, such as https://flags.toprent.example")
	}
	return u, nil
}

func (s *Access) provider() (access.Provider, error) {
	provider, err := oidc.New(oidc.Config{Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: s.OIDCSecret, Title: s.OIDCTitle,
		GroupsClaim: s.OIDCGroupsClaim, Scopes: s.OIDCScopes, Redirect: strings.TrimSuffix(s.URL, "/") + settingsPath + "/sign-in/back"})
	if err != nil {
		return nil, fmt.Errorf("OIDC_ISSUER, OIDC_CLIENT_ID: %w", err)
	}
	return provider, nil
}

// settingsPath is where the settings pages are, beside the site.
const settingsPath = "/settings"

// accounts are the people who may use the settings pages.
func (s *Access) accounts(store *models.Store) (*access.Accounts, error) {
	options := access.Options{Idle: s.SessionIdle}
	var err error
	if options.URL, err = s.publicURL(); err != nil {
		return nil, err
	}
	if options.TrustedProxies, err = access.ParseProxies(s.TrustedProxies); err != nil {
		return nil, err
	}
	if options.GroupRoles, err = access.ParseGroupRoles(s.OIDCGroupRoles); err != nil {
		return nil, err
	}
	if s.OIDCDefaultRole != "none" && s.OIDCDefaultRole != "" {
		if options.DefaultRole, err = access.ParseRole(s.OIDCDefaultRole); err != nil {
			return nil, err
		}
	}
	if s.OIDCIssuer != "" {
		if options.Provider, err = s.provider(); err != nil {
			return nil, err
		}
	}
	return access.NewAccounts(store, options)
}

// printFirstLink prints, while there is no account, the link with which the first one is made: to the terminal alone,
// since logs are read by more people than may become admin.
func printFirstLink(ctx context.Context, accounts *access.Accounts, site string, s streams) {
	secret, err := accounts.FirstLink(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("the link for the first account could not be made", "error", err)
		}
		return
	}
	if secret != "" {
		fmt.Fprintf(s.out, "Set up the first account (within an hour): %s%s/%s/%s\n", site, settingsPath, access.First, secret)
	}
}
