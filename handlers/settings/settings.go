// Package settings are the built-in pages on which product managers and admins run their flags. Any Gin app mounts them
// under a group of its own router and says who is asking:
//
//	pages, err := settings.New(settings.Config{Store: store, Flags: flags, Person: whoIsAsking})
//	pages.Mount(r.Group("/settings"))
//	go pages.Run(ctx)
package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/handlers/people"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/internal/review"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/telemetry"
)

// Person is who is asking, with a role in each environment.
type Person = access.Person

// Role is what somebody may do in an environment.
type Role = access.Role

// The roles, each of which may do what the ones before it may.
const (
	Viewer   = access.Viewer
	Editor   = access.Editor
	Approver = access.Approver
	Admin    = access.Admin
)

// Everywhere stands for all environments in Person.Roles.
const Everywhere = access.Everywhere

// Mail is the server that takes e-mail.
type Mail = alerts.Mail

// ErrNotSignedIn is what Config.Person returns if nobody is signed in.
var ErrNotSignedIn = shell.ErrNotSignedIn

// Config says what the pages work with.
type Config struct {
	// Store is the database. Required.
	Store *models.Store

	// Flags is this instance's service; its health is shown. Optional.
	Flags *service.FeatureFlagService

	// Directory remembers who was seen: the one that the middleware is given. Defaults to one that sees nobody here, and
	// shows whom other instances saw.
	Directory *directory.Directory

	// Recorder records what happens on this instance; its sinks hear, too, of what programs measure. Optional: without it
	// what they measure is stored all the same.
	Recorder *analytics.Recorder

	// Person says who is asking and with which role, from the host's own sign-in. It is asked on each request; on
	// ErrNotSignedIn the person is asked to sign in. Required, unless Accounts are given.
	Person func(*gin.Context) (Person, error)

	// RoleOf says which role a person, by Person.ID, has in an environment now, from the host's own records. With it, the
	// approval of somebody who has lost the role of an approver since counts no more when a change request is applied, and
	// an API token does no more than whoever made it may do at that moment; without it, a token keeps the role that it was
	// made with until it expires or an admin revokes it. Optional; not with Accounts, which know.
	RoleOf func(ctx context.Context, person, environment string) (Role, error)

	// SignIn is the host's page for signing in. It is given ?next=, a path on this host to come back to; it must check
	// that. Without it, people are told to sign in.
	SignIn string

	// Accounts let people sign in here, where the pages stand alone, as the command has them. They take the place of
	// Person and SignIn. Hosts have a sign-in of their own and leave this nil.
	Accounts *access.Accounts

	// Product is how the pages call the product; defaults to "Toprent".
	Product string

	// Home is where "to the site" leads; defaults to "/".
	Home string

	// Secure keeps cookies to https. Set it in production.
	Secure bool

	// URL is where the pages are reached from outside, such as https://www.toprent.example/settings. Alerts link there;
	// without it they carry no links.
	URL string

	// Mail is the server that takes e-mail for alerts. Without it, alerts go to chats and webhooks only.
	Mail Mail

	// Key seals, in the database, the addresses and secrets of alert channels: at least 16 bytes, better 32, of randomness,
	// the same on all instances. Without it they are stored plainly, and the page for admins says so.
	Key []byte

	// AuditKey chains the audit's entries: at least 32 random bytes, the same on all instances and for all commands, and
	// never in the database. Without it they are chained all the same, but whoever can write the whole database could
	// then write another chain that is as whole.
	AuditKey []byte

	// AuditHeads says where the heads of the audit's chains are sent once a day, so that nobody can cut off the newest
	// entries unseen. Defaults to nowhere.
	AuditHeads AuditHeads

	// Address says where a request comes from, for the audit; defaults to who is connected. Behind a proxy that is the
	// proxy. Accounts have an answer of their own.
	Address func(*http.Request) string

	// AllowPrivateWebhooks is for hosts whose receivers are inside: webhooks may then go to private addresses, and by http.
	// Off by default, so that nobody reaches through an alert what only this server can reach.
	AllowPrivateWebhooks bool

	// Preview makes links by which variants and drafts are seen in one browser: the same that the middleware of the site
	// beside these pages is given, whose service is Flags. Without it there are no previews.
	Preview *middleware.Preview

	// Telemetry hears of every change that is made on the pages. Defaults to none.
	Telemetry telemetry.Hooks

	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Settings are the pages, ready to be mounted.
type Settings struct {
	app  *shell.App
	runs []func(context.Context) error
}

// New makes the pages.
func New(config Config) (*Settings, error) {
	switch {
	case config.Store == nil:
		return nil, errors.New("settings.New: Config.Store is missing: open one with models.Open")
	case config.Accounts != nil && config.Person != nil:
		return nil, errors.New("settings.New: Config.Accounts and Config.Person both say who is asking: give one")
	case config.Accounts == nil && config.Person == nil:
		return nil, errors.New("settings.New: Config.Person is missing: it says who is asking")
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	var watching []func(context.Context) error
	if config.Directory == nil {
		config.Directory = directory.New(config.Store, directory.Options{Logger: config.Logger})
		watching = append(watching, config.Directory.Run)
	}
	if config.Product == "" {
		config.Product = "Toprent"
	}
	if config.Home == "" {
		config.Home = "/"
	}
	if config.Accounts != nil {
		config.Person = people.WhoIsAsking(config.Accounts, config.Secure)
		config.RoleOf = config.Accounts.RoleOf
	}
	telling, err := alerts.New(config.Store, alerts.Options{Mail: config.Mail, Key: config.Key, URL: config.URL,
		AllowPrivate: config.AllowPrivateWebhooks, Logger: config.Logger})
	if err != nil {
		return nil, fmt.Errorf("settings.New: %w", err)
	}
	newest := catalog.New(config.Store)
	log := audit.New(config.Store, audit.Options{Key: config.AuditKey, Logger: config.Logger})
	s := &Settings{app: &shell.App{
		Audit: log, Address: addressOf(config),
		Accounts: config.Accounts, Tokens: access.NewTokens(config.Store, config.Accounts, config.RoleOf),
		Store: config.Store, Changes: changes.New(config.Store, changes.Options{AuditKey: config.AuditKey, MayApprove: mayApprove(config.RoleOf), Telemetry: config.Telemetry}),
		Catalog: newest, Reviews: review.New(config.Store, newest), Flags: config.Flags, Directory: config.Directory, Recorder: config.Recorder,
		Alerts: telling, Impacts: impact.NewCounter(), Log: config.Logger, Person: config.Person, SignIn: config.SignIn,
		Product: config.Product, Home: config.Home, Secure: config.Secure, Preview: config.Preview,
	}}
	if config.Preview != nil && config.Preview.Drafts == nil {
		config.Preview.Drafts = drafts{s.app}
	}
	letters := review.NewLetters(s.app.Reviews, telling, config.Logger)
	counting := adoption.NewJob(config.Store, newest, config.Directory, config.Logger)
	s.runs = append(watching, telling.Run, letters.Run, log.Run, s.app.Impacts.Run, s.warm, s.schedule, counting.Run)
	if config.AuditHeads.URL != "" {
		s.runs = append(s.runs, func(ctx context.Context) error { return sendHeads(ctx, log, telling, config) })
	}
	if config.Flags != nil {
		s.runs = append(s.runs, report.New(config.Store, config.Flags, report.Options{Logger: config.Logger}).Run)
	}
	return s, nil
}

// Mount registers the pages under a group, such as r.Group("/settings").
func (s *Settings) Mount(group *gin.RouterGroup) error {
	if err := s.app.Start(group); err != nil {
		return err
	}
	for _, register := range areas() {
		register(s.app)
	}
	return nil
}

// Needs says who may use each route that was mounted, by method and full path.
func (s *Settings) Needs() map[string]string {
	needs := map[string]string{}
	for route, need := range s.app.Needs() {
		needs[route] = need.String()
	}
	return needs
}

// Run does what goes on beside requests, until ctx is done and all of it has ended: it sends alerts, counts
// who has which flags on, and tells the other instances how this one is doing. Every instance may run it; each alert is sent
// by one of them, and each count is made by one.
func (s *Settings) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, run := range s.runs {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				s.app.Log.Error("settings: something that goes on beside requests has ended", "error", err)
			}
		})
	}
	<-ctx.Done()
	running.Wait()
	return ctx.Err()
}

