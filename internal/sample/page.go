package sample

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/middleware"
)

// Link is an entry of the navigation.
type Link struct{ Path, Title string }

var links = []Link{{"/", "Home"}, {"/listings", "Listings"}, {"/clients", "Clients"}, {"/reports", "Reports"}, {"/plans", "Plans"}}

// Page is what every page of the site has.
type Page struct {
	Title, Path  string
	Links        []Link
	Flags        middleware.Flags
	Person       *Person // nil: nobody is signed in
	People       []Person
	Plan         string // key of the tenant's plan; empty: unknown
	Look         string // classes of the body
	Announcement string
	Maintenance  middleware.MaintenanceState
	Decisions    []Decision
	Revision     int64
	Settings     string // where the settings pages are; empty: there are none
}

// Decision is one line of the table at the foot of the page: what a flag is, and why.
type Decision struct {
	Key, Value, Variant, Reason, Rule string
	Visible, Upgradable               bool // Visible: the browser has it too
}

func (s *Site) page(c *gin.Context, title string) Page {
	flags := middleware.From(c)
	p := Page{
		Title:        title,
		Path:         c.Request.URL.Path,
		Links:        links,
		Flags:        flags,
		People:       people,
		Plan:         flags.Subject().Plan,
		Announcement: flags.String("announcement", ""),
		Maintenance:  middleware.MaintenanceOf(c),
		Decisions:    decisions(flags),
		Revision:     flags.Revision().Number,
		Settings:     s.settings,
	}
	if person, ok := s.person(c); ok {
		p.Person = &person
		if flags.On("custom-branding") {
			p.Look = "brand-" + person.Tenant.Colour
		}
	}
	if flags.On("winter-look") {
		p.Look += " winter"
	}
	return p
}

func decisions(flags middleware.Flags) []Decision {
	var visible map[string]json.RawMessage
	_ = json.Unmarshal(flags.JSON(), &visible) // our own JSON
	var out []Decision
	for d := range flags.All() {
		value, err := json.Marshal(d.Value)
		if err != nil {
			value = []byte("?")
		}
		_, seen := visible[d.Key]
		out = append(out, Decision{d.Key, string(value), d.Variant, d.Reason.String(), d.Rule, seen, d.Upgradable})
	}
	return out
}

// show sends a page.
func (s *Site) show(c *gin.Context, status int, name string, page any) {
	if err := s.pages.Render(c, status, name, page); err != nil {
		s.log.Error("a page could not be rendered", "page", name, "error", err)
		c.String(http.StatusInternalServerError, "This page is broken. It has been reported.\n")
	}
}

// problemPage says that something did not work, and what to do.
type problemPage struct {
	Page
	Message string
}

func (s *Site) problem(c *gin.Context, status int, title, message string) {
	s.show(c, status, "problem", problemPage{s.page(c, title), message})
}

func (s *Site) fail(c *gin.Context, err error) {
	s.log.Error("a request failed", "path", c.Request.URL.Path, "error", err)
	s.problem(c, http.StatusServiceUnavailable, "That did not work", "The database cannot be reached just now. Nothing was changed; try again in a moment.")
}

// maintenance is what the site shows while it is closed.
func (s *Site) maintenance(c *gin.Context) {
	s.show(c, http.StatusServiceUnavailable, "maintenance", s.page(c, "We will be back soon"))
}

// mayPass lets Toprent's own people in while the site is closed.
func (s *Site) mayPass(c *gin.Context) bool {
	person, ok := s.person(c)
	return ok && person.Role == "support"
}

func (s *Site) notFound(c *gin.Context) {
	s.problem(c, http.StatusNotFound, "There is no such page", "The address may be mistyped, or the page may not be open to you.")
}
