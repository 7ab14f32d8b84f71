package shell

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
)

// Answerer answers a request of a program. What it returns is sent as JSON.
type Answerer func(*Context) (any, error)

// API registers a route for programs. It takes API tokens alone: cookies say nothing there, so that no other site can
// make a browser ask. A body has to be application/json; answers and errors are JSON.
func (a *App) API(method, path string, need Need, answer Answerer) {
	a.note(method, path, need)
	a.group.Handle(method, path, func(c *gin.Context) {
		ctx := &Context{Context: c, App: a, zone: zoneOf(c)}
		a.secure(c)
		var body any
		err := attempt(func() (err error) {
			body, err = a.answer(ctx, need, answer)
			return err
		})
		if err != nil {
			ctx.noteRefused(err)
			ctx.failJSON(err)
			return
		}
		c.JSON(statusOf(body), body)
	})
}

// statusOf is 200, unless the answer says otherwise.
func statusOf(body any) int {
	if says, ok := body.(interface{ Status() int }); ok {
		return says.Status()
	}
	return http.StatusOK
}

// Feed registers a page that only reads, which programs may ask for by token as people do by session.
func (a *App) Feed(path string, need Need, h Handler) {
	a.note(http.MethodGet, path, need)
	a.group.GET(path, func(c *gin.Context) {
		if _, isToken := bearer(c); !isToken { // a host's own sign-in may use the header in another way
			a.serve(c, need, h)
			return
		}
		ctx := &Context{Context: c, App: a, zone: zoneOf(c)}
		a.secure(c)
		err := attempt(func() error {
			if err := a.admitToken(ctx, need); err != nil {
				return err
			}
			return h(ctx)
		})
		if err != nil {
			ctx.noteRefused(err)
			ctx.failJSON(err)
		}
	})
}

func (a *App) answer(c *Context, need Need, answer Answerer) (any, error) {
	if err := a.admitToken(c, need); err != nil {
		return nil, err
	}
	if c.Request.Method != http.MethodGet {
		kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
		if err != nil || kind != "application/json" {
			return nil, Refused(http.StatusUnsupportedMediaType, "The body is not JSON", "Send it with Content-Type: application/json.")
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	}
	return answer(c)
}

// errToken is what a request hears that brought no token that opens anything. Why, it is not told.
var errToken = &refusedError{http.StatusUnauthorized, "A token is needed", "Send Authorization: Bearer and an API token that has not expired and was not revoked. People make tokens on their own page."}

// bearer is the token that a request brings.
func bearer(c *gin.Context) (secret string, ok bool) {
	kind, secret, ok := strings.Cut(c.GetHeader("Authorization"), " ")
	return strings.TrimSpace(secret), ok && strings.EqualFold(kind, "Bearer")
}

// admitToken finds out on whose behalf the request asks, and whether that may.
func (a *App) admitToken(c *Context, need Need) error {
	c.comesFrom(audit.API)
	secret, ok := bearer(c.Context)
	if !ok {
		return errToken
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	person, err := a.Tokens.Who(ctx, secret)
	if errors.Is(err, access.ErrToken) {
		return errToken
	}
	if err != nil {
		return err
	}
	c.Person = person
	c.comesFrom(audit.API)
	if err := checkPath(c.Params); err != nil {
		return err
	}
	if !need.admits(person, c.Param("env")) {
		return &deniedError{need}
	}
	return nil
}

// Body reads the JSON body into a struct. Fields that it does not have are refused: a misspelt one must not be ignored.
func (c *Context) Body(into any) error {
	d := json.NewDecoder(c.Request.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the JSON")
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return Refused(http.StatusRequestEntityTooLarge, "The body is too large", "At most 4 MB can be sent.")
	}
	return Refused(http.StatusUnprocessableEntity, "The body cannot be read", err.Error())
}

// Problem is what a program is told when something did not work.
type Problem struct {
	Error string   `json:"error"`          // what is wrong
	Do    string   `json:"do"`             // what to do about it
	More  []string `json:"more,omitempty"` // each mistake
}

// listedError is a refusal with each mistake.
type listedError struct {
	*refusedError
	mistakes []string
}

func (e *listedError) Unwrap() error { return e.refusedError }

// RefusedFor is Refused for programs, with each mistake.
func RefusedFor(status int, title, message string, mistakes []string) error {
	return &listedError{&refusedError{status, title, message}, mistakes}
}

func mistakesOf(err error) []string {
	var listed *listedError
	if errors.As(err, &listed) {
		return listed.mistakes
	}
	return nil
}

// failJSON turns an error into JSON, as fail turns it into a page.
func (c *Context) failJSON(err error) {
	if c.Writer.Written() {
		c.logFailure("an answer broke off", err)
		return
	}
	status, problem := c.problemOf(err)
	switch status {
	case http.StatusUnauthorized:
		c.Header("WWW-Authenticate", `Bearer realm="flags"`)
	case http.StatusServiceUnavailable:
		c.Header("Retry-After", "10")
		c.App.Log.Error("an answer needs the database, which cannot be reached", "path", c.logPath(), "error", err)
	case http.StatusInternalServerError:
		problem.Do = "It has been logged as " + c.logFailure("an answer failed", err) + "."
	}
	c.JSON(status, problem)
}

func (c *Context) problemOf(err error) (int, Problem) {
	var (
		refused  *refusedError
		denied   *deniedError
		conflict *changes.ConflictError
		rejected *changes.RefusedError
	)
	if title, message, ok := notNow(err); ok {
		return http.StatusConflict, Problem{Error: title, Do: message}
	}
	switch {
	case errors.As(err, &refused):
		return refused.status, Problem{Error: refused.title, Do: refused.message, More: mistakesOf(err)}
	case errors.As(err, &denied):
		return http.StatusForbidden, Problem{Error: "This token may not do that", Do: "It takes the role " + denied.need.String() + ": use a token that has it, made by somebody who has it."}
	case errors.As(err, &conflict):
		return http.StatusConflict, Problem{Error: conflict.Error(), Do: "Read it again and try again."}
	case errors.As(err, &rejected):
		p := Problem{Error: "This cannot be done", Do: "Mend what is wrong and try again."}
		for _, mistake := range rejected.Problems {
			p.More = append(p.More, mistake.Error())
		}
		return http.StatusUnprocessableEntity, p
	case errors.Is(err, service.ErrNoEnvironment):
		return http.StatusNotFound, Problem{Error: "There is no such environment", Do: "GET /api/me lists those that this token may see."}
	case errors.Is(err, changes.ErrNoFlag), errors.Is(err, models.ErrNotFound):
		return http.StatusNotFound, Problem{Error: "There is no such flag in this environment", Do: "GET /api/environments/ENV/flags lists those that there are."}
	case errors.Is(err, changes.ErrUnavailable), models.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, Problem{Error: "The database cannot be reached, so nothing was changed", Do: "Try again in a moment; flags are served as before."}
	}
	return http.StatusInternalServerError, Problem{Error: "This did not work"}
}