// addressOf says where requests come from.
func addressOf(config Config) func(*http.Request) string {
	switch {
	case config.Address != nil:
		return config.Address
	case config.Accounts != nil:
		return config.Accounts.Address
	}
	return func(r *http.Request) string {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			return r.RemoteAddr
		}
		return host
	}
}

// warm reads all environments once, so that nobody's first page waits for it.
func (s *Settings) warm(ctx context.Context) error {
	environments, err := s.app.Catalog.Environments(ctx)
	if err != nil {
		return nil // the first page that needs them reads them, and says what is wrong
	}
	names := make([]string, len(environments))
	for i, environment := range environments {
		environment.Revision()
		names[i] = environment.Name
	}
	_, _ = s.app.Reviews.Queue(ctx, names) // likewise
	return nil
}

// schedule applies change requests whose time has come.
func (s *Settings) schedule(ctx context.Context) error {
	return s.app.Changes.RunSchedules(ctx, s.app.Log)
}

// mayApprove asks for the role that somebody has; nil if nobody can tell.
func mayApprove(roleOf func(context.Context, string, string) (Role, error)) func(context.Context, string, string) (bool, error) {
	if roleOf == nil {
		return nil
	}
	return func(ctx context.Context, person, environment string) (bool, error) {
		role, err := roleOf(ctx, person, environment)
		return role >= Approver, err
	}
}
