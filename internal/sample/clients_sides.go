package sample

import (
	"context"
	"fmt"
	"strings"

	"github.com/toprent/flags/cutover"
	"gorm.io/gorm"
)

// clientQuery asks for a page of a tenant's clients or, with an ID, for one of them.
type clientQuery struct {
	Tenant string
	ID     string
	Words  string // to search for; empty: all
	Page   int    // from 1

	compared chan<- bool // is told how the two databases' answers compare; nil: nobody wants to know
}

// clientAnswer is what a database says.
type clientAnswer struct {
	Clients []Client
	Total   int64
	New     bool // the new database says it
}

// clientChange is a change of one client: what is done, and the client as it is to be.
type clientChange struct {
	Do     string
	Client Client
}

// What can be done to a client.
const (
	addClient    = "add"
	changeNights = "nights"
	removeClient = "remove"
)

// perPage is how many clients a page shows.
const perPage = 20

type clientSide = cutover.Side[clientQuery, clientAnswer, clientChange, Client]

// sideOf is one of the clients' two databases.
func sideOf(db *gorm.DB, isNew bool) (clientSide, error) {
	side, err := cutover.GORMSide[clientQuery, clientAnswer, clientChange, Client](db)
	if err != nil {
		return side, err
	}
	side.Read = func(ctx context.Context, q clientQuery) (clientAnswer, error) {
		answer := clientAnswer{New: isNew}
		err := answer.read(cutover.DB(ctx, db), q)
		return answer, err
	}
	side.Apply = func(ctx context.Context, key string, change clientChange) error {
		return change.apply(cutover.DB(ctx, db), key)
	}
	return side, nil
}

func (a *clientAnswer) read(db *gorm.DB, q clientQuery) error {
	found := db.Model(&Client{}).Where("tenant = ?", q.Tenant)
	if q.ID != "" {
		found = found.Where("id = ?", q.ID)
	}
	for _, word := range strings.Fields(strings.ToLower(q.Words)) {
		found = found.Where("words LIKE ? ESCAPE '!'", "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word)+"%")
	}
	found = found.Session(&gorm.Session{}) // the same conditions for the count and for the page
	if err := found.Count(&a.Total).Error; err != nil {
		return fmt.Errorf("count the clients: %w", err)
	}
	if err := found.Order("words, id").Offset((max(q.Page, 1) - 1) * perPage).Limit(perPage).Find(&a.Clients).Error; err != nil {
		return fmt.Errorf("read the clients: %w", err)
	}
	return nil
}

func (c clientChange) apply(db *gorm.DB, key string) error {
	mine := db.Model(&Client{}).Where("id = ? AND tenant = ?", key, c.Client.Tenant)
	switch c.Do {
	case addClient:
		return db.Create(&c.Client).Error
	case changeNights:
		return mine.Update("nights", c.Client.Nights).Error
	case removeClient:
		return mine.Delete(&Client{}).Error
	}
	return fmt.Errorf("nobody knows how to %q a client", c.Do)
}

// sameAnswer compares what the two databases say, and tells who waits for it.
func sameAnswer(q clientQuery, a, b clientAnswer) bool {
	same := a.Total == b.Total && len(a.Clients) == len(b.Clients)
	for i := 0; same && i < len(a.Clients); i++ {
		same = a.Clients[i] == b.Clients[i]
	}
	select {
	case q.compared <- same:
	default:
	}
	return same
}
