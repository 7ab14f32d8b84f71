package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Client rents from a tenant.
type Client struct {
	ID     string `gorm:"primaryKey"`
	Tenant string
	Name   string
	Email  string
	Since  string // year and month: 2023-03
	Nights int
	Words  string // what is searched, in lower case: databases do not agree on how to lower an Ü
}

// TableName is its table's.
func (Client) TableName() string { return "clients" }

// Joined is the month for people.
func (c Client) Joined() string {
	month, err := time.Parse("2006-01", c.Since)
	if err != nil {
		return c.Since
	}
	return month.Format("January 2006")
}

func newClient(id, tenant, name, email, since string, nights int) Client {
	return Client{id, tenant, name, email, since, nights, strings.ToLower(name + " " + email)}
}

// named are the clients that everybody knows.
var named = []Client{
	newClient("acme-mira", "acme", "Mira Hoffmann", "mira@mail.example", "2023-03", 41),
	newClient("acme-jonas", "acme", "Jonas Weber", "jonas@mail.example", "2024-06", 12),
	newClient("acme-lea", "acme", "Lea Fischer", "lea@mail.example", "2025-01", 8),
	newClient("acme-paul", "acme", "Paul Krüger", "paul@mail.example", "2025-08", 27),
	newClient("globex-nina", "globex", "Nina Braun", "nina@mail.example", "2022-05", 63),
	newClient("globex-felix", "globex", "Felix Wolf", "felix@mail.example", "2025-04", 5),
	newClient("initech-harper", "initech", "Harper & Sons", "travel@harper.example", "2021-02", 388),
	newClient("initech-northwind", "initech", "Northwind Ltd", "office@northwind.example", "2023-10", 204),
	newClient("initech-contoso", "initech", "Contoso", "stay@contoso.example", "2024-07", 97),
}

var (
	firstNames = []string{"Alma", "Björn", "Clara", "David", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jakob", "Karla", "Levi", "Maja", "Noah", "Olga", "Piet", "Rosa", "Sami", "Thea", "Vito"}
	lastNames  = []string{"Adler", "Bergmann", "Conrad", "Demir", "Engel", "Frank", "Graf", "Heller", "Ivanov", "Jung", "König", "Lorenz", "Maurer", "Nowak", "Otto", "Peters", "Richter", "Sommer", "Thoma", "Vogt"}
)

// howMany other clients each tenant has, so that moving them takes more than a moment.
var howMany = map[string]int{"acme": 240, "globex": 60, "initech": 100}

// firstClients are those that the old database begins with, the same each time.
func firstClients() []Client {
	all := append([]Client(nil), named...)
	random := rand.New(rand.NewPCG(1, 2))
	for _, t := range tenants {
		for i := range howMany[t.ID] {
			first, last := firstNames[random.IntN(len(firstNames))], lastNames[random.IntN(len(lastNames))]
			all = append(all, newClient(fmt.Sprintf("%s-%03d", t.ID, i+1), t.ID, first+" "+last, fmt.Sprintf("client%03d@%s-mail.example", i+1, t.ID),
				fmt.Sprintf("%d-%02d", 2019+random.IntN(7), 1+random.IntN(12)), 1+random.IntN(60)))
		}
	}
	return all
}
