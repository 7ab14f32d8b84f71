package sample

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
)

type homePage struct {
	Page
	Listings []Listing
}

func (s *Site) home(c *gin.Context) {
	s.show(c, http.StatusOK, "home", homePage{s.page(c, "Holiday rentals"), listings[:3]})
}

type listingsPage struct {
	Page
	Listings []Listing
	Total    int
	Kinds    []string
	Kind     string // the one filtered by
	Query    string // what was searched for
	Button   string // words on the booking button
	Booked   *Listing
}

func (s *Site) listings(c *gin.Context) {
	p := listingsPage{Page: s.page(c, "Listings"), Total: len(listings)}
	p.Button = p.Flags.String("checkout-button", "Book")
	for _, l := range listings {
		if !slices.Contains(p.Kinds, l.Kind) {
			p.Kinds = append(p.Kinds, l.Kind)
		}
		if l.ID == c.Query("booked") {
			p.Booked = &l
		}
	}
	if p.Flags.On("search-filters") && slices.Contains(p.Kinds, c.Query("kind")) {
		p.Kind = c.Query("kind")
	}
	p.Query = strings.TrimSpace(c.Query("q"))
	for _, l := range listings {
		if len(p.Listings) < int(p.Flags.Number("listings-per-page", 6)) && l.fits(p.Kind, p.Query) {
			p.Listings = append(p.Listings, l)
		}
	}
	s.show(c, http.StatusOK, "listings", p)
}

// fits reports whether the listing is of a kind, and has what somebody searched for in its words; empty fits all.
func (l Listing) fits(kind, query string) bool {
	words := strings.ToLower(l.Title + " " + l.City + " " + l.Kind)
	return (kind == "" || l.Kind == kind) && strings.Contains(words, strings.ToLower(query))
}

func (s *Site) book(c *gin.Context) {
	id := c.Param("id")
	if !slices.ContainsFunc(listings, func(l Listing) bool { return l.ID == id }) {
		s.notFound(c)
		return
	}
	if err := middleware.Track(c, "booked", 1); err != nil {
		s.log.Warn("a booking could not be counted", "error", err)
	}
	c.Redirect(http.StatusSeeOther, "/listings?booked="+id)
}

type reportsPage struct {
	Page
	Months []bar
	Total  Month
}

// bar is a month with the place of its bar in the chart, in its units.
type bar struct {
	Month
	X, Y, Height, Label int
}

const chartHeight = 140

func (s *Site) reports(c *gin.Context) {
	s.show(c, http.StatusOK, "reports", s.reportsPage(c, "Reports"))
}

func (s *Site) advancedReports(c *gin.Context) {
	s.show(c, http.StatusOK, "advanced", s.reportsPage(c, "Advanced reports"))
}

func (s *Site) reportsPage(c *gin.Context, title string) reportsPage {
	p := reportsPage{Page: s.page(c, title)}
	most := 0
	share := 100
	if p.Person != nil {
		share = p.Person.Tenant.Share
	}
	months := slices.Clone(months)
	for i := range months {
		months[i].Nights, months[i].Earnings = months[i].Nights*share/100, months[i].Earnings*share/100
	}
	for _, m := range months {
		most = max(most, m.Earnings)
		p.Total.Nights += m.Nights
		p.Total.Earnings += m.Earnings
	}
	for i, m := range months {
		height := m.Earnings * chartHeight / most
		p.Months = append(p.Months, bar{m, i*80 + 20, chartHeight - height + 20, height, i*80 + 45})
	}
	return p
}

// upgrade is the page for those whose plan excludes a feature that an upgrade would give them.
func (s *Site) upgrade(key string) gin.HandlerFunc {
	return func(c *gin.Context) {
		s.show(c, http.StatusForbidden, "upgrade", upgradePage{s.page(c, "Part of Pro"), key})
	}
}

type upgradePage struct {
	Page
	Feature string
}

type plansPage struct {
	Page
	Plans  []plan
	AddOn  bool // the tenant has bulk-messaging as an add-on
	Layout struct {
		Recommend string `json:"recommend"`
		Ribbon    string `json:"ribbon"`
	}
}

type plan struct {
	Key, Title, Price string
	Points            []string
}

var plansOffered = []plan{
	{"free", "Free", "0 €", []string{"Listings and bookings", "Monthly reports"}},
	{"pro", "Pro", "49 €", []string{"All of Free", "Advanced reports", "Your own colours"}},
	{"enterprise", "Enterprise", "199 €", []string{"All of Pro", "Messages to all clients", "Access by API"}},
}

// addOn is the one feature that can be bought beside any plan.
const addOn = "bulk-messaging"

func (s *Site) plans(c *gin.Context) {
	if feature := c.Query("for"); feature != "" { // whoever offers an upgrade says what for
		middleware.Upgrading(c, feature)
	}
	p := plansPage{Page: s.page(c, "Plans"), Plans: plansOffered}
	p.AddOn = slices.Contains(p.Flags.Subject().AddOns, addOn)
	p.Flags.Decode("plans-layout", &p.Layout)
	s.show(c, http.StatusOK, "plans", p)
}

// changeTimeout is how long somebody waits to hear that a change cannot be made now.
const changeTimeout = 3 * time.Second

// changePlan is what a payment provider's confirmation would do.
func (s *Site) changePlan(c *gin.Context) {
	person, ok := s.person(c)
	to := c.PostForm("plan")
	switch {
	case !ok:
		s.problem(c, http.StatusForbidden, "Sign in first", "Only somebody who works for a tenant can change its plan.")
		return
	case !slices.ContainsFunc(plansOffered, func(p plan) bool { return p.Key == to }):
		s.problem(c, http.StatusUnprocessableEntity, "There is no such plan", "Choose Free, Pro or Enterprise.")
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), changeTimeout)
	defer cancel()
	from, err := s.store.TenantPlan(ctx, person.Tenant.ID)
	if err == nil || errors.Is(err, models.ErrNotFound) {
		err = s.store.SetTenantPlan(ctx, person.Tenant.ID, to, person.ID)
	}
	if err != nil {
		s.fail(c, fmt.Errorf("change the plan: %w", err))
		return
	}
	s.flags.PlanChanged(ctx, person.Tenant.ID, from, to)
	c.Redirect(http.StatusSeeOther, "/plans")
}

// changeAddOn buys the add-on, or ends it.
func (s *Site) changeAddOn(c *gin.Context) {
	person, ok := s.person(c)
	if !ok {
		s.problem(c, http.StatusForbidden, "Sign in first", "Only somebody who works for a tenant can buy an add-on.")
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), changeTimeout)
	defer cancel()
	change := s.store.AddAddOn
	if c.PostForm("end") != "" {
		change = s.store.EndAddOn
	}
	if err := change(ctx, person.Tenant.ID, addOn, person.ID); err != nil {
		s.fail(c, fmt.Errorf("change the add-on: %w", err))
		return
	}
	plan := middleware.From(c).Subject().Plan
	s.flags.PlanChanged(ctx, person.Tenant.ID, plan, plan)
	c.Redirect(http.StatusSeeOther, "/plans")
}
