package sample

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

type clientsPage struct {
	Page
	clientAnswer
	Words       string // what was searched for
	At, Pages   int
	Done        string // what was just done
	Stage       string
	Compared    string // how the other database's answer compares; empty: it was not asked
	Board       string // where the move is to be seen and stepped; empty: nowhere
	Wrong       string // why the form was not taken
	Given       Client // what was in the form
	GivenNights string
}

// Earlier and Later are the pages beside this one; empty: there is none.
func (p clientsPage) Earlier() string { return p.beside(p.At - 1) }
func (p clientsPage) Later() string   { return p.beside(p.At + 1) }

func (p clientsPage) beside(at int) string {
	if at < 1 || at > p.Pages {
		return ""
	}
	return clientsPath(p.Words, at)
}

// clientsPath is a page of the clients.
func clientsPath(words string, at int) string {
	if query := clientsPlace(words, at); len(query) > 0 {
		return "/clients?" + query.Encode()
	}
	return "/clients"
}

func clientsPlace(words string, at int) url.Values {
	query := url.Values{}
	if words != "" {
		query.Set("q", words)
	}
	if at > 1 {
		query.Set("page", strconv.Itoa(at))
	}
	return query
}

// listClients is the page of a tenant's clients.
func (s *Site) listClients(c *gin.Context) {
	s.showClients(c, http.StatusOK, clientsPage{Page: s.page(c, "Clients"), Done: done[c.Query("done")]})
}

// done are words for what a form has done.
var done = map[string]string{
	addClient:    "The client is added.",
	changeNights: "The nights are changed.",
	removeClient: "The client is removed.",
}

// patience is how long a page waits to say how the answers of both databases compare. Reads themselves do not wait for it.
const patience = 100 * time.Millisecond

func (s *Site) showClients(c *gin.Context, status int, p clientsPage) {
	if p.Person == nil {
		s.show(c, status, "clients", p)
		return
	}
	p.Words, p.At = strings.TrimSpace(c.Query("q")), pageNumber(c.Query("page"))
	ctx, cancel := context.WithTimeout(c.Request.Context(), changeTimeout)
	defer cancel()
	compared := make(chan bool, 2) // a difference is looked at twice
	var err error
	p.clientAnswer, err = s.clients.entity.Read(ctx, middleware.From(c).Subject(), clientQuery{Tenant: p.Person.Tenant.ID, Words: p.Words, Page: p.At, compared: compared})
	if err != nil {
		s.failClients(c, fmt.Errorf("read the clients: %w", err))
		return
	}
	p.Pages = max(1, int(p.Total+perPage-1)/perPage)
	stage := stageOf(p.Flags)
	p.Stage = stage.String()
	if stage.Compared() {
		p.Compared = verdict(compared)
	}
	if s.settings != "" {
		p.Board = s.settings + "/migrations/" + url.PathEscape(s.flags.Environment()) + "/" + clientsFlag
	}
	s.show(c, status, "clients", p)
}

func pageNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000 {
		return 1
	}
	return n
}

// stageOf is the stage that a visitor's clients are at.
func stageOf(flags middleware.Flags) ruleset.Stage {
	if flags.On(clientsFlag) { // the form with two stages
		return ruleset.StageComplete
	}
	stage, _ := ruleset.ParseStage(flags.String(clientsFlag, ruleset.StageOff.String()))
	return stage
}

// verdict waits for the comparison of two answers.
func verdict(compared <-chan bool) string {
	late, answer := time.After(patience), "it has not answered yet"
	for range cap(compared) {
		select {
		case same := <-compared:
			if same {
				return "equal"
			}
			answer = "different" // unless the second look says otherwise: a write may have come between
		case <-late:
			return answer
		}
	}
	return answer
}

