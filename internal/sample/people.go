package sample

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Tenant is a rental company that uses Toprent.
type Tenant struct {
	ID, Name, Country string
	Plan              string // to begin with
	Colour            string // of its own, where its plan has custom branding
	Share             int    // of the sample's bookings, in percent
}

// Person works for a tenant.
type Person struct {
	ID, Name, Email, Role string
	Tenant                Tenant
}

var tenants = []Tenant{
	{"acme", "Acme Apartments", "DE", "pro", "teal", 100},
	{"globex", "Globex Holiday Homes", "DE", "free", "orange", 38},
	{"initech", "Initech Corporate Stays", "US", "enterprise", "violet", 240},
}

var people = []Person{
	{"u-ann", "Ann Becker", "ann@acme.example", "admin", tenants[0]},
	{"u-ben", "Ben Vogel", "ben@acme.example", "clerk", tenants[0]},
	{"u-cem", "Cem Aydin", "cem@globex.example", "admin", tenants[1]},
	{"u-dora", "Dora Lang", "dora@globex.example", "clerk", tenants[1]},
	{"u-eve", "Eve Miller", "eve@initech.example", "admin", tenants[2]},
	{"u-tom", "Tom of Toprent", "tom@toprent.app", "support", tenants[2]},
}

// sessionName is the cookie of the sample's own sign-in, which asks for no password: anybody may be anybody.
func (s *Site) sessionName() string {
	if s.secure {
		return "__Host-sample"
	}
	return "sample"
}

// person is who is signed in; false for a visitor.
func (s *Site) person(c *gin.Context) (Person, bool) {
	session, err := s.sessions.Get(c.Request, s.sessionName())
	if err != nil {
		return Person{}, false
	}
	id, _ := session.Values["person"].(string)
	return personByID(id)
}

func personByID(id string) (Person, bool) {
	i := slices.IndexFunc(people, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, false
	}
	return people[i], true
}

// changePerson signs somebody in, or out.
func (s *Site) changePerson(c *gin.Context) {
	id := c.PostForm("person")
	if _, known := personByID(id); id != "" && !known {
		s.problem(c, http.StatusUnprocessableEntity, "There is no such person", "Choose one of the people in the list at the top right.")
		return
	}
	session, _ := s.sessions.New(c.Request, s.sessionName())
	session.Values = map[any]any{"person": id}
	session.Options = &sessions.Options{Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode, MaxAge: 30 * 24 * 3600}
	if err := session.Save(c.Request, c.Writer); err != nil {
		s.fail(c, err)
		return
	}
	c.Redirect(http.StatusSeeOther, localPath(c.PostForm("next")))
}

// localPath is one of the site's own pages: whatever else a form says leads home.
func localPath(path string) string {
	for _, link := range links {
		if path == link.Path {
			return path
		}
	}
	return "/"
}

// subject tells the middleware who is asking. The plan and the add-ons are read anew for each request, so that a
// change shows on the next page.
func (s *Site) subject(c *gin.Context) (ruleset.Subject, error) {
	person, ok := s.person(c)
	if !ok {
		return ruleset.Subject{}, nil
	}
	subject := person.subject()
	s.subscriptions.of(c.Request.Context(), &subject)
	return subject, nil
}

// subject is the person as rules see them, but for what the tenant has bought.
func (p Person) subject() ruleset.Subject {
	return ruleset.Subject{
		User:   p.ID,
		Tenant: p.Tenant.ID,
		Attributes: map[string]any{
			"country": p.Tenant.Country,
			"email":   p.Email,
			"role":    p.Role,
		},
	}
}

// Subjects finds the sample's people by id, for jobs. It satisfies service.Subjects.
type Subjects struct{ Store *models.Store }

// Subject returns a person with tenant, plan and add-ons.
func (s Subjects) Subject(ctx context.Context, userID string) (ruleset.Subject, error) {
	person, ok := personByID(userID)
	if !ok {
		return ruleset.Subject{}, fmt.Errorf("there is no person %q", userID)
	}
	subject := person.subject()
	var err error
	subject.Plan, subject.AddOns, err = s.Store.Subscription(ctx, subject.Tenant)
	return subject, err
}
