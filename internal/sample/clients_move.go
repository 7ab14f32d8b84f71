package sample

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"gorm.io/gorm"
)

// clientsFlag says where the clients are.
const clientsFlag = "clients-database"

// ClientsConfig is what the clients need.
type ClientsConfig struct {
	// Old and New are the databases that they are moved from and to. The journal of the move lies in the new one.
	Old, New *gorm.DB

	// Prepare is called before tables are made.
	Prepare func(ctx context.Context) error

	Flags    *service.FeatureFlagService
	Store    *models.Store // where the settings pages read how the move is going
	StepBack func(ctx context.Context, s cutover.StepBack) error
	Logger   *slog.Logger
}

// Clients are the tenants' clients, which move from one database to another while people look at them.
type Clients struct {
	old, new *gorm.DB
	first    func(ctx context.Context) error // before tables are made
	prepared atomic.Bool
	flags    *service.FeatureFlagService
	journal  *cutover.Journal
	moving   *cutover.Cutover
	entity   *cutover.Entity[clientQuery, clientAnswer, clientChange, Client]
	log      *slog.Logger
}

// NewClients describes the move, and makes the tables if the databases answer soon. Otherwise Run does.
func NewClients(ctx context.Context, config ClientsConfig) (*Clients, error) {
	c := &Clients{old: config.Old, new: config.New, first: config.Prepare, flags: config.Flags, journal: cutover.NewJournal(config.New), log: config.Logger}
	preparing, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := c.prepare(preparing); err != nil {
		c.log.Warn("the databases of the clients cannot be prepared yet", "error", err)
	}
	var err error
	c.moving, err = cutover.New(cutover.Options{Flags: config.Flags, Journal: c.journal, Store: config.Store, StepBack: config.StepBack, Logger: config.Logger})
	if err != nil {
		return nil, err
	}
	old, err := sideOf(config.Old, false)
	if err != nil {
		return nil, err
	}
	moved, err := sideOf(config.New, true)
	if err != nil {
		return nil, err
	}
	c.entity, err = cutover.Add(c.moving, cutover.Config[clientQuery, clientAnswer, clientChange, Client]{
		Flag:       clientsFlag,
		Old:        old,
		New:        moved,
		Journal:    c.journal,
		Key:        func(row Client) string { return row.ID },
		Tenant:     func(row Client) string { return row.Tenant },
		SameResult: sameAnswer,
		Redact:     redactClients,
		Logger:     config.Logger,
	})
	return c, err
}

// redactClients says which rows differ, and nothing that is in them: names and addresses are nobody's business here.
func redactClients(q clientQuery, a, b clientAnswer) (what, oldText, newText string) {
	what = fmt.Sprintf("page %d", max(q.Page, 1))
	if q.ID != "" {
		what = "client " + q.ID
	}
	return what, fmt.Sprintf("%d clients", a.Total), fmt.Sprintf("%d clients", b.Total)
}

// Run makes the tables, as soon as the databases answer, and moves clients as their flag says, until ctx is done.
func (c *Clients) Run(ctx context.Context) error {
	for c.prepare(ctx) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(prepareAgain):
		}
	}
	return c.moving.Run(ctx)
}

const prepareAgain = 2 * time.Second // after an attempt to prepare databases that were down

// Ready says why nobody can reach the clients; nil if they can be reached. A site that has no such flag has no clients,
// and does without. So does one that started without its database: the clients' page says that they cannot be reached now,
// and all others go on with the flags that were kept on disk.
func (c *Clients) Ready() error {
	if c.flags.Status().State == service.FromDisk || !c.hasFlag() {
		return nil
	}
	return c.moving.Ready()
}

func (c *Clients) hasFlag() bool {
	published := c.flags.Newest().Published()
	if published == nil {
		return true // nobody knows yet
	}
	_, has := published.Stages(clientsFlag)
	return has
}