// addClient adds a client to the tenant's.
func (s *Site) addClient(c *gin.Context) {
	p := clientsPage{Page: s.page(c, "Clients"), GivenNights: c.PostForm("nights")}
	if p.Person == nil {
		s.unemployed(c)
		return
	}
	name, email := strings.TrimSpace(c.PostForm("name")), strings.TrimSpace(c.PostForm("email"))
	nights, wrong := nightsIn(p.GivenNights)
	p.Given = newClient(strings.ToLower(p.Person.Tenant.ID+"-"+rand.Text()[:12]), p.Person.Tenant.ID, name, email, time.Now().UTC().Format("2006-01"), nights)
	switch parsed, err := mail.ParseAddress(email); {
	case name == "" || len(name) > 200:
		p.Wrong = "Say what the client is called, in at most 200 letters."
	case err != nil || parsed.Address != email || len(email) > 200:
		p.Wrong = "The e-mail address has to look like name@example.com."
	case wrong != "":
		p.Wrong = wrong
	}
	if p.Wrong != "" {
		s.showClients(c, http.StatusUnprocessableEntity, p)
		return
	}
	s.changeClient(c, p.Given.ID, clientChange{addClient, p.Given}, clientsPlace(name, 1))
}

// changeNights changes how many nights a client stayed.
func (s *Site) changeNights(c *gin.Context) {
	nights, wrong := nightsIn(c.PostForm("nights"))
	if wrong != "" {
		s.problem(c, http.StatusUnprocessableEntity, "Nothing was changed", wrong)
		return
	}
	if client, ok := s.client(c); ok {
		client.Nights = nights
		s.changeClient(c, client.ID, clientChange{changeNights, client}, clientsPlace(c.PostForm("q"), pageNumber(c.PostForm("page"))))
	}
}

func nightsIn(text string) (nights int, wrong string) {
	nights, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || nights < 0 || nights > 100_000 {
		return 0, "Nights have to be a whole number from 0 to 100,000."
	}
	return nights, ""
}

// removeClient removes a client.
func (s *Site) removeClient(c *gin.Context) {
	if client, ok := s.client(c); ok {
		s.changeClient(c, client.ID, clientChange{removeClient, client}, clientsPlace(c.PostForm("q"), pageNumber(c.PostForm("page"))))
	}
}

// unemployed refuses who works for no tenant.
func (s *Site) unemployed(c *gin.Context) {
	s.problem(c, http.StatusForbidden, "Sign in first", "Only somebody who works for a tenant can change its clients.")
}

// client is the client that a form is about, if the tenant has it.
func (s *Site) client(c *gin.Context) (Client, bool) {
	person, ok := s.person(c)
	if !ok {
		s.unemployed(c)
		return Client{}, false
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), changeTimeout)
	defer cancel()
	answer, err := s.clients.entity.Read(ctx, middleware.From(c).Subject(), clientQuery{Tenant: person.Tenant.ID, ID: c.Param("id")})
	switch {
	case err != nil:
		s.failClients(c, fmt.Errorf("read a client: %w", err))
		return Client{}, false
	case len(answer.Clients) == 0:
		s.problem(c, http.StatusNotFound, "There is no such client", "Somebody may have removed it meanwhile.")
		return Client{}, false
	}
	return answer.Clients[0], true
}

// changeClient makes a change, and shows the page on which it is to be seen.
func (s *Site) changeClient(c *gin.Context, id string, change clientChange, query url.Values) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), changeTimeout)
	defer cancel()
	if err := s.clients.entity.Write(ctx, middleware.From(c).Subject(), id, change); err != nil {
		s.failClients(c, fmt.Errorf("%s a client: %w", change.Do, err))
		return
	}
	query.Set("done", change.Do)
	c.Redirect(http.StatusSeeOther, "/clients?"+query.Encode())
}

// failClients says why the clients cannot be reached, and what is known of a change that was tried.
func (s *Site) failClients(c *gin.Context, err error) {
	switch {
	case errors.Is(err, cutover.ErrUnknown):
		s.log.Error("a change of a client is not known to be made", "error", err)
		s.problem(c, http.StatusServiceUnavailable, "It is not known yet", "The database did not say whether the change was made. It will be made in both databases, or in neither: look at the clients again in a moment.")
	case errors.Is(err, cutover.ErrNoStage):
		s.log.Error("nobody knows where the clients are", "error", err)
		s.problem(c, http.StatusServiceUnavailable, "The clients cannot be reached", "Nobody knows in which database they are until the flags can be read again. Nothing was changed.")
	case errors.Is(err, cutover.ErrBusy):
		s.problem(c, http.StatusServiceUnavailable, "Somebody was faster", "Others are changing the same client just now. Nothing was changed; try again.")
	default:
		s.fail(c, err)
	}
}
