package shell

import (
	"errors"
	"net/http"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/ruleset"
)

// comesFrom keeps in the request where it comes from, and, once that is known, who asks.
func (c *Context) comesFrom(source string) {
	c.Request = c.Request.WithContext(audit.From(c.Request.Context(), audit.Origin{
		Source: source, Address: c.App.Address(c.Request), Agent: c.Request.UserAgent(),
		Actor: c.Person.Author(), ActorID: c.Person.ID, Token: c.Person.Token,
	}))
}

// Note appends an entry to the audit's chain of who came in and who was refused.
func (c *Context) Note(e audit.Entry) { c.App.Audit.Note(c.Request.Context(), e) }

// noteRefused tells the audit of an attempt that was refused: a role that is too low, a form of another site, a token
// that opens nothing. What is merely mistyped is no attempt.
func (c *Context) noteRefused(err error) {
	var denied *deniedError
	var refused *refusedError
	e := audit.Entry{Environment: c.environment()}
	switch where := c.Request.Method + " " + c.FullPath(); {
	case errors.As(err, &denied):
		e.Action, e.Lines = "refused", []string{where + ": it takes the role " + denied.need.String()}
	case errors.As(err, &refused) && refused == errToken && !c.hasToken():
		return // who brings no token has tried nothing
	case errors.As(err, &refused) && refused == errToken:
		e.Action, e.Lines = "token-refused", []string{where + ": the token is unknown, has expired or was revoked"}
	case errors.As(err, &refused) && refused.status == http.StatusForbidden:
		e.Action, e.Lines = "form-refused", []string{where + ": " + refused.title}
	default:
		return
	}
	if key := c.Param("key"); ruleset.ValidKey(key) {
		e.Topics = []string{audit.Topic("flag", key)}
	}
	c.Note(e)
}

// environment is the one that the path names, if it can be one's name.
func (c *Context) environment() string {
	if name := c.Param("env"); name != access.Everywhere && len(name) <= 31 && Storable(name) {
		return name
	}
	return ""
}

func (c *Context) hasToken() bool {
	_, ok := bearer(c.Context)
	return ok
}
