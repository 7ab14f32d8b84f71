// Package oidc signs people in at an OpenID Connect provider: the code flow, with PKCE, state and nonce. It is apart
// from package access, so that hosts, which have a sign-in of their own, need none of what it needs.
package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/toprent/flags/internal/access"
)

// Config says which provider, and as whom we ask it.
type Config struct {
	Issuer       string // as the provider writes it, such as https://login.toprent.example
	ClientID     string
	ClientSecret string
	Redirect     string // where the provider sends browsers back to: the public address of /settings/sign-in/back

	// Title is how people know the provider; defaults to the issuer's host.
	Title string

	// GroupsClaim names the claim that lists somebody's groups; defaults to groups.
	GroupsClaim string

	// Scopes are asked for besides openid, profile and email: some providers tell of groups only who asks for groups.
	Scopes []string

	// Client asks the provider; defaults to one that waits ten seconds.
	Client *http.Client
}

// Provider is one provider. It is asked for its settings when somebody signs in for the first time, so that a server
// starts while the provider is down.
type Provider struct {
	config Config

	asking   chan struct{}  // holds one while the provider is asked, or what it answered is looked at
	provider *oidc.Provider // nil until it has answered
}

// New makes a provider. It asks it nothing yet.
func New(config Config) (*Provider, error) {
	issuer, err := url.Parse(config.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !loopback(issuer) {
		return nil, errors.New("the issuer must be an https:// address")
	}
	if config.ClientID == "" || config.Redirect == "" {
		return nil, errors.New("a client id and a public address are required")
	}
	if config.Title == "" {
		config.Title = issuer.Host
	}
	if config.GroupsClaim == "" {
		config.GroupsClaim = "groups"
	}
	if config.Client == nil {
		config.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return &Provider{config: config, asking: make(chan struct{}, 1)}, nil
}

// loopback reports whether the provider runs on this machine, where nobody listens in.
func loopback(u *url.URL) bool {
	host := u.Hostname()
	return u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1")
}

// Name is how people know the provider.
func (p *Provider) Name() string { return p.config.Title }

// Start gives the address at which somebody signs in.
func (p *Provider) Start(ctx context.Context, flow access.Flow) (string, error) {
	provider, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return p.client(provider).AuthCodeURL(flow.State, oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier)), nil
}

// Finish gives who signed in.
func (p *Provider) Finish(ctx context.Context, flow access.Flow, code string) (access.Identity, error) {
	provider, err := p.discover(ctx)
	if err != nil {
		return access.Identity{}, err
	}
	token, err := p.client(provider).Exchange(oidc.ClientContext(ctx, p.config.Client), code, oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return access.Identity{}, exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return access.Identity{}, errors.New("the provider sent no id_token")
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}).Verify(oidc.ClientContext(ctx, p.config.Client), raw)
	if err != nil {
		return access.Identity{}, fmt.Errorf("verify the id_token: %w", err)
	}
	if flow.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(flow.Nonce)) != 1 {
		return access.Identity{}, errors.New("the id_token has another nonce")
	}
	return p.identity(id)
}

// exchangeError says why a code was not taken, without what the provider answered: that may hold secrets.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Errorf("the provider refused the code: %s", refused.ErrorCode)
	}
	return fmt.Errorf("exchange the code: %w", err)
}

func (p *Provider) identity(id *oidc.IDToken) (access.Identity, error) {
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return access.Identity{}, fmt.Errorf("read the id_token: %w", err)
	}
	who := access.Identity{Issuer: id.Issuer, Subject: id.Subject}
	read := func(name string, into any) { _ = json.Unmarshal(claims[name], into) } // what has another type is as if it were not there
	read("email", &who.Email)
	var verified *bool
	if json.Unmarshal(claims["email_verified"], &verified) == nil { // "true", as a text, is not said so either
		who.Verified = verified
	}
	read("name", &who.Name)
	read(p.config.GroupsClaim, &who.Groups)
	return who, nil
}

func (p *Provider) client(provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, RedirectURL: p.config.Redirect,
		Endpoint: provider.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID, "profile", "email"}, p.config.Scopes...)}
}

// discover asks the provider for its settings, until it has once answered. Others wait meanwhile, none longer than its
// request may take: a provider that is down must not gather everybody who tries.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the provider's settings: %w", ctx.Err())
	}
	if p.provider != nil {
		return p.provider, nil
	}
	// The provider keeps the context for fetching keys later on, so it must not end with this request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.config.Client), strings.TrimSpace(p.config.Issuer))
	if err != nil {
		return nil, fmt.Errorf("ask the provider for its settings: %w", err)
	}
	p.provider = provider
	return provider, nil
}
