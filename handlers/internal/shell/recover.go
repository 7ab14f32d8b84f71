package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
)

// panicError is a mistake in the code that ended a request, with where it happened.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprint("panic: ", e.value) }

// catch turns a panic into an error, so that a host whose router does not recover goes on, and so that nothing writes the
// request's headers, with its cookies, into a log. http.ErrAbortHandler is no mistake but a wish, and goes on its way.
func catch(err *error) {
	value := recover()
	switch {
	case value == nil:
		return
	case value == http.ErrAbortHandler:
		panic(value)
	}
	*err = &panicError{value, debug.Stack()}
}

// attempt runs what answers a request. Whatever happens in it comes back as an error.
func attempt(do func() error) (err error) {
	defer catch(&err)
	return do()
}

// logFailure writes down what went wrong, under an id that the person is told. Of the request it names the path alone.
func (c *Context) logFailure(what string, err error) (id string) {
	id = rand.Text()[:8]
	attributes := []any{"path", c.logPath(), "id", id, "error", err}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attributes = append(attributes, "stack", string(panicked.stack))
	}
	c.App.Log.Error(what, attributes...)
	return id
}
